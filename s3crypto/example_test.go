package s3crypto_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/s3crypto"
)

// A client in production is made of s3.NewFromConfig and a keyring of awskms.
func newClient() (*s3crypto.Client, func()) {
	api, stop := newMemory()
	env, err := newEnvelope()
	if err != nil {
		log.Fatal(err)
	}
	client, err := s3crypto.New(api, env, nil)
	if err != nil {
		log.Fatal(err)
	}
	return client, stop
}

func Example() {
	ctx := context.Background()
	client, stop := newClient()
	defer stop()

	bucket, key := "reports", "2026/11.txt"
	_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("turnover: 42")})
	if err != nil {
		log.Fatal(err)
	}
	out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		log.Fatal(err)
	}
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s (%d bytes)\n", b, *out.ContentLength)
	// Output: turnover: 42 (12 bytes)
}

func ExampleClient_With() {
	ctx := context.Background()
	client, stop := newClient()
	defer stop()
	bucket, key := "uploads", "photo"

	tenant := client.With(s3crypto.WithContext(envelope.Context{"tenant": "7"}))
	_, err := tenant.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("…")})
	if err != nil {
		log.Fatal(err)
	}
	other := client.With(s3crypto.WithContext(envelope.Context{"tenant": "8"}))
	_, err = other.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	fmt.Println(errors.Is(err, envelope.ErrContext))
	// Output: true
}

func ExampleClient_GetObject_range() {
	ctx := context.Background()
	client, stop := newClient()
	defer stop()
	bucket, key := "logs", "today"
	_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("first line, last line")})
	if err != nil {
		log.Fatal(err)
	}
	out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key, Range: new("bytes=-9")})
	if err != nil {
		log.Fatal(err)
	}
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s; %s\n", *out.ContentRange, b)
	// Output: bytes 12-20/21; last line
}

func ExampleClient_Open() {
	ctx := context.Background()
	client, stop := newClient()
	defer stop()
	bucket, key := "archive", "numbers"
	_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(make([]byte, 1<<20))})
	if err != nil {
		log.Fatal(err)
	}
	object, err := client.Open(ctx, bucket, key)
	if err != nil {
		log.Fatal(err)
	}
	defer object.Close()
	b := make([]byte, 100)
	n, err := object.ReadAt(b, 500_000) // archive/zip and others take object as it is
	fmt.Println(n, err, object.Size())
	// Output: 100 <nil> 1048576
}

func ExampleClient_HeadObject() {
	ctx := context.Background()
	client, stop := newClient()
	defer stop()
	bucket, key := "reports", "large"
	_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("seven b")})
	if err != nil {
		log.Fatal(err)
	}
	head, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(*head.ContentLength)
	// Output: 7
}

// Another uploader stores what PutObject would.
func ExampleClient_SealInput() {
	ctx := context.Background()
	api, stop := newMemory()
	defer stop()
	env, err := newEnvelope()
	if err != nil {
		log.Fatal(err)
	}
	client, err := s3crypto.New(api, env, nil)
	if err != nil {
		log.Fatal(err)
	}
	in := &s3.PutObjectInput{Bucket: new("reports"), Key: new("r"), Body: strings.NewReader("turnover: 42")}
	sealed, err := client.SealInput(ctx, in)
	if err != nil {
		log.Fatal(err)
	}
	b, err := io.ReadAll(sealed.Body) // here a transfer manager
	if err != nil {
		log.Fatal(err)
	}
	opened, err := env.Open(ctx, b, nil)
	fmt.Printf("%s %v %t\n", opened, err, *sealed.ContentLength == int64(len(b)))
	// Output: turnover: 42 <nil> true
}

// Whoever holds the request can send it, without credentials: it carries the
// sealed message.
func ExampleClient_PresignPutObject() {
	ctx := context.Background()
	api, stop := newMemory()
	defer stop()
	env, err := newEnvelope()
	if err != nil {
		log.Fatal(err)
	}
	client, err := s3crypto.New(api, env, nil)
	if err != nil {
		log.Fatal(err)
	}
	in := &s3.PutObjectInput{Bucket: new("inbox"), Key: new("report"), Body: strings.NewReader("turnover: 42")}
	presigned, err := client.PresignPutObject(ctx, s3.NewPresignClient(api), in)
	if err != nil {
		log.Fatal(err)
	}
	request, err := presigned.Request(ctx)
	if err != nil {
		log.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()

	head, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: in.Bucket, Key: in.Key})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(request.Method, answer.Status, *head.ContentLength)
	// Output: PUT 200 OK 12
}
