package awskms_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyring"
	"github.com/sealwax/sealwax/keyring/awskms"
)

// obedient opens everything with the key that it is asked for. An alias or id is
// that of key one.
type obedient struct {
	scripted
	t     *testing.T
	asked []string
}

func (o *obedient) Decrypt(_ context.Context, in *kms.DecryptInput, _ ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	require.NotEmpty(o.t, in.CiphertextBlob)
	require.LessOrEqual(o.t, len(in.CiphertextBlob), 6144)
	o.asked = append(o.asked, *in.KeyId)
	reported := *in.KeyId
	if !strings.HasPrefix(reported, "arn:") || strings.Contains(reported, ":alias/") {
		reported = keyOne
	}
	return &kms.DecryptOutput{KeyId: &reported, Plaintext: secretBytes(32)}, nil
}

// Whatever stands in a message: no panic, no call for a key that is not
// configured or permitted, and no data key but for the key that the message names.
func FuzzUnwrap(f *testing.F) {
	for _, info := range []string{keyOne, keyTwo, aliasOne, mrkWest, mrkEast, "", "alias/one", "arn:aws:kms:::key/", strings.Replace(keyOne, account, "444455556666", 1)} {
		f.Add("aws-kms", []byte(info), []byte("wrapped"))
	}
	f.Add("acme", []byte("backup"), []byte("wrapped"))
	f.Add("aws-kms", []byte(keyOne), []byte{})
	f.Fuzz(func(t *testing.T, providerID string, info, ciphertext []byte) {
		client := &obedient{t: t}
		edk := keyring.EncryptedDataKey{ProviderID: providerID, ProviderInfo: info, Ciphertext: ciphertext}
		for name, c := range map[string]struct {
			key  func() (keyring.WrappingKey, error)
			asks string // "": the ARN in the message
		}{
			keyOne:   {func() (keyring.WrappingKey, error) { return awskms.New(client, keyOne, nil) }, keyOne},
			aliasOne: {func() (keyring.WrappingKey, error) { return awskms.New(client, aliasOne, nil) }, aliasOne},
			"alias":  {func() (keyring.WrappingKey, error) { return awskms.New(client, "alias/one", nil) }, "alias/one"},
			idOne:    {func() (keyring.WrappingKey, error) { return awskms.New(client, idOne, nil) }, idOne},
			mrkWest:  {func() (keyring.WrappingKey, error) { return awskms.NewMultiRegion(client, mrkWest, nil) }, mrkWest},
			"all":    {func() (keyring.WrappingKey, error) { return awskms.NewDiscovery(client, everyone, nil) }, ""},
			"all mrk": {func() (keyring.WrappingKey, error) {
				return awskms.NewMultiRegionDiscovery(client, home, everyone, nil)
			}, ""},
		} {
			key, err := c.key()
			require.NoError(t, err)
			client.asked = nil
			dk, err := key.Unwrap(t.Context(), edk, 32, nil)
			require.Equal(t, err == nil, dk != nil, name)
			require.LessOrEqual(t, len(client.asked), 1)
			if err != nil && len(client.asked) == 0 {
				notMineOrNotAuthentic(t, err)
				require.Less(t, len(err.Error()), 5000)
			}
			for _, asked := range client.asked {
				require.Equal(t, "aws-kms", providerID)
				if c.asks != "" {
					require.Equal(t, c.asks, asked)
					continue
				}
				require.Contains(t, string(info), ":"+account+":key/")
				require.True(t, asked == string(info) || strings.Contains(asked, ":"+home+":"+account+":key/mrk-"))
			}
		}
	})
}

func notMineOrNotAuthentic(t *testing.T, err error) {
	t.Helper()
	for _, kind := range []error{keyring.ErrNotMine, keyring.ErrNotAuthentic} {
		if errors.Is(err, kind) {
			return
		}
	}
	t.Errorf("neither ErrNotMine nor ErrNotAuthentic: %v", err)
}
