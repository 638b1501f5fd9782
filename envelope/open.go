package envelope

import (
	"context"
	"math"
	"slices"

	"github.com/sealwax/sealwax/internal/aead"
	"github.com/sealwax/sealwax/internal/message"
)

// Open returns the content of a message, which ends where the message ends.
// Nothing is returned unless all of it verified: header, frames, signature.
func (c *Client) Open(ctx context.Context, msg []byte, ec Context) ([]byte, error) {
	return c.AppendOpen(ctx, nil, msg, ec)
}

// AppendOpen appends the content that Open would return to dst. message must not
// overlap the spare capacity of dst. On failure it returns nil, and what was
// written behind dst is cleared.
func (c *Client) AppendOpen(ctx context.Context, dst, msg []byte, ec Context) ([]byte, error) {
	var o opening
	if err := o.header.Parse(msg, c.limits); err != nil {
		return nil, wrap(err)
	}
	body, err := c.splitMessage(&o.header, msg[len(o.header.Raw):])
	if err != nil {
		return nil, err
	}
	if err := c.beginOpening(ctx, &o, ec, nil); err != nil {
		return nil, err
	}
	if o.public != nil {
		o.hash(body.sealed)
		if err := o.verifySignature(body.signature); err != nil {
			return nil, err
		}
	}
	return c.openBody(&o, body, dst)
}

// bodyParts is what follows a header, taken apart but not verified.
type bodyParts struct {
	sealed    []byte // all frames, or the non-framed body
	content   int    // bytes of content
	signature []byte
}

// splitMessage finds the parts of a whole message in memory. That all of them
// are there is known before the keyring is asked.
func (c *Client) splitMessage(h *message.Header, rest []byte) (bodyParts, error) {
	p, length, err := c.measureBody(h, rest)
	if err != nil {
		return bodyParts{}, err
	}
	p.sealed, rest = rest[:length], rest[length:]
	if h.Suite.Signed() {
		if len(rest) < message.FooterHeaderLength {
			return bodyParts{}, truncated("footer")
		}
		n := message.ParseFooterHeader(rest)
		if rest = rest[message.FooterHeaderLength:]; len(rest) < n {
			return bodyParts{}, truncated("footer")
		}
		p.signature, rest = rest[:n], rest[n:]
	}
	if len(rest) > 0 {
		return bodyParts{}, trailing()
	}
	return p, nil
}

func (c *Client) measureBody(h *message.Header, rest []byte) (p bodyParts, length int, err error) {
	if h.Framed {
		s, err := scanFrames(rest, h.FrameLength, math.MaxInt)
		if err != nil {
			return p, 0, &FrameError{Frame: uint32(s.frames) + 1, Err: err}
		}
		if !s.final {
			return p, 0, truncated("frames")
		}
		return bodyParts{content: s.content}, s.length, nil
	}
	if len(rest) < message.NonFramedHeaderLength {
		return p, 0, truncated("body")
	}
	_, n, err := c.nonFramedContent(rest)
	if err != nil {
		return p, 0, err
	}
	if int64(len(rest)) < nonFramedOverhead+int64(n) {
		return p, 0, truncated("body")
	}
	return bodyParts{content: n}, nonFramedOverhead + n, nil
}

func (c *Client) openBody(o *opening, body bodyParts, dst []byte) ([]byte, error) {
	dst = slices.Grow(dst, body.content)
	var out []byte
	var err error
	switch {
	case !o.header.Framed:
		nonce, sealed := body.sealed[:aead.NonceLength], body.sealed[message.NonFramedHeaderLength:]
		out, err = o.opener.AppendNonFramed(dst, nonce, sealed, new(aead.Scratch))
		err = wrap(err)
	case c.opts.Workers > 1 && body.content > batchLength:
		out, err = o.appendParallel(dst, body, c.opts.Workers)
	default:
		o.batch.sealed, o.batch.first = body.sealed, 1
		out, err = o.appendContent(dst, &o.batch)
	}
	if err != nil {
		clear(dst[len(dst) : len(dst)+body.content])
		return nil, err
	}
	return out, nil
}

// openBatch is a run of frames in memory and the room for their content.
type openBatch struct {
	frameBatch
	out []byte
}

// appendParallel opens all frames at the same time into the places that are
// theirs: dst has the capacity for all of them.
func (o *opening) appendParallel(dst []byte, body bodyParts, workers int) ([]byte, error) {
	frameLength := int(o.header.FrameLength)
	frames := batchFrames(frameLength)
	rest, next := body.sealed, uint64(1)
	p := pipeline[openBatch]{batches: newBatches[openBatch](workers, frameLength)}
	p.produce = func(b *openBatch) (bool, error) {
		s, err := scanFrames(rest, o.header.FrameLength, frames)
		if err != nil || s.frames == 0 {
			return false, wrap(err)
		}
		b.sealed, b.first = rest[:s.length], next
		rest, next = rest[s.length:], next+uint64(s.frames)
		b.out = dst[len(dst) : len(dst) : len(dst)+s.content]
		dst = dst[:len(dst)+s.content]
		return true, nil
	}
	p.work = func(b *openBatch) (err error) {
		_, err = o.appendContent(b.out, &b.frameBatch)
		return err
	}
	p.consume = func(*openBatch) error { return nil }
	return dst, p.run()
}
