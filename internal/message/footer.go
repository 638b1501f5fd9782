package message

import (
	"encoding/binary"
)

// FooterHeaderLength is what a footer adds to its signature, in bytes.
const FooterHeaderLength = 2

// AppendFooter appends the footer with a signature of at most 65,535 bytes.
//
// Source: docs/format.md, section "Footer".
func AppendFooter(dst, signature []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(signature)))
	return append(dst, signature...)
}

// ParseFooterHeader returns the signature's length: the first two bytes of b.
func ParseFooterHeader(b []byte) int { return int(binary.BigEndian.Uint16(b)) }
