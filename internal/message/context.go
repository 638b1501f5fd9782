package message

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// MaxContextLength bounds the serialization of an encryption context in bytes:
// a header gives its length as an unsigned 16-bit number.
const MaxContextLength = 1<<16 - 1

// Errors of encryption contexts that cannot be serialized, or that cannot be
// what a serialization holds.
var (
	ErrContextTooLong = fmt.Errorf("encryption context is longer than %d bytes in its serialized form", MaxContextLength)
	ErrContextUTF8    = errors.New("encryption context is not valid UTF-8")
)

// AppendContext appends the canonical serialization of ec to dst: nothing for
// an empty context, else
//
//	count 2 ‖ count × (name length 2 ‖ name ‖ value length 2 ‖ value)
//
// sorted by the UTF-8 bytes of the names.
//
// Source: docs/format.md, section "Encryption context".
func AppendContext(dst []byte, ec map[string]string) ([]byte, error) {
	n, err := ContextLength(ec)
	if err != nil || n == 0 {
		return dst, err
	}
	dst = slices.Grow(dst, n)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(ec)))
	var few [8]string // most contexts are sorted without an allocation
	names := few[:0]
	for name := range ec {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		dst = appendPair(dst, name, ec[name])
	}
	return dst, nil
}

func appendPair(dst []byte, name, value string) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(name)))
	dst = append(dst, name...)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(value)))
	return append(dst, value...)
}

// ContextLength returns the length of ec's serialization in bytes, or why it
// has none.
func ContextLength(ec map[string]string) (int, error) {
	if len(ec) == 0 {
		return 0, nil
	}
	n := 2
	for name, value := range ec {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return 0, ErrContextUTF8
		}
		// No overflow: the sum is looked at after each pair.
		if n += 2 + len(name) + 2 + len(value); n > MaxContextLength {
			return 0, ErrContextTooLong
		}
	}
	return n, nil
}

// parseContext reads a serialization. Any order of the names is read, since
// other software has written other orders; a name that comes twice is not.
func parseContext(b []byte) (map[string]string, error) {
	if len(b) == 0 {
		return nil, nil
	}
	if len(b) < 2 {
		return nil, formatErrorf("encryption context of %d bytes", len(b))
	}
	count := int(binary.BigEndian.Uint16(b))
	if count == 0 {
		// Not canonical, but found in the wild: the length field says 2, and
		// the count is 0.
		if len(b) != 2 {
			return nil, formatErrorf("encryption context has bytes after its last pair")
		}
		return nil, nil
	}
	// A pair takes at least 4 bytes, which bounds what the count may ask for.
	if count > (len(b)-2)/4 {
		return nil, formatErrorf("encryption context of %d bytes claims %d pairs", len(b), count)
	}
	s := string(b[2:]) // one copy that all names and values share
	ec := make(map[string]string, count)
	for range count {
		var name, value string
		var ok bool
		if name, s, ok = cutString(s); ok {
			value, s, ok = cutString(s)
		}
		if !ok {
			return nil, formatErrorf("encryption context ends within a pair")
		}
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return nil, formatErrorf("%v", ErrContextUTF8)
		}
		if _, twice := ec[name]; twice {
			return nil, formatErrorf("encryption context has a name twice")
		}
		ec[name] = value
	}
	if s != "" {
		return nil, formatErrorf("encryption context has bytes after its last pair")
	}
	return ec, nil
}

// cutString takes a string with a 16-bit length prefix from the front of s.
func cutString(s string) (cut, rest string, ok bool) {
	if len(s) < 2 {
		return "", "", false
	}
	n := int(s[0])<<8 | int(s[1])
	if s = s[2:]; len(s) < n {
		return "", "", false
	}
	return s[:n], s[n:], true
}
