package envelope

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"errors"
	"hash"

	"github.com/sealwax/sealwax/internal/aead"
	"github.com/sealwax/sealwax/internal/message"
	"github.com/sealwax/sealwax/internal/signature"
	"github.com/sealwax/sealwax/internal/suite"
	"github.com/sealwax/sealwax/keyring"
)

// sealing is one message on its way out, whoever asked for it.
type sealing struct {
	suite       *suite.Suite
	sealer      aead.Sealer
	id          [32]byte // room for the message id
	frameLength int
	run         aead.Run // for frames sealed one after the other

	header       message.Header
	headerLength int    // bytes of the whole header
	unstored     []byte // serialization of the context pairs kept out of it

	signer crypto.Signer // nil if unsigned
	digest hash.Hash     // of every byte before the footer; nil if unsigned
}

// begin asks the keyring for the materials of a new message. length is that of
// the plaintext in bytes, -1 if it is not known.
func (c *Client) begin(ctx context.Context, ec Context, length int64) (*sealing, error) {
	if err := c.checkSealingContext(ec); err != nil {
		return nil, err
	}
	g := geometry{frameLength: int64(c.opts.FrameLength)}
	if length >= 0 {
		if _, err := g.sealedSize(length); err != nil {
			return nil, err
		}
	}
	materials, err := c.keys.EncryptionMaterials(ctx, &keyring.EncryptionRequest{
		Suite: c.opts.Suite, EncryptionContext: ec, PlaintextLength: length,
	})
	if err != nil {
		return nil, wrap(err)
	}
	if materials == nil {
		return nil, errors.New("envelope: keyring gave no materials")
	}
	defer materials.DataKey.Destroy()
	if err := c.checkMaterials(materials, ec); err != nil {
		return nil, err
	}
	return c.newSealing(materials)
}

// checkMaterials holds a keyring to its contract: what it answers decides how
// the message is protected.
func (c *Client) checkMaterials(m *keyring.EncryptionMaterials, ec Context) error {
	if err := c.opts.checkSealingSuite(m.Suite); err != nil {
		return err
	}
	if n := m.DataKey.Len(); n != m.Suite.KeyLength() {
		return errorf(ErrPolicy, "keyring gave a data key of %d bytes, %v needs %d", n, m.Suite, m.Suite.KeyLength())
	}
	if n := len(m.EncryptedDataKeys); n == 0 || n > c.opts.MaxEncryptedDataKeys {
		return errorf(ErrPolicy, "keyring gave %d encrypted data keys, want 1 to %d; see Options.MaxEncryptedDataKeys", n, c.opts.MaxEncryptedDataKeys)
	}
	for name, value := range ec {
		if got, ok := m.EncryptionContext[name]; !ok || got != value {
			return errorf(ErrContext, "keyring changed pair %.60q", name)
		}
	}
	if err := checkSerializable(m.EncryptionContext); err != nil {
		return err
	}
	encoded, signed := m.EncryptionContext[keyring.PublicKeyName]
	if signed != m.Suite.Signed() || signed != (m.SigningKey != nil) {
		return errorf(ErrPolicy, "keyring gave materials that do not fit %v: a signed suite, and no other, has a signing key and its public key in the context", m.Suite)
	}
	if signed {
		return checkSigningKey(m, encoded)
	}
	return nil
}

// checkSigningKey refuses a public key that would not verify the signature.
func checkSigningKey(m *keyring.EncryptionMaterials, encoded string) error {
	s, _ := suite.Lookup(suite.ID(m.Suite))
	public, ok := m.SigningKey.Public().(*ecdsa.PublicKey)
	if !ok || public.Curve != s.Curve {
		return errorf(ErrPolicy, "keyring gave a signing key that is not an ECDSA key on %s", s.Curve.Params().Name)
	}
	// Encoding is far cheaper than decoding, which takes a square root.
	if own, err := signature.EncodePublicKey(public); err != nil || own != encoded {
		return errorf(ErrPolicy, "keyring gave a public key that is not the signing key's")
	}
	return nil
}

// newSealing derives the keys of a message.
func (c *Client) newSealing(m *keyring.EncryptionMaterials) (*sealing, error) {
	table, _ := suite.Lookup(suite.ID(m.Suite))
	s := &sealing{suite: table, frameLength: c.opts.FrameLength, signer: m.SigningKey}
	id := s.id[:table.MessageIDLength()]
	_, _ = rand.Read(id) // never fails
	err := m.DataKey.Do(func(key []byte) (err error) {
		s.sealer, err = aead.NewSealer(table, key, id)
		return err
	})
	if err != nil {
		return nil, wrap(err)
	}
	stored, unstored, err := c.splitStored(m.EncryptionContext)
	if err != nil {
		return nil, errorf(ErrContext, "%v", err)
	}
	s.unstored = unstored
	s.header = message.Header{
		Suite: table, MessageID: id, Context: stored, EDKs: messageEDKs(m.EncryptedDataKeys),
		FrameLength: uint32(s.frameLength), Commitment: s.sealer.Commitment(),
	}
	if s.headerLength, err = message.HeaderLength(&s.header); err != nil {
		return nil, wrap(err)
	}
	if s.headerLength > c.opts.MaxHeaderSize {
		return nil, errorf(ErrPolicy, "header takes %d bytes, more than the %d allowed; see Options.MaxHeaderSize", s.headerLength, c.opts.MaxHeaderSize)
	}
	if table.Signed() {
		s.digest = table.SignatureHash.New()
	}
	return s, nil
}

// appendHeader appends the header to dst. It works once.
func (s *sealing) appendHeader(dst []byte) ([]byte, error) {
	start := len(dst)
	dst, err := message.AppendHeaderBody(dst, &s.header)
	if err != nil {
		return nil, wrap(err)
	}
	if dst, err = s.sealer.AppendHeaderAuth(dst, dst[start:], s.unstored); err != nil {
		return nil, wrap(err)
	}
	s.hash(dst[start:])
	return dst, nil
}

// sealedSize returns the length of the whole message for n bytes of content.
func (s *sealing) sealedSize(n int64) (int64, error) {
	body, err := s.geometry().sealedSize(n)
	return int64(s.headerLength) + body, err
}

func (s *sealing) geometry() geometry {
	g := geometry{frameLength: int64(s.frameLength)}
	if s.suite.Signed() {
		g.footer = int64(message.FooterHeaderLength + s.suite.SignatureLength)
	}
	return g
}

// appendFrames appends the next frames: those that content fills, and if final
// is set one more, with the rest of it. content must be whole frames otherwise.
func (s *sealing) appendFrames(dst, content []byte, final bool) ([]byte, error) {
	if n := countFrames(len(content), s.frameLength, final); n == 0 {
		return dst, nil
	} else if err := s.sealer.Reserve(&s.run, n, final); err != nil {
		return nil, wrap(err)
	}
	return appendRun(&s.run, dst, content, s.frameLength, final)
}

// appendRun seals content under a run reserved for it.
func appendRun(run *aead.Run, dst, content []byte, frameLength int, final bool) ([]byte, error) {
	for len(content) > frameLength || len(content) > 0 && !final {
		var err error
		if dst, err = run.Append(dst, content[:frameLength]); err != nil {
			return nil, wrap(err)
		}
		content = content[frameLength:]
	}
	if !final {
		return dst, nil
	}
	dst, err := run.Append(dst, content)
	return dst, wrap(err)
}

// countFrames returns the number of frames for n bytes of content. The final
// frame is full rather than empty, unless it is the only one.
func countFrames(n, frameLength int, final bool) int {
	if !final {
		return n / frameLength
	}
	return max(1, (n+frameLength-1)/frameLength)
}

// sealedFrames returns the length in bytes of frames that hold n bytes of content.
func sealedFrames(n, frames int, final bool) int {
	n += frames * message.RegularFrameOverhead
	if final {
		n += message.FinalFrameOverhead - message.RegularFrameOverhead
	}
	return n
}

// appendFooter signs what was hashed, if the suite signs.
func (s *sealing) appendFooter(dst []byte) ([]byte, error) {
	if s.digest == nil {
		return dst, nil
	}
	sig, err := signature.Sign(s.suite, s.signer, s.digest.Sum(nil))
	if err != nil {
		return nil, wrap(err)
	}
	return message.AppendFooter(dst, sig), nil
}

// hash takes note of bytes for the signature.
func (s *sealing) hash(b []byte) {
	if s.digest != nil {
		s.digest.Write(b)
	}
}

// publicHeader returns the header as users see it.
func (s *sealing) publicHeader() *Header {
	h := publicHeader(&s.header)
	h.Length = s.headerLength
	return h.clone()
}
