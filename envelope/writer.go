package envelope

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/sealwax/sealwax/internal/aead"
)

// errors of a Writer that is used after its end.
var (
	errWriterClosed = errors.New("envelope: write to a closed Writer")
	errAborted      = errors.New("envelope: Writer was aborted")
)

// Writer seals what is written to it as one message. It is not safe for
// concurrent use. Writes to the underlying writer may happen on another
// goroutine, but only during a call, and one at a time.
type Writer struct {
	dst     io.Writer
	s       *sealing
	workers int

	plain   []byte // content not sealed yet: at most limit bytes, as its end may be the message's
	limit   int    // whole frames
	spare   []byte // the other buffer of sealSome
	out     []byte // sealed bytes on their way to dst
	length  int64  // announced; -1: not known
	written int64  // content so far
	err     error  // sticky: nothing is written after it
	closed  bool
}

// NewWriter returns a Writer that seals a message to dst. It asks the keyring
// for a data key; ctx is used in that call and nowhere later. The message is
// complete only when Close has returned nil. Memory is bounded by a few frames
// per worker, whatever the length.
func (c *Client) NewWriter(ctx context.Context, dst io.Writer, ec Context, opts ...MessageOption) (*Writer, error) {
	if dst == nil {
		return nil, errors.New("envelope: NewWriter needs a destination")
	}
	o, err := sealingOptions(opts)
	if err != nil {
		return nil, err
	}
	s, err := c.begin(ctx, ec, o.length)
	if err != nil {
		return nil, err
	}
	w := &Writer{dst: dst, s: s, workers: c.opts.Workers, length: o.length}
	if w.out, err = s.appendHeader(nil); err != nil {
		return nil, err
	}
	frames := max(1, coalesce/s.frameLength)
	if w.workers > 1 {
		frames = batchFrames(s.frameLength) * min(w.workers, maxBufferedBatches)
	}
	w.limit = frames * s.frameLength
	return w, nil
}

const (
	// coalesce is how much content a Writer without workers gathers before it
	// writes to its destination, in bytes, unless a frame is longer.
	coalesce = 64 << 10
	// maxBufferedBatches bounds what a Writer with many workers gathers from
	// short writes.
	maxBufferedBatches = 8
)

// Header returns the message's header.
func (w *Writer) Header() *Header { return w.s.publicHeader() }

// Write seals p. It keeps back at least the last byte, since the final frame
// must not be empty unless the message is. After an error every further call
// fails.
func (w *Writer) Write(p []byte) (int, error) {
	if err := w.accept(int64(len(p))); err != nil {
		return 0, err
	}
	n := len(p)
	if room := w.limit - len(w.plain); n > room {
		// More follows what is gathered, so that all of that is regular frames.
		if len(w.plain) > 0 {
			w.plain = append(w.plain, p[:room]...)
			p = p[room:]
			if err := w.sealRegular(w.plain); err != nil {
				return 0, w.fail(err)
			}
			w.plain = w.plain[:0]
		}
		// And what p fills by itself is sealed from where it is, but for the
		// last frame.
		if direct := (len(p) - 1) / w.s.frameLength * w.s.frameLength; len(p) > w.limit {
			if err := w.sealRegular(p[:direct]); err != nil {
				return 0, w.fail(err)
			}
			p = p[direct:]
		}
	}
	w.plain = append(w.plain, p...)
	return n, nil
}

// accept checks that n bytes more may be written.
func (w *Writer) accept(n int64) error {
	if w.err != nil {
		return w.err
	}
	if w.closed {
		return errWriterClosed
	}
	w.written += n
	if w.length >= 0 && w.written > w.length {
		return w.fail(errorf(ErrLength, "got more than the %d bytes announced", w.length))
	}
	return nil
}

// fail makes err the answer to everything that follows.
func (w *Writer) fail(err error) error {
	w.err = err
	w.release()
	return err
}

// release drops the buffers, cleared of content.
func (w *Writer) release() {
	clear(w.plain[:cap(w.plain)])
	clear(w.spare[:cap(w.spare)])
	w.plain, w.spare, w.out = nil, nil, nil
}

// sealRegular seals content, which is whole frames and not the message's end.
func (w *Writer) sealRegular(content []byte) error {
	if w.workers > 1 && len(content) > batchLength {
		return w.sealParallel(w.slices(content))
	}
	for chunk := range slices.Chunk(content, max(1, coalesce/w.s.frameLength)*w.s.frameLength) {
		start := len(w.out)
		out, err := w.s.appendFrames(w.out, chunk, false)
		if err != nil {
			return err
		}
		w.s.hash(out[start:])
		if err := w.flush(out); err != nil {
			return err
		}
	}
	return nil
}

// flush writes b, which is w.out or has grown from it.
func (w *Writer) flush(b []byte) error {
	w.out = b[:0]
	return writeAll(w.dst, b)
}

// writeAll does not trust the destination to tell of a short write.
func writeAll(dst io.Writer, b []byte) error {
	n, err := dst.Write(b)
	if err == nil && n != len(b) {
		err = io.ErrShortWrite
	}
	return err
}

// writerBatch is a run of regular frames on its way through a Writer.
type writerBatch struct {
	run     aead.Run
	own     []byte // room for content, where it is read and not given
	content []byte
	out     []byte
}

// slices produces batches that are parts of content.
func (w *Writer) slices(content []byte) func(*writerBatch) (bool, error) {
	length := batchFrames(w.s.frameLength) * w.s.frameLength
	return func(b *writerBatch) (bool, error) {
		b.content = content[:min(length, len(content))]
		content = content[len(b.content):]
		return len(b.content) > 0, nil
	}
}

// sealParallel seals regular frames on several goroutines.
func (w *Writer) sealParallel(produce func(*writerBatch) (bool, error)) error {
	if len(w.out) > 0 {
		if err := w.flush(w.out); err != nil {
			return err
		}
	}
	p := pipeline[writerBatch]{batches: newBatches[writerBatch](w.workers + 1)}
	p.produce = func(b *writerBatch) (bool, error) {
		if more, err := produce(b); err != nil || !more {
			return false, err
		}
		return true, wrap(w.s.sealer.Reserve(&b.run, len(b.content)/w.s.frameLength, false))
	}
	p.work = func(b *writerBatch) (err error) {
		if b.out == nil {
			n := len(b.content)
			b.out = make([]byte, 0, sealedFrames(n, n/w.s.frameLength, false))
		}
		b.out, err = appendRun(&b.run, b.out[:0], b.content, w.s.frameLength, false)
		return err
	}
	p.consume = func(b *writerBatch) error {
		w.s.hash(b.out)
		return writeAll(w.dst, b.out)
	}
	err := p.run()
	for _, b := range p.batches {
		clear(b.own)
	}
	return err
}

// ReadFrom seals what it reads from src up to its end, which does not close the
// message. After an error of src the message can not be completed.
func (w *Writer) ReadFrom(src io.Reader) (int64, error) {
	if err := w.accept(0); err != nil {
		return 0, err
	}
	start := w.written
	if err := w.readAll(src); err != nil {
		return w.written - start, w.fail(err)
	}
	return w.written - start, nil
}

func (w *Writer) readAll(src io.Reader) error {
	batch := w.limit
	if w.workers > 1 {
		batch = batchFrames(w.s.frameLength) * w.s.frameLength
	}
	// Gather whole batches first: a short source ends within them.
	target := max(1, (len(w.plain)+batch-1)/batch) * batch
	if ended, err := w.gather(src, target); err != nil || ended {
		return err
	}
	next := w.reads(src, batch)
	if w.workers > 1 {
		return w.sealParallel(next)
	}
	var b writerBatch
	for {
		more, err := next(&b)
		if err != nil || !more {
			return err
		}
		if err := w.sealRegular(b.content); err != nil {
			return err
		}
	}
}

// sealSome reads up to limit bytes from src, and seals what it gathered before
// if it got any: the step of a SealingReader.
func (w *Writer) sealSome(src io.Reader) (ended bool, err error) {
	if err := w.accept(0); err != nil {
		return false, err
	}
	full := w.plain
	if len(full) < w.limit {
		// The first step, or a short one before it.
		if ended, err = w.gather(src, w.limit); err != nil {
			return false, w.fail(err)
		}
		return ended, nil
	}
	w.plain = w.spare[:0]
	if ended, err = w.gather(src, w.limit); err != nil {
		return false, w.fail(err)
	}
	w.spare = full
	if len(w.plain) == 0 {
		w.plain, w.spare = full, w.plain
		return ended, nil
	}
	if err := w.sealRegular(full); err != nil {
		return false, w.fail(err)
	}
	return ended, nil
}

// gather reads until target bytes wait to be sealed, or src ends. Room grows
// with what arrives.
func (w *Writer) gather(src io.Reader, target int) (ended bool, err error) {
	for len(w.plain) < target {
		if len(w.plain) == cap(w.plain) {
			w.plain = slices.Grow(w.plain, min(target-len(w.plain), max(minRead, len(w.plain))))
		}
		room := w.plain[len(w.plain):min(target, cap(w.plain))]
		n, err := src.Read(room)
		if n < 0 || n > len(room) {
			return false, errCount
		}
		w.plain = w.plain[:len(w.plain)+n]
		if acceptErr := w.accept(int64(n)); acceptErr != nil {
			return false, acceptErr
		}
		if err == io.EOF {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// minRead is the least room for reading that is made at first, in bytes.
const minRead = 4 << 10

// reads produces batches read from src, each when something has been read behind
// it: what comes last stays in w.plain, as the message may end there.
func (w *Writer) reads(src io.Reader, batch int) func(*writerBatch) (bool, error) {
	ended := false
	return func(b *writerBatch) (bool, error) {
		if ended {
			return false, nil
		}
		full := w.plain
		if cap(b.own) < batch {
			b.own = make([]byte, 0, batch)
		}
		w.plain = b.own[:0]
		var err error
		ended, err = w.gather(src, batch)
		if err != nil {
			return false, err
		}
		if len(w.plain) == 0 {
			w.plain = full
			return false, nil
		}
		b.own, b.content = full, full
		return true, nil
	}
}

// Close seals the final frame, and the signature if the suite has one, and
// writes what is left. It does not close the underlying writer. If a Write or
// ReadFrom has failed, or the Writer was aborted, it writes nothing and returns
// that error: the message stays incomplete, and no reader takes it for whole.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	if w.closed {
		return nil
	}
	w.closed = true
	if w.length >= 0 && w.written != w.length {
		return w.fail(errorf(ErrLength, "got %d bytes of the %d announced", w.written, w.length))
	}
	if err := w.finish(); err != nil {
		return w.fail(err)
	}
	w.release()
	return nil
}

func (w *Writer) finish() error {
	last := len(w.plain)
	if last > 0 {
		last = (last-1)%w.s.frameLength + 1
	}
	if regular := w.plain[:len(w.plain)-last]; len(regular) > 0 {
		if err := w.sealRegular(regular); err != nil {
			return err
		}
	}
	start := len(w.out)
	out, err := w.s.appendFrames(w.out, w.plain[len(w.plain)-last:], true)
	if err != nil {
		return err
	}
	w.s.hash(out[start:])
	if out, err = w.s.appendFooter(out); err != nil {
		return err
	}
	return w.flush(out)
}

// Abort gives the message up: Close will write no final frame. It does nothing
// after Close.
func (w *Writer) Abort() {
	if w.err == nil && !w.closed {
		_ = w.fail(errAborted)
	}
}
