package message

import (
	"encoding/binary"
	"io"
	"unicode/utf8"
)

// cursor takes a header apart from the front: from a whole message in memory,
// or from a source, of which it reads what it is asked for and nothing more.
type cursor struct {
	buf   []byte // the whole message, or the header as far as it has been read
	off   int    // bytes taken
	whole bool   // buf is all there is
	src   io.Reader
	limit int // bytes that may be taken; 0: any
}

// take returns the next n bytes. They stay valid, but only buf[:off] is sure to
// be one with what is taken later.
func (c *cursor) take(n int) ([]byte, error) {
	if c.limit > 0 && n > c.limit-c.off {
		return nil, policyErrorf("header is longer than the %d bytes allowed; see MaxHeaderSize", c.limit)
	}
	if c.whole {
		if len(c.buf)-c.off < n {
			return nil, Truncated("header")
		}
	} else if err := c.fill(n); err != nil {
		return nil, err
	}
	b := c.buf[c.off : c.off+n]
	c.off += n
	return b, nil
}

// fill reads n bytes more. Length fields have 16 bits, so that no more than
// 64 KiB are ever allocated on the word of one that nothing has backed yet.
func (c *cursor) fill(n int) error {
	if c.buf == nil {
		c.buf = make([]byte, 0, 512) // holds the header of most messages
	}
	c.grow(n)
	c.buf = c.buf[:c.off+n]
	if _, err := io.ReadFull(c.src, c.buf[c.off:]); err != nil {
		return readError("header", err)
	}
	return nil
}

// grow makes room for n bytes more. It doubles, so that all the buffers that
// fields point into are together no longer than two headers.
func (c *cursor) grow(n int) {
	need := c.off + n
	if need <= cap(c.buf) {
		return
	}
	size := max(need, 2*cap(c.buf))
	if c.limit > 0 { // which take has held need against
		size = min(size, c.limit)
	}
	c.buf = append(make([]byte, 0, size), c.buf...)
}

func (c *cursor) takeUint16() (int, error) {
	b, err := c.take(2)
	if err != nil {
		return 0, err
	}
	return int(binary.BigEndian.Uint16(b)), nil
}

// takeField takes bytes with a 16-bit length prefix.
func (c *cursor) takeField() ([]byte, error) {
	n, err := c.takeUint16()
	if err != nil {
		return nil, err
	}
	b, err := c.take(n)
	if err != nil {
		return nil, err
	}
	return b[:n:n], nil
}

func (c *cursor) takeEDK() (EDK, error) {
	id, err := c.takeField()
	if err != nil {
		return EDK{}, err
	}
	if !utf8.Valid(id) {
		return EDK{}, formatErrorf("provider id of an encrypted data key is not valid UTF-8")
	}
	info, err := c.takeField()
	if err != nil {
		return EDK{}, err
	}
	ciphertext, err := c.takeField()
	if err != nil {
		return EDK{}, err
	}
	return EDK{ProviderID: internProviderID(id), ProviderInfo: info, Ciphertext: ciphertext}, nil
}

// internProviderID spares the allocation for the id that most messages carry.
func internProviderID(id []byte) string {
	if string(id) == "aws-kms" {
		return "aws-kms"
	}
	return string(id)
}
