package keyring_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"testing"

	"github.com/sealwax/sealwax/keyring"
	"github.com/sealwax/sealwax/keyring/keyringtest"
)

var otherRSA = func() func(t testing.TB) *rsa.PrivateKey {
	var key *rsa.PrivateKey
	return func(t testing.TB) *rsa.PrivateKey {
		t.Helper()
		if key == nil {
			var err error
			if key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
				t.Fatal(err)
			}
		}
		return key
	}
}()

func TestRawRSAConformance(t *testing.T) {
	key, other := testRSA(), otherRSA(t)
	for _, padding := range paddings {
		t.Run(padding.String(), func(t *testing.T) {
			keyringtest.TestWrappingKey(t, rawRSA(t, "acme", "backup", padding, &key.PublicKey, key), &keyringtest.Options{
				Other:     rawRSA(t, "acme", "backup2", padding, &key.PublicKey, nil),
				Namesake:  rawRSA(t, "acme", "backup", padding, &other.PublicKey, nil),
				Unbound:   true,
				Malleable: padding == keyring.PKCS1v15,
				Secrets:   [][]byte{key.D.Bytes(), key.Primes[0].Bytes(), key.Primes[1].Bytes()},
			})
		})
	}
	t.Run("private key alone", func(t *testing.T) {
		keyringtest.TestWrappingKey(t, rawRSA(t, "acme", "backup", keyring.OAEPSHA256, nil, key), &keyringtest.Options{
			Sealer:  rawRSA(t, "acme", "backup", keyring.OAEPSHA256, &key.PublicKey, nil),
			Unbound: true,
			Secrets: [][]byte{key.D.Bytes()},
		})
	})
}

func TestRawRSAOpensWhatJavaScriptWrapped(t *testing.T) {
	if len(javaScript().RawRSA) != 3*len(paddings) {
		t.Fatalf("%d vectors", len(javaScript().RawRSA))
	}
	for _, v := range javaScript().RawRSA {
		for _, padding := range paddings {
			t.Run(fmt.Sprintf("%s, opened as %v", v.Name, padding), func(t *testing.T) {
				dk, err := rawRSA(t, "acme", "näme", padding, nil, testRSA()).Unwrap(t.Context(), v.edk(), len(v.DataKey), v.Context)
				same := err == nil && bytes.Equal(bytesOf(dk), v.DataKey)
				switch {
				case padding.String() == v.Padding && !same:
					t.Errorf("error %v", err)
				case padding.String() != v.Padding && same:
					t.Error("it opened")
				case padding.String() != v.Padding && padding != keyring.PKCS1v15 && !errors.Is(err, keyring.ErrNotAuthentic):
					t.Errorf("error %v, want one that matches ErrNotAuthentic", err)
				}
			})
		}
	}
}

// The layout, decrypted without the package under test.
func TestRawRSALayout(t *testing.T) {
	key := testRSA()
	for _, padding := range paddings {
		t.Run(padding.String(), func(t *testing.T) {
			edk, err := rawRSA(t, "acme", "backup", padding, &key.PublicKey, nil).Wrap(t.Context(), keyring.NewDataKey(count(1, 24)), nil)
			if err != nil {
				t.Fatal(err)
			}
			if edk.ProviderID != "acme" || string(edk.ProviderInfo) != "backup" || len(edk.Ciphertext) != 256 {
				t.Errorf("provider id %q, provider info %q, ciphertext of %d bytes", edk.ProviderID, edk.ProviderInfo, len(edk.Ciphertext))
			}
			var opts crypto.DecrypterOpts
			switch padding {
			case keyring.OAEPSHA1:
				opts = &rsa.OAEPOptions{Hash: crypto.SHA1}
			case keyring.OAEPSHA256:
				opts = &rsa.OAEPOptions{Hash: crypto.SHA256}
			case keyring.OAEPSHA384:
				opts = &rsa.OAEPOptions{Hash: crypto.SHA384}
			case keyring.OAEPSHA512:
				opts = &rsa.OAEPOptions{Hash: crypto.SHA512}
			}
			got, err := key.Decrypt(nil, edk.Ciphertext, opts)
			if err != nil || !bytes.Equal(got, count(1, 24)) {
				t.Errorf("data key % x, error %v", got, err)
			}
		})
	}
}

func TestRawRSAArguments(t *testing.T) {
	key, other := testRSA(), otherRSA(t)
	public := &key.PublicKey
	short := &rsa.PublicKey{N: new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 2047), big.NewInt(1)), E: 65537} // 2,047 bits
	broken := *key
	broken.D = new(big.Int).Add(key.D, big.NewInt(2))
	broken.Precomputed = rsa.PrecomputedValues{}
	for _, tt := range []struct {
		what            string
		namespace, name string
		padding         keyring.RSAPadding
		public          *rsa.PublicKey
		private         *rsa.PrivateKey
		ok              bool
	}{
		{"a pair", "acme", "k", keyring.OAEPSHA256, public, key, true},
		{"the public key", "acme", "k", keyring.OAEPSHA256, public, nil, true},
		{"the private key", "acme", "k", keyring.OAEPSHA256, nil, key, true},
		{"neither key", "acme", "k", keyring.OAEPSHA256, nil, nil, false},
		{"two keys that are no pair", "acme", "k", keyring.OAEPSHA256, public, other, false},
		{"no padding", "acme", "k", 0, public, key, false},
		{"an unknown padding", "acme", "k", keyring.OAEPSHA512 + 1, public, key, false},
		{"a negative padding", "acme", "k", -1, public, key, false},
		{"no namespace", "", "k", keyring.OAEPSHA256, public, key, false},
		{"no name", "acme", "", keyring.OAEPSHA256, public, key, false},
		{"the namespace of KMS", "aws-kms-rsa", "k", keyring.OAEPSHA256, public, key, false},
		{"an empty public key", "acme", "k", keyring.OAEPSHA256, &rsa.PublicKey{}, nil, false},
		{"an empty private key", "acme", "k", keyring.OAEPSHA256, nil, &rsa.PrivateKey{}, false},
		{"a private key without its numbers", "acme", "k", keyring.OAEPSHA256, nil, &rsa.PrivateKey{PublicKey: *public}, false},
		{"a private key that is wrong", "acme", "k", keyring.OAEPSHA256, nil, &broken, false},
		{"a modulus of 2,047 bits", "acme", "k", keyring.OAEPSHA256, short, nil, false},
		{"an even exponent", "acme", "k", keyring.OAEPSHA256, &rsa.PublicKey{N: public.N, E: 4}, nil, false},
		{"the exponent 1", "acme", "k", keyring.OAEPSHA256, &rsa.PublicKey{N: public.N, E: 1}, nil, false},
	} {
		t.Run(tt.what, func(t *testing.T) {
			k, err := keyring.NewRawRSA(tt.namespace, tt.name, tt.padding, tt.public, tt.private)
			if (err == nil) != tt.ok || (k != nil) != tt.ok {
				t.Errorf("error %v, key %v", err, k)
			}
		})
	}
}

func TestRawRSAHalves(t *testing.T) {
	key := testRSA()
	public := rawRSA(t, "acme", "k", keyring.OAEPSHA256, &key.PublicKey, nil)
	private := rawRSA(t, "acme", "k", keyring.OAEPSHA256, nil, key)

	if _, err := private.Wrap(t.Context(), keyring.NewDataKey(count(1, 32)), nil); !errors.Is(err, keyring.ErrOpenOnly) {
		t.Errorf("Wrap with the private key alone: %v", err)
	}
	edk, err := public.Wrap(t.Context(), keyring.NewDataKey(count(1, 32)), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = public.Unwrap(t.Context(), edk, 32, nil)
	if err == nil || errors.Is(err, keyring.ErrNotMine) || errors.Is(err, keyring.ErrNotAuthentic) {
		t.Errorf("Unwrap with the public key alone: error %v, want one that says nothing of the EDK", err)
	}
	edk.ProviderInfo = []byte("another")
	if _, err = public.Unwrap(t.Context(), edk, 32, nil); !errors.Is(err, keyring.ErrNotMine) {
		t.Errorf("Unwrap with the public key alone of another key's EDK: %v", err)
	}
	if dk, err := private.Unwrap(t.Context(), keyring.EncryptedDataKey{ProviderID: "acme", ProviderInfo: []byte("k"), Ciphertext: append([]byte{0}, edk.Ciphertext...)}, 32, nil); !errors.Is(err, keyring.ErrNotAuthentic) {
		t.Errorf("a ciphertext of 257 bytes: key %v, error %v", dk, err)
	}
}

// A changed PKCS #1 v1.5 EDK is answered like a good one, and never twice with
// the same key: nothing tells whether its padding was right.
func TestRawRSAPKCS1v15IsNoOracle(t *testing.T) {
	key := testRSA()
	k := rawRSA(t, "acme", "k", keyring.PKCS1v15, &key.PublicKey, key)
	edk, err := k.Wrap(t.Context(), keyring.NewDataKey(count(1, 32)), nil)
	if err != nil {
		t.Fatal(err)
	}
	edk.Ciphertext[100] ^= 1
	var keys [2][]byte
	for i := range keys {
		dk, err := k.Unwrap(t.Context(), edk, 32, nil)
		if err != nil {
			t.Fatal(err)
		}
		keys[i] = bytesOf(dk)
	}
	if len(keys[0]) != 32 || bytes.Equal(keys[0], make([]byte, 32)) || bytes.Equal(keys[0], keys[1]) {
		t.Error("the answers are not random")
	}
}
