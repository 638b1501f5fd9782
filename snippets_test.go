package sealwax_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/fips140"
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/cache"
	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring"
	"github.com/sealwax/sealwax/keyring/awskms"
	"github.com/sealwax/sealwax/keyring/localkms"
	"github.com/sealwax/sealwax/s3crypto"
)

// The pieces of Go in README.md and docs stand here too, so that they compile: TestSnippetsCompile looks for each of
// them in this file, line by line. What is around them only gives them their variables, and TestSnippets runs them.

func streamIn(ctx context.Context, client *envelope.Client, dst io.Writer, src io.Reader, ec envelope.Context) error {
	w, err := client.NewWriter(ctx, dst, ec)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, src); err != nil {
		return err
	}
	return w.Close()
}

func streamOut(ctx context.Context, client *envelope.Client, dst io.Writer, src io.Reader, ec envelope.Context) error {
	r, err := client.NewReader(ctx, src, ec)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, r)
	return err
}

func readZip(ctx context.Context, client *envelope.Client, file *os.File, size int64, ec envelope.Context, use func(fs.File)) error {
	r, err := client.NewReaderAt(ctx, file, size, ec)
	if err != nil {
		return err
	}
	defer r.Close()
	archive, err := zip.NewReader(r, r.Size())
	if err != nil {
		return err
	}
	report, err := archive.Open("report.csv")
	if err == nil {
		use(report)
	}
	return err
}

func withCache(keys keyring.Keyring, use func(*envelope.Client)) error {
	cached, err := cache.New(keys, nil) // the default limits; see cache.Options
	if err != nil {
		return err
	}
	defer cached.Close()
	client, err := envelope.New(cached, nil)
	use(client)
	return err
}

func objectsInS3(ctx context.Context, cfg aws.Config, client *envelope.Client, bucket, key string, src io.Reader) error {
	objects, err := s3crypto.New(s3.NewFromConfig(cfg), client, nil)
	if err != nil {
		return err
	}
	tenant := objects.With(s3crypto.WithContext(envelope.Context{"tenant": "4711"}))
	if _, err := tenant.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: src}); err != nil {
		return err // nothing of it is left in the bucket
	}
	object, err := tenant.Open(ctx, bucket, key) // an io.ReaderAt and io.ReadSeeker
	if err != nil {
		return err
	}
	defer object.Close()
	return nil
}

func categories(ctx context.Context, client *envelope.Client, message []byte, ec envelope.Context) []byte {
	plaintext, err := client.Open(ctx, message, ec)
	switch {
	case errors.Is(err, envelope.ErrContext): // another tenant's message
	case errors.Is(err, envelope.ErrAuthentication): // changed, or sealed under a key that is not ours
	case errors.Is(err, envelope.ErrTruncated), errors.Is(err, envelope.ErrFormat): // not a whole message
	case errors.Is(err, envelope.ErrPolicy): // beyond what Options allow
	}
	if disabled, ok := errors.AsType[*types.DisabledException](err); ok { // the AWS SDK's own errors are reachable
		log.Print(disabled.ErrorMessage())
	}
	return plaintext
}

func withoutEnforcement(ctx context.Context, client *envelope.Client, dst io.Writer, ec envelope.Context) (w *envelope.Writer, err error) {
	fips140.WithoutEnforcement(func() {
		w, err = client.NewWriter(ctx, dst, ec)
	})
	return w, err
}

func TestSnippets(t *testing.T) {
	kms, err := localkms.New(nil)
	require.NoError(t, err)
	defer kms.Close()
	arn, err := kms.NewKey("")
	require.NoError(t, err)
	keys, err := awskms.NewKeyring(kms, arn)
	require.NoError(t, err)
	client, err := envelope.New(keys, nil)
	require.NoError(t, err)
	ctx, ec := t.Context(), envelope.Context{"tenant": "4711"}

	file, err := os.Create(filepath.Join(t.TempDir(), "archive.sealed"))
	require.NoError(t, err)
	defer file.Close()
	require.NoError(t, streamIn(ctx, client, file, archiveOf(t, "report.csv", "1;2;3"), ec))
	size, err := file.Seek(0, io.SeekCurrent)
	require.NoError(t, err)
	require.NoError(t, readZip(ctx, client, file, size, ec, func(report fs.File) {
		text, err := io.ReadAll(report)
		require.NoError(t, err)
		require.Equal(t, "1;2;3", string(text))
	}))

	require.NoError(t, withCache(keys, func(client *envelope.Client) {
		var message, opened strings.Builder
		require.NoError(t, streamIn(ctx, client, &message, strings.NewReader("text"), ec))
		require.NoError(t, streamOut(ctx, client, &opened, strings.NewReader(message.String()), ec))
		require.Equal(t, "text", opened.String())
		require.Equal(t, "text", string(categories(ctx, client, []byte(message.String()), ec)))
		require.Empty(t, categories(ctx, client, []byte(message.String()), nil))
	}))

	// examples/s3-upload is that with an S3 that answers.
	nobody := httptest.NewServer(http.NotFoundHandler())
	defer nobody.Close()
	cfg := aws.Config{Region: "us-east-1", BaseEndpoint: &nobody.URL, Credentials: aws.AnonymousCredentials{}}
	var answer *smithyhttp.ResponseError
	require.ErrorAs(t, objectsInS3(ctx, cfg, client, "bucket", "key", strings.NewReader("text")), &answer)
	require.Equal(t, http.StatusNotFound, answer.HTTPStatusCode())

	w, err := withoutEnforcement(ctx, client, io.Discard, ec)
	require.NoError(t, err)
	require.NoError(t, w.Close())
}

func archiveOf(t *testing.T, name, content string) io.Reader {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create(name)
	require.NoError(t, err)
	_, err = io.WriteString(f, content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return &b
}
