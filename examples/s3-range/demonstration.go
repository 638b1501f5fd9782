package main

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring/awskms"
	"github.com/sealwax/sealwax/keyring/localkms"
	"github.com/sealwax/sealwax/s3crypto"
)

// demonstrate reads a note from among much else, and counts what that takes.
func demonstrate(ctx context.Context, out io.Writer) error {
	server := httptest.NewServer(gofakes3.New(s3mem.New(), gofakes3.WithMetadataSizeLimit(2600)).Server())
	defer server.Close()
	count := &counter{to: server.Client().Transport}
	api := s3.New(s3.Options{
		BaseEndpoint: &server.URL, Region: "us-east-1", UsePathStyle: true, HTTPClient: &http.Client{Transport: count},
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
	archive, err := makeArchive()
	if err != nil {
		return err
	}
	if _, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: new("demo"), Key: new("archive.zip"), Body: bytes.NewReader(archive)}); err != nil {
		return err
	}
	fmt.Fprintf(out, "an encrypted archive of %d bytes in S3:\n", len(archive))
	count.reset()
	if err := list(ctx, client, "demo", "archive.zip", out); err != nil {
		return err
	}
	fmt.Fprintf(out, "listed with %d requests, %d bytes\n", count.requests.Load(), count.bytes.Load())
	count.reset()
	if err := extract(ctx, client, "demo", "archive.zip", "notes/read-me.txt", out); err != nil {
		return err
	}
	fmt.Fprintf(out, "read with %d requests, %d bytes\n", count.requests.Load(), count.bytes.Load())
	return nil
}

// makeArchive returns a zip archive with a note between two large entries.
func makeArchive() ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	large := make([]byte, 16<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(large)
	for _, entry := range []struct {
		name    string
		content []byte
	}{
		{"images/first.raw", large},
		{"notes/read-me.txt", []byte("one small file among large ones\n")},
		{"images/second.raw", large},
	} {
		f, err := w.Create(entry.name)
		if err != nil {
			return nil, err
		}
		if _, err := f.Write(entry.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// counter counts requests, and the bytes of their responses.
type counter struct {
	to              http.RoundTripper
	requests, bytes atomic.Int64
}

func (c *counter) reset() {
	c.requests.Store(0)
	c.bytes.Store(0)
}

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	c.requests.Add(1)
	resp, err := c.to.RoundTrip(r)
	if err == nil {
		resp.Body = &countedBody{resp.Body, &c.bytes}
	}
	return resp, err
}

type countedBody struct {
	io.ReadCloser
	bytes *atomic.Int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.bytes.Add(int64(n))
	return n, err
}
