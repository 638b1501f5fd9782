package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring/awskms"
	"github.com/sealwax/sealwax/keyring/localkms"
	"github.com/sealwax/sealwax/s3crypto"
)

// demonstrate uploads a stream of unknown length, and downloads it again.
func demonstrate(ctx context.Context, out io.Writer) error {
	server := httptest.NewServer(gofakes3.New(s3mem.New(), gofakes3.WithMetadataSizeLimit(2600)).Server())
	defer server.Close()
	api := s3.New(s3.Options{
		BaseEndpoint: &server.URL, Region: "us-east-1", UsePathStyle: true, HTTPClient: server.Client(),
		Credentials: credentials.NewStaticCredentialsProvider("demo", "demo", ""),
	})
	if _, err := api.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: new("demo")}); err != nil {
		return err
	}
	kms, err := localkms.New(nil)
	if err != nil {
		return err
	}
	defer kms.Close()
	arn, err := kms.NewKey("alias/demo")
	if err != nil {
		return err
	}
	keys, err := awskms.NewKeyring(kms, arn)
	if err != nil {
		return err
	}
	env, err := envelope.New(keys, nil)
	if err != nil {
		return err
	}
	client, err := s3crypto.New(api, env, nil)
	if err != nil {
		return err
	}
	client = client.With(s3crypto.WithContext(envelope.Context{"purpose": "demonstration"}))

	const size = 50 << 20
	sent, received := sha256.New(), sha256.New()
	body := io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte{}), size), sent)
	put, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: new("demo"), Key: new("stream"), Body: body})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "sealed and uploaded a stream of %d bytes, length unknown beforehand; ETag %s\n", size, *put.ETag)

	head, err := api.HeadObject(ctx, &s3.HeadObjectInput{Bucket: new("demo"), Key: new("stream")})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "S3 stores %d bytes of ciphertext\n", *head.ContentLength)

	got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: new("demo"), Key: new("stream")})
	if err != nil {
		return err
	}
	defer got.Body.Close()
	n, err := io.Copy(received, got.Body)
	if err != nil {
		return err
	}
	if !bytes.Equal(sent.Sum(nil), received.Sum(nil)) {
		return errors.New("another content came back")
	}
	fmt.Fprintf(out, "downloaded and opened %d bytes: the same\n", n)

	_, err = client.With(s3crypto.WithContext(envelope.Context{"purpose": "something else"})).GetObject(ctx, &s3.GetObjectInput{Bucket: new("demo"), Key: new("stream")})
	if !errors.Is(err, envelope.ErrContext) {
		return fmt.Errorf("another encryption context opened it: %w", err)
	}
	fmt.Fprintln(out, "another encryption context is refused")
	return nil
}
