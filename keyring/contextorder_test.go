package keyring

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// Names that a process with the locale en-US sorted by String.localeCompare.
func TestCollatedOrder(t *testing.T) {
	for _, want := range [][]string{
		{"aa", "ab", "aB", "Ab", "AB", "AC"},
		{"Co", "co_op", "co-op", "CO-OP", "coop"},
		{"aws-crypto-public-key", "Tenant"},
		{"", "a", "a b", "ab"},
		{"9", "a", "B"},
	} {
		got := slices.Clone(want)
		slices.Sort(got)
		slices.SortFunc(got, compareCollated)
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if len(collated) != 0x7f-0x20 {
		t.Errorf("%d characters, want all that are printable", len(collated))
	}
	for c := rune(0x20); c < 0x7f; c++ {
		if strings.Count(collated, string(c)) != 1 {
			t.Errorf("%q is there %d times", c, strings.Count(collated, string(c)))
		}
	}
}

func TestUTF16Order(t *testing.T) {
	names := []string{"", "a", "b", "a\u00e9", "\u0100", "\ud7ff", "\U00010000", "\U00010002", "\U0010ffff", "\ue000", "\uffff", "\U00010000a", "\ue000a"}
	for _, a := range names {
		for _, b := range names {
			want := slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
			if got := compareUTF16(a, b); got != want {
				t.Errorf("%q, %q: %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestForeignContexts(t *testing.T) {
	many := map[string]string{"B": ""}
	for i := range maxForeignPairs {
		many["a"+strings.Repeat("x", i)] = ""
	}
	fewer := maps.Clone(many)
	delete(fewer, "a")
	for _, tt := range []struct {
		what string
		ec   map[string]string
		want int
	}{
		{"none", nil, 0},
		{"one pair", map[string]string{"A": ""}, 0},
		{"the same in every order", map[string]string{"a": "", "b": ""}, 0},
		{"mixed case", map[string]string{"a": "", "B": ""}, 1},
		{"above U+FFFF and above U+E000, one foreign order", map[string]string{"\U00010002": "", "\ue000": ""}, 1},
		{"both, two foreign orders", map[string]string{"a": "", "B": "", "\U00010002": "", "\ue000": ""}, 2},
		{"as many as are tried", fewer, 1},
		{"more than are tried", many, 0},
	} {
		got := foreignContexts(tt.ec)
		if len(got) != tt.want {
			t.Errorf("%s: %d orders, want %d", tt.what, len(got), tt.want)
		}
		canonical, err := AppendContext(nil, tt.ec)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range got {
			if len(b) != len(canonical) || string(b) == string(canonical) {
				t.Errorf("%s: not another order of the same pairs", tt.what)
			}
		}
	}
}
