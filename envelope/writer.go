package envelope

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/sealwax/sealwax/internal/aead"
)

// Errors of a Writer that is used after its end.
var (
	errWriterClosed = errors.New("envelope: write to a closed Writer")
	errAborted      = errors.New("envelope: Writer was aborted")
	errInterrupted  = errors.New("envelope: an earlier call of the Writer did not return: its source or destination panicked")
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
	step    writerBatch
	batches []*writerBatch // of sealParallel, once it has run
	out     []byte         // sealed bytes on their way to dst
	length  int64          // announced; -1: not known
	written int64          // content so far
	err     error          // sticky: nothing is written after it
	closed  bool
	busy    bool // within a call; and still, if that call did not return
}

// enter begins a call that reads or writes elsewhere. If an earlier one did not
// come back from there, what it left is of no use: the message must not be
// completed by a deferred Close.
func (w *Writer) enter() error {
	if w.busy && w.err == nil {
		w.err = errInterrupted
		w.release()
	}
	if w.err != nil {
		return w.err
	}
	w.busy = true
	return nil
}

// leave ends the call. An error is the answer to everything that follows.
func (w *Writer) leave(err error) error {
	w.busy = false
	if err != nil {
		w.err = err
		w.release()
	}
	return err
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
	w.limit = gatheredFrames(w.workers, s.frameLength) * s.frameLength
	return w, nil
}

// Header returns the message's header.
func (w *Writer) Header() *Header { return w.s.publicHeader() }

// Write seals p. It keeps back at least the last byte, since the final frame
// must not be empty unless the message is. After an error every further call
// fails.
func (w *Writer) Write(p []byte) (int, error) {
	if w.closed {
		return 0, errWriterClosed
	}
	if err := w.enter(); err != nil {
		return 0, err
	}
	if err := w.leave(w.write(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (w *Writer) write(p []byte) error {
	if err := w.count(len(p)); err != nil {
		return err
	}
	if room := w.limit - len(w.plain); len(p) > room {
		// More follows what is gathered, so that all of that is regular frames.
		if len(w.plain) > 0 {
			w.gather(p[:room])
			p = p[room:]
			if err := w.sealRegular(w.plain); err != nil {
				return err
			}
			w.plain = w.plain[:0]
		}
		// And what p fills by itself is sealed from where it is, but for the
		// last frame.
		if direct := (len(p) - 1) / w.s.frameLength * w.s.frameLength; len(p) > w.limit {
			if err := w.sealRegular(p[:direct]); err != nil {
				return err
			}
			p = p[direct:]
		}
	}
	w.gather(p)
	return nil
}

// gather appends content to what is not sealed yet.
func (w *Writer) gather(p []byte) {
	if n := len(w.plain) + len(p); n > cap(w.plain) {
		w.plain = move(w.plain, min(w.limit, max(n, 2*len(w.plain))))
	}
	w.plain = append(w.plain, p...)
}

// move gives content room for n bytes, and clears where it stood.
func move(content []byte, n int) []byte {
	moved := append(make([]byte, 0, n), content...)
	clear(content)
	return moved
}

// count takes note of n bytes of content.
func (w *Writer) count(n int) error {
	w.written += int64(n)
	if w.length >= 0 && w.written > w.length {
		return errorf(ErrLength, "got more than the %d bytes announced", w.length)
	}
	return nil
}

// release drops the buffers, cleared of content.
func (w *Writer) release() {
	clear(w.plain[:cap(w.plain)])
	for _, b := range append(w.batches, &w.step) {
		clear(b.own[:cap(b.own)])
		*b = writerBatch{}
	}
	w.plain, w.batches, w.out = nil, nil, nil
}

// sealRegular seals content, which is whole frames and not the message's end.
func (w *Writer) sealRegular(content []byte) error {
	if w.workers > 1 && len(content) > batchLength {
		return w.sealParallel(w.slices(content))
	}
	for chunk := range slices.Chunk(content, runFrames(coalesce, w.s.frameLength)*w.s.frameLength) {
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
	if w.batches == nil {
		w.batches = newBatches[writerBatch](w.workers, w.s.frameLength)
	}
	p := pipeline[writerBatch]{batches: w.batches}
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
	return p.run()
}

// ReadFrom seals what it reads from src up to its end, which does not close the
// message. What has arrived is sealed and written without waiting for more, but
// for the last frame. After an error of src the message can not be completed.
func (w *Writer) ReadFrom(src io.Reader) (int64, error) {
	if w.closed {
		return 0, errWriterClosed
	}
	if err := w.enter(); err != nil {
		return 0, err
	}
	start := w.written
	err := w.leave(w.readAll(&contentSource{src: src}))
	return w.written - start, err
}

func (w *Writer) readAll(src *contentSource) error {
	if w.workers == 1 {
		return w.sealEach(src, w.limit)
	}
	// A short source ends before the second batch: goroutines are for the others.
	batch := batchFrames(w.s.frameLength) * w.s.frameLength
	for len(w.plain) < batch && !src.ended {
		if more, err := w.next(src, &w.step, batch); err != nil || !more {
			return err
		}
		if err := w.sealRegular(w.step.content); err != nil {
			return err
		}
	}
	return w.sealParallel(func(b *writerBatch) (bool, error) { return w.next(src, b, batch) })
}

// sealEach seals what src brings, read by read.
func (w *Writer) sealEach(src *contentSource, limit int) error {
	for {
		if more, err := w.next(src, &w.step, limit); err != nil || !more {
			return err
		}
		if err := w.sealRegular(w.step.content); err != nil {
			return err
		}
	}
}

// sealSome is the step of a SealingReader: it seals what one or a few reads of
// src bring. It returns false at the end of src.
func (w *Writer) sealSome(src *contentSource) (more bool, err error) {
	if err := w.enter(); err != nil {
		return false, err
	}
	if more, err = w.next(src, &w.step, w.limit); err == nil && more {
		err = w.sealRegular(w.step.content)
	}
	return more, w.leave(err)
}

// next reads until whole frames are there behind which something follows, and
// hands them to b: what comes last stays in w.plain, as the message may end
// there. It returns false at the end of src. Of a source that keeps up, limit
// bytes are sealed at a time, and nothing is moved; of one that does not, a frame
// that is complete does not wait for the next ones.
func (w *Writer) next(src *contentSource, b *writerBatch, limit int) (bool, error) {
	for !src.ended {
		if len(w.plain) == limit { // whole frames, and regular ones if anything follows
			next, _, err := w.read(src, b.own[:0], limit)
			if err != nil {
				return false, err
			}
			if b.own = next; len(next) == 0 {
				continue
			}
			b.content, b.own, w.plain = w.plain, w.plain, next
			return true, nil
		}
		keepsUp := false
		if len(w.plain) < limit {
			var err error
			if w.plain, keepsUp, err = w.read(src, w.plain, limit); err != nil {
				return false, err
			}
		}
		if regular := (len(w.plain) - 1) / w.s.frameLength * w.s.frameLength; regular > 0 && !keepsUp {
			rest := append(b.own[:0], w.plain[regular:]...)
			b.content, b.own, w.plain = w.plain[:regular], w.plain, rest
			return true, nil
		}
	}
	return false, nil
}

// read reads once behind content, up to limit bytes in all, and reports whether
// that filled the room there was. Room grows with what arrives.
func (w *Writer) read(src *contentSource, content []byte, limit int) (_ []byte, filled bool, err error) {
	if len(content) == cap(content) {
		content = move(content, min(limit, max(minRead, 2*len(content))))
	}
	room := content[len(content):min(limit, cap(content))]
	n, err := src.read(room)
	if countErr := w.count(n); countErr != nil {
		err = countErr
	}
	return content[:len(content)+n], n == len(room), err
}

// minRead is the least room for reading that is made at first, in bytes.
const minRead = 4 << 10

// Close seals the final frame, and the signature if the suite has one, and
// writes what is left. It does not close the underlying writer. If a Write or
// ReadFrom has failed, or the Writer was aborted, it writes nothing and returns
// that error: the message stays incomplete, and no reader takes it for whole.
func (w *Writer) Close() error {
	if err := w.enter(); err != nil {
		return err
	}
	if w.closed {
		return w.leave(nil)
	}
	w.closed = true
	if w.length >= 0 && w.written != w.length {
		return w.leave(errorf(ErrLength, "got %d bytes of the %d announced", w.written, w.length))
	}
	err := w.leave(w.finish())
	w.release()
	return err
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
// after a Close that has completed the message.
func (w *Writer) Abort() {
	if w.err == nil && (w.busy || !w.closed) {
		w.err = errAborted
		w.release()
	}
}
