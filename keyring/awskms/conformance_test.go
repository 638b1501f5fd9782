package awskms_test

import (
	"slices"
	"strings"
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
			keyringtest.TestWrappingKey(t, multiRegion(t, b, home, replica), &keyringtest.Options{
				Other:       other,
				InfoUnbound: anyRegion(replica),
			})
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
			keyringtest.TestWrappingKey(t, atHome, &keyringtest.Options{
				Sealer:      multiRegion(t, b, away, remote),
				InfoUnbound: anyRegion(remote),
			})
		})
	})
}

// anyRegion reports whether a provider info names, but for the Region, the key
// arn: by the published rule the Region in a multi-Region key's ARN may be any
// (TestRegionOfAReplicaIsNotBound).
func anyRegion(arn string) func(info []byte) bool {
	const region = 3
	return func(info []byte) bool {
		want, got := strings.Split(arn, ":"), strings.Split(string(info), ":")
		return len(got) == len(want) && slices.Equal(slices.Delete(want, region, region+1), slices.Delete(got, region, region+1))
	}
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
