package envelope

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"

	"github.com/sealwax/sealwax/internal/aead"
	"github.com/sealwax/sealwax/internal/message"
	"github.com/sealwax/sealwax/internal/signature"
	"github.com/sealwax/sealwax/keyring"
)

// opening is one message on its way in: its header, parsed, and what verified it.
type opening struct {
	header message.Header
	opener aead.Opener

	public *ecdsa.PublicKey // nil if unsigned
	digest hash.Hash        // of every byte before the footer; nil if unsigned

	batch frameBatch // for frames opened one after the other
}

// beginOpening asks the keyring for the data key of a message whose header has
// been parsed into o, and verifies that header. beside holds EDKs that stand
// beside the message.
func (c *Client) beginOpening(ctx context.Context, o *opening, ec Context, beside []keyring.EncryptedDataKey) error {
	h := &o.header
	if err := c.opts.checkOpeningSuite(h.Suite); err != nil {
		return err
	}
	encoded, hasKey := h.Context[keyring.PublicKeyName]
	if hasKey != h.Suite.Signed() {
		return errorf(ErrFormat, "a signed suite, and no other, has a public key in its context; %v breaks that", h.Suite.ID)
	}
	match, err := c.matchContext(h.Context, ec, h.Suite.Signed())
	if err != nil {
		return err
	}
	if h.Suite.Signed() {
		if o.public, err = signature.DecodePublicKey(h.Suite, encoded); err != nil {
			return wrap(err)
		}
		o.digest = h.Suite.SignatureHash.New()
		o.digest.Write(h.Raw)
	}
	if err := c.findKey(ctx, o, match, beside); err != nil {
		return contextHint(err, match)
	}
	return nil
}

// contextHint makes a failed verification match ErrContext too if the caller
// gave pairs that the header lacks: they may be what does not fit.
func contextHint(err error, match matchedContext) error {
	if len(match.unstored) == 0 || !errors.Is(err, ErrAuthentication) {
		return err
	}
	return &joined{errs: []error{err, ErrContext}}
}

// findKey tries the EDKs beside a committing message, and then those in its
// header. The first that yield the key that the header commits to decide.
func (c *Client) findKey(ctx context.Context, o *opening, match matchedContext, beside []keyring.EncryptedDataKey) error {
	// One allocation for the request and the EDKs of most messages.
	ask := &struct {
		keyring.DecryptionRequest
		few [2]keyring.EncryptedDataKey
	}{DecryptionRequest: keyring.DecryptionRequest{Suite: Suite(o.header.Suite.ID), EncryptionContext: match.full}}
	ask.EncryptedDataKeys = appendPublicEDKs(ask.few[:0], o.header.EDKs)
	if len(beside) == 0 || !o.header.Suite.Committing() {
		return c.tryKey(ctx, o, match, &ask.DecryptionRequest)
	}
	if n := len(beside) + len(o.header.EDKs); n > c.opts.MaxEncryptedDataKeys {
		return errorf(ErrPolicy, "message has %d encrypted data keys, those beside it included, more than the %d allowed; see Options.MaxEncryptedDataKeys", n, c.opts.MaxEncryptedDataKeys)
	}
	askBeside := ask.DecryptionRequest
	askBeside.EncryptedDataKeys = beside
	firstErr := c.tryKey(ctx, o, match, &askBeside)
	if firstErr == nil || ctx.Err() != nil {
		return firstErr
	}
	if err := c.tryKey(ctx, o, match, &ask.DecryptionRequest); err != nil {
		return bothFailed(firstErr, err)
	}
	return nil
}

// tryKey asks the keyring, and sets the opener if the key that it gives verifies
// the header.
func (c *Client) tryKey(ctx context.Context, o *opening, match matchedContext, ask *keyring.DecryptionRequest) error {
	h := &o.header
	materials, err := c.keys.DecryptionMaterials(ctx, ask)
	if err != nil {
		return wrap(err)
	}
	if materials == nil {
		return errors.New("envelope: keyring gave no materials")
	}
	defer materials.DataKey.Destroy()
	if n := materials.DataKey.Len(); n != h.Suite.KeyLength {
		return errorf(ErrPolicy, "keyring gave a data key of %d bytes, %v needs %d", n, h.Suite.ID, h.Suite.KeyLength)
	}
	err = materials.DataKey.Do(func(key []byte) (err error) {
		o.opener, err = aead.NewOpener(h.Suite, key, h.MessageID, h.Commitment)
		return err
	})
	if err != nil {
		return wrap(err)
	}
	return wrap(o.opener.VerifyHeader(h, match.unstored))
}

// twoSearches is the failure of both searches for a key. An outage in one is no
// proof of forgery in the other: the authentication category needs both.
type twoSearches struct{ beside, header error }

func bothFailed(beside, header error) error { return &twoSearches{beside, header} }

func (e *twoSearches) Error() string {
	return e.header.Error() + " (and with the keys beside the message: " + strings.TrimPrefix(e.beside.Error(), "envelope: ") + ")"
}

// Is looks into both.
func (e *twoSearches) Is(target error) bool {
	if target == ErrAuthentication {
		return errors.Is(e.beside, target) && errors.Is(e.header, target)
	}
	return errors.Is(e.header, target) || errors.Is(e.beside, target)
}

// As finds facts in either.
func (e *twoSearches) As(target any) bool {
	return errors.As(e.header, target) || errors.As(e.beside, target)
}

// hash takes note of bytes for the signature.
func (o *opening) hash(b []byte) {
	if o.digest != nil {
		o.digest.Write(b)
	}
}

// verifySignature checks the signature over everything that was hashed.
func (o *opening) verifySignature(sig []byte) error {
	return wrap(signature.Verify(o.public, o.digest.Sum(nil), sig))
}

// frameBatch is a run of consecutive frames, as they stand in the message.
type frameBatch struct {
	sealed []byte
	first  uint64 // sequence number that the first of them must have

	scratch aead.Scratch
}

// appendContent opens the frames of a batch and appends their content to dst. If
// a frame fails, it returns the content of those before it with the error.
func (o *opening) appendContent(dst []byte, b *frameBatch) ([]byte, error) {
	sequence := b.first
	for rest := b.sealed; len(rest) > 0; sequence++ {
		size, _, err := message.FrameSize(rest, o.header.FrameLength)
		if err != nil {
			return dst, &FrameError{Frame: uint32(sequence), Err: err}
		}
		f := message.ParseFrame(rest[:size])
		rest = rest[size:]
		if err := checkSequence(f, sequence); err != nil {
			return dst, err
		}
		out, err := o.opener.AppendFrame(dst, f, uint32(sequence), f.Final, &b.scratch)
		if err != nil {
			return dst, &FrameError{Frame: uint32(sequence), Err: err}
		}
		dst = out
	}
	return dst, nil
}

// appendSplit does what appendContent does, on several goroutines. All frames
// but a final one have the same size, which tells where each part lies.
func (o *opening) appendSplit(dst []byte, b *frameBatch, s scanned, workers int) ([]byte, error) {
	frameLength := int(o.header.FrameLength)
	each := (s.frames + workers - 1) / workers
	start, out := len(dst), dst[:len(dst)+s.content]

	type part struct {
		frameBatch
		out []byte
		err error
	}
	var parts []*part
	var wg sync.WaitGroup
	content, sealed := out[start:], b.sealed
	for first := b.first; len(sealed) > 0; first += uint64(each) {
		p := &part{frameBatch: frameBatch{first: first}}
		p.sealed, sealed = cutFrames(sealed, each*(frameLength+message.RegularFrameOverhead))
		n := min(each*frameLength, len(content))
		p.out, content = content[:n], content[n:]
		parts = append(parts, p)
		wg.Go(func() { p.out, p.err = o.appendContent(p.out[:0:len(p.out)], &p.frameBatch) })
	}
	o.hash(b.sealed)
	wg.Wait()

	end := start
	for _, p := range parts {
		end += len(p.out)
		if p.err != nil {
			clear(out[end:])
			return out[:end], p.err
		}
	}
	return out, nil
}

// cutFrames cuts sealed frames after n bytes, which is whole regular frames. A
// final frame in their place is a little longer.
func cutFrames(b []byte, n int) (head, tail []byte) {
	if len(b) <= n+message.FinalFrameOverhead-message.RegularFrameOverhead {
		return b, nil
	}
	return b[:n], b[n:]
}

// checkSequence refuses a frame in the wrong place before its tag would.
func checkSequence(f message.Frame, want uint64) error {
	if want > message.MaxFrames {
		return errorf(ErrFormat, "message has more frames than the format can number")
	}
	if uint64(f.Sequence) != want {
		return &FrameError{Frame: uint32(want), Err: fmt.Errorf("%w: found frame %d in its place", ErrFormat, f.Sequence)}
	}
	return nil
}

// scanned is what a look at the start of some bytes of a framed body tells.
type scanned struct {
	length  int   // bytes of the complete frames
	frames  int   // how many they are
	final   bool  // the last of them is the final frame
	content int   // bytes of content in them
	need    int64 // bytes that the next frame takes or, if not even that is known, that would tell
}

// scanFrames counts the complete frames at the start of b, up to the final one
// and at most that many.
func scanFrames(b []byte, frameLength uint32, most int) (scanned, error) {
	var s scanned
	for s.frames < most && !s.final {
		rest := b[s.length:]
		size, known, err := message.FrameSize(rest, frameLength)
		if err != nil {
			return s, err
		}
		if !known || size > int64(len(rest)) {
			s.need = size
			break
		}
		f := message.ParseFrame(rest[:size])
		s.length += int(size)
		s.content += len(f.Sealed) - aead.TagLength
		s.final = f.Final
		s.frames++
	}
	return s, nil
}

// nonFramedContent returns the length of a non-framed body's content, if the
// options allow it.
func (c *Client) nonFramedContent(header []byte) (nonce []byte, length int, err error) {
	nonce, n, err := message.ParseNonFramedHeader(header)
	if err != nil {
		return nil, 0, wrap(err)
	}
	if n > uint64(c.opts.MaxFrameLength) {
		return nil, 0, errorf(ErrPolicy, "non-framed body of %d bytes, more than the %d allowed; see Options.MaxFrameLength", n, c.opts.MaxFrameLength)
	}
	return nonce, int(n), nil
}

// trailing is the refusal of bytes behind a message.
func trailing() error { return errorf(ErrFormat, "there are bytes after the end of the message") }

// truncated is the refusal of a message that ends within the named part.
func truncated(part string) error { return wrap(message.Truncated(part)) }
