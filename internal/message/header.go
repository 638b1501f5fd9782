package message

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/sealwax/sealwax/internal/suite"
)

// Fixed values of a header. Source: docs/format.md, section "Header".
const (
	version1    = 0x01
	version2    = 0x02
	messageType = 0x80 // version 1 only
	nonFramed   = 0x01
	framed      = 0x02
	nonceLength = suite.NonceLength
)

// Lengths of a header's fixed parts, in bytes.
const (
	prefix1Length = 1 + 1 + 2 + 16 + 2 // up to and with the context length
	prefix2Length = 1 + 2 + 32 + 2
	tail1Length   = 1 + 4 + 1 + 4 + suite.NonceLength + suite.TagLength // from the content type on
	tail2Length   = 1 + 4 + 32 + suite.TagLength
)

// EDK is an encrypted data key as a header holds it.
type EDK struct {
	ProviderID   string
	ProviderInfo []byte
	Ciphertext   []byte
}

// Header is a parsed header. Its slices are parts of the message, or of what was
// read of it: they are not to be changed. One that has been filled by parsing is not
// to be copied: its EDKs may lie within it.
type Header struct {
	Suite       *suite.Suite
	MessageID   []byte
	Context     map[string]string // the pairs stored; nil if there are none
	EDKs        []EDK
	Framed      bool
	FrameLength uint32 // 0 if the body is not framed
	Commitment  []byte // nil if the suite does not commit
	Nonce       []byte // of the header's tag; stored in version 1, zero in version 2
	Tag         []byte
	Body        []byte // what the tag authenticates, as it stood in the message
	Raw         []byte // Body and the header authentication

	few [2]EDK // room for the EDKs of most messages
}

// Limits bound what parsing a header accepts. They are applied before anything
// is allocated from a length field.
type Limits struct {
	HeaderLength      int    // bytes of the whole header
	EncryptedDataKeys int    // 0: as many as the header's length allows
	FrameLength       uint32 // 0: any
}

// Parse parses the header at the start of b into h. The header's slices are
// parts of b. After an error, h means nothing.
func (h *Header) Parse(b []byte, limits Limits) error {
	return h.parse(&cursor{buf: b, whole: true, limit: limits.HeaderLength}, limits)
}

// Read reads and parses a header from r, and no byte beyond it.
func (h *Header) Read(r io.Reader, limits Limits) error {
	return h.parse(&cursor{src: r, limit: limits.HeaderLength}, limits)
}

func (h *Header) parse(c *cursor, limits Limits) error {
	*h = Header{}
	if err := h.parsePrefix(c); err != nil {
		return err
	}
	if err := h.parseContextAndEDKs(c, limits); err != nil {
		return err
	}
	return h.parseTail(c, limits)
}

// parsePrefix takes everything up to the message id.
func (h *Header) parsePrefix(c *cursor) error {
	start, err := c.take(2)
	if err != nil {
		return err
	}
	if start[0] == 'A' && (start[1] == 'Y' || start[1] == 'g') {
		return formatErrorf("message looks like base64: decode it first")
	}
	version, idAt, length := int(start[0]), 0, 0
	switch version {
	case version1:
		if start[1] != messageType {
			return formatErrorf("message type %#02x, want %#02x", start[1], messageType)
		}
		idAt, length = 2, prefix1Length
	case version2:
		idAt, length = 1, prefix2Length
	default:
		return formatErrorf("not a message: version byte %#02x, want 01 or 02", start[0])
	}
	// The context length belongs to the prefix but is taken by what follows.
	if _, err := c.take(length - 2 - len(start)); err != nil {
		return err
	}
	prefix := c.buf[:length-2]
	id := suite.ID(binary.BigEndian.Uint16(prefix[idAt:]))
	s, ok := suite.Lookup(id)
	if !ok {
		return formatErrorf("unknown algorithm suite %#04x", uint16(id))
	}
	if s.MessageVersion != version {
		return formatErrorf("algorithm suite %v in a message of version %d", id, version)
	}
	h.Suite = s
	return nil
}

func (h *Header) parseContextAndEDKs(c *cursor, limits Limits) error {
	length, err := c.takeUint16()
	if err != nil {
		return err
	}
	context, err := c.take(length)
	if err != nil {
		return err
	}
	if h.Context, err = parseContext(context); err != nil {
		return err
	}
	count, err := c.takeUint16()
	if err != nil {
		return err
	}
	if count == 0 {
		return formatErrorf("message has no encrypted data keys")
	}
	if limits.EncryptedDataKeys > 0 && count > limits.EncryptedDataKeys {
		return policyErrorf("message has %d encrypted data keys, more than the %d allowed; see MaxEncryptedDataKeys", count, limits.EncryptedDataKeys)
	}
	h.EDKs = h.few[:0]
	for range count {
		edk, err := c.takeEDK()
		if err != nil {
			return err
		}
		h.EDKs = append(h.EDKs, edk)
	}
	return nil
}

// parseTail takes everything from the content type on, and with the whole
// header at hand sets the slices into it.
func (h *Header) parseTail(c *cursor, limits Limits) error {
	length := tail2Length
	if h.Suite.MessageVersion == 1 {
		length = tail1Length
	}
	tail, err := c.take(length)
	if err != nil {
		return err
	}
	h.Raw = c.buf[:c.off:c.off]
	switch tail[0] {
	case framed:
		h.Framed = true
	case nonFramed:
	default:
		return formatErrorf("content type %#02x, want 01 or 02", tail[0])
	}
	if h.Suite.MessageVersion == 1 {
		err = h.setTail1(tail)
	} else {
		h.setTail2(tail)
	}
	if err != nil {
		return err
	}
	if h.Framed != (h.FrameLength > 0) {
		return formatErrorf("frame length %d with content type %#02x", h.FrameLength, tail[0])
	}
	if limits.FrameLength > 0 && h.FrameLength > limits.FrameLength {
		return policyErrorf("frames of %d bytes, more than the %d allowed; see MaxFrameLength", h.FrameLength, limits.FrameLength)
	}
	return nil
}

func (h *Header) setTail1(tail []byte) error {
	if reserved := binary.BigEndian.Uint32(tail[1:]); reserved != 0 {
		return formatErrorf("reserved field is %#08x, want 0", reserved)
	}
	if tail[5] != nonceLength {
		return formatErrorf("nonce length %d, want %d", tail[5], nonceLength)
	}
	h.FrameLength = binary.BigEndian.Uint32(tail[6:])
	const auth = suite.NonceLength + suite.TagLength
	h.Body = h.Raw[: len(h.Raw)-auth : len(h.Raw)-auth]
	h.Nonce = h.Raw[len(h.Body) : len(h.Body)+suite.NonceLength]
	h.Tag = h.Raw[len(h.Body)+suite.NonceLength:]
	h.MessageID = h.Raw[4:20:20]
	return nil
}

func (h *Header) setTail2(tail []byte) {
	h.FrameLength = binary.BigEndian.Uint32(tail[1:])
	h.Body = h.Raw[: len(h.Raw)-suite.TagLength : len(h.Raw)-suite.TagLength]
	h.Commitment = h.Body[len(h.Body)-32:]
	h.Nonce = zeroNonce[:]
	h.Tag = h.Raw[len(h.Body):]
	h.MessageID = h.Raw[3:35:35]
}

var zeroNonce [suite.NonceLength]byte

// AppendHeaderBody appends the header body of a framed message to dst, from h's
// Suite, MessageID, Context, EDKs, FrameLength and Commitment.
func AppendHeaderBody(dst []byte, h *Header) ([]byte, error) {
	length, err := HeaderLength(h)
	if err != nil {
		return nil, err
	}
	dst = slices.Grow(dst, length)
	dst = append(dst, byte(h.Suite.MessageVersion))
	if h.Suite.MessageVersion == 1 {
		dst = append(dst, messageType)
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(h.Suite.ID))
	dst = append(dst, h.MessageID...)

	at := len(dst)
	dst = append(dst, 0, 0) // the context's length, when it is known
	if dst, err = AppendContext(dst, h.Context); err != nil {
		return nil, err
	}
	binary.BigEndian.PutUint16(dst[at:], uint16(len(dst)-at-2))

	dst = binary.BigEndian.AppendUint16(dst, uint16(len(h.EDKs)))
	for _, edk := range h.EDKs {
		if dst, err = AppendEDK(dst, edk); err != nil {
			return nil, err
		}
	}
	dst = append(dst, framed)
	if h.Suite.MessageVersion == 1 {
		dst = append(dst, 0, 0, 0, 0, nonceLength)
	}
	dst = binary.BigEndian.AppendUint32(dst, h.FrameLength)
	return append(dst, h.Commitment...), nil
}

// AppendHeaderAuth appends the header authentication to dst. In version 1 the
// nonce that we write is zero, as in version 2, which does not store it.
func AppendHeaderAuth(dst []byte, s *suite.Suite, tag []byte) []byte {
	if s.MessageVersion == 1 {
		dst = append(dst, zeroNonce[:]...)
	}
	return append(dst, tag...)
}

// HeaderLength returns the length in bytes of the header that AppendHeaderBody
// and AppendHeaderAuth write for h, or why there can be none.
func HeaderLength(h *Header) (int, error) {
	context, err := ContextLength(h.Context)
	if err != nil {
		return 0, err
	}
	if n := len(h.EDKs); n == 0 || n > maxUint16 {
		return 0, fmt.Errorf("%d encrypted data keys, want 1 to %d", n, maxUint16)
	}
	n := prefix2Length + context + 2 + tail2Length
	if h.Suite.MessageVersion == 1 {
		n = prefix1Length + context + 2 + tail1Length
	}
	for _, edk := range h.EDKs {
		n += edk.length()
	}
	return n, nil
}

// AppendEDK appends the serialization of an EDK to dst.
func AppendEDK(dst []byte, edk EDK) ([]byte, error) {
	if len(edk.ProviderID) > maxUint16 || len(edk.ProviderInfo) > maxUint16 || len(edk.Ciphertext) > maxUint16 {
		return nil, fmt.Errorf("encrypted data key with a field of more than %d bytes", maxUint16)
	}
	if !utf8.ValidString(edk.ProviderID) {
		return nil, fmt.Errorf("provider id of an encrypted data key is not valid UTF-8")
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(edk.ProviderID)))
	dst = append(dst, edk.ProviderID...)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(edk.ProviderInfo)))
	dst = append(dst, edk.ProviderInfo...)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(edk.Ciphertext)))
	return append(dst, edk.Ciphertext...), nil
}

func (e EDK) length() int {
	return 2 + len(e.ProviderID) + 2 + len(e.ProviderInfo) + 2 + len(e.Ciphertext)
}

const maxUint16 = 1<<16 - 1
