package message

import (
	"bytes"
	"errors"
	"maps"
	"testing"

	"github.com/sealwax/sealwax/internal/fault"
)

var fuzzLimits = Limits{HeaderLength: 1 << 16, EncryptedDataKeys: 100, FrameLength: 1 << 20}

// FuzzHeader: both parsers agree, refuse with a category, and what parses and is
// canonical is written again as it was.
func FuzzHeader(f *testing.F) {
	f.Add(encode(layout1, auth1))
	f.Add(encode(layout2, auth2))
	f.Add([]byte("AgR4"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parsed(b, fuzzLimits)
		src := bytes.NewReader(b)
		r, readErr := read(src, fuzzLimits)
		if (err == nil) != (readErr == nil) || err != nil && err.Error() != readErr.Error() {
			t.Fatalf("Parse: %v, Read: %v", err, readErr)
		}
		if err != nil {
			if !errors.Is(err, fault.ErrFormat) && !errors.Is(err, fault.ErrPolicy) && !errors.Is(err, fault.ErrTruncated) {
				t.Fatalf("no category: %v", err)
			}
			return
		}
		if !bytes.Equal(h.Raw, r.Raw) || len(b)-src.Len() != len(h.Raw) || !bytes.HasPrefix(b, h.Raw) {
			t.Fatalf("Read took %d bytes, Parse %d", len(b)-src.Len(), len(h.Raw))
		}
		if !h.Framed {
			return // not written
		}
		body, err := AppendHeaderBody(nil, h)
		if err != nil {
			t.Fatalf("what parses cannot be written: %v", err)
		}
		again, err := parsed(append(body, h.Raw[len(h.Body):]...), fuzzLimits)
		if err != nil || !maps.Equal(again.Context, h.Context) || len(again.EDKs) != len(h.EDKs) || !bytes.Equal(again.MessageID, h.MessageID) {
			t.Fatalf("written again it is another: %+v, error %v", again, err)
		}
	})
}

// FuzzContext: what parses serializes, in canonical form.
func FuzzContext(f *testing.F) {
	for _, s := range []string{"", "\x00\x00", "\x00\x01\x00\x01a\x00\x01b", "\x00\x02\x00\x01b\x00\x00\x00\x01a\x00\x00", "\xff\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > MaxContextLength {
			return
		}
		ec, err := parseContext(b)
		if err != nil {
			if !errors.Is(err, fault.ErrFormat) {
				t.Fatalf("no category: %v", err)
			}
			return
		}
		canonical, err := AppendContext(nil, ec)
		if err != nil {
			t.Fatalf("what parses cannot be written: %v", err)
		}
		if len(ec) > 0 && len(canonical) != len(b) {
			t.Fatalf("%d bytes became %d", len(b), len(canonical))
		}
		again, err := parseContext(canonical)
		if err != nil || !maps.Equal(again, ec) {
			t.Fatalf("written again it is another: %q, error %v", again, err)
		}
	})
}

// FuzzEDKs: a field is what its length says, and nothing is taken beyond.
func FuzzEDKs(f *testing.F) {
	f.Add([]byte("\x00\x01p\x00\x04info\x00\x0aciphertext"))
	f.Add([]byte("\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &cursor{buf: b, whole: true}
		var out []byte
		for c.off < len(b) {
			start := c.off
			edk, err := c.takeEDK()
			if err != nil {
				if !errors.Is(err, fault.ErrFormat) && !errors.Is(err, fault.ErrTruncated) {
					t.Fatalf("no category: %v", err)
				}
				return
			}
			if out, err = AppendEDK(out, edk); err != nil || edk.length() != c.off-start {
				t.Fatalf("%v of %d bytes, error %v", edk, c.off-start, err)
			}
		}
		if !bytes.Equal(out, b) {
			t.Fatalf("written again it is another: %x", out)
		}
	})
}

// FuzzFrames: walking the frames of a body ends, and cuts it without a gap.
func FuzzFrames(f *testing.F) {
	body := append(AppendFrameHeader(nil, 1, nonce, false, 8), make([]byte, 8+16)...)
	body = append(AppendFrameHeader(body, 2, nonce, true, 3), make([]byte, 3+16)...)
	f.Add(body, uint32(8))
	f.Add(append(AppendFrameHeader(nil, 1, nonce, true, 0)[:20], "\xff\xff\xff\xff"...), uint32(1<<32-1))
	f.Add([]byte("\xff\xff\xff\xff"), uint32(1))
	f.Fuzz(func(t *testing.T, b []byte, frameLength uint32) {
		if frameLength == 0 {
			return // no header has it
		}
		for rest := b; ; {
			size, known, err := FrameSize(rest, frameLength)
			if err != nil {
				if !errors.Is(err, fault.ErrFormat) || !AtFinalFrame(rest) {
					t.Fatal(err)
				}
				return
			}
			if !known {
				if size <= int64(len(rest)) {
					t.Fatalf("%d bytes would tell, and %d are there", size, len(rest))
				}
				return
			}
			if size > int64(len(rest)) {
				return
			}
			frame := ParseFrame(rest[:size])
			content := len(frame.Sealed) - 16
			if content < 0 || content > int(frameLength) || !frame.Final && content != int(frameLength) || len(frame.Nonce) != 12 {
				t.Fatalf("frame %+v", frame)
			}
			again := append(AppendFrameHeader(nil, frame.Sequence, frame.Nonce, frame.Final, content), frame.Sealed...)
			if !bytes.Equal(again, rest[:size]) {
				t.Fatalf("written again it is another: %x", again)
			}
			if rest = rest[size:]; frame.Final {
				return
			}
		}
	})
}
