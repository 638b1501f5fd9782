package vectors

import (
	"bytes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"math"
	"slices"
	"strings"

	"github.com/sealwax/sealwax/internal/aead"
	"github.com/sealwax/sealwax/internal/suite"
)

// Pair is a pair of an encryption context, which a Message writes in the order
// given, twice if it stands there twice.
type Pair struct{ Name, Value string }

// EDK is an encrypted data key.
type EDK struct{ ProviderID, ProviderInfo, Ciphertext string }

// Frame is a frame to be sealed. What it claims is what its tag authenticates.
type Frame struct {
	Sequence uint32
	Final    bool
	Nonce    []byte // nil: the sequence number
	Content  []byte
	Length   *uint32 // what a final frame's length field says; nil: the truth
}

// Message describes a message. Zero fields are what package envelope would
// write; a field that has the name of one of the format's is written as it
// stands, and authenticated so, unless its comment says otherwise.
type Message struct {
	Suite    suite.ID
	DataKey  []byte
	ID       []byte
	Context  []Pair // without the public key of a signed suite, which comes last
	Unstored []Pair // authenticated, not written
	EDKs     []EDK  // nil: one, [DefaultEDK]

	FrameLength uint32
	Content     []byte  // cut into Frames, if those are nil
	EmptyFinal  bool    // an empty final frame after full ones
	Frames      []Frame // instead of Content
	NonFramed   bool
	Length      *uint64 // what a non-framed body's length field says; nil: the truth

	Version, Type, ContentType, NonceLength *byte
	Reserved                                uint32
	WrittenSuite                            *suite.ID // in the header; keys are still those of Suite
	AAD                                     *string   // the whole context field, without its length
	AADLength                               *uint16
	PairCount                               *uint16
	EDKCount                                *uint16
	WrittenFrameLength                      *uint32
	Commitment                              []byte
	HeaderNonce                             []byte // version 1; nil: zero
	BodyNonce                               []byte // of a non-framed body; nil: the sequence number 1

	Signer       *ecdsa.PrivateKey // nil: SigningKey of the suite
	PublicKey    *string           // nil: the Signer's
	NoPublicKey  bool
	ExtraKey     bool                    // a public key where none belongs
	Sign         func(sig []byte) []byte // changes the signature
	SignedLength *uint16                 // of the footer's length field; nil: the truth
	Trailer      []byte                  // behind the message, not authenticated
}

// DefaultEDK is the encrypted data key of messages that name none.
var DefaultEDK = EDK{ProviderID: "vectors", ProviderInfo: "key", Ciphertext: "opaque"}

// Encode returns the message.
func (m *Message) Encode() []byte {
	s, _ := suite.Lookup(m.Suite)
	if m.ID == nil {
		c := *m
		c.ID = Bytes("message id", s.MessageIDLength())
		m = &c
	}
	gcm, commitment := Derive(s, m.DataKey, m.ID)
	out := m.header(s, commitment)
	out = m.authenticate(out, s, gcm)
	if m.NonFramed {
		out = m.nonFramed(out, gcm)
	} else {
		for _, f := range m.frames() {
			out = m.frame(out, f, gcm)
		}
	}
	if s.Signed() {
		out = m.footer(out, s)
	}
	return append(out, m.Trailer...)
}

// Derive returns a message's cipher and key commitment, by the functions of
// crypto/hkdf that the format names.
func Derive(s *suite.Suite, dataKey, id []byte) (cipher.AEAD, []byte) {
	key, commitment := dataKey, []byte(nil)
	idBytes := binary.BigEndian.AppendUint16(nil, uint16(s.ID))
	switch {
	case s.Committing():
		prk := must(hkdf.Extract(s.Derivation.New, dataKey, id))
		key = must(hkdf.Expand(s.Derivation.New, prk, string(idBytes)+"DERIVEKEY", s.KeyLength))
		commitment = must(hkdf.Expand(s.Derivation.New, prk, "COMMITKEY", 32))
	case s.Derives():
		key = must(hkdf.Key(s.Derivation.New, dataKey, make([]byte, s.Derivation.Size()), string(idBytes)+string(id), s.KeyLength))
	}
	return must(aead.NewGCM(key)), commitment
}

func (m *Message) header(s *suite.Suite, commitment []byte) []byte {
	v1 := s.MessageVersion == 1
	b := []byte{or(m.Version, byte(s.MessageVersion))}
	if v1 {
		b = append(b, or(m.Type, 0x80))
	}
	b = u16(b, uint16(or(m.WrittenSuite, s.ID)))
	b = append(b, m.ID...)

	ec := m.context(s)
	b = u16(b, or(m.AADLength, uint16(len(ec))))
	b = append(b, ec...)

	edks := m.EDKs
	if edks == nil {
		edks = []EDK{DefaultEDK}
	}
	b = u16(b, or(m.EDKCount, uint16(len(edks))))
	for _, edk := range edks {
		for _, field := range []string{edk.ProviderID, edk.ProviderInfo, edk.Ciphertext} {
			b = append(u16(b, uint16(len(field))), field...)
		}
	}

	contentType, frameLength := byte(2), m.FrameLength
	if m.NonFramed {
		contentType, frameLength = 1, 0
	}
	b = append(b, or(m.ContentType, contentType))
	if v1 {
		b = binary.BigEndian.AppendUint32(b, m.Reserved)
		b = append(b, or(m.NonceLength, 12))
	}
	b = binary.BigEndian.AppendUint32(b, or(m.WrittenFrameLength, frameLength))
	if m.Commitment != nil {
		commitment = m.Commitment
	}
	return append(b, commitment...)
}

func (m *Message) context(s *suite.Suite) []byte {
	if m.AAD != nil {
		return []byte(*m.AAD)
	}
	pairs := slices.Clone(m.Context)
	if s.Signed() && !m.NoPublicKey || m.ExtraKey {
		key := ""
		if m.PublicKey != nil {
			key = *m.PublicKey
		} else {
			key = EncodePublicKey(m.signer(s))
		}
		pairs = append(pairs, Pair{"aws-crypto-public-key", key})
	}
	return serialize(pairs, m.PairCount)
}

// serialize writes pairs in the order given.
func serialize(pairs []Pair, count *uint16) []byte {
	if len(pairs) == 0 && count == nil {
		return nil
	}
	b := u16(nil, or(count, uint16(len(pairs))))
	for _, p := range pairs {
		b = append(u16(b, uint16(len(p.Name))), p.Name...)
		b = append(u16(b, uint16(len(p.Value))), p.Value...)
	}
	return b
}

func (m *Message) authenticate(body []byte, s *suite.Suite, gcm cipher.AEAD) []byte {
	nonce := make([]byte, 12)
	if m.HeaderNonce != nil {
		nonce = m.HeaderNonce
	}
	unstored := slices.SortedFunc(slices.Values(m.Unstored), func(a, b Pair) int { return strings.Compare(a.Name, b.Name) })
	tag := gcm.Seal(nil, nonce, nil, slices.Concat(body, serialize(unstored, nil)))
	if s.MessageVersion == 1 {
		body = append(body, nonce...)
	}
	return append(body, tag...)
}

// frames cuts the content.
func (m *Message) frames() []Frame {
	if m.Frames != nil {
		return m.Frames
	}
	var frames []Frame
	frameLength := int(min(int64(m.FrameLength), math.MaxInt))
	for chunk := range slices.Chunk(m.Content, frameLength) {
		frames = append(frames, Frame{Sequence: uint32(len(frames) + 1), Content: chunk})
	}
	full := len(m.Content)%frameLength == 0
	if len(frames) == 0 || m.EmptyFinal && full {
		frames = append(frames, Frame{Sequence: uint32(len(frames) + 1)})
	}
	frames[len(frames)-1].Final = true
	return frames
}

func (m *Message) frame(b []byte, f Frame, gcm cipher.AEAD) []byte {
	if f.Final {
		b = binary.BigEndian.AppendUint32(b, 0xFFFFFFFF)
	}
	b = binary.BigEndian.AppendUint32(b, f.Sequence)
	nonce := f.Nonce
	if nonce == nil {
		nonce = binary.BigEndian.AppendUint32(make([]byte, 8), f.Sequence)
	}
	b = append(b, nonce...)
	what := "AWSKMSEncryptionClient Frame"
	if f.Final {
		b = binary.BigEndian.AppendUint32(b, or(f.Length, uint32(len(f.Content))))
		what = "AWSKMSEncryptionClient Final Frame"
	}
	return gcm.Seal(b, nonce, f.Content, m.aad(what, f.Sequence, len(f.Content)))
}

func (m *Message) nonFramed(b []byte, gcm cipher.AEAD) []byte {
	nonce := m.BodyNonce
	if nonce == nil {
		nonce = []byte{11: 1}
	}
	b = append(b, nonce...)
	b = binary.BigEndian.AppendUint64(b, or(m.Length, uint64(len(m.Content))))
	return gcm.Seal(b, nonce, m.Content, m.aad("AWSKMSEncryptionClient Single Block", 1, len(m.Content)))
}

func (m *Message) aad(what string, sequence uint32, length int) []byte {
	b := slices.Concat(m.ID, []byte(what))
	b = binary.BigEndian.AppendUint32(b, sequence)
	return binary.BigEndian.AppendUint64(b, uint64(length))
}

func (m *Message) signer(s *suite.Suite) *ecdsa.PrivateKey {
	if m.Signer != nil {
		return m.Signer
	}
	return SigningKey(s, 1)
}

func (m *Message) footer(b []byte, s *suite.Suite) []byte {
	sig := SignDigest(m.signer(s), s, digest(s.SignatureHash.New(), b))
	if m.Sign != nil {
		sig = m.Sign(sig)
	}
	b = u16(b, or(m.SignedLength, uint16(len(sig))))
	return append(b, sig...)
}

// SignDigest signs deterministically, as RFC 6979 says: no random source.
func SignDigest(key *ecdsa.PrivateKey, s *suite.Suite, digest []byte) []byte {
	return must(key.Sign(nil, digest, s.SignatureHash))
}

// SigningKey returns the n-th signing key of a suite.
func SigningKey(s *suite.Suite, n byte) *ecdsa.PrivateKey {
	d := bytes.Repeat([]byte{n}, (s.Curve.Params().BitSize+7)/8)
	return must(ecdsa.ParseRawPrivateKey(s.Curve, d))
}

// EncodePublicKey returns the form that a context holds: base64 of 02 or 03,
// by the parity of y, and x.
func EncodePublicKey(key *ecdsa.PrivateKey) string {
	point := must(key.PublicKey.Bytes())
	x, y := point[1:1+len(point)/2], point[1+len(point)/2:]
	return base64.StdEncoding.EncodeToString(append([]byte{2 + y[len(y)-1]%2}, x...))
}

// Bytes returns n bytes that look random and are the same every time, others
// for each label: SHA-256 of label, 0, and a counter of 4 bytes.
func Bytes(label string, n int) []byte {
	var out []byte
	for i := uint32(0); len(out) < n; i++ {
		block := sha256.Sum256(binary.BigEndian.AppendUint32(append([]byte(label), 0), i))
		out = append(out, block[:]...)
	}
	return out[:n]
}

func digest(h hash.Hash, b []byte) []byte {
	h.Write(b)
	return h.Sum(nil)
}

func u16(b []byte, n uint16) []byte { return binary.BigEndian.AppendUint16(b, n) }

func or[T any](p *T, value T) T {
	if p != nil {
		return *p
	}
	return value
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
