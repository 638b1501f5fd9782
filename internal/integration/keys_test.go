package integration

import (
	"bytes"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring"
	"github.com/sealwax/sealwax/keyring/awskms"
	"github.com/sealwax/sealwax/keyring/localkms"
	"github.com/sealwax/sealwax/s3crypto"
)

// keys is one KMS key and the ring around it.
type keys struct {
	kms  *localkms.KMS
	arn  string
	ring *keyring.Ring
}

func newKeys(t testing.TB) *keys {
	t.Helper()
	kms, err := localkms.New(nil)
	require.NoError(t, err)
	t.Cleanup(func() { kms.Close() })
	arn, err := kms.NewKey("alias/test")
	require.NoError(t, err)
	ring, err := awskms.NewKeyring(kms, arn)
	require.NoError(t, err)
	return &keys{kms, arn, ring}
}

func (k *keys) envelope(t testing.TB, opts *envelope.Options) *envelope.Client {
	t.Helper()
	env, err := envelope.New(k.ring, opts)
	require.NoError(t, err)
	return env
}

// crypto returns a client of the package under test.
func (k *keys) crypto(t testing.TB, api s3crypto.API, opts *s3crypto.Options) *s3crypto.Client {
	t.Helper()
	c, err := s3crypto.New(api, k.envelope(t, nil), opts)
	require.NoError(t, err)
	return c
}

// content returns n bytes that are the same in every run.
func content(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// onlyReader hides that a reader can do more.
type onlyReader struct{ io.Reader }

func put(t testing.TB, c *s3crypto.Client, bucket, key string, body []byte) *s3.PutObjectOutput {
	t.Helper()
	out, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body)})
	require.NoError(t, err)
	return out
}

func get(t testing.TB, c *s3crypto.Client, in *s3.GetObjectInput) (*s3.GetObjectOutput, []byte) {
	t.Helper()
	out, err := c.GetObject(t.Context(), in)
	require.NoError(t, err)
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	require.NoError(t, err)
	return out, b
}

// writerAt is a destination of Download in memory.
type writerAt struct {
	mu sync.Mutex
	b  []byte
}

func (w *writerAt) WriteAt(p []byte, off int64) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if need := int(off) + len(p); need > len(w.b) {
		w.b = append(w.b, make([]byte, need-len(w.b))...)
	}
	return copy(w.b[off:], p), nil
}
