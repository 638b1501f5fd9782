package keyringtest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/sealwax/sealwax/internal/fault"
	"github.com/sealwax/sealwax/internal/suite"
	"github.com/sealwax/sealwax/keyring"
)

// KeyringOptions say what kind of keyring is tested. The zero KeyringOptions
// ask for everything, with every suite.
type KeyringOptions struct {
	// Suites are those that the keyring supplies materials for. Nil: all.
	Suites []keyring.Suite
	// Other is a keyring that has no wrapping key in common: its EDKs must not
	// open. Nil: not tested.
	Other keyring.Keyring
	// Unbound: some EDK does not bind the encryption context, as with RSA.
	Unbound bool
	// Malleable: a changed EDK may yield a data key, though not the one that was
	// wrapped, as with RSA PKCS #1 v1.5.
	Malleable bool
	// Secrets are byte strings of at least 16 bytes that no rendering of the
	// keyring may show.
	Secrets [][]byte
}

// TestKeyring tests keys for conformance with [keyring.Keyring]. opts may be
// nil.
func TestKeyring(t *testing.T, keys keyring.Keyring, opts *KeyringOptions) {
	s := &keyringSuite{keys: keys}
	if opts != nil {
		s.opts = *opts
	}
	if s.opts.Suites == nil {
		for _, entry := range suite.All() {
			s.opts.Suites = append(s.opts.Suites, keyring.Suite(entry.ID))
		}
	}
	for _, id := range s.opts.Suites {
		t.Run(id.String(), func(t *testing.T) { s.materials(t, id) })
	}
	t.Run("reserved names are refused", s.reserved)
	t.Run("a context that has no serialization is refused", s.badContext)
	t.Run("no EDK, foreign and changed ones do not open", s.foreign)
	t.Run("an EDK opens among others", s.among)
	t.Run("another context does not open", s.otherContext)
	t.Run("an ended context is no verdict", s.ended)
	t.Run("answers are copies", s.copies)
	t.Run("concurrent use", s.concurrent)
	t.Run("renderings show no secret", func(t *testing.T) { TestRedaction(t, keys, s.opts.Secrets...) })
}

type keyringSuite struct {
	keys keyring.Keyring
	opts KeyringOptions
}

// encrypt asks for materials and checks them.
func (s *keyringSuite) encrypt(t *testing.T, id keyring.Suite, ec keyring.EncryptionContext) *keyring.EncryptionMaterials {
	t.Helper()
	given := maps.Clone(ec)
	m, err := s.keys.EncryptionMaterials(t.Context(), &keyring.EncryptionRequest{Suite: id, EncryptionContext: given, PlaintextLength: 1})
	if err != nil {
		t.Fatalf("EncryptionMaterials: %v", err)
	}
	if !maps.Equal(given, ec) {
		t.Errorf("EncryptionMaterials changed the request's context")
	}
	if !m.Suite.Known() {
		t.Fatalf("EncryptionMaterials: %v", m.Suite)
	}
	if m.DataKey.Len() != m.Suite.KeyLength() {
		t.Errorf("a data key of %d bytes, want %d", m.DataKey.Len(), m.Suite.KeyLength())
	}
	if len(m.EncryptedDataKeys) == 0 {
		t.Error("no EDK")
	}
	for _, edk := range m.EncryptedDataKeys {
		checkEDK(t, edk)
	}
	for name, value := range ec {
		if got, ok := m.EncryptionContext[name]; !ok || got != value {
			t.Errorf("the materials' context lacks a pair of the request's")
		}
	}
	checkSigningKey(t, m)
	return m
}

// checkSigningKey checks that a signature by the materials' key verifies with
// the public key in their context, if the suite signs, and that there is
// neither if it does not.
func checkSigningKey(t *testing.T, m *keyring.EncryptionMaterials) {
	t.Helper()
	text, ok := m.EncryptionContext[keyring.PublicKeyName]
	if !m.Suite.Signed() {
		if ok || m.SigningKey != nil {
			t.Error("the suite does not sign, but the materials have a signing key")
		}
		return
	}
	entry, _ := suite.Lookup(suite.ID(m.Suite))
	point, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatalf("public key in the context: %v", err)
	}
	x, y := elliptic.UnmarshalCompressed(entry.Curve, point)
	if x == nil {
		t.Fatalf("public key in the context: not a compressed point of %s", entry.Curve.Params().Name)
	}
	n := len(point) - 1
	uncompressed := append([]byte{4}, make([]byte, 2*n)...)
	x.FillBytes(uncompressed[1 : 1+n])
	y.FillBytes(uncompressed[1+n:])
	public, err := ecdsa.ParseUncompressedPublicKey(entry.Curve, uncompressed)
	if err != nil {
		t.Fatalf("public key in the context: %v", err)
	}
	digest := sha512.Sum512([]byte("a message"))
	hashed := digest[:entry.SignatureHash.Size()]
	signature, err := m.SigningKey.Sign(rand.Reader, hashed, entry.SignatureHash)
	if err != nil {
		t.Fatalf("Sign: %v", err)
	}
	if !ecdsa.VerifyASN1(public, hashed, signature) {
		t.Error("the signature does not verify with the public key in the context")
	}
	if !public.Equal(m.SigningKey.Public()) {
		t.Error("SigningKey.Public is not the public key in the context")
	}
}

// decrypt asks for the data key of m under another list of EDKs.
func (s *keyringSuite) decrypt(ctx context.Context, m *keyring.EncryptionMaterials, ec keyring.EncryptionContext, edks ...keyring.EncryptedDataKey) (*keyring.DataKey, error) {
	answer, err := s.keys.DecryptionMaterials(ctx, &keyring.DecryptionRequest{Suite: m.Suite, EncryptionContext: ec, EncryptedDataKeys: edks})
	if err != nil {
		if answer != nil {
			return nil, fmt.Errorf("an error and materials: %v", err)
		}
		return nil, err
	}
	return answer.DataKey, nil
}

// opens checks that the EDKs yield the data key of m.
func (s *keyringSuite) opens(t *testing.T, m *keyring.EncryptionMaterials, edks ...keyring.EncryptedDataKey) {
	t.Helper()
	dk, err := s.decrypt(t.Context(), m, m.EncryptionContext, edks...)
	if err != nil {
		t.Errorf("DecryptionMaterials: %v", err)
		return
	}
	if !sameKey(dk, m.DataKey) {
		t.Error("DecryptionMaterials: another data key than was sealed with")
	}
	dk.Destroy()
}

func sameKey(a, b *keyring.DataKey) (same bool) {
	_ = a.Do(func(x []byte) error {
		return b.Do(func(y []byte) error { same = len(x) > 0 && bytes.Equal(x, y); return nil })
	})
	return same
}

// refuses checks that the EDKs do not yield the data key of m.
func (s *keyringSuite) refuses(t *testing.T, what string, m *keyring.EncryptionMaterials, ec keyring.EncryptionContext, edks ...keyring.EncryptedDataKey) error {
	t.Helper()
	dk, err := s.decrypt(t.Context(), m, ec, edks...)
	if err == nil && (!s.opts.Malleable || sameKey(dk, m.DataKey)) {
		t.Errorf("%s: it opened", what)
	}
	if err != nil {
		_ = m.DataKey.Do(func(b []byte) error {
			if shows(err.Error(), b) != "" {
				t.Errorf("%s: the error shows the data key", what)
			}
			return nil
		})
	}
	return err
}

func (s *keyringSuite) materials(t *testing.T, id keyring.Suite) {
	for _, ec := range contexts() {
		m := s.encrypt(t, id, ec)
		s.opens(t, m, m.EncryptedDataKeys...)
		for _, edk := range m.EncryptedDataKeys {
			s.opens(t, m, edk)
		}
	}
}

func (s *keyringSuite) reserved(t *testing.T) {
	for _, id := range s.opts.Suites {
		for _, name := range []string{keyring.PublicKeyName, keyring.ReservedPrefix, keyring.ReservedPrefix + "x"} {
			_, err := s.keys.EncryptionMaterials(t.Context(), &keyring.EncryptionRequest{Suite: id, EncryptionContext: keyring.EncryptionContext{name: "x"}, PlaintextLength: 1})
			if !errors.Is(err, fault.ErrContext) {
				t.Errorf("%v, name %q: error %v, want one that matches envelope.ErrContext", id, name, err)
			}
		}
	}
}

func (s *keyringSuite) badContext(t *testing.T) {
	id := s.opts.Suites[0]
	m := s.encrypt(t, id, nil)
	for what, ec := range map[string]keyring.EncryptionContext{
		"a name that is not UTF-8":  {"\xff": "x"},
		"a value that is not UTF-8": {"x": "\xc3("},
		"a value of 65,536 bytes":   {"x": string(make([]byte, 1<<16))},
	} {
		_, err := s.keys.EncryptionMaterials(t.Context(), &keyring.EncryptionRequest{Suite: id, EncryptionContext: ec, PlaintextLength: 1})
		if !errors.Is(err, fault.ErrContext) {
			t.Errorf("EncryptionMaterials, %s: error %v, want one that matches envelope.ErrContext", what, err)
		}
		if err := s.refuses(t, what, m, ec, m.EncryptedDataKeys...); !errors.Is(err, fault.ErrContext) {
			t.Errorf("DecryptionMaterials, %s: error %v, want one that matches envelope.ErrContext", what, err)
		}
	}
}

func (s *keyringSuite) foreign(t *testing.T) {
	m := s.encrypt(t, s.opts.Suites[0], contexts()[1])
	stranger := keyring.EncryptedDataKey{ProviderID: "somebody else's", ProviderInfo: []byte("key"), Ciphertext: make([]byte, 48)}
	s.refuses(t, "no EDK", m, m.EncryptionContext)
	s.refuses(t, "a stranger's", m, m.EncryptionContext, stranger)
	for _, edk := range m.EncryptedDataKeys {
		for _, i := range []int{0, len(edk.Ciphertext) / 2, len(edk.Ciphertext) - 1} {
			c := clone(edk)
			c.Ciphertext[i] ^= 1
			s.refuses(t, "a changed EDK", m, m.EncryptionContext, c)
		}
	}
	if s.opts.Other == nil {
		return
	}
	other, err := s.opts.Other.EncryptionMaterials(t.Context(), &keyring.EncryptionRequest{Suite: m.Suite, EncryptionContext: contexts()[1], PlaintextLength: 1})
	if err != nil {
		t.Fatalf("EncryptionMaterials of the other keyring: %v", err)
	}
	s.refuses(t, "another keyring's", other, other.EncryptionContext, other.EncryptedDataKeys...)
}

func (s *keyringSuite) among(t *testing.T) {
	m := s.encrypt(t, s.opts.Suites[0], contexts()[1])
	stranger := keyring.EncryptedDataKey{ProviderID: "somebody else's", ProviderInfo: []byte("key"), Ciphertext: make([]byte, 48)}
	for _, edk := range m.EncryptedDataKeys {
		s.opens(t, m, stranger, edk)
		s.opens(t, m, edk, stranger)
		s.opens(t, m, stranger, stranger, edk, stranger)
	}
}

func (s *keyringSuite) otherContext(t *testing.T) {
	if s.opts.Unbound {
		t.Skip("not all EDKs bind the encryption context")
	}
	m := s.encrypt(t, s.opts.Suites[0], contexts()[2])
	for _, ec := range contexts()[:2] {
		s.refuses(t, "another context", m, ec, m.EncryptedDataKeys...)
	}
	more := maps.Clone(m.EncryptionContext)
	more["more"] = "x"
	s.refuses(t, "a pair more", m, more, m.EncryptedDataKeys...)
	s.opens(t, m, m.EncryptedDataKeys...)
}

func (s *keyringSuite) ended(t *testing.T) {
	m := s.encrypt(t, s.opts.Suites[0], contexts()[1])
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.decrypt(ctx, m, m.EncryptionContext, m.EncryptedDataKeys...)
	if err != nil && (!errors.Is(err, context.Canceled) || errors.Is(err, fault.ErrAuthentication)) {
		t.Errorf("DecryptionMaterials: error %q, want one that matches context.Canceled alone", err)
	}
	_, err = s.keys.EncryptionMaterials(ctx, &keyring.EncryptionRequest{Suite: m.Suite, EncryptionContext: contexts()[1], PlaintextLength: 1})
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("EncryptionMaterials: error %q, want one that matches context.Canceled", err)
	}
}

func (s *keyringSuite) copies(t *testing.T) {
	ec := contexts()[1]
	m, err := s.keys.EncryptionMaterials(t.Context(), &keyring.EncryptionRequest{Suite: s.opts.Suites[0], EncryptionContext: ec, PlaintextLength: 1})
	if err != nil {
		t.Fatalf("EncryptionMaterials: %v", err)
	}
	ec["purpose"] = "changed"
	if m.EncryptionContext["purpose"] != contexts()[1]["purpose"] {
		t.Error("the materials hold the request's own context")
	}
	first, err := s.decrypt(t.Context(), m, m.EncryptionContext, m.EncryptedDataKeys...)
	if err != nil {
		t.Fatalf("DecryptionMaterials: %v", err)
	}
	second, err := s.decrypt(t.Context(), m, m.EncryptionContext, m.EncryptedDataKeys...)
	if err != nil {
		t.Fatalf("DecryptionMaterials: %v", err)
	}
	first.Destroy()
	if !sameKey(second, m.DataKey) {
		t.Error("two answers share one data key")
	}
	m.DataKey.Destroy()
	if second.Len() == 0 {
		t.Error("sealing and opening share one data key")
	}
	again := s.encrypt(t, m.Suite, contexts()[1])
	s.opens(t, again, again.EncryptedDataKeys...)
}

func (s *keyringSuite) concurrent(t *testing.T) {
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			id := s.opts.Suites[g%len(s.opts.Suites)]
			for _, ec := range contexts() {
				m, err := s.keys.EncryptionMaterials(t.Context(), &keyring.EncryptionRequest{Suite: id, EncryptionContext: ec, PlaintextLength: 1})
				if err != nil {
					t.Errorf("EncryptionMaterials: %v", err)
					continue
				}
				s.opens(t, m, m.EncryptedDataKeys...)
				m.DataKey.Destroy()
			}
		})
	}
	all.Wait()
}
