package message

import (
	"bytes"
	"errors"
	"testing"

	"github.com/sealwax/sealwax/internal/fault"
)

var nonce = []byte("twelve bytes")

func TestFrameLayout(t *testing.T) {
	sealed := []byte("ciphertext and its tag..")
	for _, tt := range []struct {
		what     string
		sequence uint32
		final    bool
		want     string
	}{
		{"regular", 1, false, "\x00\x00\x00\x01twelve bytes" + "ciphertext and its tag.."},
		{"regular, a large number", 0xfffffffe, false, "\xff\xff\xff\xfetwelve bytes" + "ciphertext and its tag.."},
		{"final", 0x01020304, true, "\xff\xff\xff\xff\x01\x02\x03\x04twelve bytes\x00\x00\x00\x08" + "ciphertext and its tag.."},
		{"final, the largest number", 0xffffffff, true, "\xff\xff\xff\xff\xff\xff\xff\xfftwelve bytes\x00\x00\x00\x08" + "ciphertext and its tag.."},
	} {
		raw := append(AppendFrameHeader([]byte("dst"), tt.sequence, nonce, tt.final, 8), sealed...)
		if string(raw) != "dst"+tt.want {
			t.Errorf("%s: %q", tt.what, raw)
		}
		size, known, err := FrameSize(raw[3:], 8)
		if err != nil || !known || int(size) != len(tt.want) {
			t.Errorf("%s: size %d, known %v, error %v", tt.what, size, known, err)
		}
		f := ParseFrame(raw[3:])
		if f.Sequence != tt.sequence || f.Final != tt.final || !bytes.Equal(f.Nonce, nonce) || !bytes.Equal(f.Sealed, sealed) {
			t.Errorf("%s: parsed %+v", tt.what, f)
		}
	}
}

// How long a frame is shows as soon as it can: a regular one by its first 4
// bytes, the final one by its header.
func TestFrameSize(t *testing.T) {
	regular := AppendFrameHeader(nil, 7, nonce, false, 0)
	final := AppendFrameHeader(nil, 7, nonce, true, 5)
	for _, tt := range []struct {
		what        string
		b           []byte
		frameLength uint32
		size        int64
		known       bool
	}{
		{"nothing", nil, 10, 4, false},
		{"3 bytes", regular[:3], 10, 4, false},
		{"4 bytes of a regular frame", regular[:4], 10, 4 + 12 + 10 + 16, true},
		{"regular frame of 4 GiB", regular, 1<<32 - 1, 1<<32 - 1 + 32, true},
		{"4 bytes of a final frame", final[:4], 10, 24, false},
		{"23 bytes of a final frame", final[:23], 10, 24, false},
		{"header of a final frame", final, 10, 24 + 5 + 16, true},
		{"final frame that is full", final, 5, 24 + 5 + 16, true},
	} {
		size, known, err := FrameSize(tt.b, tt.frameLength)
		if err != nil || size != tt.size || known != tt.known {
			t.Errorf("%s: %d, %v, error %v, want %d, %v", tt.what, size, known, err, tt.size, tt.known)
		}
	}
	if _, _, err := FrameSize(final, 4); !errors.Is(err, fault.ErrFormat) {
		t.Errorf("final frame that is too long: %v", err)
	}
	longest := int64(1<<32 - 1)
	if int64(int(longest)) != longest {
		return // nor can content of that length exist
	}
	huge := AppendFrameHeader(nil, 7, nonce, true, int(longest))
	if _, _, err := FrameSize(huge, 1<<32-2); !errors.Is(err, fault.ErrFormat) {
		t.Errorf("final frame of 4 GiB: %v", err)
	}
	if size, known, err := FrameSize(huge, 1<<32-1); err != nil || !known || size != 1<<32-1+40 {
		t.Errorf("final frame of 4 GiB, as long as the others: %d, %v, error %v", size, known, err)
	}
}

func TestNonFramedLayout(t *testing.T) {
	for _, tt := range []struct {
		length string
		want   uint64
		ok     bool
	}{
		{"\x00\x00\x00\x00\x00\x00\x00\x00", 0, true},
		{"\x00\x00\x00\x00\x00\x00\x01\x02", 0x102, true},
		{"\x00\x00\x00\x0f\xff\xff\xff\xe0", 1<<36 - 32, true},
		{"\x00\x00\x00\x0f\xff\xff\xff\xe1", 0, false},
		{"\xff\xff\xff\xff\xff\xff\xff\xff", 0, false},
	} {
		got, n, err := ParseNonFramedHeader([]byte("twelve bytes" + tt.length))
		if tt.ok && (err != nil || n != tt.want || !bytes.Equal(got, nonce)) || !tt.ok && !errors.Is(err, fault.ErrFormat) {
			t.Errorf("%x: nonce %q, length %d, error %v", tt.length, got, n, err)
		}
	}
}

func TestBodyAAD(t *testing.T) {
	for content, want := range map[Content]string{
		NonFramedContent:    "idAWSKMSEncryptionClient Single Block\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02",
		RegularFrameContent: "idAWSKMSEncryptionClient Frame\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02",
		FinalFrameContent:   "idAWSKMSEncryptionClient Final Frame\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02",
	} {
		if got := AppendBodyAAD([]byte("dst"), []byte("id"), content, 1, 2); string(got) != "dst"+want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := AppendBodyAAD(nil, nil, "", 1<<32-1, 1<<36-32); string(got) != "\xff\xff\xff\xff\x00\x00\x00\x0f\xff\xff\xff\xe0" {
		t.Errorf("%q", got)
	}
}

func TestFooterLayout(t *testing.T) {
	for n, want := range map[int]string{0: "\x00\x00", 3: "\x00\x03sig"} {
		raw := AppendFooter([]byte("dst"), []byte("sig")[:n])
		if string(raw) != "dst"+want || ParseFooterHeader(raw[3:]) != n {
			t.Errorf("%q, length %d", raw, ParseFooterHeader(raw[3:]))
		}
	}
	long := AppendFooter(nil, make([]byte, 65535))
	if len(long) != 65537 || ParseFooterHeader(long) != 65535 {
		t.Errorf("%d bytes, length %d", len(long), ParseFooterHeader(long))
	}
}
