package aead

import (
	"github.com/sealwax/sealwax/internal/message"
	"github.com/sealwax/sealwax/internal/suite"
)

// Opener opens one message. It is safe for concurrent use; each goroutine uses
// a [Scratch] of its own.
type Opener struct {
	keys
	messageID []byte
}

// NewOpener derives the keys of a message and, for a committing suite, checks
// that its header commits to the data key. It keeps neither argument but the
// message id.
func NewOpener(s *suite.Suite, dataKey, messageID, commitment []byte) (Opener, error) {
	keys, err := derive(s, dataKey, messageID)
	if err != nil {
		return Opener{}, err
	}
	if s.Committing() {
		if err := checkCommitment(keys.commitment[:], commitment); err != nil {
			return Opener{}, err
		}
	}
	return Opener{keys: keys, messageID: messageID}, nil
}

// VerifyHeader checks the header's tag over its bytes as they stood in the
// message, and over the serialization of the context pairs kept out of it.
func (o *Opener) VerifyHeader(h *message.Header, unstored []byte) error {
	if _, err := o.gcm.Open(nil, h.Nonce, h.Tag, headerAAD(h.Body, unstored)); err != nil {
		return errTag
	}
	return nil
}

// Scratch is room for the associated data of one frame at a time.
type Scratch struct {
	aad [message.MaxBodyAADLength]byte
}

// AppendFrame opens a frame, which must be the one of the given sequence number
// and kind, and appends its content to dst. The nonce is the stored one: other
// software has written others than the sequence number. On failure nothing is
// released: what was written behind dst is cleared.
func (o *Opener) AppendFrame(dst []byte, f message.Frame, sequence uint32, final bool, scratch *Scratch) ([]byte, error) {
	kind := message.RegularFrameContent
	if final {
		kind = message.FinalFrameContent
	}
	return o.open(dst, f.Nonce, f.Sealed, kind, sequence, scratch)
}

// AppendNonFramed opens a non-framed body and appends its content to dst.
func (o *Opener) AppendNonFramed(dst, nonce, sealed []byte, scratch *Scratch) ([]byte, error) {
	return o.open(dst, nonce, sealed, message.NonFramedContent, 1, scratch)
}

func (o *Opener) open(dst, nonce, sealed []byte, kind message.Content, sequence uint32, scratch *Scratch) ([]byte, error) {
	if len(sealed) < TagLength {
		return nil, errTag
	}
	length := uint64(len(sealed) - TagLength)
	aad := message.AppendBodyAAD(scratch.aad[:0], o.messageID, kind, sequence, length)
	out, err := o.gcm.Open(dst, nonce, sealed, aad)
	if err != nil {
		return nil, errTag
	}
	return out, nil
}
