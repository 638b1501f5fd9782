package localkms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha512" // the hashes of SHA_384 and SHA_512 algorithms
	"crypto/x509"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// maxMessage bounds what is signed and what is MACed.
const maxMessage = 4096

// signature is how a SigningAlgorithm signs.
type signature struct {
	hash crypto.Hash
	pss  bool
	raw  bool // takes messages only, never digests
	pre  bool // takes digests only
}

var signatures = map[types.SigningAlgorithmSpec]signature{
	types.SigningAlgorithmSpecRsassaPssSha256:      {hash: crypto.SHA256, pss: true},
	types.SigningAlgorithmSpecRsassaPssSha384:      {hash: crypto.SHA384, pss: true},
	types.SigningAlgorithmSpecRsassaPssSha512:      {hash: crypto.SHA512, pss: true},
	types.SigningAlgorithmSpecRsassaPkcs1V15Sha256: {hash: crypto.SHA256},
	types.SigningAlgorithmSpecRsassaPkcs1V15Sha384: {hash: crypto.SHA384},
	types.SigningAlgorithmSpecRsassaPkcs1V15Sha512: {hash: crypto.SHA512},
	types.SigningAlgorithmSpecEcdsaSha256:          {hash: crypto.SHA256},
	types.SigningAlgorithmSpecEcdsaSha384:          {hash: crypto.SHA384},
	types.SigningAlgorithmSpecEcdsaSha512:          {hash: crypto.SHA512},
	types.SigningAlgorithmSpecEd25519Sha512:        {raw: true},
	types.SigningAlgorithmSpecEd25519PhSha512:      {hash: crypto.SHA512, pre: true},
}

func (k *KMS) sign(in *kms.SignInput) (*kms.SignOutput, error) {
	v, err := k.useToSign("Sign", in.KeyId, in.GrantTokens, in.SigningAlgorithm)
	if err != nil {
		return nil, err
	}
	s := signatures[in.SigningAlgorithm]
	input, err := s.input(in.Message, in.MessageType)
	if err != nil {
		return nil, err
	}
	if aws.ToBool(in.DryRun) {
		return nil, dryRun()
	}
	made, err := v.material().private().Sign(rand.Reader, input, s.options())
	if err != nil {
		return nil, internal(err)
	}
	return &kms.SignOutput{KeyId: aws.String(v.arn), Signature: made, SigningAlgorithm: in.SigningAlgorithm}, nil
}

func (k *KMS) verify(in *kms.VerifyInput) (*kms.VerifyOutput, error) {
	v, err := k.useToSign("Verify", in.KeyId, in.GrantTokens, in.SigningAlgorithm)
	if err != nil {
		return nil, err
	}
	s := signatures[in.SigningAlgorithm]
	input, err := s.input(in.Message, in.MessageType)
	if err != nil {
		return nil, err
	}
	if len(in.Signature) < 1 || len(in.Signature) > maxCiphertext {
		return nil, invalid("Signature has %d bytes; it may have 1 to %d", len(in.Signature), maxCiphertext)
	}
	if !s.verify(v.material().private().Public(), input, in.Signature) {
		return nil, &types.KMSInvalidSignatureException{Message: message("%s did not make this signature of this message with %s", v.arn, in.SigningAlgorithm)}
	}
	if aws.ToBool(in.DryRun) {
		return nil, dryRun()
	}
	return &kms.VerifyOutput{KeyId: aws.String(v.arn), SignatureValid: true, SigningAlgorithm: in.SigningAlgorithm}, nil
}

func (k *KMS) useToSign(operation string, identifier *string, tokens []string, algorithm types.SigningAlgorithmSpec) (*keyView, error) {
	if !slices.Contains(algorithm.Values(), algorithm) {
		return nil, invalid("%q is not a SigningAlgorithm", algorithm)
	}
	v, err := k.use(operation, identifier, tokens, types.KeyUsageTypeSignVerify)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(specs[v.spec].signing, algorithm) {
		return nil, invalidKeyUsage("%s has KeySpec %s; SigningAlgorithm must be one of %v, not %s", v.arn, v.spec, specs[v.spec].signing, algorithm)
	}
	return v, nil
}

// input is what goes into the signature: the digest, or for Ed25519 the message.
func (s signature) input(message []byte, kind types.MessageType) ([]byte, error) {
	if len(message) < 1 || len(message) > maxMessage {
		return nil, invalid("Message has %d bytes; it may have 1 to %d, so send the digest of a longer one with MessageType DIGEST", len(message), maxMessage)
	}
	switch kind {
	case "", types.MessageTypeRaw:
		if s.pre {
			return nil, invalid("ED25519_PH_SHA_512 takes MessageType DIGEST")
		}
		if s.raw {
			return message, nil
		}
		h := s.hash.New()
		h.Write(message)
		return h.Sum(nil), nil
	case types.MessageTypeDigest:
		if s.raw {
			return nil, invalid("ED25519_SHA_512 takes MessageType RAW")
		}
		if len(message) != s.hash.Size() {
			return nil, invalid("Message has %d bytes; a digest of %s has %d", len(message), s.hash, s.hash.Size())
		}
		return message, nil
	default:
		return nil, invalid("MessageType %q is none that localkms knows; it may be RAW or DIGEST", kind)
	}
}

func (s signature) options() crypto.SignerOpts {
	if s.pss {
		return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: s.hash}
	}
	return s.hash
}

func (s signature) verify(public crypto.PublicKey, input, made []byte) bool {
	switch public := public.(type) {
	case *rsa.PublicKey:
		if s.pss {
			return rsa.VerifyPSS(public, s.hash, input, made, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(public, s.hash, input, made) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(public, input, made)
	case ed25519.PublicKey:
		return ed25519.VerifyWithOptions(public, input, made, &ed25519.Options{Hash: s.hash}) == nil
	default:
		return false
	}
}

// publicKey is a key pair's SubjectPublicKeyInfo.
func publicKey(m *material) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(m.private().Public())
	if err != nil {
		return nil, internal(err)
	}
	return der, nil
}
