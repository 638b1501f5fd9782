package keyring_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sealwax/sealwax/internal/fault"
	"github.com/sealwax/sealwax/keyring"
	"github.com/sealwax/sealwax/keyring/keyringtest"
)

func TestRawAESConformance(t *testing.T) {
	for _, n := range []int{16, 24, 32} {
		t.Run(fmt.Sprintf("%d bytes", n), func(t *testing.T) {
			secret := count(0x80, n)
			keyringtest.TestWrappingKey(t, rawAES(t, "acme", "backup", secret), &keyringtest.Options{
				Other:    rawAES(t, "acme", "backup2", secret),
				Namesake: rawAES(t, "acme", "backup", count(0x81, n)),
				Secrets:  [][]byte{secret},
			})
		})
	}
}

func TestRawAESArguments(t *testing.T) {
	long := strings.Repeat("n", 65535)
	for _, tt := range []struct {
		what            string
		namespace, name string
		key             []byte
		ok              bool
	}{
		{"16 bytes", "acme", "k", count(0, 16), true},
		{"24 bytes", "acme", "k", count(0, 24), true},
		{"32 bytes", "acme", "k", count(0, 32), true},
		{"no key", "acme", "k", nil, false},
		{"15 bytes", "acme", "k", count(0, 15), false},
		{"17 bytes", "acme", "k", count(0, 17), false},
		{"33 bytes", "acme", "k", count(0, 33), false},
		{"64 bytes", "acme", "k", count(0, 64), false},
		{"no namespace", "", "k", count(0, 32), false},
		{"no name", "acme", "", count(0, 32), false},
		{"the namespace of KMS", "aws-kms", "k", count(0, 32), false},
		{"a namespace that begins like it", "aws-kms-mine", "k", count(0, 32), false},
		{"a namespace that has it elsewhere", "my-aws-kms", "k", count(0, 32), true},
		{"a namespace that is not UTF-8", "\xff", "k", count(0, 32), false},
		{"a name that is not UTF-8", "acme", "\xff", count(0, 32), false},
		{"non-ASCII names", "ácme", "密", count(0, 32), true},
		{"the longest names", long, long[:65535-20], count(0, 32), true},
		{"a namespace too long", long + "n", "k", count(0, 32), false},
		{"a name too long", "acme", long[:65535-19], count(0, 32), false},
	} {
		t.Run(tt.what, func(t *testing.T) {
			k, err := keyring.NewRawAES(tt.namespace, tt.name, tt.key)
			if (err == nil) != tt.ok || (k != nil) != tt.ok {
				t.Errorf("error %v, key %v", err, k)
			}
			if err != nil && len(err.Error()) > 400 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			if !tt.ok {
				return
			}
			edk, err := k.Wrap(t.Context(), keyring.NewDataKey(count(1, 32)), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := k.Unwrap(t.Context(), edk, 32, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRawAESDoesNotRetainTheKey(t *testing.T) {
	b := count(0, 32)
	k := rawAES(t, "acme", "k", b)
	clear(b)
	edk, err := k.Wrap(t.Context(), keyring.NewDataKey(count(1, 32)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rawAES(t, "acme", "k", count(0, 32)).Unwrap(t.Context(), edk, 32, nil); err != nil {
		t.Error(err)
	}
}

// The layout, taken apart and decrypted without the package under test.
func TestRawAESLayout(t *testing.T) {
	secret, dataKey := count(0, 32), count(0x40, 24)
	ec := map[string]string{"b": "2", "a": "1"}
	edk, err := rawAES(t, "acme", "backup", secret).Wrap(t.Context(), keyring.NewDataKey(bytes.Clone(dataKey)), ec)
	if err != nil {
		t.Fatal(err)
	}
	if edk.ProviderID != "acme" {
		t.Errorf("provider id %q", edk.ProviderID)
	}
	prefix := "backup\x00\x00\x00\x80\x00\x00\x00\x0c"
	if len(edk.ProviderInfo) != len(prefix)+12 || !strings.HasPrefix(string(edk.ProviderInfo), prefix) {
		t.Fatalf("provider info % x", edk.ProviderInfo)
	}
	if len(edk.Ciphertext) != 24+16 {
		t.Errorf("ciphertext of %d bytes", len(edk.Ciphertext))
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	ad := []byte("\x00\x02\x00\x01a\x00\x011\x00\x01b\x00\x012")
	got, err := gcm.Open(nil, edk.ProviderInfo[len(prefix):], edk.Ciphertext, ad)
	if err != nil || !bytes.Equal(got, dataKey) {
		t.Errorf("data key % x, error %v", got, err)
	}
}

func TestRawAESNoncesAreFresh(t *testing.T) {
	k := rawAES(t, "acme", "k", count(0, 32))
	seen := map[string]bool{}
	for range 1000 {
		edk, err := k.Wrap(t.Context(), keyring.NewDataKey(count(1, 32)), nil)
		if err != nil {
			t.Fatal(err)
		}
		if seen[string(edk.ProviderInfo)] {
			t.Fatal("a nonce came twice")
		}
		seen[string(edk.ProviderInfo)] = true
	}
}

// Whose an EDK is, is seen from all fields that are not random.
func TestRawAESIsMine(t *testing.T) {
	k := rawAES(t, "acme", "key", count(0, 32))
	good, err := k.Wrap(t.Context(), keyring.NewDataKey(count(1, 32)), nil)
	if err != nil {
		t.Fatal(err)
	}
	nonce := string(good.ProviderInfo[len(good.ProviderInfo)-12:])
	for _, tt := range []struct {
		what, id, info string
		want           error
	}{
		{"as it was", "acme", "key\x00\x00\x00\x80\x00\x00\x00\x0c" + nonce, nil},
		{"another namespace", "acmE", "key\x00\x00\x00\x80\x00\x00\x00\x0c" + nonce, keyring.ErrNotMine},
		{"another name", "acme", "keY\x00\x00\x00\x80\x00\x00\x00\x0c" + nonce, keyring.ErrNotMine},
		{"a longer name", "acme", "key2\x00\x00\x00\x80\x00\x00\x00\x0c" + nonce, keyring.ErrNotMine},
		{"a shorter name", "acme", "ke\x00\x00\x00\x80\x00\x00\x00\x0c" + nonce, keyring.ErrNotMine},
		{"the name alone", "acme", "key", keyring.ErrNotMine},
		{"nothing", "acme", "", keyring.ErrNotMine},
		{"tags of 96 bits", "acme", "key\x00\x00\x00\x60\x00\x00\x00\x0c" + nonce, keyring.ErrNotMine},
		{"tags of 16 bits", "acme", "key\x00\x00\x00\x10\x00\x00\x00\x0c" + nonce, keyring.ErrNotMine},
		{"nonces of 11 bytes", "acme", "key\x00\x00\x00\x80\x00\x00\x00\x0b" + nonce[1:], keyring.ErrNotMine},
		{"nonces of 16 bytes", "acme", "key\x00\x00\x00\x80\x00\x00\x00\x10" + nonce + nonce[:4], keyring.ErrNotMine},
		{"a nonce cut short", "acme", "key\x00\x00\x00\x80\x00\x00\x00\x0c" + nonce[1:], keyring.ErrNotMine},
		{"another nonce", "acme", "key\x00\x00\x00\x80\x00\x00\x00\x0c" + nonce[1:] + "x", keyring.ErrNotAuthentic},
	} {
		t.Run(tt.what, func(t *testing.T) {
			_, err := k.Unwrap(t.Context(), keyring.EncryptedDataKey{ProviderID: tt.id, ProviderInfo: []byte(tt.info), Ciphertext: good.Ciphertext}, 32, nil)
			if !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

func TestRawAESRefusesContextsWithoutSerialization(t *testing.T) {
	k := rawAES(t, "acme", "key", count(0, 32))
	edk, err := k.Wrap(t.Context(), keyring.NewDataKey(count(1, 32)), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, ec := range []map[string]string{{"\xff": ""}, {"": "\xff"}, {"k": strings.Repeat("v", 65536)}} {
		if _, err := k.Wrap(t.Context(), keyring.NewDataKey(count(1, 32)), ec); !errors.Is(err, fault.ErrContext) {
			t.Errorf("Wrap: %v", err)
		}
		if _, err := k.Unwrap(t.Context(), edk, 32, ec); !errors.Is(err, fault.ErrContext) {
			t.Errorf("Unwrap: %v", err)
		}
	}
}

func TestRawAESOpensWhatJavaScriptWrapped(t *testing.T) {
	if len(javaScript().RawAES) < 15 {
		t.Fatalf("%d vectors", len(javaScript().RawAES))
	}
	for _, v := range javaScript().RawAES {
		t.Run(v.Name, func(t *testing.T) {
			k := rawAES(t, "acme", "näme", count(0, v.KeyLength))
			dk, err := k.Unwrap(t.Context(), v.edk(), len(v.DataKey), v.Context)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(bytesOf(dk), v.DataKey) {
				t.Error("another data key")
			}
			if len(v.Context) == 0 {
				return
			}
			for name := range v.Context {
				v.Context[name] += "x"
				break
			}
			if _, err := k.Unwrap(t.Context(), v.edk(), len(v.DataKey), v.Context); !errors.Is(err, keyring.ErrNotAuthentic) {
				t.Errorf("with another value: error %v", err)
			}
		})
	}
}

// The published messages that raw AES keys sealed: their wrapping key is not
// published, but whose their EDKs are is.
func TestRawAESKnowsPublishedEDKs(t *testing.T) {
	b, err := os.ReadFile("../../shared/vectors/commitment.json")
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the published vectors are not here: ../../shared/vectors/commitment.json")
	}
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Tests []struct {
			Header      string `json:"header"` // base64
			KeyringType string `json:"keyring-type"`
		} `json:"tests"`
	}
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	k := rawAES(t, "ProviderName", "KeyId", count(0, 32))
	n := 0
	for _, v := range vectors.Tests {
		if v.KeyringType != "static" {
			continue
		}
		n++
		// version 1, suite 2, message id 32, context length 2 (it is empty), EDK count 2
		header, err := base64.StdEncoding.DecodeString(v.Header)
		if err != nil {
			t.Fatal(err)
		}
		edk := readEDK(header[39:])
		if _, err := k.Unwrap(t.Context(), edk, 32, nil); !errors.Is(err, keyring.ErrNotAuthentic) {
			t.Errorf("error %v, want one that matches ErrNotAuthentic", err)
		}
	}
	if n == 0 {
		t.Error("no such message")
	}
}

func readEDK(b []byte) keyring.EncryptedDataKey {
	field := func() (f []byte) {
		n := 2 + int(binary.BigEndian.Uint16(b))
		f, b = b[2:n], b[n:]
		return f
	}
	return keyring.EncryptedDataKey{ProviderID: string(field()), ProviderInfo: field(), Ciphertext: field()}
}
