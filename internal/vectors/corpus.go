package vectors

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/sealwax/sealwax/internal/suite"
)

// Vector is a message and what comes of it.
type Vector struct {
	Name    string            `json:"name"`    // says what the message has that others do not: at most one fault
	Suite   string            `json:"suite"`   // id, in hexadecimal
	DataKey string            `json:"dataKey"` // in hexadecimal
	Context map[string]string `json:"context,omitempty"`
	Message []byte            `json:"message"` // in base64
	// Plaintext is what opens. Of a refused message it is what its frames hold
	// when they are authentic: all that random access may ever return.
	Plaintext *[]byte `json:"plaintext,omitempty"` // in base64
	// Refused is why it does not open: format, authentication, context, policy
	// or truncated. Empty: it opens.
	Refused string `json:"refused,omitempty"`
}

// entry is a vector in the making.
type entry struct {
	name    string
	msg     Message
	context map[string]string   // the caller's; nil: the one in the message
	refused string              // "": it opens
	edit    func([]byte) []byte // of the whole message, not authenticated
	hollow  bool                // refused, and nothing in it may be released
}

// Corpus returns all vectors, the same every time.
func Corpus() []Vector {
	var all []Vector
	for _, e := range entries() {
		all = append(all, e.vector())
	}
	return all
}

func entries() []entry {
	var all []entry
	for _, list := range [][]entry{
		plain(), contexts(), manyKeys(), foreign(),
		badHeaders(), badContexts(), badPublicKeys(), badFrames(), badSignatures(), cutShort(), wrongCallers(),
	} {
		all = append(all, list...)
	}
	return all
}

func (e entry) vector() Vector {
	s, _ := suite.Lookup(e.msg.Suite)
	e.msg.DataKey = Bytes("data key", s.KeyLength)
	if e.msg.FrameLength == 0 {
		e.msg.FrameLength = 8
	}
	v := Vector{
		Name: e.name, Suite: fmt.Sprintf("%04x", uint16(s.ID)), DataKey: hex.EncodeToString(e.msg.DataKey),
		Context: e.context, Message: e.msg.Encode(), Refused: e.refused,
	}
	if v.Context == nil {
		v.Context = map[string]string{}
		for _, p := range append(e.msg.Context, e.msg.Unstored...) {
			v.Context[p.Name] = p.Value
		}
	}
	if e.edit != nil {
		v.Message = e.edit(v.Message)
	}
	if !e.hollow {
		content := append([]byte{}, e.msg.Content...)
		for _, f := range e.msg.Frames {
			content = append(content, f.Content...)
		}
		v.Plaintext = &content
	}
	return v
}

const (
	v1          = suite.AES256GCMHKDFSHA256
	v2          = suite.AES256GCMHKDFSHA512Commit
	signed      = suite.AES256GCMHKDFSHA512CommitECDSAP384
	signedP256  = suite.AES128GCMHKDFSHA256ECDSAP256
	publicKey   = "aws-crypto-public-key"
	threeFrames = "three frames of 8, 8, 3"
)

var content = []byte(threeFrames[:19])

// plain lists what everybody writes, for every suite.
func plain() []entry {
	var all []entry
	for _, s := range suite.All() {
		for _, e := range []entry{
			{name: "three frames", msg: Message{Content: content}},
			{name: "a full final frame", msg: Message{Content: content[:16]}},
			{name: "empty plaintext", msg: Message{}},
			{name: "not framed", msg: Message{Content: content, NonFramed: true}},
			{name: "not framed, empty plaintext", msg: Message{NonFramed: true}},
		} {
			e.name = fmt.Sprintf("suite %04x, %s", uint16(s.ID), e.name)
			e.msg.Suite = s.ID
			e.msg.Context = []Pair{{"purpose", "test"}}
			all = append(all, e)
		}
	}
	return all
}

// contexts lists contexts that are hard to write or to sort.
func contexts() []entry {
	many := make([]Pair, 500)
	for i := range many {
		many[i] = Pair{fmt.Sprintf("name %03d", i), fmt.Sprint(i)}
	}
	return []entry{
		{name: "context of astral names, sorted by UTF-8 bytes", msg: Message{Suite: v2, Content: content,
			Context: []Pair{{"\ue000", "private use"}, {"\U00010002", "linear B"}, {"\U0001f512", "🔒"}}}},
		{name: "context of an empty name and an empty value", msg: Message{Suite: v2, Content: content, Context: []Pair{{"", ""}}}},
		{name: "context of 500 pairs", msg: Message{Suite: v2, Content: content, Context: many}},
		{name: "context with a value of 8,000 bytes", msg: Message{Suite: v2, Content: content, Context: []Pair{{"long", strings.Repeat("v", 8000)}}}},
		{name: "context with a pair that is not stored", msg: Message{Suite: v2, Content: content,
			Context: []Pair{{"stored", "1"}}, Unstored: []Pair{{"kept out", "2"}}}},
		{name: "context of pairs that are not stored, signed", msg: Message{Suite: signed, Content: content,
			Unstored: []Pair{{"z", "2"}, {"\U00010002", ""}, {"\ue000", ""}}}},
	}
}

// manyKeys lists messages with unusual encrypted data keys.
func manyKeys() []entry {
	many := make([]EDK, 300)
	for i := range many {
		many[i] = EDK{"vectors", fmt.Sprintf("key %d", i), "opaque"}
	}
	return []entry{
		{name: "300 encrypted data keys", msg: Message{Suite: v2, Content: content, EDKs: many}},
		{name: "300 encrypted data keys, version 1", msg: Message{Suite: v1, Content: content, EDKs: many}},
		{name: "encrypted data key of empty fields", msg: Message{Suite: v2, Content: content, EDKs: []EDK{{}}}},
		{name: "encrypted data key of an astral provider", msg: Message{Suite: v2, Content: content, EDKs: []EDK{{"\U0001f511", "\x00\xff", "\x00"}}}},
		{name: "encrypted data key of 5,000 bytes", msg: Message{Suite: v2, Content: content, EDKs: []EDK{{"vectors", "", strings.Repeat("x", 5000)}}}},
	}
}

// foreign lists what only other software writes.
func foreign() []entry {
	other := func(n byte) []byte { return []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, n} }
	all := []entry{
		{name: "frame nonces that are not the sequence number", msg: Message{Suite: v2, Frames: []Frame{
			{Sequence: 1, Nonce: other(9), Content: content[:8]}, {Sequence: 2, Nonce: other(1), Content: content[8:16], Final: true}}}},
		{name: "nonce of a body that is not framed", msg: Message{Suite: v2, Content: content, NonFramed: true, BodyNonce: other(7)}},
		{name: "header nonce that is not zero", msg: Message{Suite: v1, Content: content, HeaderNonce: other(3)}},
		{name: "empty final frame after a full one", msg: Message{Suite: v2, Content: content[:8], EmptyFinal: true}},
		{name: "empty final frame after two full ones, signed", msg: Message{Suite: signed, Content: content[:16], EmptyFinal: true}},
		{name: "context of length 2 that counts no pairs", msg: Message{Suite: v2, Content: content, AAD: new("\x00\x00")}},
		{name: "context of length 2 that counts no pairs, version 1", msg: Message{Suite: v1, Content: content, AAD: new("\x00\x00")}},
		{name: "context that is not sorted", msg: Message{Suite: v2, Content: content, Context: []Pair{{"b", "1"}, {"a", "2"}}}},
		{name: "context that is not sorted, signed", msg: Message{Suite: signed, Content: content, Context: []Pair{{"z", "1"}, {"a", "2"}}}},
	}
	for _, n := range []int{70, 71, 72} {
		all = append(all, entry{name: fmt.Sprintf("P-256 signature of %d bytes", n), msg: signatureOf(signedP256, n)})
	}
	for _, n := range []int{101, 102, 103, 104} {
		all = append(all, entry{name: fmt.Sprintf("P-384 signature of %d bytes", n), msg: signatureOf(signed, n)})
	}
	return all
}

// signatureOf looks for a message whose signature is of n bytes.
func signatureOf(id suite.ID, n int) Message {
	s, _ := suite.Lookup(id)
	m := Message{Suite: id, Content: content, FrameLength: 8, DataKey: Bytes("data key", s.KeyLength)}
	for i := 0; ; i++ {
		found := false
		m.ID = Bytes(fmt.Sprint("message ", i), s.MessageIDLength())
		m.Sign = func(sig []byte) []byte { found = len(sig) == n; return sig }
		m.Encode()
		if m.Sign = nil; found {
			return m
		}
	}
}

// badHeaders lists headers with one fault each, authenticated as they are.
func badHeaders() []entry {
	var all []entry
	for _, f := range []struct {
		name string
		msg  Message
	}{
		{"version 0", Message{Suite: v2, Version: new(byte(0))}},
		{"version 3", Message{Suite: v2, Version: new(byte(3))}},
		{"type 81", Message{Suite: v1, Type: new(byte(0x81))}},
		{"suite 0000", Message{Suite: v2, WrittenSuite: new(suite.ID(0))}},
		{"suite ffff", Message{Suite: v1, WrittenSuite: new(suite.ID(0xffff))}},
		{"suite 0478 in version 1", Message{Suite: v1, WrittenSuite: new(v2)}},
		{"suite 0178 in version 2", Message{Suite: v2, WrittenSuite: new(v1)}},
		{"no encrypted data keys", Message{Suite: v2, EDKs: []EDK{}}},
		{"provider id that is not UTF-8", Message{Suite: v2, EDKs: []EDK{{"\xff", "", ""}}}},
		{"content type 0", Message{Suite: v2, ContentType: new(byte(0))}},
		{"content type 3", Message{Suite: v2, ContentType: new(byte(3))}},
		{"content type 3, version 1", Message{Suite: v1, ContentType: new(byte(3))}},
		{"reserved field of 1", Message{Suite: v1, Reserved: 1}},
		{"nonce length 0", Message{Suite: v1, NonceLength: new(byte(0))}},
		{"nonce length 13", Message{Suite: v1, NonceLength: new(byte(13))}},
		{"frame length 0", Message{Suite: v2, WrittenFrameLength: new(uint32(0))}},
		{"frame length 0, version 1", Message{Suite: v1, WrittenFrameLength: new(uint32(0))}},
		{"frame length 8 of a body that is not framed", Message{Suite: v2, NonFramed: true, WrittenFrameLength: new(uint32(8))}},
	} {
		f.msg.Content = content
		all = append(all, entry{name: f.name, msg: f.msg, refused: "format", hollow: true})
	}
	return append(all,
		entry{name: "frame length 2^32-1", msg: Message{Suite: v2, Content: content, WrittenFrameLength: new(uint32(1<<32 - 1))}, refused: "policy", hollow: true},
		entry{name: "base64, version 1", msg: Message{Suite: v1, Content: content}, refused: "format", hollow: true, edit: toBase64},
		entry{name: "base64, version 2", msg: Message{Suite: v2, Content: content}, refused: "format", hollow: true, edit: toBase64},
		entry{name: "commitment to another key", msg: Message{Suite: v2, Content: content, Commitment: Bytes("other", 32)}, refused: "authentication", hollow: true},
		entry{name: "commitment to another key, signed", msg: Message{Suite: signed, Content: content, Commitment: Bytes("other", 32)}, refused: "authentication", hollow: true},
		entry{name: "message id of another message", msg: Message{Suite: v2, Content: content}, refused: "authentication", hollow: true,
			edit: func(b []byte) []byte { copy(b[3:35], Bytes("other", 32)); return b }},
		entry{name: "suite without derivation over the same key", msg: Message{Suite: v1, Content: content}, refused: "authentication", hollow: true,
			edit: func(b []byte) []byte { b[2], b[3] = 0x00, 0x78; return b }},
	)
}

func toBase64(b []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(b)) }

// badContexts lists context fields with one fault each.
func badContexts() []entry {
	var all []entry
	for _, f := range []struct {
		name string
		aad  string
	}{
		{"context of length 1", "\x00"},
		{"context that counts no pairs and has one", "\x00\x00\x00\x01n\x00\x01v"},
		{"context that counts one pair and has none", "\x00\x01"},
		{"context that counts two pairs and has one", "\x00\x02\x00\x01n\x00\x01v"},
		{"context that counts 65,535 pairs", "\xff\xff\x00\x01n\x00\x01v"},
		{"context that ends within a name", "\x00\x01\x00\x05n\x00\x01v"},
		{"context that ends within a value", "\x00\x01\x00\x01n\x00\x02v"},
		{"context that ends before a value", "\x00\x01\x00\x01n"},
		{"context with a byte after its last pair", "\x00\x01\x00\x01n\x00\x01v\x00"},
		{"context with a name twice", "\x00\x02\x00\x01n\x00\x01v\x00\x01n\x00\x01v"},
		{"context with a name that is not UTF-8", "\x00\x01\x00\x01\xff\x00\x01v"},
		{"context with a value that is not UTF-8", "\x00\x01\x00\x01n\x00\x03\xed\xa0\x80"},
	} {
		all = append(all, entry{name: f.name, msg: Message{Suite: v2, Content: content, AAD: new(f.aad)}, refused: "format", hollow: true})
	}
	return all
}

func badPublicKeys() []entry {
	p384, _ := suite.Lookup(signed)
	p256, _ := suite.Lookup(signedP256)
	good := EncodePublicKey(SigningKey(p384, 1))
	point, _ := base64.StdEncoding.DecodeString(good)
	uncompressed, _ := SigningKey(p384, 1).PublicKey.Bytes()
	offCurve := append([]byte{2}, Bytes("no point", 48)...)
	for isPoint(offCurve) {
		offCurve[48]++
	}
	var all []entry
	for _, f := range []struct{ name, key string }{
		{"public key that is empty", ""},
		{"public key that is not base64", "?" + good[1:]},
		{"public key in base64 without its end", good[:len(good)-1]},
		{"public key with a byte more", base64.StdEncoding.EncodeToString(append(point[:49:49], 0))},
		{"public key that is not compressed", base64.StdEncoding.EncodeToString(uncompressed)},
		{"public key that is no point of the curve", base64.StdEncoding.EncodeToString(offCurve)},
		{"public key of another curve", EncodePublicKey(SigningKey(p256, 1))},
	} {
		all = append(all, entry{name: f.name, msg: Message{Suite: signed, Content: content, PublicKey: new(f.key)}, refused: "format", hollow: true})
	}
	return append(all,
		entry{name: "no public key", msg: Message{Suite: signed, Content: content, NoPublicKey: true}, refused: "format", hollow: true},
		entry{name: "public key of a suite that does not sign", msg: Message{Suite: v2, Content: content, ExtraKey: true, PublicKey: &good}, refused: "format", hollow: true},
		entry{name: "public key of another signer", msg: Message{Suite: signed, Content: content, PublicKey: new(EncodePublicKey(SigningKey(p384, 2)))}, refused: "authentication"},
	)
}

// badFrames lists bodies with one fault each. Those whose tags verify prove that
// the fault itself is noticed.
func badFrames() []entry {
	at := func(sequence uint32, content string) Frame {
		return Frame{Sequence: sequence, Content: []byte(content)}
	}
	last := func(sequence uint32, content string) Frame {
		return Frame{Sequence: sequence, Content: []byte(content), Final: true}
	}
	frames := func(list ...Frame) Message { return Message{Suite: v2, Frames: list} }
	all := []entry{
		{name: "frames that begin with 0", msg: frames(at(0, "regular "), last(1, "final")), refused: "format"},
		{name: "frames that begin with 2", msg: frames(at(2, "regular "), last(3, "final")), refused: "format"},
		{name: "frame that is missing", msg: frames(at(1, "regular "), last(3, "final")), refused: "format"},
		{name: "frame that comes twice", msg: frames(at(1, "regular "), at(1, "regular "), last(2, "final")), refused: "format"},
		{name: "frames in the wrong order", msg: frames(at(2, "regular "), at(1, "another "), last(3, "final")), refused: "format"},
		{name: "final frame with the number of the one before", msg: frames(at(1, "regular "), last(1, "final")), refused: "format"},
		{name: "final frame with the largest number", msg: frames(at(1, "regular "), last(1<<32-1, "final")), refused: "format"},
		{name: "final frame that is longer than the others", msg: frames(at(1, "regular "), last(2, "longer than 8")), refused: "format"},
		{name: "final frame followed by a frame", msg: frames(last(1, "final"), at(2, "regular ")), refused: "format"},
		{name: "final frame twice", msg: frames(last(1, "final"), last(2, "final")), refused: "format"},
		{name: "final frame that claims 2^32-1 bytes", msg: frames(at(1, "regular "), Frame{Sequence: 2, Final: true, Length: new(uint32(1<<32 - 1))}), refused: "format"},
		{name: "byte after the message", msg: Message{Suite: v2, Content: content, Trailer: []byte{0}}, refused: "format"},
		{name: "byte after the message, signed", msg: Message{Suite: signed, Content: content, Trailer: []byte{0}}, refused: "format"},
		{name: "byte after the message, not framed", msg: Message{Suite: v2, Content: content, NonFramed: true, Trailer: []byte{0}}, refused: "format"},
		{name: "second message after the message", msg: Message{Suite: v2, Content: content}, refused: "format",
			edit: func(b []byte) []byte { return append(b, b...) }},
		{name: "body that is not framed of more than 2^36-32 bytes", msg: Message{Suite: v2, Content: content, NonFramed: true, Length: new(uint64(1<<36 - 31))}, refused: "format"},
		{name: "body that is not framed of 2^64-1 bytes", msg: Message{Suite: v2, Content: content, NonFramed: true, Length: new(uint64(1<<64 - 1))}, refused: "format"},
		{name: "body that is not framed of 2^36-32 bytes", msg: Message{Suite: v2, Content: content, NonFramed: true, Length: new(uint64(1<<36 - 32))}, refused: "policy"},
		{name: "regular frame relabelled as the final one", msg: frames(at(1, "regular "), at(2, "regular ")), refused: "authentication", edit: relabel},
		{name: "final frame without its last byte of content", msg: Message{Suite: v2, Content: content}, refused: "authentication", edit: shortenFinal},
		{name: "changed byte in the first frame", msg: Message{Suite: v2, Content: content}, refused: "authentication", edit: flipFromEnd(3 + 16 + 24 + 40 + 40 - 16)},
		{name: "changed byte in the final tag", msg: Message{Suite: v2, Content: content}, refused: "authentication", edit: flipFromEnd(1)},
		{name: "changed byte in a body that is not framed", msg: Message{Suite: v2, Content: content, NonFramed: true}, refused: "authentication", edit: flipFromEnd(1)},
	}
	for i := range all {
		all[i].hollow = true
	}
	return all
}

// relabel turns the last regular frame of 8 bytes into a final one.
func relabel(b []byte) []byte {
	at := len(b) - 40
	frame := b[at:]
	out := append(b[:at:at], 0xff, 0xff, 0xff, 0xff)
	out = append(out, frame[:16]...)
	out = append(out, 0, 0, 0, 8)
	return append(out, frame[16:]...)
}

// shortenFinal cuts a byte out of the content of the final frame of 3.
func shortenFinal(b []byte) []byte {
	tag := len(b) - 16
	b[tag-4]-- // the length field
	return append(b[:tag-1:tag-1], b[tag:]...)
}

func flipFromEnd(n int) func([]byte) []byte {
	return func(b []byte) []byte { b[len(b)-n] ^= 1; return b }
}

func badSignatures() []entry {
	sign := func(f func([]byte) []byte) Message { return Message{Suite: signed, Content: content, Sign: f} }
	s, _ := suite.Lookup(signed)
	all := []entry{
		{name: "signature with n-s for s", msg: sign(func(sig []byte) []byte { return negate(s, sig) })},
		{name: "signature that is empty", msg: sign(func([]byte) []byte { return nil }), refused: "authentication"},
		{name: "signature with a changed byte", msg: sign(func(sig []byte) []byte { sig[len(sig)-1] ^= 1; return sig }), refused: "authentication"},
		{name: "signature with a byte after it", msg: sign(func(sig []byte) []byte { return append(sig, 0) }), refused: "authentication"},
		{name: "signature with a length that is not minimal", msg: sign(func(sig []byte) []byte {
			return append([]byte{sig[0], 0x81, sig[1]}, sig[2:]...)
		}), refused: "authentication"},
		{name: "signature of zeros", msg: sign(func([]byte) []byte { return []byte{0x30, 6, 2, 1, 0, 2, 1, 0} }), refused: "authentication"},
		{name: "signature of ones", msg: sign(func([]byte) []byte { return []byte{0x30, 6, 2, 1, 1, 2, 1, 1} }), refused: "authentication"},
		{name: "signature that is not DER", msg: sign(func(sig []byte) []byte { return []byte(strings.Repeat("x", len(sig))) }), refused: "authentication"},
		{name: "signature of another message", msg: sign(func([]byte) []byte {
			return SignDigest(SigningKey(s, 1), s, Bytes("digest", 48))
		}), refused: "authentication"},
		{name: "footer that claims 65,535 bytes", msg: Message{Suite: signed, Content: content, SignedLength: new(uint16(65535))}, refused: "truncated"},
	}
	return all
}

func cutShort() []entry {
	var all []entry
	for _, f := range []struct {
		name string
		msg  Message
		cut  int // from the end
	}{
		{"message without its last byte", Message{Suite: v2}, 1},
		{"message without its final frame", Message{Suite: v2}, 40 + 3},
		{"message that ends within a regular frame", Message{Suite: v2}, 40 + 3 + 10},
		{"message that ends with its header", Message{Suite: v2}, 40 + 3 + 40 + 40},
		{"message that ends within its header", Message{Suite: v2}, 40 + 3 + 40 + 40 + 1},
		{"message without its last byte, not framed", Message{Suite: v2, NonFramed: true}, 1},
		{"message that ends with its header, not framed", Message{Suite: v2, NonFramed: true}, 20 + 19 + 16},
	} {
		f.msg.Content = content
		all = append(all, entry{name: f.name, msg: f.msg, refused: "truncated", hollow: true,
			edit: func(b []byte) []byte { return b[:len(b)-f.cut] }})
	}
	return append(all,
		entry{name: "nothing at all", msg: Message{Suite: v2}, refused: "truncated", hollow: true, edit: func(b []byte) []byte { return b[:0] }},
		entry{name: "signed message without its footer", msg: Message{Suite: signed, Content: content}, refused: "truncated", hollow: true, edit: withoutFooter(0)},
		entry{name: "signed message that ends within the footer's length", msg: Message{Suite: signed, Content: content}, refused: "truncated", hollow: true, edit: withoutFooter(1)},
		entry{name: "signed message that ends with the footer's length", msg: Message{Suite: signed, Content: content}, refused: "truncated", hollow: true, edit: withoutFooter(2)},
		entry{name: "signed message without its last byte", msg: Message{Suite: signed, Content: content}, refused: "truncated", hollow: true,
			edit: func(b []byte) []byte { return b[:len(b)-1] }},
	)
}

// withoutFooter cuts a footer down to n bytes.
func withoutFooter(n int) func([]byte) []byte {
	return func(b []byte) []byte {
		for at := len(b) - 2 - 104; ; at++ {
			if int(b[at])<<8|int(b[at+1]) == len(b)-at-2 && b[at+2] == 0x30 {
				return b[:at+n]
			}
		}
	}
}

// wrongCallers lists good messages that are opened with another context.
func wrongCallers() []entry {
	stored := []Pair{{"name", "value"}, {"other", "1"}}
	unstored := []Pair{{"kept out", "2"}}
	return []entry{
		{name: "caller with another value", msg: Message{Suite: v2, Content: content, Context: stored}, refused: "context", hollow: true,
			context: map[string]string{"name": "Value", "other": "1"}},
		{name: "caller without a stored pair", msg: Message{Suite: v2, Content: content, Context: stored}, refused: "context", hollow: true,
			context: map[string]string{"name": "value"}},
		{name: "caller with a pair that was not sealed", msg: Message{Suite: v2, Content: content, Context: stored}, refused: "context", hollow: true,
			context: map[string]string{"name": "value", "other": "1", "more": ""}},
		{name: "caller with another value of a pair that is not stored", msg: Message{Suite: v2, Content: content, Unstored: unstored}, refused: "context", hollow: true,
			context: map[string]string{"kept out": "3"}},
		{name: "caller without a pair that is not stored", msg: Message{Suite: v2, Content: content, Unstored: unstored}, refused: "authentication", hollow: true,
			context: map[string]string{}},
		{name: "caller with another public key", msg: Message{Suite: signed, Content: content}, refused: "context", hollow: true,
			context: map[string]string{publicKey: "A" + strings.Repeat("x", 67)}},
	}
}
