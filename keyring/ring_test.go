package keyring_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/sealwax/sealwax/internal/fault"
	"github.com/sealwax/sealwax/keyring"
	"github.com/sealwax/sealwax/keyring/keyringtest"
)

// scripted is a wrapping key that answers what a test says.
type scripted struct {
	wrap   func(context.Context, *keyring.DataKey, keyring.EncryptionContext) (keyring.EncryptedDataKey, error)
	unwrap func(context.Context, keyring.EncryptedDataKey, int, keyring.EncryptionContext) (*keyring.DataKey, error)
}

func (s *scripted) Wrap(ctx context.Context, dk *keyring.DataKey, ec keyring.EncryptionContext) (keyring.EncryptedDataKey, error) {
	return s.wrap(ctx, dk, ec)
}

func (s *scripted) Unwrap(ctx context.Context, edk keyring.EncryptedDataKey, size int, ec keyring.EncryptionContext) (*keyring.DataKey, error) {
	return s.unwrap(ctx, edk, size, ec)
}

// scriptedGenerator makes data keys, too.
type scriptedGenerator struct {
	scripted
	generate func(context.Context, int, keyring.EncryptionContext) (*keyring.DataKey, keyring.EncryptedDataKey, error)
}

func (s *scriptedGenerator) Generate(ctx context.Context, size int, ec keyring.EncryptionContext) (*keyring.DataKey, keyring.EncryptedDataKey, error) {
	return s.generate(ctx, size, ec)
}

// wraps answers edk and err to every Wrap.
func wraps(edk keyring.EncryptedDataKey, err error) *scripted {
	return &scripted{wrap: func(context.Context, *keyring.DataKey, keyring.EncryptionContext) (keyring.EncryptedDataKey, error) {
		return edk, err
	}}
}

// unwraps answers dk and err to every Unwrap.
func unwraps(dk *keyring.DataKey, err error) *scripted {
	return &scripted{unwrap: func(context.Context, keyring.EncryptedDataKey, int, keyring.EncryptionContext) (*keyring.DataKey, error) {
		return dk, err
	}}
}

func generates(dk *keyring.DataKey, edk keyring.EncryptedDataKey, err error) *scriptedGenerator {
	return &scriptedGenerator{generate: func(context.Context, int, keyring.EncryptionContext) (*keyring.DataKey, keyring.EncryptedDataKey, error) {
		return dk, edk, err
	}}
}

var (
	goodEDK   = keyring.EncryptedDataKey{ProviderID: "p", ProviderInfo: []byte("i"), Ciphertext: []byte("c")}
	errOutage = errors.New("the server is on fire")
)

func sealing(s keyring.Suite, ec keyring.EncryptionContext) *keyring.EncryptionRequest {
	return &keyring.EncryptionRequest{Suite: s, EncryptionContext: ec, PlaintextLength: -1}
}

func opening(m *keyring.EncryptionMaterials) *keyring.DecryptionRequest {
	return &keyring.DecryptionRequest{Suite: m.Suite, EncryptionContext: m.EncryptionContext, EncryptedDataKeys: m.EncryptedDataKeys}
}

func TestRingConformance(t *testing.T) {
	aes1, aes2 := rawAES(t, "acme", "1", count(1, 32)), rawAES(t, "acme", "2", count(2, 16))
	key := testRSA()
	oaep := rawRSA(t, "acme", "3", keyring.OAEPSHA256, &key.PublicKey, key)
	other := newRing(t, rawAES(t, "other", "1", count(1, 32)))
	secrets := [][]byte{count(1, 32), count(2, 16), key.D.Bytes()}

	t.Run("one AES key", func(t *testing.T) {
		keyringtest.TestKeyring(t, newRing(t, aes1), &keyringtest.KeyringOptions{Other: other, Secrets: secrets})
	})
	t.Run("two AES keys", func(t *testing.T) {
		keyringtest.TestKeyring(t, newRing(t, aes1, aes2), &keyringtest.KeyringOptions{Other: other, Secrets: secrets})
	})
	t.Run("AES and RSA", func(t *testing.T) {
		keyringtest.TestKeyring(t, newRing(t, aes1, oaep), &keyringtest.KeyringOptions{Other: other, Secrets: secrets, Unbound: true})
	})
	t.Run("PKCS #1 v1.5", func(t *testing.T) {
		keyringtest.TestKeyring(t, newRing(t, rawRSA(t, "acme", "4", keyring.PKCS1v15, &key.PublicKey, key)),
			&keyringtest.KeyringOptions{Other: other, Secrets: secrets, Unbound: true, Malleable: true})
	})
}

func TestRingRefusesNilKeys(t *testing.T) {
	good := rawAES(t, "acme", "1", count(1, 32))
	var none *keyring.RawAES
	for what, keys := range map[string][]keyring.WrappingKey{
		"nil primary":               {nil},
		"nil pointer as primary":    {none},
		"nil among others":          {good, good, nil},
		"nil pointer among others":  {good, none, good},
		"another type, nil pointer": {good, (*keyring.RawRSA)(nil)},
	} {
		if r, err := keyring.New(keys[0], keys[1:]...); err == nil || r != nil {
			t.Errorf("%s: ring %v, error %v", what, r, err)
		}
	}
	if _, err := keyring.NewWithOptions(&keyring.Options{}, good); err != nil {
		t.Error(err)
	}
}

// The ring keeps its own list of keys.
func TestRingDoesNotRetainTheSlice(t *testing.T) {
	others := []keyring.WrappingKey{rawAES(t, "acme", "2", count(2, 32))}
	ring := newRing(t, rawAES(t, "acme", "1", count(1, 32)), others...)
	others[0] = nil
	m, err := ring.EncryptionMaterials(t.Context(), sealing(keyring.AES256GCMHKDFSHA512Commit, nil))
	if err != nil || len(m.EncryptedDataKeys) != 2 {
		t.Errorf("materials %v, error %v", m, err)
	}
}

func TestRingWrapsWithEveryKeyInOrder(t *testing.T) {
	var keys []keyring.WrappingKey
	for i := range 4 {
		keys = append(keys, rawAES(t, "acme", fmt.Sprint(i), count(byte(i), 32)))
	}
	m, err := newRing(t, keys[0], keys[1:]...).EncryptionMaterials(t.Context(), sealing(keyring.AES256GCMHKDFSHA512Commit, map[string]string{"a": "b"}))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.EncryptedDataKeys) != len(keys) {
		t.Fatalf("%d EDKs", len(m.EncryptedDataKeys))
	}
	for i, key := range keys {
		if got := m.EncryptedDataKeys[i].ProviderInfo[0]; got != '0'+byte(i) {
			t.Errorf("EDK %d is of key %c", i, got)
		}
		answer, err := newRing(t, key).DecryptionMaterials(t.Context(), opening(m))
		if err != nil || string(bytesOf(answer.DataKey)) != string(bytesOf(m.DataKey)) {
			t.Errorf("key %d alone: %v", i, err)
		}
	}
}

func TestRingUsesAGenerator(t *testing.T) {
	var gotSize int
	var gotContext keyring.EncryptionContext
	g := &scriptedGenerator{generate: func(_ context.Context, size int, ec keyring.EncryptionContext) (*keyring.DataKey, keyring.EncryptedDataKey, error) {
		gotSize, gotContext = size, maps.Clone(ec)
		return keyring.NewDataKey(count(7, size)), goodEDK, nil
	}}
	m, err := newRing(t, g, rawAES(t, "acme", "1", count(1, 32))).EncryptionMaterials(t.Context(), sealing(keyring.AES192GCMHKDFSHA384ECDSAP384, map[string]string{"a": "b"}))
	if err != nil {
		t.Fatal(err)
	}
	if gotSize != 24 || string(bytesOf(m.DataKey)) != string(count(7, 24)) {
		t.Errorf("asked for %d bytes, data key % x", gotSize, bytesOf(m.DataKey))
	}
	if !maps.Equal(gotContext, m.EncryptionContext) || len(gotContext) != 2 {
		t.Errorf("generated under a context of %d pairs, the materials have %d", len(gotContext), len(m.EncryptionContext))
	}
}

func TestDataKeysAndSigningKeysAreFresh(t *testing.T) {
	ring := newRing(t, rawAES(t, "acme", "1", count(1, 32)))
	seen := map[string]bool{}
	for range 20 {
		m, err := ring.EncryptionMaterials(t.Context(), sealing(keyring.AES256GCMHKDFSHA512CommitECDSAP384, nil))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{string(bytesOf(m.DataKey)), m.EncryptionContext[keyring.PublicKeyName]} {
			if seen[s] {
				t.Fatal("a key came twice")
			}
			seen[s] = true
		}
	}
}

func TestOpenOnlyKeys(t *testing.T) {
	good := rawAES(t, "acme", "1", count(1, 32))
	private := rawRSA(t, "acme", "2", keyring.OAEPSHA256, nil, testRSA())

	m, err := newRing(t, good, private, good).EncryptionMaterials(t.Context(), sealing(keyring.AES256GCMHKDFSHA512Commit, nil))
	if err != nil || len(m.EncryptedDataKeys) != 2 {
		t.Errorf("among others: materials %v, error %v", m, err)
	}
	if m, err := newRing(t, private, good).EncryptionMaterials(t.Context(), sealing(keyring.AES256GCMHKDFSHA512Commit, nil)); !errors.Is(err, keyring.ErrOpenOnly) || m != nil {
		t.Errorf("as the primary: materials %v, error %v", m, err)
	}
}

func TestRingRefusesWhatCannotBeSealed(t *testing.T) {
	ring := newRing(t, wraps(goodEDK, nil)) // which does not look at the context, as RSA
	signed, unsigned := keyring.AES256GCMHKDFSHA512CommitECDSAP384, keyring.AES256GCMHKDFSHA512Commit
	fits := func(n int) map[string]string { return map[string]string{"k": strings.Repeat("v", n-2-2-1-2)} }
	for _, tt := range []struct {
		what  string
		suite keyring.Suite
		ec    map[string]string
		want  error
	}{
		{"the zero suite", 0, nil, fault.ErrPolicy},
		{"an unknown suite", 0x0479, nil, fault.ErrPolicy},
		{"the public key's name", unsigned, map[string]string{keyring.PublicKeyName: "x"}, fault.ErrContext},
		{"the public key's name, signed", signed, map[string]string{keyring.PublicKeyName: "x"}, fault.ErrContext},
		{"a reserved name", signed, map[string]string{"a": "b", "aws-crypto-": ""}, fault.ErrContext},
		{"a name like a reserved one", unsigned, map[string]string{"aws-crypt": "", "x-aws-crypto-": "", "AWS-CRYPTO-": ""}, nil},
		{"a context that just fits", unsigned, fits(65535), nil},
		{"a context one byte too long", unsigned, fits(65536), fault.ErrContext},
		{"a context that the public key makes too long", signed, fits(65535), fault.ErrContext},
		{"a context that just fits with the public key", signed, fits(65535 - 2 - 21 - 2 - 68), nil},
		{"a context one byte too long with it", signed, fits(65535 - 2 - 21 - 2 - 68 + 1), fault.ErrContext},
		{"an empty name and value", unsigned, map[string]string{"": ""}, nil},
	} {
		t.Run(tt.what, func(t *testing.T) {
			m, err := ring.EncryptionMaterials(t.Context(), sealing(tt.suite, tt.ec))
			if !errors.Is(err, tt.want) || (m == nil) != (tt.want != nil) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

func TestRingRefusesBadAnswersWhenSealing(t *testing.T) {
	good := rawAES(t, "acme", "1", count(1, 32))
	fresh := func() *keyring.DataKey { return keyring.NewDataKey(count(1, 32)) }
	long := make([]byte, 1<<16)
	for what, keys := range map[string][]keyring.WrappingKey{
		"generated key too short":    {generates(keyring.NewDataKey(count(1, 31)), goodEDK, nil)},
		"generated key too long":     {generates(keyring.NewDataKey(count(1, 33)), goodEDK, nil)},
		"no key generated":           {generates(nil, goodEDK, nil)},
		"generated key destroyed":    {generates(new(keyring.DataKey), goodEDK, nil)},
		"no EDK generated":           {generates(fresh(), keyring.EncryptedDataKey{}, nil)},
		"error and key":              {generates(fresh(), goodEDK, errOutage)},
		"no EDK":                     {wraps(keyring.EncryptedDataKey{}, nil)},
		"no EDK of another":          {good, wraps(keyring.EncryptedDataKey{}, nil)},
		"provider id is not UTF-8":   {wraps(keyring.EncryptedDataKey{ProviderID: "\xff", Ciphertext: []byte("c")}, nil)},
		"provider id is too long":    {wraps(keyring.EncryptedDataKey{ProviderID: strings.Repeat("p", 1<<16), Ciphertext: []byte("c")}, nil)},
		"provider info is too long":  {wraps(keyring.EncryptedDataKey{ProviderID: "p", ProviderInfo: long, Ciphertext: []byte("c")}, nil)},
		"ciphertext is too long":     {wraps(keyring.EncryptedDataKey{ProviderID: "p", Ciphertext: long}, nil)},
		"another's EDK is too long":  {good, wraps(keyring.EncryptedDataKey{ProviderID: "p", Ciphertext: long}, nil)},
		"another fails":              {good, good, wraps(goodEDK, errOutage)},
		"one fails before an opener": {good, wraps(goodEDK, errOutage), wraps(goodEDK, keyring.ErrOpenOnly)},
	} {
		t.Run(what, func(t *testing.T) {
			m, err := newRing(t, keys[0], keys[1:]...).EncryptionMaterials(t.Context(), sealing(keyring.AES256GCMHKDFSHA512Commit, nil))
			if err == nil || m != nil {
				t.Errorf("materials %v, error %v", m, err)
			}
			if errors.Is(err, fault.ErrAuthentication) || errors.Is(err, keyring.ErrOpenOnly) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// Who fails is named, why can be asked, and the data key is gone.
func TestSealingFailureDestroysTheDataKey(t *testing.T) {
	var memory []byte
	see := &scripted{wrap: func(_ context.Context, dk *keyring.DataKey, _ keyring.EncryptionContext) (keyring.EncryptedDataKey, error) {
		_ = dk.Do(func(b []byte) error { memory = b; return nil })
		return goodEDK, nil
	}}
	_, err := newRing(t, see, wraps(goodEDK, errOutage)).EncryptionMaterials(t.Context(), sealing(keyring.AES256GCMHKDFSHA512Commit, nil))
	if !errors.Is(err, errOutage) {
		t.Errorf("error %v", err)
	}
	wantCleared(t, memory, 32)

	generated := keyring.NewDataKey(count(1, 16))
	_ = generated.Do(func(b []byte) error { memory = b; return nil })
	if _, err := newRing(t, generates(generated, goodEDK, nil)).EncryptionMaterials(t.Context(), sealing(keyring.AES256GCMHKDFSHA512Commit, nil)); err == nil {
		t.Error("a data key of 16 bytes was taken")
	}
	wantCleared(t, memory, 16)
}

func wantCleared(t *testing.T, memory []byte, n int) {
	t.Helper()
	if len(memory) != n || strings.Trim(string(memory), "\x00") != "" {
		t.Errorf("the data key's memory holds % x, want %d zero bytes", memory, n)
	}
}

func TestSealingStopsWhenTheContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	one := &scripted{wrap: func(context.Context, *keyring.DataKey, keyring.EncryptionContext) (keyring.EncryptedDataKey, error) {
		if calls++; calls == 2 {
			cancel()
		}
		return goodEDK, nil
	}}
	_, err := newRing(t, one, one, one, one).EncryptionMaterials(ctx, sealing(keyring.AES256GCMHKDFSHA512Commit, nil))
	if !errors.Is(err, context.Canceled) || calls != 2 {
		t.Errorf("error %v after %d calls", err, calls)
	}
}

func TestOpeningTriesKeysInOrderThenEDKsInOrder(t *testing.T) {
	var tried []string
	trace := func(name string) *scripted {
		return &scripted{unwrap: func(_ context.Context, edk keyring.EncryptedDataKey, _ int, _ keyring.EncryptionContext) (*keyring.DataKey, error) {
			tried = append(tried, name+edk.ProviderID)
			if name+edk.ProviderID == "b2" {
				return keyring.NewDataKey(count(1, 32)), nil
			}
			return nil, keyring.ErrNotMine
		}}
	}
	answer, err := newRing(t, trace("a"), trace("b"), trace("c")).DecryptionMaterials(t.Context(), &keyring.DecryptionRequest{
		Suite:             keyring.AES256GCMHKDFSHA512Commit,
		EncryptedDataKeys: []keyring.EncryptedDataKey{{ProviderID: "1"}, {ProviderID: "2"}, {ProviderID: "3"}},
	})
	if err != nil || answer.DataKey.Len() != 32 {
		t.Fatalf("answer %v, error %v", answer, err)
	}
	if got := strings.Join(tried, " "); got != "a1 a2 a3 b1 b2" {
		t.Errorf("tried %s", got)
	}
}

// Decision for PKCS #1 v1.5: such a key answers something for any EDK of its
// name, so that it comes after every other key.
func TestOpeningTriesPKCS1v15Last(t *testing.T) {
	key := testRSA()
	pkcs := rawRSA(t, "acme", "rsa", keyring.PKCS1v15, &key.PublicKey, key)
	aes := rawAES(t, "acme", "aes", count(1, 32))
	ring := newRing(t, pkcs, aes)
	m, err := ring.EncryptionMaterials(t.Context(), sealing(keyring.AES256GCMHKDFSHA512Commit, nil))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.EncryptedDataKeys) != 2 || string(m.EncryptedDataKeys[0].ProviderInfo) != "rsa" {
		t.Fatal("sealing is in the ring's order")
	}
	m.EncryptedDataKeys[0].Ciphertext[9] ^= 1
	answer, err := ring.DecryptionMaterials(t.Context(), opening(m))
	if err != nil {
		t.Fatal(err)
	}
	if string(bytesOf(answer.DataKey)) != string(bytesOf(m.DataKey)) {
		t.Error("the changed EDK's random key hid the right one")
	}
}

func TestNoDataKeyErrorKeepsEveryAttempt(t *testing.T) {
	edks := []keyring.EncryptedDataKey{
		{ProviderID: "1", ProviderInfo: []byte("info"), Ciphertext: []byte("ciphertext")},
		{ProviderID: "2"},
	}
	ring := newRing(t, unwraps(nil, keyring.ErrNotMine), unwraps(nil, errOutage))
	answer, err := ring.DecryptionMaterials(t.Context(), &keyring.DecryptionRequest{Suite: keyring.AES256GCMHKDFSHA512Commit, EncryptedDataKeys: edks})
	none, ok := errors.AsType[*keyring.NoDataKeyError](err)
	if !ok || answer != nil {
		t.Fatalf("answer %v, error %v", answer, err)
	}
	edks[0].ProviderInfo[0], edks[0].Ciphertext[0] = 'x', 'x'
	want := []keyring.Attempt{
		{EDK: keyring.EncryptedDataKey{ProviderID: "1"}, Err: keyring.ErrNotMine},
		{EDK: keyring.EncryptedDataKey{ProviderID: "2"}, Err: keyring.ErrNotMine},
		{EDK: keyring.EncryptedDataKey{ProviderID: "1"}, Err: errOutage},
		{EDK: keyring.EncryptedDataKey{ProviderID: "2"}, Err: errOutage},
	}
	if len(none.Attempts) != len(want) {
		t.Fatalf("%d attempts, want %d", len(none.Attempts), len(want))
	}
	for i, a := range none.Attempts {
		if a.EDK.ProviderID != want[i].EDK.ProviderID || a.Err != want[i].Err {
			t.Errorf("attempt %d: EDK of %q, error %v", i, a.EDK.ProviderID, a.Err)
		}
	}
	if a := none.Attempts[0].EDK; string(a.ProviderInfo) != "info" || string(a.Ciphertext) != "ciphertext" {
		t.Error("the error shares memory with the request")
	}
	if !errors.Is(err, errOutage) || !errors.Is(err, keyring.ErrNotMine) {
		t.Error("the causes are not reachable")
	}
}

func TestOpeningRefusesBadAnswers(t *testing.T) {
	var memory []byte
	short := keyring.NewDataKey(count(1, 31))
	_ = short.Do(func(b []byte) error { memory = b; return nil })
	for what, key := range map[string]keyring.WrappingKey{
		"neither key nor error": unwraps(nil, nil),
		"a destroyed key":       unwraps(new(keyring.DataKey), nil),
		"a short key":           unwraps(short, nil),
		"a long key":            unwraps(keyring.NewDataKey(count(1, 33)), nil),
		"a key and an error":    unwraps(keyring.NewDataKey(count(1, 32)), errOutage),
	} {
		answer, err := newRing(t, key).DecryptionMaterials(t.Context(), &keyring.DecryptionRequest{
			Suite: keyring.AES256GCMHKDFSHA512Commit, EncryptedDataKeys: []keyring.EncryptedDataKey{goodEDK},
		})
		none, ok := errors.AsType[*keyring.NoDataKeyError](err)
		if !ok || answer != nil || len(none.Attempts) != 1 {
			t.Errorf("%s: answer %v, error %v", what, answer, err)
		}
		if errors.Is(err, fault.ErrAuthentication) {
			t.Errorf("%s: says that the message is not authentic, which is not known", what)
		}
	}
	wantCleared(t, memory, 31)
}

// A key that answers wrongly does not stop another from opening.
func TestOpeningGoesOnAfterABadAnswer(t *testing.T) {
	answer, err := newRing(t, unwraps(nil, nil), unwraps(nil, errOutage), unwraps(keyring.NewDataKey(count(1, 32)), nil)).DecryptionMaterials(t.Context(), &keyring.DecryptionRequest{
		Suite: keyring.AES256GCMHKDFSHA512Commit, EncryptedDataKeys: []keyring.EncryptedDataKey{goodEDK},
	})
	if err != nil || answer.DataKey.Len() != 32 {
		t.Errorf("answer %v, error %v", answer, err)
	}
}

func TestOpeningRefusesUnknownSuites(t *testing.T) {
	for _, s := range []keyring.Suite{0, 0x0479, 0xffff} {
		_, err := newRing(t, unwraps(keyring.NewDataKey(nil), nil)).DecryptionMaterials(t.Context(), &keyring.DecryptionRequest{Suite: s, EncryptedDataKeys: []keyring.EncryptedDataKey{goodEDK}})
		if !errors.Is(err, fault.ErrFormat) {
			t.Errorf("%v: %v", s, err)
		}
	}
}

func TestOpeningStopsWhenTheContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	key := &scripted{unwrap: func(context.Context, keyring.EncryptedDataKey, int, keyring.EncryptionContext) (*keyring.DataKey, error) {
		if calls++; calls == 2 {
			cancel()
		}
		return nil, keyring.ErrNotAuthentic
	}}
	_, err := newRing(t, key, key).DecryptionMaterials(ctx, &keyring.DecryptionRequest{
		Suite: keyring.AES256GCMHKDFSHA512Commit, EncryptedDataKeys: []keyring.EncryptedDataKey{goodEDK, goodEDK, goodEDK},
	})
	if _, ok := errors.AsType[*keyring.NoDataKeyError](err); !ok || calls != 2 {
		t.Errorf("error %v after %d calls", err, calls)
	}
	if !errors.Is(err, context.Canceled) || errors.Is(err, fault.ErrAuthentication) {
		t.Errorf("error %v, want one that matches context.Canceled, and not ErrAuthentication", err)
	}
}

// By value too: a copy of the struct is the same key.
func TestRawKeysRedactThemselves(t *testing.T) {
	secret, key := count(0x61, 32), testRSA()
	aes := rawAES(t, "acme", "1", secret)
	keyringtest.TestRedaction(t, *aes, secret)
	pair := rawRSA(t, "acme", "2", keyring.OAEPSHA256, &key.PublicKey, key)
	secrets := [][]byte{key.D.Bytes(), key.Primes[0].Bytes(), key.Primes[1].Bytes()}
	keyringtest.TestRedaction(t, *pair, secrets...)
	for _, v := range []any{aes, *aes, pair, *pair, keyring.RawAES{}, keyring.RawRSA{}} {
		if got := fmt.Sprintf("%+v", v); !strings.Contains(got, "REDACTED") {
			t.Errorf("%T prints %s", v, got)
		}
	}
}

func TestMaterialsRedactThemselves(t *testing.T) {
	ring := newRing(t, rawAES(t, "acme", "1", count(1, 32)))
	for _, s := range []keyring.Suite{keyring.AES128GCMHKDFSHA256ECDSAP256, keyring.AES256GCMHKDFSHA512CommitECDSAP384} {
		m, err := ring.EncryptionMaterials(t.Context(), sealing(s, nil))
		if err != nil {
			t.Fatal(err)
		}
		secrets := [][]byte{bytesOf(m.DataKey), keyring.SigningSecret(m.SigningKey)}
		keyringtest.TestRedaction(t, m, secrets...)
		keyringtest.TestRedaction(t, *m, secrets...)
		keyringtest.TestRedaction(t, m.SigningKey, secrets...)
		if got := fmt.Sprintf("%v %+v %#v %s %d %x", m.SigningKey, m.SigningKey, m.SigningKey, m.SigningKey, m.SigningKey, m.SigningKey); strings.ReplaceAll(got, "REDACTED", "") != "     " {
			t.Errorf("the signing key prints %s", got)
		}
	}
}
