package envelope_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring"
)

// outcome is what opening with a context comes to.
type outcome int

const (
	opens      outcome = iota
	beforeKeys         // ErrContext, before any call of the keyring
	atTag              // ErrAuthentication and ErrContext: it shows in the header's tag
	atTagAlone         // ErrAuthentication: the caller gave too little to tell
)

// The rule for contexts on opening, mode by mode. H is what the header stores,
// C what the caller gives.
func TestContextRules(t *testing.T) {
	stored := envelope.Context{"tenant": "42", "purpose": "backup"}
	with := func(name, value string) envelope.Context {
		ec := maps.Clone(stored)
		ec[name] = value
		return ec
	}
	for _, tt := range []struct {
		what               string
		given              envelope.Context
		exact, subset, any outcome
	}{
		{"the same", stored, opens, opens, opens},
		{"another value", with("tenant", "43"), beforeKeys, beforeKeys, beforeKeys},
		{"a value in other case", with("purpose", "Backup"), beforeKeys, beforeKeys, beforeKeys},
		{"an empty value", with("purpose", ""), beforeKeys, beforeKeys, beforeKeys},
		{"one pair less", envelope.Context{"tenant": "42"}, beforeKeys, opens, opens},
		{"nothing", envelope.Context{}, beforeKeys, opens, opens},
		{"nil", nil, beforeKeys, opens, opens},
		{"one pair more", with("more", ""), atTag, beforeKeys, atTag},
		{"one more and one less", envelope.Context{"tenant": "42", "more": "x"}, beforeKeys, beforeKeys, atTag},
		{"a name in other case", envelope.Context{"tenant": "42", "Purpose": "backup"}, beforeKeys, beforeKeys, atTag},
		{"another value and one more", envelope.Context{"tenant": "43", "purpose": "backup", "more": ""}, beforeKeys, beforeKeys, beforeKeys},
		{"a reserved name more", with("aws-crypto-more", ""), beforeKeys, beforeKeys, beforeKeys},
		{"a public key that is not the message's", with(keyring.PublicKeyName, "AAAA"), beforeKeys, beforeKeys, beforeKeys},
		{"one more that is not UTF-8", with("more", "\xff"), beforeKeys, beforeKeys, beforeKeys},
		{"one more that is too long", with("more", strings.Repeat("v", 65536)), beforeKeys, beforeKeys, beforeKeys},
		{"one more that makes the whole too long", with("more", strings.Repeat("v", 65500)), beforeKeys, beforeKeys, beforeKeys},
	} {
		for mode, want := range map[envelope.ContextMatch]outcome{envelope.MatchExact: tt.exact, envelope.MatchSubset: tt.subset, envelope.MatchAny: tt.any} {
			for _, suite := range []envelope.Suite{envelope.AES256GCMHKDFSHA512Commit, envelope.AES256GCMHKDFSHA512CommitECDSAP384, envelope.AES256GCM} {
				t.Run(fmt.Sprintf("%s, mode %d, %v", tt.what, mode, suite), func(t *testing.T) {
					msg := seal(t, newClient(t, newTestKeys(), optionsOf(suite, 0, 1)), []byte("content"), stored)
					checkOutcome(t, msg, suite, &envelope.Options{ContextMatch: mode}, tt.given, want)
				})
			}
		}
	}
}

// The same where the writer kept a pair out of the header.
func TestContextRulesOfUnstoredPairs(t *testing.T) {
	sealed := envelope.Context{"tenant": "42", "secret": "s"}
	unstored := []string{"secret"}
	for _, tt := range []struct {
		what               string
		given              envelope.Context
		named              []string // the reader's Options.UnstoredContext
		exact, subset, any outcome
	}{
		{"the same", sealed, unstored, opens, opens, opens},
		{"the same, to a reader who does not know", sealed, nil, opens, beforeKeys, opens},
		{"another value", envelope.Context{"tenant": "42", "secret": "t"}, unstored, atTag, atTag, atTag},
		{"another value, to a reader who does not know", envelope.Context{"tenant": "42", "secret": "t"}, nil, atTag, beforeKeys, atTag},
		{"without it", envelope.Context{"tenant": "42"}, unstored, atTagAlone, atTagAlone, atTagAlone},
		{"only it", envelope.Context{"secret": "s"}, unstored, beforeKeys, opens, opens},
		{"another one more", envelope.Context{"tenant": "42", "secret": "s", "more": ""}, unstored, atTag, beforeKeys, atTag},
		{"another value of the stored one", envelope.Context{"tenant": "43", "secret": "s"}, unstored, beforeKeys, beforeKeys, beforeKeys},
	} {
		for mode, want := range map[envelope.ContextMatch]outcome{envelope.MatchExact: tt.exact, envelope.MatchSubset: tt.subset, envelope.MatchAny: tt.any} {
			for _, suite := range []envelope.Suite{envelope.AES256GCMHKDFSHA512Commit, envelope.AES128GCMHKDFSHA256ECDSAP256} {
				t.Run(fmt.Sprintf("%s, mode %d, %v", tt.what, mode, suite), func(t *testing.T) {
					opts := optionsOf(suite, 0, 1)
					opts.UnstoredContext = unstored
					msg := seal(t, newClient(t, newTestKeys(), opts), []byte("content"), sealed)
					if strings.Contains(string(msg), "secret") {
						t.Fatal("the pair is in the message")
					}
					checkOutcome(t, msg, suite, &envelope.Options{ContextMatch: mode, UnstoredContext: tt.named}, tt.given, want)
				})
			}
		}
	}
}

func checkOutcome(t *testing.T, msg []byte, suite envelope.Suite, opts *envelope.Options, given envelope.Context, want outcome) {
	t.Helper()
	opts.Commitment, opts.AllowUnverifiedSignature, opts.Workers = envelope.RequireEncryptAllowDecrypt, true, 1
	for _, way := range openingWays() {
		keys := newTestKeys()
		got, err := way.open(t.Context(), newClient(t, keys, opts), msg, maps.Clone(given))
		if want == opens {
			if err != nil || !way.silent && string(got) != "content" {
				t.Errorf("%s: got %q, error %v", way.name, got, err)
			}
			continue
		}
		if len(got) > 0 || errors.Is(err, envelope.ErrContext) != (want != atTagAlone) || errors.Is(err, envelope.ErrAuthentication) != (want != beforeKeys) {
			t.Errorf("%s: got %q, error %v", way.name, got, err)
		}
		if calls := keys.opened.Load(); (calls == 0) != (want == beforeKeys) {
			t.Errorf("%s: %d calls of the keyring, error %v", way.name, calls, err)
		}
	}
}

// A signed message's own public key is not the caller's to give, and does no
// harm if it is given.
func TestPublicKeyInCallersContext(t *testing.T) {
	suite := envelope.AES256GCMHKDFSHA512CommitECDSAP384
	c := newClient(t, newTestKeys(), optionsOf(suite, 0, 1))
	msg := seal(t, c, []byte("content"), envelope.Context{"a": "b"})
	h, err := envelope.ReadHeader(strings.NewReader(string(msg)))
	if err != nil || h.Context[keyring.PublicKeyName] == "" || len(h.Context) != 2 {
		t.Fatalf("header %+v, error %v", h, err)
	}
	for _, way := range openingWays() {
		if _, err := way.open(t.Context(), c, msg, h.Context); err != nil {
			t.Errorf("%s: %v", way.name, err)
		}
	}
}

// The keyring is asked with the whole context: what is stored, what is not, and
// a signed suite's public key.
func TestKeyringSeesTheWholeContext(t *testing.T) {
	for _, suite := range []envelope.Suite{envelope.AES256GCMHKDFSHA512Commit, envelope.AES256GCMHKDFSHA512CommitECDSAP384} {
		keys := newTestKeys()
		opts := optionsOf(suite, 0, 1)
		opts.UnstoredContext = []string{"kept out"}
		opts.ContextMatch = envelope.MatchAny
		c := newClient(t, keys, opts)
		ec := envelope.Context{"stored": "1", "kept out": "2"}
		msg := seal(t, c, nil, ec)
		if got := keys.lastEncryption.Load(); !maps.Equal(got.EncryptionContext, ec) || got.Suite != suite || got.PlaintextLength != 0 {
			t.Errorf("asked to seal with %+v", got)
		}
		if _, err := c.Open(t.Context(), msg, envelope.Context{"kept out": "2"}); err != nil {
			t.Fatal(err)
		}
		got := maps.Clone(keys.lastDecryption.Load().EncryptionContext)
		if _, has := got[keyring.PublicKeyName]; has != suite.Signed() {
			t.Errorf("%v: public key in the request: %v", suite, has)
		}
		delete(got, keyring.PublicKeyName)
		if !maps.Equal(got, ec) {
			t.Errorf("asked to open with %v, want %v", got, ec)
		}
	}
}

// Contexts that cannot be sealed are refused before any key call.
func TestContextsThatCannotBeSealed(t *testing.T) {
	for _, tt := range []struct {
		what string
		ec   envelope.Context
		ok   bool
	}{
		{"nil", nil, true},
		{"empty", envelope.Context{}, true},
		{"an empty pair", envelope.Context{"": ""}, true},
		{"as long as it can be", envelope.Context{"": strings.Repeat("v", 65535-6)}, true},
		{"a byte longer", envelope.Context{"": strings.Repeat("v", 65535-5)}, false},
		{"a value of 65,535 bytes", envelope.Context{"n": strings.Repeat("v", 65535)}, false},
		{"a value of 65,536 bytes", envelope.Context{"n": strings.Repeat("v", 65536)}, false},
		{"a name of 65,536 bytes", envelope.Context{strings.Repeat("n", 65536): ""}, false},
		{"as many pairs as fit", manyPairs(5957), true},
		{"one more", manyPairs(5958), false},
		{"a reserved name", envelope.Context{"aws-crypto-public-key": "x"}, false},
		{"another reserved name", envelope.Context{"aws-crypto-": ""}, false},
		{"a name that looks reserved", envelope.Context{"aws-Crypto-x": "", "aws-crypto": ""}, true},
		{"a name that is not UTF-8", envelope.Context{"\xff": ""}, false},
		{"a value that is not UTF-8", envelope.Context{"": "\xed\xa0\x80"}, false},
		{"a NUL", envelope.Context{"\x00": "\x00"}, true},
	} {
		for _, way := range sealingWays(16) {
			keys := newTestKeys()
			c := newClient(t, keys, &envelope.Options{FrameLength: 16, Workers: 1})
			msg, err := way.seal(t.Context(), c, []byte("content"), tt.ec)
			if tt.ok {
				if err != nil {
					t.Errorf("%s, %s: %v", tt.what, way.name, err)
				} else if got, err := c.Open(t.Context(), msg, tt.ec); err != nil || string(got) != "content" {
					t.Errorf("%s, %s: opens as %q, error %v", tt.what, way.name, got, err)
				}
				continue
			}
			if !errors.Is(err, envelope.ErrContext) || msg != nil || keys.sealed.Load() != 0 {
				t.Errorf("%s, %s: %d bytes, error %v, %d calls of the keyring", tt.what, way.name, len(msg), err, keys.sealed.Load())
			}
		}
	}
}

// manyPairs returns n pairs of 11 bytes each in serialized form.
func manyPairs(n int) envelope.Context {
	ec := envelope.Context{}
	for i := range n {
		ec[fmt.Sprintf("%05d", i)] = "vv"
	}
	return ec
}

// Sealing needs all pairs that are not to be stored.
func TestUnstoredPairsAreNeededToSeal(t *testing.T) {
	keys := newTestKeys()
	c := newClient(t, keys, &envelope.Options{UnstoredContext: []string{"a", "b"}})
	for _, ec := range []envelope.Context{nil, {"a": ""}, {"b": "", "c": ""}} {
		if _, err := c.Seal(t.Context(), nil, ec); !errors.Is(err, envelope.ErrContext) || keys.sealed.Load() != 0 {
			t.Errorf("%v: error %v, %d calls of the keyring", ec, err, keys.sealed.Load())
		}
	}
	if _, err := envelope.New(keys, &envelope.Options{UnstoredContext: []string{"aws-crypto-x"}}); !errors.Is(err, envelope.ErrContext) {
		t.Errorf("a reserved name: %v", err)
	}
}

// An outage of the keyring says nothing about the message.
func TestOutageIsNoForgery(t *testing.T) {
	outage := errors.New("connection refused")
	msg := seal(t, newClient(t, newTestKeys(), nil), nil, nil)
	for what, err := range map[string]error{
		"an error":                 outage,
		"attempts, one an outage":  &keyring.NoDataKeyError{Attempts: []keyring.Attempt{{Err: keyring.ErrNotMine}, {Err: outage}}},
		"a deadline":               context.DeadlineExceeded,
		"attempts, one a deadline": &keyring.NoDataKeyError{Attempts: []keyring.Attempt{{Err: context.DeadlineExceeded}}},
	} {
		keys := keyringFuncs{open: func(*keyring.DecryptionRequest) (*keyring.DecryptionMaterials, error) { return nil, err }}
		c := newClient(t, keys, nil)
		for _, way := range openingWays() {
			for _, ec := range []envelope.Context{nil, {"not": "sealed"}} {
				_, got := way.open(t.Context(), c, msg, ec)
				if !errors.Is(got, err) || isRefusal(got) {
					t.Errorf("%s, %s, context %v: error %v, want %v and no category", what, way.name, ec, got, err)
				}
			}
		}
	}
}

// Whoever has no key for a message learns that, with every attempt.
func TestNoDataKey(t *testing.T) {
	msg := seal(t, newClient(t, newTestKeys(), nil), nil, nil)
	stranger := newTestKeys()
	stranger.edks = nil
	for _, way := range openingWays() {
		_, err := way.open(t.Context(), newClient(t, stranger, nil), msg, nil)
		var none *keyring.NoDataKeyError
		if !errors.As(err, &none) || len(none.Attempts) != 1 || !errors.Is(err, envelope.ErrAuthentication) || !errors.Is(err, keyring.ErrNotMine) {
			t.Errorf("%s: %v", way.name, err)
		}
		// With a pair that the header lacks, that may be the reason.
		_, err = way.open(t.Context(), newClient(t, stranger, nil), msg, envelope.Context{"more": ""})
		if !errors.As(err, &none) || !errors.Is(err, envelope.ErrContext) || !errors.Is(err, envelope.ErrAuthentication) {
			t.Errorf("%s, one pair more: %v", way.name, err)
		}
	}
}

// The maps of callers are theirs: nothing is written into them, and nothing of
// them is kept.
func TestContextsStayTheCallers(t *testing.T) {
	c := newClient(t, newTestKeys(), optionsOf(envelope.AES256GCMHKDFSHA512CommitECDSAP384, 0, 1))
	ec := envelope.Context{"a": "b"}
	msg := seal(t, c, nil, ec)
	for _, way := range openingWays() {
		if _, err := way.open(t.Context(), c, msg, ec); err != nil {
			t.Error(err)
		}
	}
	if !maps.Equal(ec, envelope.Context{"a": "b"}) {
		t.Errorf("the caller's context has become %v", ec)
	}
}
