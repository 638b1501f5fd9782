package envelope

import (
	"errors"
	"io"
	"maps"
	"math"
	"slices"

	"github.com/sealwax/sealwax/internal/message"
	"github.com/sealwax/sealwax/internal/suite"
	"github.com/sealwax/sealwax/keyring"
)

// Header is what stands at the front of a message, readable without keys. It is
// a copy that belongs to the receiver.
type Header struct {
	Version           int // of the message format: 1 or 2
	Suite             Suite
	MessageID         []byte  // 16 bytes in version 1, 32 in version 2
	Context           Context // the pairs stored; for a signed suite also the public key
	EncryptedDataKeys []keyring.EncryptedDataKey
	FrameLength       int // bytes of content in a regular frame; 0: the body is not framed
	Length            int // of the header itself, in bytes
}

// ReadHeader reads a header from src, and no byte beyond it, without keys.
// Nothing in it is authenticated: an attacker may have written any of it. A
// header of more than 1 MiB is [ErrPolicy]; one that cannot be parsed is
// [ErrFormat], or [ErrTruncated] if src ends within it.
func ReadHeader(src io.Reader) (*Header, error) {
	if src == nil {
		return nil, errors.New("envelope: ReadHeader needs a source")
	}
	var h message.Header
	if err := h.Read(src, message.Limits{HeaderLength: defaultMaxHeaderSize, FrameLength: maxFrameLength}); err != nil {
		return nil, wrap(err)
	}
	// Nobody else holds the parsed header: its slices are the receiver's.
	return publicHeader(&h), nil
}

// publicHeader shares slices and map with h.
func publicHeader(h *message.Header) *Header {
	return &Header{
		Version:           h.Suite.MessageVersion,
		Suite:             Suite(h.Suite.ID),
		MessageID:         h.MessageID,
		Context:           h.Context,
		EncryptedDataKeys: publicEDKs(h.EDKs),
		FrameLength:       int(h.FrameLength),
		Length:            len(h.Raw),
	}
}

// clone returns a copy that shares nothing.
func (h *Header) clone() *Header {
	c := *h
	c.MessageID = slices.Clone(h.MessageID)
	c.Context = maps.Clone(h.Context)
	c.EncryptedDataKeys = make([]keyring.EncryptedDataKey, len(h.EncryptedDataKeys))
	for i, edk := range h.EncryptedDataKeys {
		edk.ProviderInfo, edk.Ciphertext = slices.Clone(edk.ProviderInfo), slices.Clone(edk.Ciphertext)
		c.EncryptedDataKeys[i] = edk
	}
	return &c
}

func publicEDKs(edks []message.EDK) []keyring.EncryptedDataKey {
	return appendPublicEDKs(make([]keyring.EncryptedDataKey, 0, len(edks)), edks)
}

func appendPublicEDKs(dst []keyring.EncryptedDataKey, edks []message.EDK) []keyring.EncryptedDataKey {
	for _, edk := range edks {
		dst = append(dst, keyring.EncryptedDataKey(edk))
	}
	return dst
}

func messageEDKs(edks []keyring.EncryptedDataKey) []message.EDK {
	raw := make([]message.EDK, len(edks))
	for i, edk := range edks {
		raw[i] = message.EDK(edk)
	}
	return raw
}

// SealedSize returns the length in bytes of a message with this header around
// plaintext bytes of content, in the form that this package writes: a full
// final frame rather than an empty one behind it, and signatures of the suite's
// usual length. It fails for a negative length, and for one that takes more
// than 2^32-1 frames.
func (h *Header) SealedSize(plaintext int64) (int64, error) {
	if h.FrameLength < 0 {
		return 0, errorf(ErrFormat, "negative frame length %d", h.FrameLength)
	}
	body, err := h.geometry().sealedSize(plaintext)
	if err != nil {
		return 0, err
	}
	return int64(h.Length) + body, nil
}

// PlaintextSize returns the length in bytes of the content of a message with
// this header that takes sealed bytes in all. It is exact for what this package
// writes, and for messages of other software with an empty final frame; for
// signed messages it takes the signature to have the suite's usual length. It
// says nothing about whether the message is authentic. A size that no message
// has is [ErrFormat].
func (h *Header) PlaintextSize(sealed int64) (int64, error) {
	if sealed < int64(h.Length) || h.FrameLength < 0 {
		return 0, errorf(ErrFormat, "no message has this size")
	}
	return h.geometry().plaintextSize(sealed - int64(h.Length))
}

func (h *Header) geometry() geometry {
	g := geometry{frameLength: int64(h.FrameLength)}
	if s, ok := suite.Lookup(suite.ID(h.Suite)); ok && s.Signed() {
		g.footer = int64(message.FooterHeaderLength + s.SignatureLength)
	}
	return g
}

// geometry is the arithmetic of what follows a header. Lengths are in bytes.
type geometry struct {
	frameLength int64 // content of a regular frame; 0: the body is not framed
	footer      int64
}

const nonFramedOverhead = message.NonFramedHeaderLength + suite.TagLength

// frames returns the number of frames for n bytes of content, in our form.
func (g geometry) frames(n int64) int64 {
	return max(1, n/g.frameLength+min(1, n%g.frameLength))
}

// sealedSize returns the length of body and footer for n bytes of content.
func (g geometry) sealedSize(n int64) (int64, error) {
	if n < 0 {
		return 0, errorf(ErrLength, "negative length %d", n)
	}
	if g.frameLength == 0 {
		if n > message.MaxNonFramedLength {
			return 0, errorf(ErrLength, "%d bytes do not fit a non-framed body", n)
		}
		return nonFramedOverhead + n + g.footer, nil
	}
	frames := g.frames(n)
	if frames > message.MaxFrames {
		return 0, errorf(ErrLength, "%d bytes take more than %d frames; use a larger frame length", n, uint32(message.MaxFrames))
	}
	overhead := (frames-1)*message.RegularFrameOverhead + message.FinalFrameOverhead + g.footer
	if n > math.MaxInt64-overhead-math.MaxInt32 { // and room for a header
		return 0, errorf(ErrLength, "%d bytes are too long for a message", n)
	}
	return n + overhead, nil
}

// plaintextSize returns the length of the content, if body and footer take n bytes.
func (g geometry) plaintextSize(n int64) (int64, error) {
	n -= g.footer
	if g.frameLength == 0 {
		if n -= nonFramedOverhead; n < 0 || n > message.MaxNonFramedLength {
			return 0, errorf(ErrFormat, "no message has this size")
		}
		return n, nil
	}
	// What a final frame has more than a regular one; then all frames look alike.
	n -= message.FinalFrameOverhead - message.RegularFrameOverhead
	period := g.frameLength + message.RegularFrameOverhead
	frames := n/period + min(1, max(0, n%period))
	content := n - frames*message.RegularFrameOverhead
	if n < message.RegularFrameOverhead || frames > message.MaxFrames || content < (frames-1)*g.frameLength {
		return 0, errorf(ErrFormat, "no message has this size")
	}
	return content, nil
}
