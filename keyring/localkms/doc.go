// Package localkms is an embedded stand-in for AWS KMS: one value that answers the calls of *kms.Client in process,
// and an http.Handler that any AWS SDK can call with its endpoint pointed at it.
//
// # For development and tests only
//
// Nothing here guards keys. Whoever reaches the process, its HTTP port or its file has every key:
//
//   - no signature is checked and no caller is told from another: every request is allowed;
//   - key policies and grants are kept and listed, never enforced;
//   - with Options.File the raw key bytes stand in that file in plain base64, protected by its 0600 mode alone.
//
// Never seal data with it that you would mind losing or showing. In production the same code runs on a *kms.Client.
//
// # In process
//
// A KMS has the methods of *kms.Client with the same signatures, inputs, outputs and typed errors, so it can be passed
// wherever a small client interface is declared by the consumer:
//
//	k, err := localkms.New(nil)
//	arn, err := k.NewKey("alias/orders")
//	keys, err := awskms.NewKeyring(k, arn)
//
// The typed exceptions are not wrapped as *kms.Client wraps them; errors.As finds them either way. There are no retries
// in process: an injected throttle reaches the caller at once. Of the option functions that a call may take, the
// Region alone is honoured.
//
// # Over HTTP
//
// ServeHTTP speaks AWS JSON 1.1, the protocol of KMS:
//
//	server := httptest.NewServer(k)
//	client := kms.New(kms.Options{
//		BaseEndpoint: aws.String(server.URL),
//		Region:       "us-east-1",
//		Credentials:  credentials.NewStaticCredentialsProvider("local", "local", ""),
//	})
//
// The Region in the request's SigV4 credential scope picks the Region that answers; requests without one go to
// Options.Region. `go run ./examples/localkms -addr 127.0.0.1:8085 -data kms.json` serves it to other languages.
//
// # What it does as KMS does
//
// Symmetric, RSA, NIST ECC, Ed25519 and HMAC keys; multi-Region keys and their replicas (InRegion gives another
// Region's view of the same KMS); imported key material; aliases; key states and deletion; rotation, after which old
// ciphertexts still decrypt; grants and grant tokens; tags, descriptions and policies; dry runs; the limits on sizes and
// counts; and the exceptions for all of it, in the types of service/kms/types. A ciphertext is bound to its key, to the
// key material that made it and to its encryption context.
//
// Not there: custom and external key stores, Nitro attestation, the SM2, secp256k1, ML-DSA and ML-KEM key specs, import
// of RSA key material, and the operations that belong to those. An operation that is missing answers
// UnknownOperationException, a missing variant of one that is there UnsupportedOperationException.
//
// # Tests that need trouble
//
// SetFault makes an operation fail or wait (Throttled, Delayed, Denied, Unavailable, or a function of your own), Calls
// counts what was asked, and GrantTokens shows the tokens that came along.
package localkms
