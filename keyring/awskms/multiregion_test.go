package awskms_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring"
	"github.com/sealwax/sealwax/keyring/awskms"
)

func multiRegion(t *testing.T, b *backend, region, arn string) *awskms.Key {
	t.Helper()
	k, err := awskms.NewMultiRegion(b.client(region), arn, nil)
	require.NoError(t, err)
	return k
}

func TestReplicasOpenEachOther(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		homeARN, awayARN := b.newMultiRegionKey(t)
		atHome, atAway := multiRegion(t, b, home, homeARN), multiRegion(t, b, away, awayARN)
		for _, keys := range [][2]*awskms.Key{{atHome, atAway}, {atAway, atHome}, {atHome, atHome}} {
			dk, edk, err := keys[0].Generate(t.Context(), 32, orders)
			require.NoError(t, err)
			require.Equal(t, keys[0].String(), string(edk.ProviderInfo))
			opensWith(t, keys[1], edk, dk, orders)

			edk, err = keys[0].Wrap(t.Context(), dk, orders)
			require.NoError(t, err)
			opensWith(t, keys[1], edk, dk, orders)
		}
	})
}

// The Region in the ARN of a multi-Region key says which replica sealed. Whoever
// changes it changes nothing else: the data key is the same, and the message's
// header, which binds the ARN, does not verify any more.
func TestRegionOfAReplicaIsNotBound(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		homeARN, _ := b.newMultiRegionKey(t)
		key := multiRegion(t, b, home, homeARN)
		dk, edk, err := key.Generate(t.Context(), 32, orders)
		require.NoError(t, err)
		edk.ProviderInfo = []byte(strings.Replace(homeARN, home, "elsewhere-1", 1))
		opensWith(t, key, edk, dk, orders)

		ring, err := keyring.New(key)
		require.NoError(t, err)
		client, err := envelope.New(ring, nil)
		require.NoError(t, err)
		message, err := client.Seal(t.Context(), []byte("plaintext"), orders)
		require.NoError(t, err)
		require.Contains(t, string(message), home)
		_, err = client.Open(t.Context(), bytes.Replace(message, []byte("us-west-2"), []byte("us-west-1"), 1), orders)
		require.ErrorIs(t, err, envelope.ErrAuthentication)
	})
}

func TestStrictKeyOpensNoReplicas(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		homeARN, awayARN := b.newMultiRegionKey(t)
		_, edk, err := multiRegion(t, b, away, awayARN).Generate(t.Context(), 32, orders)
		require.NoError(t, err)
		calls := b.kms.Calls("*")
		_, err = b.key(t, homeARN).Unwrap(t.Context(), edk, 32, orders)
		notMine(t, err)
		require.Equal(t, calls, b.kms.Calls("*"))

		// A key id has no Region: KMS opens with the replica at home, which is not
		// the key that the message names.
		_, err = b.key(t, homeARN[strings.Index(homeARN, "mrk-"):]).Unwrap(t.Context(), edk, 32, orders)
		notAuthentic(t, err)
		require.Contains(t, err.Error(), "NewMultiRegion")
	})
}

func TestMultiRegionWithASingleRegionKey(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		arn := b.newKey(t, "")
		key := multiRegion(t, b, home, arn)
		dk, edk, err := key.Generate(t.Context(), 32, orders)
		require.NoError(t, err)
		opensWith(t, key, edk, dk, orders)

		edk.ProviderInfo = []byte(strings.Replace(arn, home, away, 1))
		_, err = key.Unwrap(t.Context(), edk, 32, orders)
		notMine(t, err)
	})
}

func TestNewMultiRegionTakesKeyARNsOnly(t *testing.T) {
	for _, name := range []string{"", "alias/one", aliasOne, idOne, "mrk-11111111111111111111111111111111", "arn:aws:s3:::bucket"} {
		_, err := awskms.NewMultiRegion(&scripted{}, name, nil)
		require.Error(t, err, name)
	}
}

func TestDiscoveryOpensWhatTheFilterPermits(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		dk, edk, err := b.key(t, b.newKey(t, "")).Generate(t.Context(), 32, orders)
		require.NoError(t, err)
		for name, tt := range map[string]struct {
			filter awskms.DiscoveryFilter
			opens  bool
		}{
			"its account":             {awskms.DiscoveryFilter{Partition: "aws", Accounts: []string{account}}, true},
			"its account among other": {awskms.DiscoveryFilter{Partition: "aws", Accounts: []string{"444455556666", account}}, true},
			"another account":         {awskms.DiscoveryFilter{Partition: "aws", Accounts: []string{"444455556666"}}, false},
			"another partition":       {awskms.DiscoveryFilter{Partition: "aws-cn", Accounts: []string{account}}, false},
		} {
			t.Run(name, func(t *testing.T) {
				plain, err := awskms.NewDiscovery(b.client(home), tt.filter, nil)
				require.NoError(t, err)
				multi, err := awskms.NewMultiRegionDiscovery(b.client(home), home, tt.filter, nil)
				require.NoError(t, err)
				for _, key := range []keyring.WrappingKey{plain, multi} {
					calls := b.kms.Calls("*")
					if tt.opens {
						opensWith(t, key, edk, dk, orders)
						continue
					}
					_, err := key.Unwrap(t.Context(), edk, 32, orders)
					notMine(t, err)
					require.Equal(t, calls, b.kms.Calls("*"))
				}
			})
		}
	})
}

func TestDiscoveryInAnotherRegion(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		homeARN, _ := b.newMultiRegionKey(t)
		dk, replicated, err := b.key(t, homeARN).Generate(t.Context(), 32, orders)
		require.NoError(t, err)
		_, single, err := b.key(t, b.newKey(t, "")).Generate(t.Context(), 32, orders)
		require.NoError(t, err)

		multi, err := awskms.NewMultiRegionDiscovery(b.client(away), away, everyone, nil)
		require.NoError(t, err)
		opensWith(t, multi, replicated, dk, orders)
		calls := b.kms.Calls("*")
		_, err = multi.Unwrap(t.Context(), single, 32, orders)
		notMine(t, err)
		require.Equal(t, calls, b.kms.Calls("*"))

		plain, err := awskms.NewDiscovery(b.client(away), everyone, nil)
		require.NoError(t, err)
		for _, edk := range []keyring.EncryptedDataKey{replicated, single} {
			_, err = plain.Unwrap(t.Context(), edk, 32, orders)
			outage(t, err)
			var notFound *types.NotFoundException
			require.ErrorAs(t, err, &notFound)
		}
	})
}

func TestDiscoveryOpensOnly(t *testing.T) {
	for _, key := range openersOf(t, inProcess(t), keyOne) {
		if _, ok := key.(*awskms.DiscoveryKey); !ok {
			continue
		}
		_, generates := key.(keyring.Generator)
		require.False(t, generates)
		edk, err := key.Wrap(t.Context(), keyring.NewDataKey(secretBytes(32)), orders)
		require.ErrorIs(t, err, keyring.ErrOpenOnly)
		require.Zero(t, edk)
	}
}

func TestDiscoveryFiltersThatAreRefused(t *testing.T) {
	for name, filter := range map[string]awskms.DiscoveryFilter{
		"zero":                 {},
		"no partition":         {Accounts: []string{account}},
		"no accounts":          {Partition: "aws"},
		"empty accounts":       {Partition: "aws", Accounts: []string{}},
		"an empty account":     {Partition: "aws", Accounts: []string{account, ""}},
		"a zero lost in a CSV": {Partition: "aws", Accounts: []string{"11122223333"}},
		"an alias for one":     {Partition: "aws", Accounts: []string{"my-account-1"}},
		"every account":        {Partition: "aws", Accounts: []string{"*"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := awskms.NewDiscovery(&scripted{}, filter, nil)
			require.Error(t, err)
			_, err = awskms.NewMultiRegionDiscovery(&scripted{}, home, filter, nil)
			require.Error(t, err)
		})
	}
}

func TestDiscoveryFilterIsCopied(t *testing.T) {
	b := inProcess(t)
	dk, edk, err := b.key(t, b.newKey(t, "")).Generate(t.Context(), 32, orders)
	require.NoError(t, err)
	filter := awskms.DiscoveryFilter{Partition: "aws", Accounts: []string{account}}
	key, err := awskms.NewDiscovery(b.client(home), filter, nil)
	require.NoError(t, err)
	filter.Accounts[0] = "444455556666"
	opensWith(t, key, edk, dk, orders)
}

func TestMultiRegionDiscoveryNeedsARegion(t *testing.T) {
	for _, region := range []string{"", "us west", "us-west-2:1", "us/west", "us-west-2\n"} {
		_, err := awskms.NewMultiRegionDiscovery(&scripted{}, region, everyone, nil)
		require.Error(t, err, region)
	}
}

func TestDiscoveryKeySaysWhatItAsks(t *testing.T) {
	filter := awskms.DiscoveryFilter{Partition: "aws", Accounts: []string{account, "444455556666"}}
	plain, err := awskms.NewDiscovery(&scripted{}, filter, nil)
	require.NoError(t, err)
	require.Equal(t, "KMS keys of aws accounts 111122223333, 444455556666", plain.String())
	multi, err := awskms.NewMultiRegionDiscovery(&scripted{}, home, filter, nil)
	require.NoError(t, err)
	require.Equal(t, "KMS keys of aws accounts 111122223333, 444455556666 in us-west-2", multi.String())
}
