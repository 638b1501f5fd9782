package keyringtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/sealwax/sealwax/keyring"
)

// Options say what kind of wrapping key is tested. The zero Options ask for
// everything of a key that can wrap and unwrap.
type Options struct {
	// Other is a key of the same kind with another identity, and able to wrap:
	// its EDKs must be answered with keyring.ErrNotMine. Nil: not tested.
	Other keyring.WrappingKey
	// Namesake is a key of the same identity with another secret, and able to
	// wrap: its EDKs must not open. Nil: not tested.
	Namesake keyring.WrappingKey
	// Sealer wraps what a key that can only open is tested with: that key must
	// answer Wrap with keyring.ErrOpenOnly. Nil: the key wraps for itself.
	Sealer keyring.WrappingKey
	// Unbound: the kind of key does not bind the encryption context, as RSA.
	Unbound bool
	// Malleable: a changed EDK may yield a data key, though not the one that was
	// wrapped, as with RSA PKCS #1 v1.5.
	Malleable bool
	// InfoUnbound reports whether a changed provider info differs from the key's
	// own in nothing but parts that the kind of key does not bind, as the Region
	// in the ARN of a multi-Region KMS key. Such an EDK may open, to the data key
	// that was wrapped and to no other. Nil: every byte is bound.
	InfoUnbound func(info []byte) bool
	// Secrets are byte strings of at least 16 bytes that no rendering of the key
	// may show.
	Secrets [][]byte
}

// sizes are the lengths of the suites' data keys.
var sizes = []int{16, 24, 32}

// contexts are bound to data keys; all are different. They are made anew each
// time, so that a key that changes one is found.
func contexts() []keyring.EncryptionContext {
	return []keyring.EncryptionContext{
		nil,
		{"purpose": "test"},
		{"Tenant": "Ärzte 東京 🔑", "purpose": "test", "blank value": " "},
	}
}

// TestWrappingKey tests key for conformance with [keyring.WrappingKey], and with
// [keyring.Generator] if it is one. opts may be nil.
func TestWrappingKey(t *testing.T, key keyring.WrappingKey, opts *Options) {
	s := &wrappingKeySuite{key: key, sealer: key}
	if opts != nil {
		s.opts = *opts
	}
	if s.opts.Sealer != nil {
		s.sealer = s.opts.Sealer
	}
	t.Run("every size and context opens again", s.roundTrip)
	t.Run("generates", s.generates)
	t.Run("a key that can only open says so", s.openOnly)
	t.Run("another key's EDK is not mine", s.other)
	t.Run("a namesake's EDK does not open", s.namesake)
	t.Run("a changed EDK does not open", s.changed)
	t.Run("another context does not open", s.otherContext)
	t.Run("another size does not open", s.otherSize)
	t.Run("an empty data key is not wrapped", s.emptyKey)
	t.Run("an ended context is no verdict", s.ended)
	t.Run("arguments stay as they are", s.arguments)
	t.Run("answers are copies", s.copies)
	t.Run("concurrent use", s.concurrent)
	t.Run("renderings show no secret", func(t *testing.T) { TestRedaction(t, key, s.opts.Secrets...) })
}

type wrappingKeySuite struct {
	key, sealer keyring.WrappingKey
	opts        Options
}

// secret returns size bytes that are easy to recognize.
func secret(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(0xa1 + 37*i)
	}
	return b
}

func (s *wrappingKeySuite) wrap(t *testing.T, size int, ec keyring.EncryptionContext) keyring.EncryptedDataKey {
	t.Helper()
	edk, err := s.sealer.Wrap(t.Context(), keyring.NewDataKey(secret(size)), ec)
	if err != nil {
		t.Fatalf("Wrap: %v", err)
	}
	checkEDK(t, edk)
	return edk
}

func checkEDK(t *testing.T, edk keyring.EncryptedDataKey) {
	t.Helper()
	if !utf8.ValidString(edk.ProviderID) || edk.ProviderID == "" {
		t.Errorf("provider id %q, want valid UTF-8 that is not empty", edk.ProviderID)
	}
	if n := len(edk.Ciphertext); n == 0 || max(n, len(edk.ProviderInfo), len(edk.ProviderID)) > math.MaxUint16 {
		t.Errorf("lengths of provider id, provider info, ciphertext: %d, %d, %d", len(edk.ProviderID), len(edk.ProviderInfo), n)
	}
}

func (s *wrappingKeySuite) roundTrip(t *testing.T) {
	for _, size := range sizes {
		for i, ec := range contexts() {
			t.Run(fmt.Sprintf("%d bytes, context %d", size, i), func(t *testing.T) {
				wantKey(t, secret(size))(s.key.Unwrap(t.Context(), s.wrap(t, size, ec), size, ec))
			})
		}
	}
}

// wantKey returns a check of an answer of Unwrap.
func wantKey(t *testing.T, want []byte) func(*keyring.DataKey, error) {
	t.Helper()
	return func(dk *keyring.DataKey, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("Unwrap: %v", err)
			return
		}
		if !holds(dk, want) {
			t.Errorf("Unwrap: not the data key that was wrapped; it has %d bytes", dk.Len())
		}
		dk.Destroy()
	}
}

func holds(dk *keyring.DataKey, want []byte) (ok bool) {
	_ = dk.Do(func(b []byte) error { ok = bytes.Equal(b, want); return nil })
	return ok
}

// wantError checks an answer that must be an error and nothing else. The error
// matches one of kinds, if there are any, and does not show the data key.
func wantError(t *testing.T, what string, dk *keyring.DataKey, err error, kinds ...error) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("%s: no error", what)
		return
	case dk != nil:
		t.Errorf("%s: an error and a data key of %d bytes", what, dk.Len())
	case len(kinds) > 0 && !slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) }):
		t.Errorf("%s: error %q, want one that matches %v", what, err, kinds)
	}
	for _, size := range sizes {
		if shown := shows(err.Error(), secret(size)); shown != "" {
			t.Errorf("%s: the error shows the data key", what)
			return
		}
	}
}

func (s *wrappingKeySuite) generates(t *testing.T) {
	generator, ok := s.key.(keyring.Generator)
	if !ok {
		t.Skip("not a keyring.Generator")
	}
	for _, size := range sizes {
		for _, ec := range contexts() {
			first, edk, err := generator.Generate(t.Context(), size, ec)
			if err != nil {
				t.Fatalf("Generate: %v", err)
			}
			checkEDK(t, edk)
			if first.Len() != size {
				t.Errorf("Generate: a data key of %d bytes, want %d", first.Len(), size)
			}
			again, err := s.key.Unwrap(t.Context(), edk, size, ec)
			if err != nil {
				t.Fatalf("Unwrap: %v", err)
			}
			second, _, err := generator.Generate(t.Context(), size, ec)
			if err != nil {
				t.Fatalf("Generate: %v", err)
			}
			_ = first.Do(func(b []byte) error {
				if !holds(again, b) {
					t.Error("Unwrap: not the data key that was generated")
				}
				if holds(second, b) || bytes.Equal(b, make([]byte, size)) {
					t.Error("Generate: the data key is not fresh")
				}
				return nil
			})
		}
	}
}

func (s *wrappingKeySuite) openOnly(t *testing.T) {
	if s.opts.Sealer == nil {
		t.Skip("it wraps for itself")
	}
	_, err := s.key.Wrap(t.Context(), keyring.NewDataKey(secret(32)), nil)
	wantError(t, "Wrap", nil, err, keyring.ErrOpenOnly)
}

func (s *wrappingKeySuite) other(t *testing.T) {
	foreign := []keyring.EncryptedDataKey{
		{ProviderID: "somebody else's", ProviderInfo: []byte("key"), Ciphertext: make([]byte, 48)},
		{},
	}
	if s.opts.Other != nil {
		edk, err := s.opts.Other.Wrap(t.Context(), keyring.NewDataKey(secret(32)), contexts()[1])
		if err != nil {
			t.Fatalf("Wrap by Options.Other: %v", err)
		}
		foreign = append(foreign, edk)
	}
	for i, edk := range foreign {
		dk, err := s.key.Unwrap(t.Context(), edk, 32, contexts()[1])
		wantError(t, fmt.Sprintf("Unwrap of foreign EDK %d", i), dk, err, keyring.ErrNotMine)
	}
}

func (s *wrappingKeySuite) namesake(t *testing.T) {
	if s.opts.Namesake == nil {
		t.Skip("no Options.Namesake")
	}
	edk, err := s.opts.Namesake.Wrap(t.Context(), keyring.NewDataKey(secret(32)), contexts()[1])
	if err != nil {
		t.Fatalf("Wrap by Options.Namesake: %v", err)
	}
	s.wantRefusal(t, "Unwrap", edk, 32, contexts()[1])
}

// wantRefusal checks that an EDK does not yield the data key.
func (s *wrappingKeySuite) wantRefusal(t *testing.T, what string, edk keyring.EncryptedDataKey, size int, ec keyring.EncryptionContext) {
	t.Helper()
	dk, err := s.key.Unwrap(t.Context(), edk, size, ec)
	if err == nil && s.opts.Malleable {
		if dk.Len() != size {
			t.Errorf("%s: a data key of %d bytes, want %d", what, dk.Len(), size)
		}
		if holds(dk, secret(size)) {
			t.Errorf("%s: it opened", what)
		}
		return
	}
	wantError(t, what, dk, err, keyring.ErrNotAuthentic, keyring.ErrNotMine)
}

func clone(edk keyring.EncryptedDataKey) keyring.EncryptedDataKey {
	return keyring.EncryptedDataKey{
		ProviderID:   edk.ProviderID,
		ProviderInfo: bytes.Clone(edk.ProviderInfo),
		Ciphertext:   bytes.Clone(edk.Ciphertext),
	}
}

func (s *wrappingKeySuite) changed(t *testing.T) {
	const size = 32
	ec := contexts()[1]
	edk := s.wrap(t, size, ec)

	for i := range edk.Ciphertext {
		c := clone(edk)
		c.Ciphertext[i] ^= 1 << (i % 8)
		s.wantRefusal(t, fmt.Sprintf("ciphertext, byte %d", i), c, size, ec)
	}
	for _, n := range []int{0, 1, len(edk.Ciphertext) / 2, len(edk.Ciphertext) - 1} {
		c := clone(edk)
		c.Ciphertext = c.Ciphertext[:n]
		s.wantRefusal(t, fmt.Sprintf("ciphertext of %d bytes", n), c, size, ec)
	}
	c := clone(edk)
	c.Ciphertext = append(c.Ciphertext, 0)
	s.wantRefusal(t, "ciphertext with a byte more", c, size, ec)

	// Which key it is may be known only to a server: any error will do.
	infos := [][]byte{append(bytes.Clone(edk.ProviderInfo), 'x'), append([]byte{'x'}, edk.ProviderInfo...)}
	if n := len(edk.ProviderInfo); n > 0 {
		infos = append(infos, edk.ProviderInfo[:n-1], edk.ProviderInfo[1:])
	}
	for i := range edk.ProviderInfo {
		info := bytes.Clone(edk.ProviderInfo)
		info[i] ^= 1 << (i % 8)
		infos = append(infos, info)
	}
	for i, info := range infos {
		c := clone(edk)
		c.ProviderInfo = info
		dk, err := s.key.Unwrap(t.Context(), c, size, ec)
		if err == nil && s.opts.InfoUnbound != nil && s.opts.InfoUnbound(info) {
			wantKey(t, secret(size))(dk, nil)
			continue
		}
		wantError(t, fmt.Sprintf("provider info %d", i), dk, err)
	}
	for _, id := range []string{"", edk.ProviderID + "x", edk.ProviderID[1:], edk.ProviderID + "\x00"} {
		c := clone(edk)
		c.ProviderID = id
		dk, err := s.key.Unwrap(t.Context(), c, size, ec)
		wantError(t, fmt.Sprintf("provider id %q", id), dk, err, keyring.ErrNotMine)
	}
}

func (s *wrappingKeySuite) otherContext(t *testing.T) {
	if s.opts.Unbound {
		t.Skip("this kind of key does not bind the encryption context")
	}
	ec := contexts()[2]
	edk := s.wrap(t, 32, ec)
	with := func(name, value string) keyring.EncryptionContext {
		c := maps.Clone(ec)
		c[name] = value
		return c
	}
	without := maps.Clone(ec)
	delete(without, "Tenant")
	renamed := maps.Clone(without)
	renamed["tenant"] = ec["Tenant"]
	for what, c := range map[string]keyring.EncryptionContext{
		"no context":       nil,
		"a pair less":      without,
		"a pair more":      with("more", "x"),
		"another value":    with("purpose", "Test"),
		"another name":     renamed,
		"another context":  contexts()[1],
		"a longer value":   with("purpose", "test "),
		"an emptied value": with("purpose", ""),
	} {
		dk, err := s.key.Unwrap(t.Context(), edk, 32, c)
		if what == "an emptied value" { // some servers refuse those as such
			wantError(t, what, dk, err)
			continue
		}
		wantError(t, what, dk, err, keyring.ErrNotAuthentic)
	}
	edk = s.wrap(t, 32, nil)
	dk, err := s.key.Unwrap(t.Context(), edk, 32, contexts()[1])
	wantError(t, "a context where there was none", dk, err, keyring.ErrNotAuthentic)
}

func (s *wrappingKeySuite) otherSize(t *testing.T) {
	edk := s.wrap(t, 24, contexts()[1])
	for _, size := range []int{0, 1, 16, 23, 25, 32} {
		dk, err := s.key.Unwrap(t.Context(), edk, size, contexts()[1])
		if err == nil && s.opts.Malleable && dk.Len() == size && !holds(dk, secret(size)) {
			continue
		}
		wantError(t, fmt.Sprintf("Unwrap with size %d of 24", size), dk, err)
	}
}

func (s *wrappingKeySuite) emptyKey(t *testing.T) {
	destroyed := keyring.NewDataKey(secret(32))
	destroyed.Destroy()
	for what, dk := range map[string]*keyring.DataKey{"nil": nil, "empty": keyring.NewDataKey(nil), "destroyed": destroyed} {
		_, err := s.sealer.Wrap(t.Context(), dk, contexts()[1])
		wantError(t, "Wrap of a data key that is "+what, nil, err)
	}
}

func (s *wrappingKeySuite) ended(t *testing.T) {
	edk := s.wrap(t, 32, contexts()[1])
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	// A key in memory may answer all the same.
	verdict := func(what string, dk *keyring.DataKey, err error) {
		t.Helper()
		if err == nil {
			return
		}
		wantError(t, what, dk, err, context.Canceled)
		if errors.Is(err, keyring.ErrNotMine) || errors.Is(err, keyring.ErrNotAuthentic) {
			t.Errorf("%s: error %q says something about the EDK", what, err)
		}
	}
	dk, err := s.key.Unwrap(ctx, edk, 32, contexts()[1])
	verdict("Unwrap", dk, err)
	_, err = s.sealer.Wrap(ctx, keyring.NewDataKey(secret(32)), contexts()[1])
	verdict("Wrap", nil, err)
	if generator, ok := s.key.(keyring.Generator); ok {
		dk, _, err := generator.Generate(ctx, 32, contexts()[1])
		verdict("Generate", dk, err)
	}
}

func (s *wrappingKeySuite) arguments(t *testing.T) {
	dk := keyring.NewDataKey(secret(32))
	ec := contexts()[2]
	same := func(what string) {
		t.Helper()
		if !maps.Equal(ec, contexts()[2]) {
			t.Fatalf("%s changed the encryption context", what)
		}
	}
	edk, err := s.sealer.Wrap(t.Context(), dk, ec)
	if err != nil {
		t.Fatalf("Wrap: %v", err)
	}
	same("Wrap")
	if !holds(dk, secret(32)) {
		t.Error("Wrap changed the data key")
	}
	before := clone(edk)
	wantKey(t, secret(32))(s.key.Unwrap(t.Context(), edk, 32, ec))
	same("Unwrap")
	damaged := clone(edk)
	damaged.Ciphertext[0] ^= 1
	_, _ = s.key.Unwrap(t.Context(), damaged, 32, ec)
	damaged.Ciphertext[0] ^= 1
	for _, edk := range []keyring.EncryptedDataKey{edk, damaged} {
		if edk.ProviderID != before.ProviderID || !bytes.Equal(edk.ProviderInfo, before.ProviderInfo) || !bytes.Equal(edk.Ciphertext, before.Ciphertext) {
			t.Error("Unwrap changed the EDK")
		}
	}
	if generator, ok := s.key.(keyring.Generator); ok {
		if _, _, err := generator.Generate(t.Context(), 32, ec); err != nil {
			t.Errorf("Generate: %v", err)
		}
		same("Generate")
	}
}

func (s *wrappingKeySuite) copies(t *testing.T) {
	const size = 32
	ec := contexts()[1]
	edk := s.wrap(t, size, ec)
	good := clone(edk)

	_ = append(edk.ProviderInfo, 0xff)
	_ = append(edk.Ciphertext, 0xff)
	if !bytes.Equal(edk.ProviderInfo, good.ProviderInfo) || !bytes.Equal(edk.Ciphertext, good.Ciphertext) {
		t.Error("the EDK's byte slices run into each other")
	}
	for _, b := range [][]byte{edk.ProviderInfo, edk.Ciphertext} {
		for i := range b {
			b[i] = 0xff
		}
	}
	wantKey(t, secret(size))(s.key.Unwrap(t.Context(), s.wrap(t, size, ec), size, ec))

	first, err := s.key.Unwrap(t.Context(), good, size, ec)
	if err != nil {
		t.Fatalf("Unwrap: %v", err)
	}
	second, err := s.key.Unwrap(t.Context(), good, size, ec)
	if err != nil {
		t.Fatalf("Unwrap: %v", err)
	}
	first.Destroy()
	if !holds(second, secret(size)) {
		t.Error("two answers share one data key")
	}
}

func (s *wrappingKeySuite) concurrent(t *testing.T) {
	edks := make([]keyring.EncryptedDataKey, len(contexts()))
	for i, ec := range contexts() {
		edks[i] = s.wrap(t, 32, ec)
	}
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 4 {
				at := (g + i) % len(contexts())
				wantKey(t, secret(32))(s.key.Unwrap(t.Context(), edks[at], 32, contexts()[at]))
				edk, err := s.sealer.Wrap(t.Context(), keyring.NewDataKey(secret(16)), contexts()[at])
				if err != nil {
					t.Errorf("Wrap: %v", err)
					continue
				}
				wantKey(t, secret(16))(s.key.Unwrap(t.Context(), edk, 16, contexts()[at]))
			}
		})
	}
	all.Wait()
}
