package message

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/sealwax/sealwax/internal/fault"
)

func TestContextSerialization(t *testing.T) {
	for _, tt := range []struct {
		what string
		ec   map[string]string
		want string
	}{
		{"nil", nil, ""},
		{"empty", map[string]string{}, ""},
		{"one pair", map[string]string{"name": "value"}, "\x00\x01\x00\x04name\x00\x05value"},
		{"an empty pair", map[string]string{"": ""}, "\x00\x01\x00\x00\x00\x00"},
		{"sorted", map[string]string{"b": "1", "a": "2", "": "3"}, "\x00\x03\x00\x00\x00\x013\x00\x01a\x00\x012\x00\x01b\x00\x011"},
		{"shorter first", map[string]string{"aa": "", "a": ""}, "\x00\x02\x00\x01a\x00\x00\x00\x02aa\x00\x00"},
		{"upper case first", map[string]string{"a": "", "B": ""}, "\x00\x02\x00\x01B\x00\x00\x00\x01a\x00\x00"},
		// UTF-16 would put U+10002 before U+E000.
		{"astral last", map[string]string{"\U00010002": "", "\ue000": ""}, "\x00\x02\x00\x03\ue000\x00\x00\x00\x04\U00010002\x00\x00"},
	} {
		got, err := AppendContext([]byte("dst"), tt.ec)
		if err != nil || string(got) != "dst"+tt.want {
			t.Errorf("%s: %q, error %v", tt.what, got, err)
		}
		if n, err := ContextLength(tt.ec); err != nil || n != len(tt.want) {
			t.Errorf("%s: length %d, error %v", tt.what, n, err)
		}
		back, err := parseContext([]byte(tt.want))
		if err != nil || !maps.Equal(back, tt.ec) {
			t.Errorf("%s: parsed %q, error %v", tt.what, back, err)
		}
	}
}

func TestContextBounds(t *testing.T) {
	longest := func(n int) map[string]string { return map[string]string{"n": strings.Repeat("v", n-7)} }
	many := func(n int) map[string]string {
		ec := map[string]string{}
		for i := range n {
			ec[fmt.Sprintf("%05d", i)] = ""
		}
		return ec
	}
	for _, tt := range []struct {
		what string
		ec   map[string]string
		want error
	}{
		{"65,535 bytes", longest(65535), nil},
		{"65,536 bytes", longest(65536), ErrContextTooLong},
		{"a value of 65,536 bytes", map[string]string{"": strings.Repeat("v", 65536)}, ErrContextTooLong},
		{"a name of 65,536 bytes", map[string]string{strings.Repeat("n", 65536): ""}, ErrContextTooLong},
		{"as many pairs as fit", many(7281), nil}, // 2 + 7,281 × 9 = 65,531
		{"one more", many(7282), ErrContextTooLong},
		{"65,536 pairs", many(65536), ErrContextTooLong},
		{"name that is not UTF-8", map[string]string{"\xc3": ""}, ErrContextUTF8},
		{"value that is not UTF-8", map[string]string{"": "\xc0\x80"}, ErrContextUTF8},
		{"value with a surrogate", map[string]string{"": "\xed\xa0\x80"}, ErrContextUTF8},
	} {
		b, err := AppendContext([]byte("dst"), tt.ec)
		if !errors.Is(err, tt.want) || tt.want != nil && string(b) != "dst" {
			t.Errorf("%s: error %v, want %v", tt.what, err, tt.want)
			continue
		}
		if tt.want == nil {
			if back, err := parseContext(b[3:]); err != nil || !maps.Equal(back, tt.ec) {
				t.Errorf("%s: parsed %d pairs, error %v", tt.what, len(back), err)
			}
		}
	}
}

// What others write is read; what nobody should is not.
func TestContextParsing(t *testing.T) {
	for _, tt := range []struct {
		what, raw string
		want      map[string]string // nil and !ok: ErrFormat
		ok        bool
	}{
		{"nothing", "", nil, true},
		{"length 2, count 0", "\x00\x00", nil, true},
		{"not sorted", "\x00\x02\x00\x01b\x00\x011\x00\x01a\x00\x012", map[string]string{"a": "2", "b": "1"}, true},
		{"length 1", "\x00", nil, false},
		{"count 0 and a pair", "\x00\x00\x00\x00\x00\x00", nil, false},
		{"count 0 and a byte", "\x00\x00\x00", nil, false},
		{"count 1 and no pair", "\x00\x01", nil, false},
		{"count 2 and one pair", "\x00\x02\x00\x00\x00\x00", nil, false},
		{"count 1 and two pairs", "\x00\x01\x00\x00\x00\x00\x00\x01a\x00\x00", nil, false},
		{"count 65,535", "\xff\xff\x00\x00\x00\x00", nil, false},
		{"half a length", "\x00\x01\x00\x00\x00\x00\x00"[:5], nil, false},
		{"name cut", "\x00\x01\x00\x02a\x00\x00", nil, false},
		{"value cut", "\x00\x01\x00\x01a\x00\x02b", nil, false},
		{"value missing", "\x00\x01\x00\x01a", nil, false},
		{"a byte more", "\x00\x01\x00\x01a\x00\x01b\x00", nil, false},
		{"a name twice", "\x00\x02\x00\x01a\x00\x01b\x00\x01a\x00\x01b", nil, false},
		{"an empty name twice", "\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00", nil, false},
		{"name that is not UTF-8", "\x00\x01\x00\x01\xff\x00\x00", nil, false},
		{"value that is not UTF-8", "\x00\x01\x00\x00\x00\x01\x80", nil, false},
		{"name and value that are UTF-8 only together", "\x00\x01\x00\x01\xc3\x00\x01\xa4", nil, false},
	} {
		got, err := parseContext([]byte(tt.raw))
		if (err == nil) != tt.ok || !maps.Equal(got, tt.want) || err != nil && !errors.Is(err, fault.ErrFormat) {
			t.Errorf("%s: %q, error %v, ok should be %v", tt.what, got, err, tt.ok)
		}
	}
}
