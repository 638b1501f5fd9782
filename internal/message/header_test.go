package message

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/sealwax/sealwax/internal/fault"
	"github.com/sealwax/sealwax/internal/suite"
)

// field is one row of a table of the format: its bytes in hexadecimal.
type field struct{ name, bytes string }

// The layout, field by field, as docs/format.md has it.
var (
	layout1 = []field{
		{"version", "01"},
		{"type", "80"},
		{"suite id", "0178"},
		{"message id", "000102030405060708090a0b0c0d0e0f"},
		{"context length", "0012"},
		{"context: count", "0002"},
		{"context: name", "0001" + "61"},
		{"context: value", "0003" + "623164"},
		{"context: name", "0002" + "c3a4"},
		{"context: value", "0002" + "7a7a"},
		{"EDK count", "0002"},
		{"EDK: provider id", "0007" + "6177732d6b6d73"},
		{"EDK: provider info", "0003" + "61726e"},
		{"EDK: ciphertext", "0002" + "fffe"},
		{"EDK: provider id", "0001" + "70"},
		{"EDK: provider info", "0000"},
		{"EDK: ciphertext", "0001" + "00"},
		{"content type", "02"},
		{"reserved", "00000000"},
		{"nonce length", "0c"},
		{"frame length", "00010000"},
	}
	auth1   = []field{{"nonce", strings.Repeat("00", 12)}, {"tag", strings.Repeat("ab", 16)}}
	layout2 = []field{
		{"version", "02"},
		{"suite id", "0478"},
		{"message id", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"},
		{"context length", "0012"},
		{"context: count", "0002"},
		{"context: name", "0001" + "61"},
		{"context: value", "0003" + "623164"},
		{"context: name", "0002" + "c3a4"},
		{"context: value", "0002" + "7a7a"},
		{"EDK count", "0002"},
		{"EDK: provider id", "0007" + "6177732d6b6d73"},
		{"EDK: provider info", "0003" + "61726e"},
		{"EDK: ciphertext", "0002" + "fffe"},
		{"EDK: provider id", "0001" + "70"},
		{"EDK: provider info", "0000"},
		{"EDK: ciphertext", "0001" + "00"},
		{"content type", "02"},
		{"frame length", "00010000"},
		{"key commitment", strings.Repeat("cd", 32)},
	}
	auth2 = []field{{"tag", strings.Repeat("ab", 16)}}
)

func encode(fields ...[]field) []byte {
	var b []byte
	for _, f := range slices.Concat(fields...) {
		raw, err := hex.DecodeString(f.bytes)
		if err != nil {
			panic(err)
		}
		b = append(b, raw...)
	}
	return b
}

// described is the header that both layouts show.
func described(id suite.ID) *Header {
	s, _ := suite.Lookup(id)
	h := &Header{
		Suite: s, MessageID: make([]byte, s.MessageIDLength()), Context: map[string]string{"\u00e4": "zz", "a": "b1d"}, FrameLength: 1 << 16,
		EDKs: []EDK{{"aws-kms", []byte("arn"), []byte{0xff, 0xfe}}, {"p", nil, []byte{0}}},
	}
	for i := range h.MessageID {
		h.MessageID[i] = byte(i)
	}
	if s.Committing() {
		h.Commitment = bytes.Repeat([]byte{0xcd}, 32)
	}
	return h
}

var tag = bytes.Repeat([]byte{0xab}, 16)

func TestHeaderLayout(t *testing.T) {
	for id, layout := range map[suite.ID][2][]field{suite.AES256GCMHKDFSHA256: {layout1, auth1}, suite.AES256GCMHKDFSHA512Commit: {layout2, auth2}} {
		h := described(id)
		body, err := AppendHeaderBody([]byte("dst"), h)
		if err != nil {
			t.Fatal(err)
		}
		if want := "dst" + string(encode(layout[0])); string(body) != want {
			t.Errorf("%v: header body\n%x, want\n%x", id, body, want)
		}
		raw := AppendHeaderAuth(body[3:], h.Suite, tag)
		if want := encode(layout[0], layout[1]); !bytes.Equal(raw, want) {
			t.Errorf("%v: header\n%x, want\n%x", id, raw, want)
		}
		if n, err := HeaderLength(h); err != nil || n != len(raw) {
			t.Errorf("%v: HeaderLength %d, error %v, want %d", id, n, err, len(raw))
		}
	}
}

// parsers are the two ways to parse: from memory, and from a source.
var parsers = map[string]func(b []byte, limits Limits) (*Header, error){
	"Parse": parsed,
	"Read":  func(b []byte, limits Limits) (*Header, error) { return read(bytes.NewReader(b), limits) },
}

func parsed(b []byte, limits Limits) (*Header, error) {
	h := new(Header)
	if err := h.Parse(b, limits); err != nil {
		return nil, err
	}
	return h, nil
}

func read(r io.Reader, limits Limits) (*Header, error) {
	h := new(Header)
	if err := h.Read(r, limits); err != nil {
		return nil, err
	}
	return h, nil
}

func TestParseIsTheInverseOfAppend(t *testing.T) {
	for _, s := range suite.All() {
		h := described(s.ID)
		body, err := AppendHeaderBody(nil, h)
		if err != nil {
			t.Fatal(err)
		}
		raw := AppendHeaderAuth(bytes.Clone(body), s, tag)
		for name, parse := range parsers {
			got, err := parse(append(bytes.Clone(raw), "body"...), Limits{})
			if err != nil {
				t.Fatalf("%v, %s: %v", s.ID, name, err)
			}
			if got.Suite != s || !bytes.Equal(got.MessageID, h.MessageID) || fmt.Sprint(got.Context) != fmt.Sprint(h.Context) ||
				!got.Framed || got.FrameLength != h.FrameLength || !bytes.Equal(got.Commitment, h.Commitment) || len(got.EDKs) != 2 {
				t.Errorf("%v, %s: got %+v", s.ID, name, got)
			}
			for i, edk := range got.EDKs {
				if edk.ProviderID != h.EDKs[i].ProviderID || !bytes.Equal(edk.ProviderInfo, h.EDKs[i].ProviderInfo) || !bytes.Equal(edk.Ciphertext, h.EDKs[i].Ciphertext) {
					t.Errorf("%v, %s: EDK %d is %v", s.ID, name, i, edk)
				}
			}
			if !bytes.Equal(got.Raw, raw) || !bytes.Equal(got.Body, body) || !bytes.Equal(got.Tag, tag) || !bytes.Equal(got.Nonce, make([]byte, 12)) {
				t.Errorf("%v, %s: body %x, nonce %x, tag %x", s.ID, name, got.Body, got.Nonce, got.Tag)
			}
			again, err := AppendHeaderBody(nil, got)
			if err != nil || !bytes.Equal(again, body) {
				t.Errorf("%v, %s: written again it is another: %x, error %v", s.ID, name, again, err)
			}
			// Nobody who appends to a slice writes into the message.
			for _, b := range [][]byte{got.Raw, got.Body, got.MessageID, got.EDKs[0].ProviderInfo, got.EDKs[0].Ciphertext} {
				if cap(b) != len(b) {
					t.Errorf("%v, %s: a slice has room for %d bytes behind it", s.ID, name, cap(b)-len(b))
				}
			}
		}
	}
}

// Read takes the header from its source, and nothing more.
func TestReadDoesNotReadBeyondTheHeader(t *testing.T) {
	for _, s := range suite.All() {
		body, _ := AppendHeaderBody(nil, described(s.ID))
		raw := AppendHeaderAuth(body, s, tag)
		src := bytes.NewReader(append(bytes.Clone(raw), "body"...))
		if _, err := read(src, Limits{}); err != nil || src.Len() != 4 {
			t.Errorf("%v: error %v, %d bytes left, want 4", s.ID, err, src.Len())
		}
		// It does not even ask for more.
		if _, err := read(io.MultiReader(bytes.NewReader(raw), failingReader{t}), Limits{}); err != nil {
			t.Error(err)
		}
	}
}

type failingReader struct{ t *testing.T }

func (f failingReader) Read([]byte) (int, error) {
	f.t.Error("the source was read beyond the header")
	return 0, io.EOF
}

func TestEveryTruncationOfAHeader(t *testing.T) {
	for _, raw := range [][]byte{encode(layout1, auth1), encode(layout2, auth2)} {
		for n := range raw {
			for name, parse := range parsers {
				h, err := parse(raw[:n], Limits{})
				if h != nil || !errors.Is(err, fault.ErrTruncated) || !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("%s, %d of %d bytes: %v", name, n, len(raw), err)
				}
			}
		}
	}
}

// An error of the source stays what it is.
func TestReadKeepsTheSourcesError(t *testing.T) {
	raw := encode(layout2, auth2)
	failure := errors.New("failure")
	for n := range raw {
		_, err := read(io.MultiReader(bytes.NewReader(raw[:n]), errorReader{failure}), Limits{})
		if !errors.Is(err, failure) || errors.Is(err, fault.ErrTruncated) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

type errorReader struct{ err error }

func (e errorReader) Read([]byte) (int, error) { return 0, e.err }

// set returns the layout with another value for the first field of that name.
func set(layout []field, name, value string) []field {
	layout = slices.Clone(layout)
	i := slices.IndexFunc(layout, func(f field) bool { return f.name == name })
	if i < 0 {
		panic("no field " + name)
	}
	layout[i].bytes = value
	return layout
}

func TestHeadersWithOneFault(t *testing.T) {
	v1 := func(name, value string) []byte { return encode(set(layout1, name, value), auth1) }
	v2 := func(name, value string) []byte { return encode(set(layout2, name, value), auth2) }
	for what, raw := range map[string][]byte{
		"version 0":                       v2("version", "00"),
		"version 3":                       v2("version", "03"),
		"version ff":                      v1("version", "ff"),
		"type 00":                         v1("type", "00"),
		"type 81":                         v1("type", "81"),
		"suite 0000":                      v1("suite id", "0000"),
		"suite 0000, version 2":           v2("suite id", "0000"),
		"suite ffff":                      v2("suite id", "ffff"),
		"suite of version 2 in version 1": v1("suite id", "0478"),
		"suite of version 2 in version 1, signed": v1("suite id", "0578"),
		"suite of version 1 in version 2":         v2("suite id", "0178"),
		"suite of version 1 in version 2, signed": v2("suite id", "0378"),
		"no EDKs":                                   v2("EDK count", "0000"),
		"provider id that is not UTF-8":             v2("EDK: provider id", "0001ff"),
		"provider id with a surrogate":              v2("EDK: provider id", "0003eda080"),
		"content type 00":                           v1("content type", "00"),
		"content type 03":                           v2("content type", "03"),
		"reserved field of 1":                       v1("reserved", "00000001"),
		"reserved field of 80000000":                v1("reserved", "80000000"),
		"nonce length 0":                            v1("nonce length", "00"),
		"nonce length 11":                           v1("nonce length", "0b"),
		"nonce length 16":                           v1("nonce length", "10"),
		"frame length 0":                            v1("frame length", "00000000"),
		"frame length 0, version 2":                 v2("frame length", "00000000"),
		"frame length of a body that is not framed": v1("content type", "01"),
		"frame length of a body that is not framed, version 2": v2("content type", "01"),
		"base64, version 1": []byte("AYAUFAAA"),
		"base64, version 2": []byte("AgR4AAAA"),
		"PEM":               []byte("-----BEGIN"),
	} {
		for name, parse := range parsers {
			if h, err := parse(raw, Limits{}); h != nil || !errors.Is(err, fault.ErrFormat) {
				t.Errorf("%s, %s: %+v, error %v", what, name, h, err)
			}
		}
	}
}

func TestNonFramedHeaders(t *testing.T) {
	for _, raw := range [][]byte{
		encode(set(set(layout1, "content type", "01"), "frame length", "00000000"), auth1),
		encode(set(set(layout2, "content type", "01"), "frame length", "00000000"), auth2),
	} {
		if h, err := parsed(raw, Limits{FrameLength: 1}); err != nil || h.Framed || h.FrameLength != 0 {
			t.Errorf("%+v, error %v", h, err)
		}
	}
}

// Version 1 stores the nonce of the tag; that is the one to use.
func TestStoredHeaderNonce(t *testing.T) {
	raw := encode(layout1, set(auth1, "nonce", "ffffffffffffffff00000001"))
	h, err := parsed(raw, Limits{})
	if err != nil || hex.EncodeToString(h.Nonce) != "ffffffffffffffff00000001" || len(h.Body) != len(raw)-28 {
		t.Errorf("%+v, error %v", h, err)
	}
}

func TestLimits(t *testing.T) {
	for _, raw := range [][]byte{encode(layout1, auth1), encode(layout2, auth2)} {
		for _, tt := range []struct {
			what   string
			limits Limits
			ok     bool
		}{
			{"none", Limits{}, true},
			{"header at its length", Limits{HeaderLength: len(raw)}, true},
			{"header a byte shorter", Limits{HeaderLength: len(raw) - 1}, false},
			{"header of 1 byte", Limits{HeaderLength: 1}, false},
			{"header of 50 bytes", Limits{HeaderLength: 50}, false},
			{"2 EDKs", Limits{EncryptedDataKeys: 2}, true},
			{"1 EDK", Limits{EncryptedDataKeys: 1}, false},
			{"frames at their length", Limits{FrameLength: 1 << 16}, true},
			{"frames a byte shorter", Limits{FrameLength: 1<<16 - 1}, false},
		} {
			for name, parse := range parsers {
				h, err := parse(raw, tt.limits)
				if tt.ok && err != nil || !tt.ok && (h != nil || !errors.Is(err, fault.ErrPolicy)) {
					t.Errorf("%s, %s: %v", tt.what, name, err)
				}
			}
		}
	}
}

// Limits are applied when a length is read, before what it announces: a source
// that ends there does not come to be truncated.
func TestLimitsComeFirst(t *testing.T) {
	upTo := func(name string, value string) []byte {
		layout := set(layout2, name, value)
		i := slices.IndexFunc(layout, func(f field) bool { return f.name == name })
		return encode(layout[:i+1])
	}
	for what, tt := range map[string]struct {
		raw    []byte
		limits Limits
	}{
		"context":       {upTo("context length", "ffff"), Limits{HeaderLength: 1000}},
		"EDK count":     {upTo("EDK count", "ffff"), Limits{EncryptedDataKeys: 64}},
		"provider id":   {upTo("EDK: provider id", "ffff"), Limits{HeaderLength: 1000}},
		"provider info": {upTo("EDK: provider info", "ffff"), Limits{HeaderLength: 1000}},
		"ciphertext":    {upTo("EDK: ciphertext", "ffff"), Limits{HeaderLength: 1000}},
	} {
		for name, parse := range parsers {
			if _, err := parse(tt.raw, tt.limits); !errors.Is(err, fault.ErrPolicy) {
				t.Errorf("%s, %s: %v", what, name, err)
			}
		}
	}
}

// What a hostile header makes a parser allocate, measured: at most 1 MiB over
// the bound on headers.
func TestHostileHeaders(t *testing.T) {
	const bound = 1 << 20
	prefix := encode(layout2[:3])
	edks := func(count uint16, each string, n int) []byte {
		b := append(bytes.Clone(prefix), 0, 0)
		b = binary.BigEndian.AppendUint16(b, count)
		return append(b, strings.Repeat(each, n)...)
	}
	pairs := append(bytes.Clone(prefix), 0xff, 0xff, 0x3f, 0xff)
	for range 16383 {
		pairs = append(pairs, 0, 0, 0, 0)
	}
	distinct := append(bytes.Clone(prefix), 0xff, 0xfe)
	distinct = binary.BigEndian.AppendUint16(distinct, 65532/6)
	for i := range 65532 / 6 {
		distinct = append(distinct, 0, 2, byte(i>>7)&0x7f, byte(i)&0x7f, 0, 0)
	}
	for what, tt := range map[string]struct {
		raw    []byte
		limits Limits
	}{
		"65,535 EDKs, all there, 64 allowed":         {edks(65535, "\x00\x00\x00\x00\x00\x00", 65535), Limits{HeaderLength: bound, EncryptedDataKeys: 64}},
		"65,535 EDKs, none there, all allowed":       {edks(65535, "", 0), Limits{HeaderLength: bound}},
		"64 EDKs of the longest fields":              {edks(64, "\x00\x01x\xff\xff"+strings.Repeat("x", 65535)+"\xff\xff"+strings.Repeat("x", 65535), 64), Limits{HeaderLength: bound, EncryptedDataKeys: 64}},
		"context of 65,535 pairs in 65,535 bytes":    {append(append(bytes.Clone(prefix), 0xff, 0xff, 0xff, 0xff), make([]byte, 65533)...), Limits{HeaderLength: bound}},
		"context of 16,383 equal pairs":              {pairs, Limits{HeaderLength: bound}},
		"context of 10,922 pairs, then nothing":      {distinct, Limits{HeaderLength: bound}},
		"context of 65,535 bytes that are not there": {append(bytes.Clone(prefix), 0xff, 0xff), Limits{HeaderLength: bound}},
	} {
		for name, parse := range parsers {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			h, err := parse(tt.raw, tt.limits)
			runtime.ReadMemStats(&after)
			if h != nil || err == nil {
				t.Errorf("%s, %s: it parses", what, name)
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > bound+1<<20 {
				t.Errorf("%s, %s: took %d KiB", what, name, took>>10)
			} else {
				t.Logf("%s, %s: %d KiB, %v", what, name, took>>10, err)
			}
		}
	}
}

func TestHeadersThatCannotBeWritten(t *testing.T) {
	for what, change := range map[string]func(h *Header){
		"no EDKs":                       func(h *Header) { h.EDKs = nil },
		"65,536 EDKs":                   func(h *Header) { h.EDKs = make([]EDK, 65536) },
		"provider id of 65,536 bytes":   func(h *Header) { h.EDKs[1].ProviderID = strings.Repeat("x", 65536) },
		"provider info of 65,536 bytes": func(h *Header) { h.EDKs[1].ProviderInfo = make([]byte, 65536) },
		"ciphertext of 65,536 bytes":    func(h *Header) { h.EDKs[1].Ciphertext = make([]byte, 65536) },
		"provider id that is not UTF-8": func(h *Header) { h.EDKs[0].ProviderID = "\xff" },
		"context that is too long":      func(h *Header) { h.Context = map[string]string{"": strings.Repeat("v", 65530)} },
		"context that is not UTF-8":     func(h *Header) { h.Context = map[string]string{"\xff": ""} },
	} {
		h := described(suite.AES256GCMHKDFSHA512Commit)
		change(h)
		if b, err := AppendHeaderBody([]byte("dst"), h); err == nil || b != nil {
			t.Errorf("%s: %d bytes, error %v", what, len(b), err)
		}
	}
}

// The largest header that the format has room for, short of many EDKs.
func TestLongestFields(t *testing.T) {
	h := described(suite.AES256GCMHKDFSHA512Commit)
	long := strings.Repeat("x", 65535)
	h.EDKs = []EDK{{long, []byte(long), []byte(long)}}
	h.Context = map[string]string{"": long[:65535-6]}
	body, err := AppendHeaderBody(nil, h)
	if err != nil {
		t.Fatal(err)
	}
	raw := AppendHeaderAuth(body, h.Suite, tag)
	for name, parse := range parsers {
		got, err := parse(raw, Limits{})
		if err != nil || got.EDKs[0].ProviderID != long || string(got.EDKs[0].Ciphertext) != long || got.Context[""] != h.Context[""] {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
