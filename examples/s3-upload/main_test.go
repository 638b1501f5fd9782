package main

import (
	"bytes"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring/localkms"
)

func TestDemonstration(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, nil, &out))
	require.Len(t, strings.Split(strings.TrimSpace(out.String()), "\n"), 4)
}

func TestPutAndGet(t *testing.T) {
	backend := s3mem.New()
	require.NoError(t, backend.CreateBucket(t.Context(), "files"))
	s3 := httptest.NewServer(gofakes3.New(backend, gofakes3.WithMetadataSizeLimit(2600)).Server())
	defer s3.Close()
	kms, err := localkms.New(nil)
	require.NoError(t, err)
	defer kms.Close()
	arn, err := kms.NewKey("alias/files")
	require.NoError(t, err)
	server := httptest.NewServer(kms)
	defer server.Close()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "us-east-1",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	flags := []string{"-bucket", "files", "-key", arn, "-endpoint-s3", s3.URL, "-endpoint-kms", server.URL, "-context", "owner=me"}
	do := func(stdin string, args ...string) (string, error) {
		var out bytes.Buffer
		err := run(t.Context(), append(append([]string{}, flags...), args...), strings.NewReader(stdin), &out)
		return out.String(), err
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "in")
	require.NoError(t, os.WriteFile(file, []byte("from a file"), 0o600))

	_, err = do("", "put", file, "a")
	require.NoError(t, err)
	_, err = do("from standard input", "put", "-", "b")
	require.NoError(t, err)
	out, err := do("", "get", "b", "-")
	require.NoError(t, err)
	require.Equal(t, "from standard input", out)
	_, err = do("", "get", "a", filepath.Join(dir, "out"))
	require.NoError(t, err)
	b, err := os.ReadFile(filepath.Join(dir, "out"))
	require.NoError(t, err)
	require.Equal(t, "from a file", string(b))

	flags[len(flags)-1] = "owner=you"
	_, err = do("", "get", "a", filepath.Join(dir, "never"))
	require.ErrorIs(t, err, envelope.ErrContext)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 2, "nothing is left of a download that failed")
	for _, args := range [][]string{{"put"}, {"put", "a"}, {"take", "a", "b"}, {"get", "missing", "-"}} {
		_, err := do("", args...)
		require.Error(t, err)
	}
}
