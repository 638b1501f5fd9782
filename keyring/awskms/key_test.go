package awskms_test

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/fault"
	"github.com/sealwax/sealwax/keyring"
	"github.com/sealwax/sealwax/keyring/awskms"
)

var orders = keyring.EncryptionContext{"tenant": "4711", "größe": "\U0001F9C0"}

// names returns every way to name the key arn, which has the alias "orders".
func names(arn string) map[string]string {
	prefix, id, _ := strings.Cut(arn, "key/")
	return map[string]string{"key ARN": arn, "alias ARN": prefix + "alias/orders", "alias": "alias/orders", "key id": id}
}

func TestKeySealsAndOpensByEveryName(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		arn := b.newKey(t, "orders")
		for name, keyID := range names(arn) {
			t.Run(name, func(t *testing.T) {
				key := b.key(t, keyID)
				require.Equal(t, keyID, key.String())
				for _, size := range []int{16, 24, 32} {
					dk, edk, err := key.Generate(t.Context(), size, orders)
					require.NoError(t, err)
					require.Equal(t, size, dk.Len())
					require.Equal(t, "aws-kms", edk.ProviderID)
					require.Equal(t, arn, string(edk.ProviderInfo), "the ARN that KMS reports")
					opensWith(t, key, edk, dk, orders)

					edk, err = key.Wrap(t.Context(), dk, orders)
					require.NoError(t, err)
					require.Equal(t, "aws-kms", edk.ProviderID)
					require.Equal(t, arn, string(edk.ProviderInfo))
					opensWith(t, key, edk, dk, orders)
					for _, other := range names(arn) {
						opensWith(t, b.key(t, other), edk, dk, orders)
					}
				}
			})
		}
	})
}

func TestEachMethodMakesOneCall(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		key := b.key(t, b.newKey(t, ""))
		require.Zero(t, b.kms.Calls("*"), "New makes no call")
		dk, edk, err := key.Generate(t.Context(), 32, orders)
		require.NoError(t, err)
		require.Equal(t, 1, b.kms.Calls("GenerateDataKey"))
		_, err = key.Wrap(t.Context(), dk, orders)
		require.NoError(t, err)
		require.Equal(t, 1, b.kms.Calls("Encrypt"))
		opensWith(t, key, edk, dk, orders)
		require.Equal(t, 1, b.kms.Calls("Decrypt"))
		require.Equal(t, 3, b.kms.Calls("*"))
	})
}

func TestRepointedAliasOpensNoOldMessages(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		old := b.newKey(t, "orders")
		next := b.newKey(t, "")
		for _, name := range []string{"alias", "alias ARN"} {
			t.Run(name, func(t *testing.T) {
				point(t, b, old)
				key := b.key(t, names(old)[name])
				dk, edk, err := key.Generate(t.Context(), 32, orders)
				require.NoError(t, err)

				point(t, b, next)
				_, err = key.Unwrap(t.Context(), edk, 32, orders)
				outage(t, err) // the message did not change
				var incorrect *types.IncorrectKeyException
				require.ErrorAs(t, err, &incorrect)
				require.Contains(t, err.Error(), old, "the text names the key to add")

				_, err = b.key(t, next).Rewrap(t.Context(), key, edk, orders)
				outage(t, err)
				require.ErrorAs(t, err, &incorrect)

				opensWith(t, b.key(t, old), edk, dk, orders)
				dk, edk, err = key.Generate(t.Context(), 32, orders)
				require.NoError(t, err)
				require.Equal(t, next, string(edk.ProviderInfo))
				opensWith(t, key, edk, dk, orders)
			})
		}
	})
}

// point makes alias/orders name a key.
func point(t *testing.T, b *backend, arn string) {
	t.Helper()
	_, err := b.kms.UpdateAlias(t.Context(), &kms.UpdateAliasInput{AliasName: aws.String("alias/orders"), TargetKeyId: aws.String(arn)})
	require.NoError(t, err)
}

// Who owns the storage writes another key's ARN beside a ciphertext: an alias
// opens it, but the message then is not what it says.
func TestSwappedARNIsNotAuthentic(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		arn, other := b.newKey(t, "orders"), b.newKey(t, "")
		for _, name := range []string{"alias", "alias ARN"} {
			key := b.key(t, names(arn)[name])
			_, edk, err := key.Generate(t.Context(), 32, orders)
			require.NoError(t, err)
			edk.ProviderInfo = []byte(other)
			_, err = key.Unwrap(t.Context(), edk, 32, orders)
			notAuthentic(t, err)
		}
	})
}

func TestAlteredEncryptedDataKeysAreNotAuthentic(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		arn := b.newKey(t, "orders")
		_, short, err := b.key(t, arn).Generate(t.Context(), 16, orders)
		require.NoError(t, err)
		_, edk, err := b.key(t, arn).Generate(t.Context(), 32, orders)
		require.NoError(t, err)

		flipped := func(i int) []byte {
			c := bytes.Clone(edk.Ciphertext)
			c[i] ^= 1
			return c
		}
		for _, tt := range []struct {
			name       string
			ciphertext []byte
			ec         keyring.EncryptionContext
		}{
			{"last bit flipped", flipped(len(edk.Ciphertext) - 1), orders},
			{"a bit in the middle flipped", flipped(len(edk.Ciphertext) / 2), orders},
			{"last byte missing", edk.Ciphertext[:len(edk.Ciphertext)-1], orders},
			{"one byte more", append(bytes.Clone(edk.Ciphertext), 0), orders},
			{"one byte", edk.Ciphertext[:1], orders},
			{"nothing", nil, orders},
			{"longer than KMS makes", make([]byte, 6145), orders},
			{"a data key of another length", short.Ciphertext, orders},
			{"no context", edk.Ciphertext, nil},
			{"a pair missing", edk.Ciphertext, keyring.EncryptionContext{"tenant": "4711"}},
			{"another value", edk.Ciphertext, keyring.EncryptionContext{"tenant": "4712", "größe": orders["größe"]}},
			{"a pair more", edk.Ciphertext, keyring.EncryptionContext{"tenant": "4711", "größe": orders["größe"], "a": ""}},
		} {
			t.Run(tt.name, func(t *testing.T) {
				edk := keyring.EncryptedDataKey{ProviderID: "aws-kms", ProviderInfo: []byte(arn), Ciphertext: tt.ciphertext}
				for name, key := range openersOf(t, b, arn) {
					dk, err := key.Unwrap(t.Context(), edk, 32, tt.ec)
					require.Nil(t, dk, name)
					notAuthentic(t, err)
				}
			})
		}
	})
}

// For an alias, the ciphertext of another key is no proof: its own key may be
// the one that the message names, and the alias point elsewhere by now.
func TestAnotherKeysCiphertext(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		arn := b.newKey(t, "orders")
		_, edk, err := b.key(t, b.newKey(t, "")).Generate(t.Context(), 32, orders)
		require.NoError(t, err)
		edk.ProviderInfo = []byte(arn)
		for name, key := range openersOf(t, b, arn) {
			t.Run(name, func(t *testing.T) {
				dk, err := key.Unwrap(t.Context(), edk, 32, orders)
				require.Nil(t, dk)
				if name == "alias" || name == "alias ARN" {
					outage(t, err)
					return
				}
				notAuthentic(t, err)
			})
		}
	})
}

// openersOf returns every kind of wrapping key that opens what arn sealed.
func openersOf(t *testing.T, b *backend, arn string) map[string]keyring.WrappingKey {
	t.Helper()
	openers := map[string]keyring.WrappingKey{}
	for name, keyID := range names(arn) {
		openers[name] = b.key(t, keyID)
	}
	var err error
	openers["multi-Region"], err = awskms.NewMultiRegion(b.client(home), arn, nil)
	require.NoError(t, err)
	openers["discovery"], err = awskms.NewDiscovery(b.client(home), everyone, nil)
	require.NoError(t, err)
	openers["multi-Region discovery"], err = awskms.NewMultiRegionDiscovery(b.client(home), home, everyone, nil)
	require.NoError(t, err)
	return openers
}

func TestEncryptedDataKeysOfOthersMakeNoCall(t *testing.T) {
	b := inProcess(t)
	arn := b.newKey(t, "orders")
	id := names(arn)["key id"]
	in := func(partition, region, account, id string) []byte {
		return []byte("arn:" + partition + ":kms:" + region + ":" + account + ":key/" + id)
	}
	// skip: those that cannot know without a call, or for which it is their own.
	for name, tt := range map[string]struct {
		providerID string
		info       []byte
		skip       []string
	}{
		"raw key":             {"acme", []byte("backup"), nil},
		"provider id empty":   {"", []byte(arn), nil},
		"KMS RSA":             {"aws-kms-rsa", []byte(arn), nil},
		"KMS ECDH":            {"aws-kms-ecdh", []byte(arn), nil},
		"branch key":          {"aws-kms-hierarchy", []byte("branch"), nil},
		"upper case provider": {"AWS-KMS", []byte(arn), nil},
		"key id":              {"aws-kms", []byte(id), nil},
		"alias":               {"aws-kms", []byte("alias/orders"), nil},
		"alias ARN":           {"aws-kms", []byte(names(arn)["alias ARN"]), nil},
		"not UTF-8":           {"aws-kms", []byte("\xff\xfe"), nil},
		"a zero byte":         {"aws-kms", []byte(arn + "\x00"), nil},
		"ARN cut short":       {"aws-kms", []byte(arn[:len(arn)-len(id)]), nil},
		"65,535 bytes":        {"aws-kms", bytes.Repeat([]byte("k"), 65535), nil},
		"another service":     {"aws-kms", []byte(strings.Replace(arn, ":kms:", ":s3:", 1)), nil},
		"another partition":   {"aws-kms", in("aws-cn", home, account, id), []string{"alias", "key id"}},
		"another account":     {"aws-kms", in("aws", home, "444455556666", id), []string{"alias", "key id"}},
		"another Region":      {"aws-kms", in("aws", away, account, id), []string{"alias", "key id", "discovery"}},
		"another key":         {"aws-kms", in("aws", home, account, idOne), []string{"alias", "alias ARN", "discovery", "multi-Region discovery"}},
	} {
		t.Run(name, func(t *testing.T) {
			edk := keyring.EncryptedDataKey{ProviderID: tt.providerID, ProviderInfo: tt.info, Ciphertext: []byte("wrapped")}
			for kind, key := range openersOf(t, b, arn) {
				if slices.Contains(tt.skip, kind) {
					continue
				}
				dk, err := key.Unwrap(t.Context(), edk, 32, orders)
				require.Nil(t, dk, kind)
				notMine(t, err)
				require.Less(t, len(err.Error()), 1000, "a message's bytes do not flood the text")
			}
			require.Zero(t, b.kms.Calls("*"))
		})
	}
}

// Objects of the S3 Encryption Client do not say which KMS key wrapped their
// data key.
func TestEncryptedDataKeyWithoutInfo(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		arn := b.newKey(t, "orders")
		dk, edk, err := b.key(t, arn).Generate(t.Context(), 32, orders)
		require.NoError(t, err)
		edk.ProviderInfo = nil
		other := b.key(t, b.newKey(t, ""))

		for _, keyID := range names(arn) {
			opensWith(t, b.key(t, keyID), edk, dk, orders)
		}
		_, err = other.Unwrap(t.Context(), edk, 32, orders)
		notAuthentic(t, err)

		calls := b.kms.Calls("*")
		for _, kind := range []string{"discovery", "multi-Region discovery"} {
			_, err := openersOf(t, b, arn)[kind].Unwrap(t.Context(), edk, 32, orders)
			notMine(t, err)
		}
		require.Equal(t, calls, b.kms.Calls("*"))

		point(t, b, other.String())
		_, err = b.key(t, "alias/orders").Unwrap(t.Context(), edk, 32, orders)
		outage(t, err)
	})
}

func TestContextWithoutSerializationMakesNoCall(t *testing.T) {
	b := inProcess(t)
	key := b.key(t, b.newKey(t, ""))
	dk, edk, err := key.Generate(t.Context(), 32, nil)
	require.NoError(t, err)
	calls := b.kms.Calls("*")
	for name, ec := range map[string]keyring.EncryptionContext{
		"a name that is not UTF-8":  {"\xff": "v"},
		"a value that is not UTF-8": {"k": "\xff"},
		"65,536 bytes":              {"k": strings.Repeat("v", 65536)},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := key.Generate(t.Context(), 32, ec)
			require.ErrorIs(t, err, fault.ErrContext)
			_, err = key.Wrap(t.Context(), dk, ec)
			require.ErrorIs(t, err, fault.ErrContext)
			_, err = key.Unwrap(t.Context(), edk, 32, ec)
			require.ErrorIs(t, err, fault.ErrContext)
			_, err = key.Rewrap(t.Context(), key, edk, ec)
			require.ErrorIs(t, err, fault.ErrContext)
		})
	}
	require.Equal(t, calls, b.kms.Calls("*"))
}

func TestDataKeySizes(t *testing.T) {
	b := inProcess(t)
	key := b.key(t, b.newKey(t, ""))
	for _, size := range []int{1, 1024} {
		dk, edk, err := key.Generate(t.Context(), size, nil)
		require.NoError(t, err)
		opensWith(t, key, edk, dk, nil)
	}
	largest := keyring.NewDataKey(secretBytes(4096))
	edk, err := key.Wrap(t.Context(), largest, nil)
	require.NoError(t, err)
	opensWith(t, key, edk, largest, nil)

	calls := b.kms.Calls("*")
	for _, size := range []int{-1, 0, 1025, math.MaxInt} {
		_, _, err := key.Generate(t.Context(), size, nil)
		outage(t, err)
	}
	for _, size := range []int{-1, 0, 4097} {
		_, err := key.Unwrap(t.Context(), edk, size, nil)
		notAuthentic(t, err)
	}
	destroyed := keyring.NewDataKey(secretBytes(32))
	destroyed.Destroy()
	for _, dk := range []*keyring.DataKey{nil, destroyed, keyring.NewDataKey(secretBytes(4097))} {
		_, err := key.Wrap(t.Context(), dk, nil)
		outage(t, err)
	}
	require.Equal(t, calls, b.kms.Calls("*"))
}
