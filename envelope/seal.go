package envelope

import (
	"context"
	"math"
	"slices"

	"github.com/sealwax/sealwax/internal/aead"
)

// Seal returns plaintext, which may be nil or empty, as a message bound to ec.
func (c *Client) Seal(ctx context.Context, plaintext []byte, ec Context) ([]byte, error) {
	return c.AppendSeal(ctx, nil, plaintext, ec)
}

// AppendSeal appends the message that Seal would return to dst. plaintext must
// not overlap the spare capacity of dst. On failure it returns nil.
func (c *Client) AppendSeal(ctx context.Context, dst, plaintext []byte, ec Context) ([]byte, error) {
	s, err := c.begin(ctx, ec, int64(len(plaintext)))
	if err != nil {
		return nil, err
	}
	size, err := s.sealedSize(int64(len(plaintext)))
	if err != nil {
		return nil, err
	}
	if size > math.MaxInt-int64(len(dst)) {
		return nil, errorf(ErrLength, "%d bytes are too long for a message in memory", len(plaintext))
	}
	dst = slices.Grow(dst, int(size))
	if dst, err = s.appendHeader(dst); err != nil {
		return nil, err
	}
	if c.opts.Workers > 1 && len(plaintext) > batchLength {
		return s.appendParallel(dst, plaintext, c.opts.Workers)
	}
	start := len(dst)
	if dst, err = s.appendFrames(dst, plaintext, true); err != nil {
		return nil, err
	}
	s.hash(dst[start:])
	return s.appendFooter(dst)
}

// sealBatch is a run of frames in memory: a part of the plaintext, and the room
// for it in the message.
type sealBatch struct {
	run     aead.Run
	content []byte
	final   bool
	out     []byte
}

// appendParallel appends all frames of a message and its footer, the frames sealed at the same time into
// the places that are theirs: dst has the capacity for all of them.
func (s *sealing) appendParallel(dst, plaintext []byte, workers int) ([]byte, error) {
	length := batchFrames(s.frameLength) * s.frameLength
	p := pipeline[sealBatch]{batches: newBatches[sealBatch](workers, s.frameLength)}
	p.produce = func(b *sealBatch) (bool, error) {
		if len(plaintext) == 0 {
			return false, nil
		}
		b.final = len(plaintext) <= length
		b.content = plaintext[:min(length, len(plaintext))]
		plaintext = plaintext[len(b.content):]
		frames := countFrames(len(b.content), s.frameLength, b.final)
		size := sealedFrames(len(b.content), frames, b.final)
		b.out = dst[len(dst) : len(dst) : len(dst)+size]
		dst = dst[:len(dst)+size]
		return true, wrap(s.sealer.Reserve(&b.run, frames, b.final))
	}
	p.work = func(b *sealBatch) (err error) {
		b.out, err = appendRun(&b.run, b.out, b.content, s.frameLength, b.final)
		return err
	}
	p.consume = func(b *sealBatch) error {
		s.hash(b.out)
		return nil
	}
	if err := p.run(); err != nil {
		return nil, err
	}
	return s.appendFooter(dst)
}
