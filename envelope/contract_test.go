package envelope_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring"
)

// A keyring that breaks its contract does not get a message out.
func TestKeyringsThatAnswerBadlyToSealing(t *testing.T) {
	unsigned, signed := envelope.AES256GCMHKDFSHA512Commit, envelope.AES256GCMHKDFSHA512CommitECDSAP384
	for _, tt := range []struct {
		what     string
		suite    envelope.Suite
		change   func(m *keyring.EncryptionMaterials)
		category error // nil: an error of any kind
	}{
		{"no data key", unsigned, func(m *keyring.EncryptionMaterials) { m.DataKey = nil }, envelope.ErrPolicy},
		{"an empty data key", unsigned, func(m *keyring.EncryptionMaterials) { m.DataKey.Destroy() }, envelope.ErrPolicy},
		{"a data key that is too short", unsigned, func(m *keyring.EncryptionMaterials) { m.DataKey = keyring.NewDataKey(make([]byte, 31)) }, envelope.ErrPolicy},
		{"a data key that is too long", unsigned, func(m *keyring.EncryptionMaterials) { m.DataKey = keyring.NewDataKey(make([]byte, 33)) }, envelope.ErrPolicy},
		{"no EDKs", unsigned, func(m *keyring.EncryptionMaterials) { m.EncryptedDataKeys = nil }, envelope.ErrPolicy},
		{"more EDKs than allowed", unsigned, func(m *keyring.EncryptionMaterials) {
			m.EncryptedDataKeys = make([]keyring.EncryptedDataKey, 65)
		}, envelope.ErrPolicy},
		{"an EDK of a provider that is not UTF-8", unsigned, func(m *keyring.EncryptionMaterials) {
			m.EncryptedDataKeys = []keyring.EncryptedDataKey{{ProviderID: "\xff"}}
		}, nil},
		{"an EDK with a field of 65,536 bytes", unsigned, func(m *keyring.EncryptionMaterials) {
			m.EncryptedDataKeys = []keyring.EncryptedDataKey{{Ciphertext: make([]byte, 65536)}}
		}, nil},
		{"EDKs beyond MaxHeaderSize", unsigned, func(m *keyring.EncryptionMaterials) {
			m.EncryptedDataKeys = make([]keyring.EncryptedDataKey, 17)
			for i := range m.EncryptedDataKeys {
				m.EncryptedDataKeys[i].Ciphertext = make([]byte, 65535)
			}
		}, envelope.ErrPolicy},
		{"no context", unsigned, func(m *keyring.EncryptionMaterials) { m.EncryptionContext = nil }, envelope.ErrContext},
		{"another value", unsigned, func(m *keyring.EncryptionMaterials) { m.EncryptionContext["a"] = "c" }, envelope.ErrContext},
		{"a context that is not UTF-8", unsigned, func(m *keyring.EncryptionMaterials) { m.EncryptionContext["\xff"] = "" }, envelope.ErrContext},
		{"a context that is too long", unsigned, func(m *keyring.EncryptionMaterials) {
			m.EncryptionContext["long"] = strings.Repeat("v", 65535)
		}, envelope.ErrContext},
		{"an unknown suite", unsigned, func(m *keyring.EncryptionMaterials) { m.Suite = 0x0579 }, envelope.ErrPolicy},
		{"a suite that the policy forbids", unsigned, func(m *keyring.EncryptionMaterials) { m.Suite = envelope.AES256GCMHKDFSHA256 }, envelope.ErrPolicy},
		{"a public key in an unsigned message", unsigned, func(m *keyring.EncryptionMaterials) { addSigningKey384(m); m.SigningKey = nil }, envelope.ErrPolicy},
		{"a signing key for an unsigned message", unsigned, func(m *keyring.EncryptionMaterials) {
			addSigningKey384(m)
			delete(m.EncryptionContext, keyring.PublicKeyName)
		}, envelope.ErrPolicy},
		{"both for an unsigned message", unsigned, addSigningKey384, envelope.ErrPolicy},
		{"no signing key", signed, func(m *keyring.EncryptionMaterials) { m.SigningKey = nil }, envelope.ErrPolicy},
		{"no public key", signed, func(m *keyring.EncryptionMaterials) { delete(m.EncryptionContext, keyring.PublicKeyName) }, envelope.ErrPolicy},
		{"neither", signed, func(m *keyring.EncryptionMaterials) {
			m.SigningKey = nil
			delete(m.EncryptionContext, keyring.PublicKeyName)
		}, envelope.ErrPolicy},
		{"a public key of another signing key", signed, func(m *keyring.EncryptionMaterials) {
			key := m.SigningKey
			addSigningKey(m)
			m.SigningKey = key
		}, envelope.ErrPolicy},
		{"a public key that is none", signed, func(m *keyring.EncryptionMaterials) {
			m.EncryptionContext[keyring.PublicKeyName] = "none"
		}, envelope.ErrPolicy},
		{"a signing key of another curve", signed, func(m *keyring.EncryptionMaterials) {
			m.SigningKey, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		}, envelope.ErrPolicy},
	} {
		t.Run(tt.what, func(t *testing.T) {
			keys := keyringFuncs{seal: func(req *keyring.EncryptionRequest) (*keyring.EncryptionMaterials, error) {
				m, err := newTestKeys().EncryptionMaterials(t.Context(), req)
				if err == nil {
					tt.change(m)
				}
				return m, err
			}}
			c := newClient(t, keys, &envelope.Options{Suite: tt.suite, Workers: 1})
			for _, way := range sealingWays(64 << 10) {
				msg, err := way.seal(t.Context(), c, []byte("content"), envelope.Context{"a": "b"})
				if err == nil || tt.category != nil && !errors.Is(err, tt.category) || msg != nil {
					t.Errorf("%s: %d bytes, error %v, want %v", way.name, len(msg), err, tt.category)
				}
			}
		})
	}
}

func addSigningKey384(m *keyring.EncryptionMaterials) {
	m.Suite = envelope.AES256GCMHKDFSHA512CommitECDSAP384
	addSigningKey(m)
	m.Suite = envelope.AES256GCMHKDFSHA512Commit
}

func TestKeyringsThatAnswerNothing(t *testing.T) {
	msg := seal(t, newClient(t, newTestKeys(), nil), nil, nil)
	c := newClient(t, keyringFuncs{
		seal: func(*keyring.EncryptionRequest) (*keyring.EncryptionMaterials, error) { return nil, nil },
		open: func(*keyring.DecryptionRequest) (*keyring.DecryptionMaterials, error) { return nil, nil },
	}, nil)
	for _, way := range sealingWays(64 << 10) {
		if got, err := way.seal(t.Context(), c, nil, nil); err == nil || got != nil {
			t.Errorf("%s: %d bytes, error %v", way.name, len(got), err)
		}
	}
	for _, way := range openingWays() {
		if got, err := way.open(t.Context(), c, msg, nil); err == nil || isRefusal(err) || got != nil {
			t.Errorf("%s: %q, error %v", way.name, got, err)
		}
	}
}

func TestKeyringsThatAnswerBadlyToOpening(t *testing.T) {
	for _, suite := range allSuites() {
		msg := seal(t, newClient(t, newTestKeys(), optionsOf(suite, 0, 1)), []byte("content"), nil)
		good := newTestKeys().key(suite)
		for _, tt := range []struct {
			what     string
			key      []byte
			category error
		}{
			{"no data key", nil, envelope.ErrPolicy},
			{"a data key that is too short", good[1:], envelope.ErrPolicy},
			{"a data key that is too long", append(bytes.Clone(good), 0), envelope.ErrPolicy},
			{"another data key", make([]byte, len(good)), envelope.ErrAuthentication},
		} {
			c := newClient(t, holding(tt.key), optionsOf(suite, 0, 1))
			for _, way := range openingWays() {
				got, err := way.open(t.Context(), c, msg, nil)
				if !errors.Is(err, tt.category) || len(got) > 0 {
					t.Errorf("%v, %s, %s: %q, error %v, want %v", suite, tt.what, way.name, got, err, tt.category)
				}
			}
		}
	}
}

// A keyring may add pairs to the context, which then belong to the message.
func TestKeyringsThatAddPairs(t *testing.T) {
	keys := newTestKeys()
	adding := keyringFuncs{open: func(req *keyring.DecryptionRequest) (*keyring.DecryptionMaterials, error) {
		return keys.DecryptionMaterials(t.Context(), req)
	}, seal: func(req *keyring.EncryptionRequest) (*keyring.EncryptionMaterials, error) {
		m, err := keys.EncryptionMaterials(t.Context(), req)
		m.EncryptionContext["added"] = "1"
		return m, err
	}}
	c := newClient(t, adding, nil)
	msg := seal(t, c, nil, envelope.Context{"a": "b"})
	if _, err := c.Open(t.Context(), msg, envelope.Context{"a": "b"}); !errors.Is(err, envelope.ErrContext) {
		t.Errorf("without the added pair: %v", err)
	}
	if _, err := c.Open(t.Context(), msg, envelope.Context{"a": "b", "added": "1"}); err != nil {
		t.Errorf("with it: %v", err)
	}
}

// Data keys that the keyring hands out are destroyed, whatever comes of the
// message.
func TestDataKeysAreDestroyed(t *testing.T) {
	var handed []*keyring.DataKey
	keys := newTestKeys()
	noting := keyringFuncs{
		seal: func(req *keyring.EncryptionRequest) (*keyring.EncryptionMaterials, error) {
			m, err := keys.EncryptionMaterials(t.Context(), req)
			handed = append(handed, m.DataKey)
			return m, err
		},
		open: func(req *keyring.DecryptionRequest) (*keyring.DecryptionMaterials, error) {
			m, err := keys.DecryptionMaterials(t.Context(), req)
			handed = append(handed, m.DataKey)
			return m, err
		},
	}
	for _, suite := range allSuites() {
		c := newClient(t, noting, optionsOf(suite, 16, 2))
		msg := seal(t, c, pattern(100), nil)
		damaged := bytes.Clone(msg)
		damaged[len(damaged)-150]++
		for _, way := range sealingWays(16) {
			if _, err := way.seal(t.Context(), c, pattern(100), nil); err != nil {
				t.Error(err)
			}
		}
		for _, way := range openingWays() {
			if _, err := way.open(t.Context(), c, msg, nil); err != nil {
				t.Error(err)
			}
			if _, err := way.open(t.Context(), c, damaged, nil); err == nil {
				t.Error("a damaged message opens")
			}
		}
	}
	for i, dk := range handed {
		if dk.Len() != 0 {
			t.Fatalf("data key %d of %d still has %d bytes", i, len(handed), dk.Len())
		}
	}
	if len(handed) < 100 {
		t.Errorf("only %d data keys were handed out", len(handed))
	}
}

// A cancelled context reaches the keyring, and its error the caller.
func TestCancelledContext(t *testing.T) {
	ctx, cancel := cancelled(t)
	defer cancel()
	c := newClient(t, newTestKeys(), nil)
	msg := seal(t, c, nil, nil)
	for _, way := range sealingWays(64 << 10) {
		if _, err := way.seal(ctx, c, nil, nil); !errors.Is(err, ctx.Err()) {
			t.Errorf("%s: %v", way.name, err)
		}
	}
	for _, way := range openingWays() {
		if _, err := way.open(ctx, c, msg, nil); !errors.Is(err, ctx.Err()) || isRefusal(err) {
			t.Errorf("%s: %v", way.name, err)
		}
	}
}
