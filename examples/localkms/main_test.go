package main

import (
	"bufio"
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
	done := make(chan error, 1)
	go func() {
		err := run(ctx, append([]string{"-addr", "127.0.0.1:0"}, args...), write, io.Discard)
		write.CloseWithError(err)
		done <- err
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
		require.NoError(t, <-done)
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

func TestRefusesWhatItCannotServe(t *testing.T) {
	for name, args := range map[string][]string{
		"unknown flag":      {"-nonsense"},
		"malformed account": {"-account", "12"},
		"malformed alias":   {"-alias", "a b"},
		"occupied address":  {"-addr", "256.0.0.1:1"},
		"missing folder":    {"-data", filepath.Join(t.TempDir(), "missing", "kms.json")},
	} {
		t.Run(name, func(t *testing.T) {
			require.Error(t, run(t.Context(), args, io.Discard, io.Discard))
		})
	}
}
