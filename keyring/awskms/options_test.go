package awskms_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyring/awskms"
)

// constructors are all of them, with one client and some options.
var constructors = map[string]func(awskms.Client, *awskms.Options) error{
	"New": func(c awskms.Client, o *awskms.Options) error {
		_, err := awskms.New(c, keyOne, o)
		return err
	},
	"NewMultiRegion": func(c awskms.Client, o *awskms.Options) error {
		_, err := awskms.NewMultiRegion(c, mrkWest, o)
		return err
	},
	"NewDiscovery": func(c awskms.Client, o *awskms.Options) error {
		_, err := awskms.NewDiscovery(c, everyone, o)
		return err
	},
	"NewMultiRegionDiscovery": func(c awskms.Client, o *awskms.Options) error {
		_, err := awskms.NewMultiRegionDiscovery(c, home, everyone, o)
		return err
	},
}

func tokens(n, length int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = strings.Repeat(string(rune('a'+i)), length)
	}
	return all
}

func TestGrantTokenLimits(t *testing.T) {
	for name, make := range constructors {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, make(&scripted{}, nil))
			require.NoError(t, make(&scripted{}, &awskms.Options{}))
			require.NoError(t, make(&scripted{}, &awskms.Options{GrantTokens: tokens(1, 1)}))
			require.NoError(t, make(&scripted{}, &awskms.Options{GrantTokens: tokens(10, 8192)}))
			require.Error(t, make(&scripted{}, &awskms.Options{GrantTokens: tokens(11, 1)}))
			require.Error(t, make(&scripted{}, &awskms.Options{GrantTokens: tokens(1, 8193)}))
			require.Error(t, make(&scripted{}, &awskms.Options{GrantTokens: []string{"a", ""}}))
		})
	}
}

func TestClientIsRequired(t *testing.T) {
	for name, make := range constructors {
		require.Error(t, make(nil, nil), name)
		require.Error(t, make((*kms.Client)(nil), nil), "%s: a nil pointer in the interface", name)
	}
}

// newGrant returns the token of a grant on the key arn.
func (b *backend) newGrant(t *testing.T, arn string) string {
	t.Helper()
	grant, err := b.kms.CreateGrant(t.Context(), &kms.CreateGrantInput{
		KeyId:            aws.String(arn),
		GranteePrincipal: aws.String("arn:aws:iam::111122223333:role/orders"),
		Operations:       []types.GrantOperation{types.GrantOperationDecrypt},
	})
	require.NoError(t, err)
	return *grant.GrantToken
}

func TestGrantTokensGoAlongWithEveryCall(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		arn := b.newKey(t, "")
		given := []string{b.newGrant(t, arn), b.newGrant(t, b.newKey(t, ""))}
		want := append([]string(nil), given...)
		key, err := awskms.New(b.client(home), arn, &awskms.Options{GrantTokens: given})
		require.NoError(t, err)
		discovery, err := awskms.NewDiscovery(b.client(home), everyone, &awskms.Options{GrantTokens: given[:1]})
		require.NoError(t, err)
		given[0], given[1] = "changed", "later" // the constructors have copies

		dk, edk, err := key.Generate(t.Context(), 32, orders)
		require.NoError(t, err)
		require.Equal(t, want, b.kms.GrantTokens("GenerateDataKey"))
		_, err = key.Wrap(t.Context(), dk, orders)
		require.NoError(t, err)
		require.Equal(t, want, b.kms.GrantTokens("Encrypt"))
		opensWith(t, key, edk, dk, orders)
		require.Equal(t, want, b.kms.GrantTokens("Decrypt"))
		opensWith(t, discovery, edk, dk, orders)
		require.Equal(t, want[:1], b.kms.GrantTokens("Decrypt"))
		_, err = key.Rewrap(t.Context(), discovery, edk, orders)
		require.NoError(t, err)
		require.Equal(t, want, b.kms.GrantTokens("ReEncrypt"), "those of both keys, each once")
	})
}
