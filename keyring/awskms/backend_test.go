package awskms_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/fault"
	"github.com/sealwax/sealwax/keyring"
	"github.com/sealwax/sealwax/keyring/awskms"
	"github.com/sealwax/sealwax/keyring/localkms"
)

// backend is a KMS with one way to reach it.
type backend struct {
	kms    *localkms.KMS
	client func(region string) awskms.Client
}

const (
	home = "us-west-2"
	away = "us-east-1"
)

// everyBackend runs a test on a KMS in process, and on one behind HTTP through
// the SDK's own client.
func everyBackend(t *testing.T, test func(t *testing.T, b *backend)) {
	t.Helper()
	t.Run("in process", func(t *testing.T) { test(t, inProcess(t)) })
	t.Run("over HTTP", func(t *testing.T) { test(t, overHTTP(t)) })
}

func inProcess(t *testing.T) *backend {
	t.Helper()
	k := newKMS(t)
	return &backend{kms: k, client: func(region string) awskms.Client { return k.InRegion(region) }}
}

func overHTTP(t *testing.T) *backend {
	t.Helper()
	k := newKMS(t)
	server := httptest.NewServer(k)
	t.Cleanup(server.Close)
	return &backend{kms: k, client: func(region string) awskms.Client { return sdkClient(t, server.URL, region) }}
}

// sdkClient does not retry: a test of a fault would wait.
func sdkClient(t *testing.T, url, region string) *kms.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return kms.New(kms.Options{
		BaseEndpoint: aws.String(url),
		Region:       region,
		Credentials:  credentials.NewStaticCredentialsProvider("local", "local", ""),
		HTTPClient:   &http.Client{Transport: transport},
		Retryer:      aws.NopRetryer{},
	})
}

func newKMS(t *testing.T) *localkms.KMS {
	t.Helper()
	k, err := localkms.New(&localkms.Options{Region: home, AccountID: account})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, k.Close()) })
	return k
}

// newKey makes a KMS key and returns its ARN.
func (b *backend) newKey(t *testing.T, alias string) string {
	t.Helper()
	arn, err := b.kms.NewKey(alias)
	require.NoError(t, err)
	return arn
}

// newMultiRegionKey makes a multi-Region key in home with a replica in away.
func (b *backend) newMultiRegionKey(t *testing.T) (homeARN, awayARN string) {
	t.Helper()
	made, err := b.kms.CreateKey(t.Context(), &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})
	require.NoError(t, err)
	replica, err := b.kms.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{
		KeyId: made.KeyMetadata.KeyId, ReplicaRegion: aws.String(away),
	})
	require.NoError(t, err)
	return *made.KeyMetadata.Arn, *replica.ReplicaKeyMetadata.Arn
}

// key is awskms.New in home; it must succeed.
func (b *backend) key(t *testing.T, keyID string) *awskms.Key {
	t.Helper()
	k, err := awskms.New(b.client(home), keyID, nil)
	require.NoError(t, err)
	return k
}

// sameKey checks that two data keys are equal.
func sameKey(t *testing.T, a, b *keyring.DataKey) {
	t.Helper()
	_ = a.Do(func(x []byte) error {
		return b.Do(func(y []byte) error {
			require.NotEmpty(t, x)
			require.Equal(t, x, y)
			return nil
		})
	})
}

// opensWith checks that key opens edk to the data key dk.
func opensWith(t *testing.T, key keyring.WrappingKey, edk keyring.EncryptedDataKey, dk *keyring.DataKey, ec keyring.EncryptionContext) {
	t.Helper()
	opened, err := key.Unwrap(t.Context(), edk, dk.Len(), ec)
	require.NoError(t, err)
	sameKey(t, dk, opened)
}

// notMine checks an error for another key's encrypted data key.
func notMine(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, keyring.ErrNotMine)
	require.NotErrorIs(t, err, keyring.ErrNotAuthentic)
	_, called := errors.AsType[*awskms.CallError](err)
	require.False(t, called)
}

// notAuthentic checks an error for an encrypted data key that does not verify: a
// ring then says that the message is not authentic.
func notAuthentic(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, keyring.ErrNotAuthentic)
	require.NotErrorIs(t, err, keyring.ErrNotMine)
	require.ErrorIs(t, inRing(err), fault.ErrAuthentication)
}

// outage checks an error that says nothing about the message.
func outage(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	require.NotErrorIs(t, err, keyring.ErrNotMine)
	require.NotErrorIs(t, err, keyring.ErrNotAuthentic)
	require.NotErrorIs(t, inRing(err), fault.ErrAuthentication)
}

func inRing(err error) error {
	return &keyring.NoDataKeyError{Attempts: []keyring.Attempt{{Err: err}}}
}
