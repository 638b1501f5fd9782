package awskms_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyring"
	"github.com/sealwax/sealwax/keyring/awskms"
)

func TestRewrapMovesADataKeyToAnotherKey(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		from, to := b.newKey(t, "orders"), b.newKey(t, "next")
		toNames := names(to)
		toNames["alias"], toNames["alias ARN"] = "alias/next", strings.Replace(toNames["alias ARN"], "orders", "next", 1)
		dk, edk, err := b.key(t, from).Generate(t.Context(), 32, orders)
		require.NoError(t, err)

		for fromKind, source := range openersOf(t, b, from) {
			for toKind, keyID := range toNames {
				t.Run(fromKind+" to "+toKind, func(t *testing.T) {
					key := b.key(t, keyID)
					decrypts, reEncrypts := b.kms.Calls("Decrypt"), b.kms.Calls("ReEncrypt")
					moved, err := key.Rewrap(t.Context(), source, edk, orders)
					require.NoError(t, err)
					require.Equal(t, reEncrypts+1, b.kms.Calls("ReEncrypt"))
					require.Equal(t, decrypts, b.kms.Calls("Decrypt"), "the data key is not seen")

					require.Equal(t, "aws-kms", moved.ProviderID)
					require.Equal(t, to, string(moved.ProviderInfo))
					opensWith(t, key, moved, dk, orders)
					_, err = key.Unwrap(t.Context(), moved, 32, nil)
					notAuthentic(t, err) // the context moved along
				})
			}
		}
	})
}

func TestRewrapUnderTheSameKey(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		key := b.key(t, b.newKey(t, ""))
		dk, edk, err := key.Generate(t.Context(), 32, nil)
		require.NoError(t, err)
		again, err := key.Rewrap(t.Context(), key, edk, nil)
		require.NoError(t, err)
		require.NotEqual(t, edk.Ciphertext, again.Ciphertext)
		opensWith(t, key, again, dk, nil)
	})
}

func TestRewrapOfWhatAReplicaSealed(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		homeARN, awayARN := b.newMultiRegionKey(t)
		to := b.key(t, b.newKey(t, ""))
		dk, edk, err := multiRegion(t, b, away, awayARN).Generate(t.Context(), 32, orders)
		require.NoError(t, err)
		discovery, err := awskms.NewMultiRegionDiscovery(b.client(home), home, everyone, nil)
		require.NoError(t, err)
		for _, from := range []keyring.WrappingKey{multiRegion(t, b, home, homeARN), discovery} {
			moved, err := to.Rewrap(t.Context(), from, edk, orders)
			require.NoError(t, err)
			opensWith(t, to, moved, dk, orders)
		}
	})
}

func TestRewrapRefusesWhatIsNotTheSourceKeys(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		from, to, other := b.key(t, b.newKey(t, "")), b.key(t, b.newKey(t, "")), b.key(t, b.newKey(t, ""))
		_, edk, err := from.Generate(t.Context(), 32, orders)
		require.NoError(t, err)

		_, err = to.Rewrap(t.Context(), other, edk, orders)
		notMine(t, err)
		_, err = to.Rewrap(t.Context(), from, keyring.EncryptedDataKey{ProviderID: "acme", Ciphertext: []byte("w")}, orders)
		notMine(t, err)
		require.Zero(t, b.kms.Calls("ReEncrypt"))

		_, err = to.Rewrap(t.Context(), from, edk, nil)
		notAuthentic(t, err)
		changed := edk
		changed.Ciphertext = bytes.Clone(edk.Ciphertext)
		changed.Ciphertext[len(changed.Ciphertext)-1] ^= 1
		_, err = to.Rewrap(t.Context(), from, changed, orders)
		notAuthentic(t, err)
		call, ok := errors.AsType[*awskms.CallError](err)
		require.True(t, ok)
		require.Equal(t, from.String(), call.SourceKeyID)
		require.Equal(t, to.String(), call.KeyID)
	})
}

// threeMethods is a client without ReEncrypt.
type threeMethods struct{ awskms.Client }

func TestRewrapThatIsNotPossible(t *testing.T) {
	b := inProcess(t)
	arn := b.newKey(t, "")
	replica, remote := b.newMultiRegionKey(t)
	key := b.key(t, arn)
	_, edk, err := key.Generate(t.Context(), 32, orders)
	require.NoError(t, err)
	calls := b.kms.Calls("*")
	impossible := func(t *testing.T, err error) {
		t.Helper()
		require.ErrorIs(t, err, errors.ErrUnsupported)
		outage(t, err)
		require.Equal(t, calls, b.kms.Calls("*"))
	}

	t.Run("the client has no ReEncrypt", func(t *testing.T) {
		to, err := awskms.New(threeMethods{b.client(home)}, arn, nil)
		require.NoError(t, err)
		_, err = to.Rewrap(t.Context(), key, edk, orders)
		impossible(t, err)
	})
	t.Run("from a raw key", func(t *testing.T) {
		raw, err := keyring.NewRawAES("acme", "backup", secretBytes(32))
		require.NoError(t, err)
		_, err = key.Rewrap(t.Context(), raw, edk, orders)
		impossible(t, err)
	})
	t.Run("from nil", func(t *testing.T) {
		_, err = key.Rewrap(t.Context(), nil, edk, orders)
		impossible(t, err)
	})
	t.Run("into another Region", func(t *testing.T) {
		to, err := awskms.NewMultiRegion(b.client(away), remote, nil)
		require.NoError(t, err)
		_, err = to.Rewrap(t.Context(), multiRegion(t, b, home, replica), edkOf(replica), orders)
		impossible(t, err)
	})
	t.Run("with more than ten grant tokens", func(t *testing.T) {
		many := tokens(11, 8)
		from, err := awskms.New(b.client(home), arn, &awskms.Options{GrantTokens: many[:6]})
		require.NoError(t, err)
		to, err := awskms.New(b.client(home), arn, &awskms.Options{GrantTokens: many[6:]})
		require.NoError(t, err)
		_, err = to.Rewrap(t.Context(), from, edk, orders)
		impossible(t, err)
	})
}
