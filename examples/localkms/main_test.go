package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/stretchr/testify/require"
)

// start runs the program until the returned stop, and answers what it printed.
func start(t *testing.T, args ...string) (url, arn, alias string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	done := make(chan int, 1)
	go func() {
		status := run(ctx, append([]string{"-addr", "127.0.0.1:0"}, args...), write, io.Discard)
		write.Close()
		done <- status
	}()
	lines := bufio.NewReader(read)
	first, err := lines.ReadString('\n')
	require.NoError(t, err)
	second, err := lines.ReadString('\n')
	require.NoError(t, err)
	key := strings.Fields(second)
	require.Len(t, key, 3)
	return strings.TrimSpace(strings.TrimPrefix(first, "listening on ")), key[1], key[2], func() {
		cancel()
		require.Zero(t, <-done)
	}
}

func client(url string) *kms.Client {
	return kms.New(kms.Options{
		BaseEndpoint: aws.String(url),
		Region:       "eu-central-1",
		Credentials:  credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
}

func TestServesWhatItKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kms.json")
	args := []string{"-data", file, "-region", "eu-central-1", "-account", "123456789012", "-alias", "orders"}
	url, arn, alias, stop := start(t, args...)
	require.Regexp(t, "^arn:aws:kms:eu-central-1:123456789012:key/", arn)
	require.Equal(t, "alias/orders", alias)
	sealed, err := client(url).Encrypt(t.Context(), &kms.EncryptInput{KeyId: aws.String(alias), Plaintext: []byte("secret")})
	require.NoError(t, err)
	stop()

	url, again, _, stop := start(t, args...)
	defer stop()
	require.Equal(t, arn, again)
	opened, err := client(url).Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob})
	require.NoError(t, err)
	require.Equal(t, "secret", string(opened.Plaintext))
}

func TestExitStatus(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		args   []string
	}{
		"help":                {0, []string{"-h"}},
		"unknown flag":        {2, []string{"-nonsense"}},
		"argument":            {2, []string{"kms.json"}},
		"argument of a typo":  {2, []string{"-data", filepath.Join(t.TempDir(), "kms.json"), "-", "-addr", "127.0.0.1:0"}},
		"malformed account":   {1, []string{"-account", "12"}},
		"malformed alias":     {1, []string{"-alias", "a b"}},
		"address of no host":  {1, []string{"-addr", "256.0.0.1:1"}},
		"folder that is none": {1, []string{"-data", filepath.Join(t.TempDir(), "missing", "kms.json")}},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			require.Equal(t, c.status, run(t.Context(), c.args, &stdout, &stderr), stderr.String())
			require.Empty(t, stdout.String())
			require.NotEmpty(t, stderr.String())
		})
	}
}

// What is wrong is said once: the flag package has said it already.
func TestBadFlagIsReportedOnce(t *testing.T) {
	var stderr bytes.Buffer
	run(t.Context(), []string{"-nonsense"}, io.Discard, &stderr)
	require.Equal(t, 1, strings.Count(stderr.String(), "nonsense"), stderr.String())
}
