package aead

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/sealwax/sealwax/internal/message"
	"github.com/sealwax/sealwax/internal/suite"
)

// Sealer seals one message: its header once, then its frames, each under a
// sequence number of its own. It is not safe for concurrent use, but the runs
// of frames that it reserves may be sealed at the same time.
type Sealer struct {
	keys
	suite     *suite.Suite
	messageID []byte

	header bool   // the header's tag has been made: nonce 0 is used up
	frames uint32 // sequence numbers handed out
	final  bool   // the last of them was the final frame's
	space  struct {
		nonce [NonceLength]byte // zero
		tag   [TagLength]byte
	}
}

// NewSealer derives the keys of a message. It keeps neither argument but the
// message id, which must be unique: 16 or 32 fresh random bytes. The Sealer must
// not be copied once it is used.
func NewSealer(s *suite.Suite, dataKey, messageID []byte) (Sealer, error) {
	keys, err := derive(s, dataKey, messageID)
	return Sealer{keys: keys, suite: s, messageID: messageID}, err
}

// Commitment returns the key commitment for the header, nil if the suite has none.
func (s *Sealer) Commitment() []byte {
	if !s.suite.Committing() {
		return nil
	}
	return s.commitment[:]
}

// AppendHeaderAuth appends the authentication of the header body to dst. unstored
// is the serialization of the context pairs that are not in the header. It works
// once: a second header under the same keys would repeat a nonce.
func (s *Sealer) AppendHeaderAuth(dst, body, unstored []byte) ([]byte, error) {
	if s.header {
		return nil, errors.New("header is already sealed")
	}
	s.header = true
	tag := s.gcm.Seal(s.space.tag[:0], s.space.nonce[:], nil, headerAAD(body, unstored))
	return message.AppendHeaderAuth(dst, s.suite, tag), nil
}

// headerAAD joins what the header's tag authenticates, without a copy where
// there is nothing to join.
func headerAAD(body, unstored []byte) []byte {
	if len(unstored) == 0 {
		return body
	}
	return slices.Concat(body, unstored)
}

// Reserve hands the next n sequence numbers to r. If final is set, the last of
// them is the final frame's, and nothing can be reserved after it.
func (s *Sealer) Reserve(r *Run, n int, final bool) error {
	if s.final {
		return errors.New("final frame is already sealed")
	}
	left := message.MaxFrames - int64(s.frames)
	if !final {
		left-- // the largest number marks a final frame, so that no other has it
	}
	if n < 1 || int64(n) > left {
		return errFramesExhausted
	}
	first := s.frames + 1
	s.frames += uint32(n)
	s.final = final
	*r = Run{sealer: s, next: uint64(first), end: uint64(first) + uint64(n), final: final}
	return nil
}

// Run seals consecutive frames. One goroutine uses it at a time. It may be
// reserved again when it has sealed them.
type Run struct {
	sealer *Sealer
	next   uint64 // 64 bits, so that the end can lie behind the last number
	end    uint64
	final  bool

	nonce [NonceLength]byte
	aad   [message.MaxBodyAADLength]byte
}

// Append appends the next frame of the run, with the given content, to dst.
// content may not overlap the spare capacity of dst.
func (r *Run) Append(dst, content []byte) ([]byte, error) {
	if r.next >= r.end {
		return nil, errors.New("run of frames is used up")
	}
	sequence := uint32(r.next)
	r.next++
	final := r.final && r.next == r.end
	kind := message.RegularFrameContent
	if final {
		kind = message.FinalFrameContent
	}
	binary.BigEndian.PutUint32(r.nonce[NonceLength-4:], sequence)
	aad := message.AppendBodyAAD(r.aad[:0], r.sealer.messageID, kind, sequence, uint64(len(content)))
	dst = message.AppendFrameHeader(dst, sequence, r.nonce[:], final, len(content))
	return r.sealer.gcm.Seal(dst, r.nonce[:], content, aad), nil
}
