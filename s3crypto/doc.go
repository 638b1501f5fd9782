// Package s3crypto keeps objects in Amazon S3 encrypted by the client: what S3
// stores, and what travels to it, is a sealed message; what callers read has
// been authenticated.
//
//	client, err := s3crypto.New(s3.NewFromConfig(cfg), env, nil)
//	_, err = client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: file})
//	out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
//
// Methods that share a name with one of [*s3.Client] take its input and return
// its output, with plaintext lengths and ranges in place of those of the stored
// bytes. No method uploads plaintext. Functions that change the SDK's options
// apply to each request that the method sends.
//
// # Layout
//
// The body of an object is one complete message of package envelope, so that
// any AWS Encryption SDK opens a downloaded object. Two entries of user metadata
// stand beside it, neither of which is needed or trusted for reading:
//
//	x-amz-meta-sealwax-message   what HeadObject needs for its arithmetic
//	x-amz-meta-sealwax-edks      the EDKs, if they fit
//
// An object without them is read by its body alone. See docs/format.md.
package s3crypto
