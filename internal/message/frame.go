package message

import (
	"encoding/binary"

	"github.com/sealwax/sealwax/internal/suite"
)

// Source of this file: docs/format.md, section "Body".

// endOfFrames stands in place of a sequence number at the start of a final frame.
const endOfFrames = 0xFFFFFFFF

// MaxFrames is the largest number of frames in a message, and so the largest
// sequence number: the first is 1.
const MaxFrames = 1<<32 - 1

// What a frame adds to its content, and where its ciphertext begins, in bytes.
const (
	RegularFrameHeaderLength = 4 + suite.NonceLength
	FinalFrameHeaderLength   = 4 + 4 + suite.NonceLength + 4
	RegularFrameOverhead     = RegularFrameHeaderLength + suite.TagLength
	FinalFrameOverhead       = FinalFrameHeaderLength + suite.TagLength
)

// Frame is one parsed frame. Its slices are parts of the message.
type Frame struct {
	Sequence uint32
	Final    bool
	Nonce    []byte
	Sealed   []byte // ciphertext ‖ tag
}

// AppendFrameHeader appends what comes before a frame's ciphertext. length is
// that of the content, in bytes; only a final frame writes it.
func AppendFrameHeader(dst []byte, sequence uint32, nonce []byte, final bool, length int) []byte {
	if final {
		dst = binary.BigEndian.AppendUint32(dst, endOfFrames)
	}
	dst = binary.BigEndian.AppendUint32(dst, sequence)
	dst = append(dst, nonce...)
	if final {
		dst = binary.BigEndian.AppendUint32(dst, uint32(length))
	}
	return dst
}

// FrameSize tells how long the frame at the start of b is, headers and tag
// included. If b is too short to tell, known is false, and size is the number of
// bytes that b must have.
func FrameSize(b []byte, frameLength uint32) (size int64, known bool, err error) {
	if len(b) < 4 {
		return 4, false, nil
	}
	if !AtFinalFrame(b) {
		return RegularFrameOverhead + int64(frameLength), true, nil
	}
	if len(b) < FinalFrameHeaderLength {
		return FinalFrameHeaderLength, false, nil
	}
	length := binary.BigEndian.Uint32(b[FinalFrameHeaderLength-4:])
	if length > frameLength {
		return 0, false, formatErrorf("final frame of %d bytes in a message with frames of %d", length, frameLength)
	}
	return FinalFrameOverhead + int64(length), true, nil
}

// AtFinalFrame reports whether a final frame stands at the start of b.
func AtFinalFrame(b []byte) bool {
	return len(b) >= 4 && binary.BigEndian.Uint32(b) == endOfFrames
}

// ParseFrame takes apart a frame whose size FrameSize told: len(b) is that size.
func ParseFrame(b []byte) Frame {
	if !AtFinalFrame(b) {
		return Frame{
			Sequence: binary.BigEndian.Uint32(b),
			Nonce:    b[4:RegularFrameHeaderLength],
			Sealed:   b[RegularFrameHeaderLength:],
		}
	}
	return Frame{
		Sequence: binary.BigEndian.Uint32(b[4:]),
		Final:    true,
		Nonce:    b[8 : 8+suite.NonceLength],
		Sealed:   b[FinalFrameHeaderLength:],
	}
}

// A non-framed body is one sealed piece.
const (
	NonFramedHeaderLength = suite.NonceLength + 8
	// MaxNonFramedLength bounds the content of a non-framed body, in bytes.
	MaxNonFramedLength = 1<<36 - 32
)

// ParseNonFramedHeader takes apart what comes before the ciphertext of a
// non-framed body: the first NonFramedHeaderLength bytes of b.
func ParseNonFramedHeader(b []byte) (nonce []byte, length uint64, err error) {
	length = binary.BigEndian.Uint64(b[suite.NonceLength:])
	if length > MaxNonFramedLength {
		return nil, 0, formatErrorf("non-framed body of %d bytes", length)
	}
	return b[:suite.NonceLength], length, nil
}

// Content names what a piece of a body is, in the associated data of its tag.
type Content string

// The three kinds of content.
const (
	NonFramedContent    Content = "AWSKMSEncryptionClient Single Block"
	RegularFrameContent Content = "AWSKMSEncryptionClient Frame"
	FinalFrameContent   Content = "AWSKMSEncryptionClient Final Frame"
)

// MaxBodyAADLength is the length of the longest associated data of a piece of a
// body, in bytes.
const MaxBodyAADLength = 32 + len(NonFramedContent) + 4 + 8

// AppendBodyAAD appends the associated data of a piece of a body: the message it
// belongs to, what it is, its place, and its length. That is what makes moving,
// dropping and cutting pieces show.
func AppendBodyAAD(dst, messageID []byte, content Content, sequence uint32, length uint64) []byte {
	dst = append(dst, messageID...)
	dst = append(dst, content...)
	dst = binary.BigEndian.AppendUint32(dst, sequence)
	return binary.BigEndian.AppendUint64(dst, length)
}
