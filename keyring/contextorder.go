package keyring

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// The AWS Encryption SDK for JavaScript sorts the context under which a raw
// AES key wraps by the collation of its process's locale, unless its option
// utf8Sorting is set. Everyone else sorts by UTF-8 bytes, so that a context of
// {"Tenant", "aws-crypto-public-key"} is enough to make an EDK that only
// JavaScript opens. Each order below spells the same pairs, so that trying it
// accepts nothing that was not sealed under this very context.
//
// Source: docs/format.md, section "Orders of other software".
var foreignOrders = []func(a, b string) int{compareCollated, compareUTF16}

// foreignContexts returns the serializations of ec, a context that has one, in
// the foreign orders that differ from the canonical order and from each other.
func foreignContexts(ec EncryptionContext) [][]byte {
	if len(ec) < 2 || len(ec) > maxForeignPairs {
		return nil
	}
	seen := [][]string{slices.Sorted(maps.Keys(ec))}
	var out [][]byte
	for _, order := range foreignOrders {
		names := slices.SortedFunc(maps.Keys(ec), order)
		if slices.ContainsFunc(seen, func(s []string) bool { return slices.Equal(s, names) }) {
			continue
		}
		seen = append(seen, names)
		out = append(out, serializeInOrder(names, ec))
	}
	return out
}

// maxForeignPairs bounds what a message of many bad EDKs can make a reader sort.
const maxForeignPairs = 128

func serializeInOrder(names []string, ec EncryptionContext) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(names)))
	for _, name := range names {
		b = binary.BigEndian.AppendUint16(b, uint16(len(name)))
		b = append(b, name...)
		b = binary.BigEndian.AppendUint16(b, uint16(len(ec[name])))
		b = append(b, ec[name]...)
	}
	return b
}

// collated lists the printable ASCII characters in the order of the Unicode
// root collation, which English and most locales use for them.
const collated = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789aAbBcCdDeEfFgGhHiIjJkKlLmMnNoOpPqQrRsStTuUvVwWxXyYzZ"

// compareCollated compares as the root collation does where names are of
// printable ASCII: by characters regardless of case, then lower case first.
// Other characters follow by their UTF-16 code units, which is an approximation.
func compareCollated(a, b string) int {
	return cmp.Or(compareBy(caselessWeight, a, b), compareBy(collatedWeight, a, b))
}

// compareUTF16 compares by UTF-16 code units.
func compareUTF16(a, b string) int { return compareBy(utf16Weight, a, b) }

func compareBy(weight func(rune) rune, a, b string) int {
	for a != "" && b != "" {
		x, n := utf8.DecodeRuneInString(a)
		y, m := utf8.DecodeRuneInString(b)
		if c := cmp.Compare(weight(x), weight(y)); c != 0 {
			return c
		}
		a, b = a[n:], b[m:]
	}
	return cmp.Compare(len(a), len(b))
}

func caselessWeight(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		r += 'a' - 'A'
	}
	return collatedWeight(r)
}

func collatedWeight(r rune) rune {
	if at := strings.IndexRune(collated, r); at >= 0 {
		return rune(at)
	}
	return utf16Weight(r)
}

// utf16Weight orders runes as their UTF-16 code units do: those above U+FFFF
// begin with a surrogate, which stands before U+E000. All weights are above
// those of collated.
func utf16Weight(r rune) rune {
	const above = utf8.MaxRune + 1
	if 0xe000 <= r && r <= 0xffff {
		return r + 2*above
	}
	return r + above
}
