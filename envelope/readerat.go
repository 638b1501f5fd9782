package envelope

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/sealwax/sealwax/internal/aead"
	"github.com/sealwax/sealwax/internal/message"
)

// ReaderAt opens any part of a message without the rest of it. It is safe for
// concurrent use. Every byte that it returns is authenticated, and so is Size.
//
// It keeps up to 1 MiB of content that it opened last (two frames, if they are
// longer), so that short reads in a row open each frame once, and reads ahead
// when reads follow one another.
type ReaderAt struct {
	c   *Client
	src io.ReaderAt
	o   *opening

	size   int64  // bytes of content
	frames uint64 // how many frames hold it
	cache  *frameCache

	sequential  sequence
	noReadAhead bool
	sealed      sync.Pool // of *[]byte: room for sealed frames

	mu     sync.RWMutex
	whole  []byte // content of a non-framed body; guarded by mu
	closed bool   // so is this; a cache knows by itself
}

// NewReaderAt returns a reader of any part of the message at src, which has size
// bytes in all. It reads and verifies the header, asks the keyring for the data
// key, and authenticates the final frame, so that the length of the content is
// certain; ctx is used in that call and nowhere later. A non-framed message is
// read and opened whole.
//
// The signature of a signed message covers all of it, and cannot be checked
// without reading it: such messages are [ErrPolicy] unless
// Options.AllowUnverifiedSignature is set.
func (c *Client) NewReaderAt(ctx context.Context, src io.ReaderAt, size int64, ec Context, opts ...MessageOption) (*ReaderAt, error) {
	if src == nil {
		return nil, errors.New("envelope: NewReaderAt needs a source")
	}
	o, err := openingOptions(opts)
	if err != nil {
		return nil, err
	}
	section := io.NewSectionReader(src, 0, max(0, size))
	r := &ReaderAt{c: c, src: src, o: new(opening), noReadAhead: o.noReadAhead}
	h := &r.o.header
	if err := h.Read(bufio.NewReaderSize(section, firstRead), c.limits); err != nil {
		return nil, wrap(err)
	}
	if h.Suite.Signed() && !c.opts.AllowUnverifiedSignature {
		return nil, errorf(ErrPolicy, "message of suite %v is signed, and random access cannot verify that; see Options.AllowUnverifiedSignature", h.Suite.ID)
	}
	if err := c.beginOpening(ctx, r.o, ec, o.edks); err != nil {
		return nil, err
	}
	r.o.digest = nil // nothing is hashed
	if h.Framed {
		err = r.openFinalFrame(size)
	} else {
		err = r.openWhole(size)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Size returns the length of the content in bytes.
func (r *ReaderAt) Size() int64 { return r.size }

// Header returns the message's header, which has been verified.
func (r *ReaderAt) Header() *Header { return publicHeader(&r.o.header).clone() }

// Close clears the content that is kept, and makes further reads fail with an
// error that matches [fs.ErrClosed]. It does not close the source, and may be
// called again.
func (r *ReaderAt) Close() error {
	if r.cache != nil {
		r.cache.close()
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.whole)
	r.whole, r.closed = nil, true
	return nil
}

var errReaderAtClosed = fmt.Errorf("envelope: ReaderAt is closed: %w", fs.ErrClosed)

// ReadAt reads content as io.ReaderAt asks. A frame that does not verify is a
// [FrameError]; what was read before it is returned beside it. A source that
// fails, or no longer holds what it did, gives an error.
func (r *ReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("envelope: ReadAt with a negative offset")
	}
	if r.cache == nil {
		return r.readWhole(p, off)
	}
	if r.cache.isClosed() {
		return 0, errReaderAtClosed
	}
	if off >= r.size {
		return 0, io.EOF
	}
	want := int(min(int64(len(p)), r.size-off))
	n, err := r.read(p[:want], off)
	if err == nil && want < len(p) {
		err = io.EOF
	}
	return n, err
}

// read fills p, which lies within the content.
func (r *ReaderAt) read(p []byte, off int64) (int, error) {
	ahead := 0
	if !r.noReadAhead {
		ahead = r.sequential.note(off, len(p), r.frameLength())
	}
	done := 0
	for done < len(p) {
		n, err := r.readSome(p[done:], off+int64(done), ahead)
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// readSome reads at least the part of p that the frame at off holds.
func (r *ReaderAt) readSome(p []byte, off int64, ahead int) (int, error) {
	f := r.cache.acquire(r.frameOf(off))
	if f == nil {
		return r.fetch(p, off, ahead)
	}
	defer r.cache.release(f)
	if f.err != nil {
		return 0, f.err
	}
	return copy(p, f.content[off%r.frameLength():]), nil
}

func (r *ReaderAt) frameLength() int64 { return int64(r.o.header.FrameLength) }

// frameOf returns the sequence number of the frame that holds the byte at off.
func (r *ReaderAt) frameOf(off int64) uint64 { return uint64(off/r.frameLength()) + 1 }

// offsetOf returns where a frame begins in the source.
func (r *ReaderAt) offsetOf(sequence uint64) int64 {
	return int64(len(r.o.header.Raw)) + int64(sequence-1)*(r.frameLength()+message.RegularFrameOverhead)
}

// contentOf returns the length of a frame's content.
func (r *ReaderAt) contentOf(sequence uint64) int {
	if sequence < r.frames {
		return int(r.frameLength())
	}
	return int(r.size - int64(sequence-1)*r.frameLength())
}

// target is a frame to be opened, and where its content goes: straight to the
// reader who wants all of it, or into the cache.
type target struct {
	content []byte
	cached  *cachedFrame
	err     error
}

// fetch reads and opens the frames that p wants from off on, up to the first
// that the cache has, and if all of p is wanted some more ahead of it.
func (r *ReaderAt) fetch(p []byte, off int64, ahead int) (int, error) {
	first, end := r.frameOf(off), off+int64(len(p))
	last := min(r.frameOf(end-1), first+r.most()-1)
	targets := make([]target, 0, last-first+1)
	for sequence := first; sequence <= last && (sequence == first || !r.cache.has(sequence)); sequence++ {
		start := int64(sequence-1) * r.frameLength()
		length := int64(r.contentOf(sequence))
		var t target
		if start >= off && start+length <= end {
			t.content = p[start-off : start-off+length : start-off+length]
		} else if t.cached = r.cache.claim(sequence, int(length)); t.cached != nil {
			t.content = t.cached.content
		} else if sequence == first {
			return 0, r.lostRace() // someone else has just begun to fetch it
		} else {
			break
		}
		targets = append(targets, t)
	}
	wanted := len(targets)
	if first+uint64(wanted) > r.frameOf(end-1) {
		targets = r.claimAhead(targets, first+uint64(wanted), ahead)
	}
	returned := false
	defer func() {
		if !returned { // the source panicked: nobody must wait for these frames for ever
			r.giveUp(targets)
		}
	}()
	r.open(first, targets)
	returned = true
	return r.deliver(p, off, targets, wanted)
}

// giveUp breaks the promises of frames that will not come.
func (r *ReaderAt) giveUp(targets []target) {
	for _, t := range targets {
		if t.cached != nil {
			r.cache.settle(t.cached, errSourcePanicked)
			r.cache.release(t.cached)
		}
	}
}

var errSourcePanicked = errors.New("envelope: the source of the ReaderAt panicked while another caller was reading")

// lostRace tells apart the two reasons for which a frame cannot be claimed.
func (r *ReaderAt) lostRace() error {
	if r.cache.isClosed() {
		return errReaderAtClosed
	}
	return nil // the next look into the cache finds it
}

// most returns how many frames are fetched at once.
func (r *ReaderAt) most() uint64 {
	return uint64(r.c.opts.Workers * batchFrames(int(r.o.header.FrameLength)))
}

// claimAhead adds frames that are likely to be wanted next.
func (r *ReaderAt) claimAhead(targets []target, next uint64, ahead int) []target {
	for range ahead {
		if next > r.frames {
			break
		}
		f := r.cache.claim(next, r.contentOf(next))
		if f == nil {
			break
		}
		targets = append(targets, target{content: f.content, cached: f})
		next++
	}
	return targets
}

// deliver settles the cached targets, copies from them what p wants, and
// returns the bytes of p that are filled up to the first failure.
func (r *ReaderAt) deliver(p []byte, off int64, targets []target, wanted int) (int, error) {
	n, err := 0, error(nil)
	for i, t := range targets {
		if t.cached != nil {
			r.cache.settle(t.cached, t.err)
		}
		if i < wanted && err == nil {
			if err = t.err; err == nil {
				skip := 0
				if i == 0 {
					skip = int(off % r.frameLength())
				}
				if t.cached != nil {
					n += copy(p[n:], t.content[skip:])
				} else {
					n += len(t.content)
				}
			}
		}
		if t.cached != nil {
			r.cache.release(t.cached)
		}
	}
	if err != nil {
		clear(p[n:]) // frames behind the one that failed
	}
	return n, err
}

// open reads consecutive frames in one go and opens them into their targets.
func (r *ReaderAt) open(first uint64, targets []target) {
	start := r.offsetOf(first)
	last := first + uint64(len(targets)) - 1
	end := r.offsetOf(last) + int64(r.contentOf(last)) + message.RegularFrameOverhead
	if last == r.frames {
		end += message.FinalFrameOverhead - message.RegularFrameOverhead
	}
	buf := r.sealedRoom(int(end - start))
	defer r.sealed.Put(buf)
	sealed := *buf
	n, err := r.src.ReadAt(sealed, start)
	if n = max(0, min(n, len(sealed))); n < len(sealed) {
		err = ended("frames", cmp.Or(err, io.EOF))
	}
	r.openAll(first, targets, sealed[:n], err)
}

func (r *ReaderAt) sealedRoom(n int) *[]byte {
	if buf, ok := r.sealed.Get().(*[]byte); ok && cap(*buf) >= n {
		*buf = (*buf)[:n]
		return buf
	}
	buf := make([]byte, n)
	return &buf
}

// openAll opens the frames that were read, on several goroutines if they are
// many. readErr is what became of those that were not.
func (r *ReaderAt) openAll(first uint64, targets []target, sealed []byte, readErr error) {
	period := int(r.frameLength()) + message.RegularFrameOverhead
	openSome := func(from, to int) {
		var scratch aead.Scratch
		for i := from; i < to; i++ {
			t, sequence := &targets[i], first+uint64(i)
			size := len(t.content) + message.RegularFrameOverhead
			if sequence == r.frames {
				size += message.FinalFrameOverhead - message.RegularFrameOverhead
			}
			if at := i * period; at+size <= len(sealed) {
				t.err = r.openFrame(t.content, sealed[at:at+size], sequence, &scratch)
			} else {
				t.err = readErr
			}
		}
	}
	each := max(1, batchFrames(int(r.frameLength()))/2)
	if r.c.opts.Workers == 1 || len(targets) <= each {
		openSome(0, len(targets))
		return
	}
	each = max(each, (len(targets)+r.c.opts.Workers-1)/r.c.opts.Workers)
	var wg sync.WaitGroup
	for from := each; from < len(targets); from += each {
		wg.Go(func() { openSome(from, min(from+each, len(targets))) })
	}
	openSome(0, each)
	wg.Wait()
}

// openFrame opens the frame that must be the one of the given number, and whose
// content is as long as room.
func (r *ReaderAt) openFrame(room, sealed []byte, sequence uint64, scratch *aead.Scratch) error {
	final := sequence == r.frames
	size, known, err := message.FrameSize(sealed, r.o.header.FrameLength)
	if err != nil || !known || size != int64(len(sealed)) || message.AtFinalFrame(sealed) != final {
		return &FrameError{Frame: uint32(sequence), Err: fmt.Errorf("%w: another kind of frame in its place", ErrFormat)}
	}
	f := message.ParseFrame(sealed)
	if err := checkSequence(f, sequence); err != nil {
		return err
	}
	if _, err := r.o.opener.AppendFrame(room[:0:len(room)], f, uint32(sequence), final, scratch); err != nil {
		return &FrameError{Frame: uint32(sequence), Err: err}
	}
	return nil
}

// openFinalFrame finds and authenticates the final frame. With that, the number
// of frames and the length of the content are certain: the tag covers both.
func (r *ReaderAt) openFinalFrame(size int64) error {
	frames, length, err := r.findFinalFrame(size)
	if err != nil {
		return err
	}
	r.frames = frames
	r.size = int64(frames-1)*r.frameLength() + int64(length)
	r.cache = newFrameCache(int(max(1, min(r.frameLength(), r.size)))) // room for what there is, not for what could be
	f := r.cache.claim(frames, length)
	targets := []target{{content: f.content, cached: f}}
	r.open(frames, targets)
	r.cache.settle(f, targets[0].err)
	r.cache.release(f)
	if errors.Is(targets[0].err, ErrFormat) {
		return noFinalFrame()
	}
	return targets[0].err
}

// noFinalFrame says that the message's size and its frames do not fit together.
// A message that was cut off is by far the likeliest reason.
func noFinalFrame() error {
	return wrap(&message.Error{Category: ErrTruncated, Text: "no final frame where the message's size puts it", Cause: io.ErrUnexpectedEOF})
}

// findFinalFrame returns the number and the length of the final frame, as far
// as the message's size and the frame's header tell.
func (r *ReaderAt) findFinalFrame(size int64) (frames uint64, length int, err error) {
	body := size - int64(len(r.o.header.Raw))
	if !r.o.header.Suite.Signed() {
		g := geometry{frameLength: r.frameLength()}
		content, err := g.plaintextSize(body)
		if err != nil {
			return 0, 0, noFinalFrame()
		}
		// Overhead tells the number of frames, an empty final one included.
		frames := (body - content - (message.FinalFrameOverhead - message.RegularFrameOverhead)) / message.RegularFrameOverhead
		return uint64(frames), int(content - (frames-1)*r.frameLength()), nil
	}
	return r.probeFinalFrame(size, body)
}

// probeFinalFrame looks for the final frame of a signed message, whose place is
// not certain because signatures differ in length: at most a few frame
// boundaries come into question.
func (r *ReaderAt) probeFinalFrame(size, body int64) (frames uint64, length int, err error) {
	const least = message.FinalFrameOverhead + message.FooterHeaderLength
	period := r.frameLength() + message.RegularFrameOverhead
	for k := (body - least) / period; k >= 0 && body >= least; k-- {
		rest := body - k*period
		if rest > least+r.frameLength()+maxSignatureLength || k >= message.MaxFrames {
			break
		}
		length, ok, err := r.finalFrameAt(uint64(k)+1, rest, size)
		if err != nil {
			return 0, 0, err
		}
		if ok {
			return uint64(k) + 1, length, nil
		}
	}
	return 0, 0, noFinalFrame()
}

// maxSignatureLength is the length of the longest ECDSA signature in DER on
// P-384, in bytes.
const maxSignatureLength = 104

// finalFrameAt reports whether the rest of the message, from the place of the
// given frame on, is a final frame and a footer.
func (r *ReaderAt) finalFrameAt(sequence uint64, rest, size int64) (length int, ok bool, err error) {
	var header [message.FinalFrameHeaderLength]byte
	if err := readFullAt(r.src, header[:], r.offsetOf(sequence)); err != nil {
		return 0, false, err
	}
	if !message.AtFinalFrame(header[:]) {
		return 0, false, nil
	}
	n, _, err := message.FrameSize(header[:], r.o.header.FrameLength)
	if err != nil || n+message.FooterHeaderLength > rest {
		return 0, false, nil
	}
	var footer [message.FooterHeaderLength]byte
	if err := readFullAt(r.src, footer[:], size-rest+n); err != nil {
		return 0, false, err
	}
	if n+message.FooterHeaderLength+int64(message.ParseFooterHeader(footer[:])) != rest {
		return 0, false, nil
	}
	return int(n - message.FinalFrameOverhead), true, nil
}

func readFullAt(src io.ReaderAt, p []byte, off int64) error {
	n, err := src.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	return ended("frames", cmp.Or(err, io.EOF))
}

// openWhole opens a non-framed body, which has one tag over all of it, and since
// it is read whole anyway, verifies its signature too.
func (r *ReaderAt) openWhole(size int64) error {
	if r.o.public != nil {
		r.o.digest = r.o.header.Suite.SignatureHash.New()
		r.o.digest.Write(r.o.header.Raw)
	}
	start := int64(len(r.o.header.Raw))
	stream := &Reader{c: r.c, src: contentSource{src: io.NewSectionReader(r.src, start, size-start)}, o: r.o}
	if err := stream.openNonFramed(); err != nil {
		return err
	}
	if err := stream.readTrailer(); err != io.EOF {
		clear(stream.plain)
		return err
	}
	r.whole, r.size = stream.plain, int64(len(stream.plain))
	return nil
}

func (r *ReaderAt) readWhole(p []byte, off int64) (int, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return 0, errReaderAtClosed
	}
	if off >= r.size {
		return 0, io.EOF
	}
	n := copy(p, r.whole[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// sequence notices reads that follow one another.
type sequence struct {
	end   atomic.Int64 // where the last read ended
	ahead atomic.Int64 // bytes to read ahead
}

// mostReadAhead bounds what is read ahead, in bytes; so does half of the cache.
const mostReadAhead = cachedContent / 2

// note returns how many frames to read ahead of a read: none at first, then
// twice as many each time, and none again after a leap.
func (s *sequence) note(off int64, n int, frameLength int64) int {
	if s.end.Swap(off+int64(n)) != off || off == 0 {
		s.ahead.Store(0)
		return 0
	}
	ahead := min(mostReadAhead, max(int64(n), 2*s.ahead.Load()))
	s.ahead.Store(ahead)
	return int(min(ahead/frameLength, mostCached/2))
}
