package awskms_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyring"
	"github.com/sealwax/sealwax/keyring/awskms"
	"github.com/sealwax/sealwax/keyring/keyringtest"
)

func TestConformance(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		arn := b.newKey(t, "orders")
		other := b.key(t, b.newKey(t, "other"))
		replica, remote := b.newMultiRegionKey(t)

		t.Run("key ARN", func(t *testing.T) {
			keyringtest.TestWrappingKey(t, b.key(t, arn), &keyringtest.Options{Other: other})
		})
		t.Run("key id", func(t *testing.T) {
			keyringtest.TestWrappingKey(t, b.key(t, names(arn)["key id"]), &keyringtest.Options{Other: other})
		})
		// Which key an alias names is for KMS to say, so that another key's data key
		// is neither not its own nor known to be wrong: TestAnotherKeysCiphertext.
		t.Run("alias", func(t *testing.T) {
			keyringtest.TestWrappingKey(t, b.key(t, "alias/orders"), nil)
		})
		t.Run("alias ARN", func(t *testing.T) {
			keyringtest.TestWrappingKey(t, b.key(t, names(arn)["alias ARN"]), nil)
		})
		t.Run("multi-Region", func(t *testing.T) {
			key := sealedBy{multiRegion(t, b, home, replica), []string{replica, remote}}
			keyringtest.TestWrappingKey(t, generatorSealedBy{key}, &keyringtest.Options{Other: other})
		})

		excluded := awskms.DiscoveryFilter{Partition: "aws", Accounts: []string{"444455556666"}}
		discovery, err := awskms.NewDiscovery(b.client(home), everyone, nil)
		require.NoError(t, err)
		t.Run("discovery", func(t *testing.T) {
			keyringtest.TestWrappingKey(t, discovery, &keyringtest.Options{Sealer: b.key(t, arn)})
		})
		nobody, err := awskms.NewDiscovery(b.client(home), excluded, nil)
		require.NoError(t, err)
		dk, edk, err := other.Generate(t.Context(), 32, nil)
		require.NoError(t, err)
		dk.Destroy()
		_, err = nobody.Unwrap(t.Context(), edk, 32, nil)
		notMine(t, err)

		atHome, err := awskms.NewMultiRegionDiscovery(b.client(home), home, everyone, nil)
		require.NoError(t, err)
		t.Run("multi-Region discovery", func(t *testing.T) {
			key := sealedBy{atHome, []string{replica, remote}}
			keyringtest.TestWrappingKey(t, key, &keyringtest.Options{Sealer: multiRegion(t, b, away, remote)})
		})
	})
}

// sealedBy leaves encrypted data keys to a wrapping key if they name one of some
// ARNs. By the published rule the Region in a multi-Region key's ARN may be any
// (TestRegionOfAReplicaIsNotBound), which the suite cannot know: it changes every
// byte of the ARN and wants none to open.
type sealedBy struct {
	keyring.WrappingKey
	arns []string
}

func (k sealedBy) Unwrap(ctx context.Context, edk keyring.EncryptedDataKey, size int, ec keyring.EncryptionContext) (*keyring.DataKey, error) {
	if edk.ProviderID == "aws-kms" && !slices.Contains(k.arns, string(edk.ProviderInfo)) {
		return nil, keyring.ErrNotMine
	}
	return k.WrappingKey.Unwrap(ctx, edk, size, ec)
}

// generatorSealedBy is sealedBy for a wrapping key that generates.
type generatorSealedBy struct{ sealedBy }

func (k generatorSealedBy) Generate(ctx context.Context, size int, ec keyring.EncryptionContext) (*keyring.DataKey, keyring.EncryptedDataKey, error) {
	return k.WrappingKey.(keyring.Generator).Generate(ctx, size, ec)
}

func TestRingConformance(t *testing.T) {
	b := inProcess(t)
	ring, err := awskms.NewKeyring(b.client(home), b.newKey(t, ""), b.newKey(t, ""))
	require.NoError(t, err)
	other, err := awskms.NewKeyring(b.client(home), b.newKey(t, ""))
	require.NoError(t, err)
	keyringtest.TestKeyring(t, ring, &keyringtest.KeyringOptions{Other: other})
}

func TestNewKeyringMakesOneDataKeyThatEveryKeyOpens(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		arns := []string{b.newKey(t, "orders"), b.newKey(t, ""), b.newKey(t, "")}
		ring, err := awskms.NewKeyring(b.client(home), arns[0], arns[1:]...)
		require.NoError(t, err)
		m, err := ring.EncryptionMaterials(t.Context(), &keyring.EncryptionRequest{Suite: keyring.AES256GCMHKDFSHA512Commit, EncryptionContext: orders})
		require.NoError(t, err)
		require.Equal(t, 1, b.kms.Calls("GenerateDataKey"))
		require.Equal(t, 2, b.kms.Calls("Encrypt"))
		require.Len(t, m.EncryptedDataKeys, 3)
		for i, edk := range m.EncryptedDataKeys {
			require.Equal(t, arns[i], string(edk.ProviderInfo))
			opensWith(t, b.key(t, arns[i]), edk, m.DataKey, orders)
		}
	})
}

func TestNewKeyringRefuses(t *testing.T) {
	for name, keys := range map[string][]string{
		"no key id":            {""},
		"no key id among more": {keyOne, ""},
		"the primary twice":    {keyOne, keyOne},
		"another twice":        {keyOne, keyTwo, keyTwo},
		"the primary's id":     {keyOne, idOne},
		"the primary by id":    {idOne, keyOne},
		"another's id":         {keyTwo, keyOne, idOne},
		"an alias twice":       {keyOne, aliasOne, aliasOne},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := awskms.NewKeyring(&scripted{}, keys[0], keys[1:]...)
			require.Error(t, err)
		})
	}
	_, err := awskms.NewKeyring(nil, keyOne)
	require.Error(t, err)
}

// Names of different keys, and names that only KMS could tell to be of one key.
func TestNewKeyringAccepts(t *testing.T) {
	for name, keys := range map[string][]string{
		"a key and another's id": {keyTwo, idOne},
		"a key and an alias":     {keyOne, aliasOne, "alias/one"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := awskms.NewKeyring(&scripted{}, keys[0], keys[1:]...)
			require.NoError(t, err)
		})
	}
}
