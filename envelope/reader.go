package envelope

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/sealwax/sealwax/internal/aead"
	"github.com/sealwax/sealwax/internal/message"
)

// Reader opens one message as a stream. It is not safe for concurrent use. With
// several workers, WriteTo may write to its destination on another goroutine,
// but only during the call, and one write at a time.
//
// What Read has returned is authentic content, but only [io.EOF] says that it is
// all of it: a caller who acts on a part of a message before that acts on a part
// of a message.
type Reader struct {
	c   *Client
	src contentSource
	o   *opening

	buf    []byte // room for sealed bytes
	in     []byte // sealed bytes read and not opened, within buf
	full   bool   // the last read filled all the room it was given
	whole  bool   // in is all there is, in memory of the caller's: nothing is read
	spare  []byte // room for content that does not fit where it is wanted
	plain  []byte // content opened and not read, within spare
	next   uint64 // sequence number of the next frame
	srcErr error  // of src: nothing more comes; io.EOF at its end
	stage  stage
	err    error // sticky, once plain is read: io.EOF after everything verified
}

// stage is what a Reader expects next.
type stage int

const (
	inBody    stage = iota
	inTrailer       // the message is complete but for proof that nothing follows
)

// NewReader returns a Reader of the message at src. It reads the header, asks
// the keyring for the data key and verifies the header; ctx is used in that call
// and nowhere later. src must end where the message ends.
//
// A frame is released when its tag verifies; of a signed message the last frame
// waits for the signature, and what came before it is not yet signed content.
// Memory is bounded by a few frames per worker. A *bytes.Reader is taken to its
// end at once, and opened from where its bytes lie. Until the Reader has returned
// an error or io.EOF they must not change: neither by content that is read into
// them, nor behind the program's back, as those of a mapped file may.
func (c *Client) NewReader(ctx context.Context, src io.Reader, ec Context, opts ...MessageOption) (*Reader, error) {
	if src == nil {
		return nil, errors.New("envelope: NewReader needs a source")
	}
	o, err := openingOptions(opts)
	if err != nil {
		return nil, err
	}
	if o.noReadAhead {
		return nil, errors.New("envelope: WithoutReadAhead is for NewReaderAt")
	}
	r := &Reader{c: c, src: contentSource{src: src}, o: new(opening), next: 1}
	if r.in, r.whole = r.src.takeMemory(); r.whole {
		r.full, r.srcErr = true, io.EOF
	}
	if err := r.o.header.Read((*bufferedSource)(r), c.limits); err != nil {
		return nil, wrap(err)
	}
	if err := c.beginOpening(ctx, r.o, ec, o.edks); err != nil {
		return nil, err
	}
	return r, nil
}

// Header returns the message's header, which has been verified.
func (r *Reader) Header() *Header { return publicHeader(&r.o.header).clone() }

// bufferedSource lets the header's parser read through the Reader's buffer,
// which sees more of the source than the header.
type bufferedSource Reader

func (b *bufferedSource) Read(p []byte) (int, error) {
	r := (*Reader)(b)
	if len(r.in) == 0 {
		if err := r.fill(1); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.in)
	r.in = r.in[n:]
	return n, nil
}

// Read reads content. Errors match the package's categories, or are the
// source's own; after one, every further call returns it.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(r.plain) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		if n := r.advance(p); n > 0 {
			return n, nil
		}
	}
	n := copy(p, r.plain)
	r.plain = r.plain[n:]
	return n, nil
}

// WriteTo writes the rest of the content to dst. It returns nil only when the
// whole message has verified.
func (r *Reader) WriteTo(dst io.Writer) (int64, error) {
	w := &countingWriter{dst: dst}
	for {
		if len(r.plain) > 0 {
			if err := writeAll(w, r.plain); err != nil {
				r.plain = nil
				r.fail(err)
				return w.n, err
			}
			r.plain = nil
		}
		if r.err != nil {
			return w.n, unlessEOF(r.err)
		}
		if r.fast() {
			r.err = errReaderInterrupted // unless it returns
			err := r.writeParallel(w)
			r.err, r.full = nil, false // what is left goes one by one
			r.fail(err)
			continue
		}
		r.advance(nil)
	}
}

var errReaderInterrupted = errors.New("envelope: an earlier WriteTo did not return: its source or destination panicked")

// fast reports whether the source keeps up with several workers: it has filled
// all the room that a Reader has, or as much lies in memory.
func (r *Reader) fast() bool {
	if r.c.opts.Workers == 1 || !r.o.header.Framed || r.stage != inBody || !r.full {
		return false
	}
	return len(r.buf) >= r.mostRoom() || r.whole && len(r.in) >= r.mostRoom()
}

// advance opens what is at hand, or reads until there is something to open. If
// the content fits p, it goes there, and advance returns its length; else it
// waits in r.plain. Errors wait in r.err.
func (r *Reader) advance(p []byte) int {
	if r.stage == inTrailer {
		r.fail(r.readTrailer())
		return 0
	}
	if !r.o.header.Framed {
		r.fail(r.openNonFramed())
		return 0
	}
	s, err := r.readFrames()
	if err != nil {
		r.fail(err)
		return 0
	}
	return r.openFrames(s, p)
}

// fail makes err the answer to everything that follows what is in r.plain.
func (r *Reader) fail(err error) {
	if err != nil {
		r.err = err
		r.buf, r.in = nil, nil
	}
}

// readFrames reads until at least one frame is complete. It does not wait for
// a second one: a slow source must not hold back what has arrived.
func (r *Reader) readFrames() (scanned, error) {
	for {
		s, err := scanFrames(r.in, r.o.header.FrameLength, r.mostFrames())
		if s.final && s.frames > 1 && r.o.public != nil {
			// The final frame waits for the signature. Those before it do not.
			return scanFrames(r.in, r.o.header.FrameLength, s.frames-1)
		}
		if s.frames > 0 {
			return s, nil // what is wrong behind them shows in its turn
		}
		if err != nil {
			return s, &FrameError{Frame: uint32(r.next), Err: err}
		}
		if err := r.fill(s.need); err != nil {
			return s, ended("frames", err)
		}
	}
}

// openFrames opens complete frames at the front of r.in.
func (r *Reader) openFrames(s scanned, p []byte) int {
	r.o.batch.sealed, r.o.batch.first = r.in[:s.length], r.next
	direct := s.content <= len(p) && !(s.final && r.o.public != nil)
	dst := p[:0:min(len(p), s.content)]
	if !direct {
		dst = r.room(s.content)
	}
	out, err := r.openBatch(dst, s)
	r.in = r.in[s.length:]
	r.next += uint64(s.frames)
	if err == nil && s.final {
		err = r.finishFrames()
		if err != nil && r.o.public != nil {
			// The signature does not verify: the last frames, which were to wait
			// for it, are not released.
			clear(out)
			out = nil
		}
	}
	r.fail(err)
	if direct {
		return len(out)
	}
	r.plain = out
	return 0
}

// room returns an empty slice with room for n bytes.
func (r *Reader) room(n int) []byte {
	if cap(r.spare) < n {
		r.spare = make([]byte, 0, n)
	}
	return r.spare[:0]
}

// openBatch opens the frames in the opening's batch, on several goroutines if they are many.
func (r *Reader) openBatch(dst []byte, s scanned) ([]byte, error) {
	if r.c.opts.Workers == 1 || s.content <= batchLength {
		r.o.hash(r.o.batch.sealed)
		return r.o.appendContent(dst, &r.o.batch)
	}
	return r.o.appendSplit(dst, &r.o.batch, s, r.c.opts.Workers)
}

// finishFrames handles what follows the final frame. The signature must be
// there before the last content is released; that nothing follows the message
// is looked at before io.EOF.
func (r *Reader) finishFrames() error {
	r.stage = inTrailer
	if r.o.public == nil {
		return nil
	}
	sig, err := r.readFooter()
	if err != nil {
		return err
	}
	return r.o.verifySignature(sig)
}

func (r *Reader) readFooter() ([]byte, error) {
	if err := r.fill(message.FooterHeaderLength); err != nil {
		return nil, ended("footer", err)
	}
	n := message.ParseFooterHeader(r.in)
	if err := r.fill(message.FooterHeaderLength + int64(n)); err != nil {
		return nil, ended("footer", err)
	}
	sig := r.in[message.FooterHeaderLength : message.FooterHeaderLength+n]
	r.in = r.in[message.FooterHeaderLength+n:]
	return sig, nil
}

// readTrailer returns io.EOF if the source ends with the message.
func (r *Reader) readTrailer() error {
	if len(r.in) > 0 {
		return trailing()
	}
	switch err := r.fill(1); err {
	case nil:
		return trailing()
	case io.EOF:
		return io.EOF
	default:
		return ended("end", err)
	}
}

// openNonFramed reads a whole non-framed body and opens it.
func (r *Reader) openNonFramed() error {
	if err := r.fill(message.NonFramedHeaderLength); err != nil {
		return ended("body", err)
	}
	nonce, n, err := r.c.nonFramedContent(r.in)
	if err != nil {
		return err
	}
	nonce = slices.Clone(nonce) // filling may move it
	length := nonFramedOverhead + n
	if err := r.fill(int64(length)); err != nil {
		return ended("body", err)
	}
	body := r.in[:length]
	r.in = r.in[length:]
	r.o.hash(body)
	out, err := r.o.opener.AppendNonFramed(r.room(n), nonce, body[message.NonFramedHeaderLength:], new(aead.Scratch))
	if err != nil {
		return wrap(err)
	}
	if err := r.finishFrames(); err != nil {
		clear(out)
		return err
	}
	r.plain = out
	return nil
}

// firstRead is the room for reading that is made at first, in bytes.
const firstRead = 4 << 10

// fill reads until r.in has at least n bytes, which may be io.EOF. Its room
// grows with what arrives, never on the word of a length field alone; a source
// that fills all there is gets more.
func (r *Reader) fill(n int64) error {
	for int64(len(r.in)) < n {
		if r.srcErr != nil {
			return r.srcErr
		}
		room := r.makeRoom(n)
		got := r.readSource(room)
		r.in = r.in[:len(r.in)+got]
		r.full = got == len(room)
	}
	return nil
}

// readSource reads once. An error waits in r.srcErr until what came with it has
// been opened.
func (r *Reader) readSource(p []byte) int {
	n, err := r.src.read(p)
	if err == nil && r.src.ended {
		err = io.EOF
	}
	r.srcErr = err
	return n
}

// makeRoom returns the free room behind r.in, which it moves or gives more room
// if there is none.
func (r *Reader) makeRoom(n int64) []byte {
	if len(r.in) == len(r.buf) || r.full && len(r.buf) < r.mostRoom() {
		size := max(firstRead, 2*len(r.buf))
		if most := max(r.mostRoom(), int(n)); size > most {
			size = most
		}
		buf := make([]byte, max(size, len(r.buf)+1))
		r.buf, r.in = buf, buf[:copy(buf, r.in)]
	} else if len(r.in) == 0 || int64(cap(r.in)) < n || cap(r.in) == len(r.in) {
		r.in = r.buf[:copy(r.buf, r.in)]
	}
	return r.in[len(r.in):cap(r.in)]
}

// mostRoom is the room for reading that a Reader ends up with unless a frame
// needs more, in bytes: whole frames, so that after the header no frame straddles
// the end of it.
func (r *Reader) mostRoom() int {
	if !r.o.header.Framed { // or not known yet
		return coalesce
	}
	return r.mostFrames() * (int(r.o.header.FrameLength) + message.RegularFrameOverhead)
}

// mostFrames is how many frames are opened at a time.
func (r *Reader) mostFrames() int {
	return gatheredFrames(r.c.opts.Workers, int(r.o.header.FrameLength))
}

// readBatch is a run of regular frames on its way through a Reader.
type readBatch struct {
	frameBatch
	buf []byte // room for sealed
	out []byte
	err error // of the frame behind out
}

// writeParallel moves regular frames from the source to w, opened on several
// goroutines, and leaves the rest of the message in r.in: the final frame and
// what follows, or what is no frame.
func (r *Reader) writeParallel(w io.Writer) error {
	p := pipeline[readBatch]{batches: newBatches[readBatch](r.c.opts.Workers, int(r.o.header.FrameLength))}
	p.produce = r.takeBatch
	p.work = func(b *readBatch) error {
		b.out, b.err = r.o.appendContent(b.out[:0], &b.frameBatch)
		return nil
	}
	p.consume = func(b *readBatch) error {
		r.o.hash(b.sealed)
		if err := writeAll(w, b.out); err != nil {
			return err
		}
		return b.err // after the frames before the one that failed
	}
	defer func() {
		for _, b := range p.batches {
			clear(b.out[:cap(b.out)])
		}
	}()
	return p.run()
}

// takeBatch fills a batch with the complete regular frames at hand, or else with
// what one read brings: a slow source does not hold back what has arrived.
func (r *Reader) takeBatch(b *readBatch) (bool, error) {
	frameLength := int(r.o.header.FrameLength)
	size := frameLength + message.RegularFrameOverhead
	frames := batchFrames(frameLength)
	if b.out == nil {
		b.out = make([]byte, 0, frames*frameLength)
	}
	if message.AtFinalFrame(r.in) {
		return false, nil
	}
	switch n := regularFrames(r.in, r.o.header.FrameLength, frames); {
	case r.whole:
		b.sealed, r.in = r.in[:n*size], r.in[n*size:]
	case n > 0:
		b.sealed = append(b.room(frames * size)[:0], r.in[:n*size]...)
		r.in = r.in[n*size:]
	default:
		r.readBatch(b, frames, size)
	}
	n := len(b.sealed) / size
	b.first = r.next
	r.next += uint64(n)
	return n > 0, nil
}

// readBatch reads regular frames right into a batch, behind the part of one that
// is already there.
func (r *Reader) readBatch(b *readBatch, frames, size int) {
	buf := b.room(frames * size)
	n, have := 0, copy(buf, r.in)
	for n == 0 && !message.AtFinalFrame(buf[:have]) && r.srcErr == nil {
		have += r.readSource(buf[have:])
		n = regularFrames(buf[:have], r.o.header.FrameLength, frames)
	}
	b.sealed = buf[:n*size]
	r.keep(buf[n*size : have])
}

// room returns the batch's own n bytes for sealed ones.
func (b *readBatch) room(n int) []byte {
	if b.buf == nil {
		b.buf = make([]byte, n)
	}
	return b.buf
}

// keep makes rest all that has been read and not opened.
func (r *Reader) keep(rest []byte) {
	if len(rest) > len(r.buf) {
		r.buf = make([]byte, len(rest))
	}
	r.in = r.buf[:copy(r.buf, rest)]
}

// regularFrames counts the complete regular frames at the start of b.
func regularFrames(b []byte, frameLength uint32, most int) int {
	s, err := scanFrames(b, frameLength, most)
	if err == nil && s.final {
		return s.frames - 1
	}
	return s.frames
}
