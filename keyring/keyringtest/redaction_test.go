package keyringtest

import (
	"fmt"
	"log/slog"
	"math/big"
	"testing"
)

// What the test of redaction finds in types that try to redact themselves, by
// how they hold their secret: inline and behind one pointer it shows, though
// all the methods are there.

type inline struct{ b []byte }
type pointed struct{ p *[]byte }
type twicePointed struct{ p *struct{ b *[]byte } }
type number struct{ n *big.Int }
type open struct{ B []byte }

func (inline) String() string                     { return "REDACTED" }
func (inline) GoString() string                   { return "REDACTED" }
func (inline) Format(f fmt.State, _ rune)         { _, _ = f.Write([]byte("REDACTED")) }
func (inline) LogValue() slog.Value               { return slog.StringValue("REDACTED") }
func (inline) MarshalText() ([]byte, error)       { return []byte("REDACTED"), nil }
func (pointed) String() string                    { return "REDACTED" }
func (pointed) GoString() string                  { return "REDACTED" }
func (pointed) Format(f fmt.State, _ rune)        { _, _ = f.Write([]byte("REDACTED")) }
func (pointed) LogValue() slog.Value              { return slog.StringValue("REDACTED") }
func (pointed) MarshalText() ([]byte, error)      { return []byte("REDACTED"), nil }
func (twicePointed) String() string               { return "REDACTED" }
func (twicePointed) GoString() string             { return "REDACTED" }
func (twicePointed) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte("REDACTED")) }
func (twicePointed) LogValue() slog.Value         { return slog.StringValue("REDACTED") }
func (twicePointed) MarshalText() ([]byte, error) { return []byte("REDACTED"), nil }

func leaks[T any](t *testing.T, v T, secret []byte) (n int) {
	all := renderings(v)
	if len(all) != 96 {
		t.Errorf("%d renderings, want 96", len(all))
	}
	for _, r := range all {
		if shows(r.text, secret) != "" {
			n++
		}
	}
	return n
}

func TestTheTestFindsSecrets(t *testing.T) {
	b := secret(32)
	for _, tt := range []struct {
		name     string
		leaks    int
		min, max int
	}{
		{"exported field", leaks(t, open{b}, b), 90, 95},
		{"inline", leaks(t, inline{b}, b), 40, 60},
		{"one pointer", leaks(t, pointed{&b}, b), 15, 45},
		{"two pointers", leaks(t, twicePointed{&struct{ b *[]byte }{&b}}, b), 0, 0},
		{"number", leaks(t, number{new(big.Int).SetBytes(b)}, b), 20, 95},
	} {
		t.Logf("%s: %d of 96", tt.name, tt.leaks)
		if tt.leaks < tt.min || tt.leaks > tt.max {
			t.Errorf("%s: %d of 96 renderings show the secret, want %d to %d", tt.name, tt.leaks, tt.min, tt.max)
		}
	}
}
