package s3crypto

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// source is the stored bytes of one object, pinned: all requests see the same
// version, or fail. It is an io.ReaderAt, safe for concurrent use. A connection
// that is cut is taken up again where it broke.
//
// What is read in order comes from few long responses, the windows; anything
// else is a request of its own.
type source struct {
	api    API
	optFns []func(*s3.Options)
	ctx    context.Context    // of all requests
	cancel context.CancelFunc // ends them
	size   int64

	mu      sync.Mutex
	in      s3.GetObjectInput // names the pinned object; guarded by mu
	version *string           // as first seen; guarded by mu
	head    []byte            // the first bytes, kept; guarded by mu
	tail    []byte            // the last bytes, kept; guarded by mu
	windows []*window         // guarded by mu

	// While the message is being opened, what is read at its front is kept in
	// head, and a read near its end fetches tailLength bytes at least.
	opening    bool
	tailLength int64
}

// window is a range of the source that is read in order.
type window struct {
	pos, end int64
	body     io.ReadCloser // nil before the first read, and after a cut
	busy     bool          // guarded by the source's mu
}

const (
	// headLength is how much of an object the first request of a ranged read
	// asks for, in bytes: a small object is all there.
	headLength = 128 << 10
	// mostHead bounds what is kept in head.
	mostHead = 2 << 20
	// resumes bounds how often in a row a response is taken up again without a
	// byte of progress.
	resumes = 4
	// resumePause is how long the second of these waits; the first does not.
	resumePause = 50 * time.Millisecond
)

// ReadAt reads as io.ReaderAt asks.
func (s *source) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= s.size {
		return 0, io.EOF
	}
	want := int(min(int64(len(p)), s.size-off))
	n, err := s.readAt(p[:want], off)
	if err == nil && want < len(p) {
		err = io.EOF
	}
	return n, err
}

func (s *source) readAt(p []byte, off int64) (int, error) {
	if s.opening {
		if err := s.keep(off, off+int64(len(p))); err != nil {
			return 0, err
		}
	}
	done := 0
	for done < len(p) {
		at := off + int64(done)
		if n := s.kept(p[done:], at); n > 0 {
			done += n
			continue
		}
		w := s.take(at, off+int64(len(p)))
		n, err := s.readWindow(w, p[done:])
		s.put(w)
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// kept copies bytes that are in memory.
func (s *source) kept(p []byte, off int64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if off < int64(len(s.head)) {
		return copy(p, s.head[off:])
	}
	if start := s.size - int64(len(s.tail)); off >= start {
		return copy(p, s.tail[off-start:])
	}
	return 0
}

// keep makes the bytes from start to end stay in memory, if they are at the
// front or near the end. It is for the time of opening, when nobody else reads.
func (s *source) keep(start, end int64) error {
	front := int64(len(s.head))
	if start <= front && end <= mostHead {
		return s.keepHead(end)
	}
	if tail := s.size - int64(len(s.tail)); s.tailLength > 0 && start < tail && start >= s.size-mostHead {
		start = max(front, min(start, s.size-s.tailLength))
		kept := make([]byte, s.size-start)
		w := &window{pos: start, end: s.size}
		defer w.close()
		if _, err := s.readWindow(w, kept); err != nil {
			return err
		}
		s.tail = kept
	}
	return nil
}

// keepHead makes the first n bytes stay in memory.
func (s *source) keepHead(n int64) error {
	have := int64(len(s.head))
	if n = min(n, s.size); n <= have {
		return nil
	}
	w := s.take(have, min(s.size, max(n, 2*have)))
	defer s.put(w)
	if w.end < s.size {
		n = w.end // asked for already
	}
	more := make([]byte, n-have)
	k, err := s.readWindow(w, more)
	s.head = append(s.head, more[:k]...)
	return err
}

// expect announces that the bytes from start to end will be read in order. The
// window that it returns is to be dropped; it may be nil.
func (s *source) expect(start, end int64) *window {
	s.mu.Lock()
	defer s.mu.Unlock()
	start = max(start, int64(len(s.head)))
	end = min(end, s.size-int64(len(s.tail)))
	if start >= end {
		return nil
	}
	w := &window{pos: start, end: end}
	s.windows = append(s.windows, w)
	return w
}

// drop ends a window. One that is in use ends with that use.
func (s *source) drop(w *window) {
	if w == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.windows = slices.DeleteFunc(s.windows, func(known *window) bool { return known == w })
	if !w.busy {
		w.close()
	}
}

// take returns the window that stands at off, or makes one that ends at end. One
// that is not asked for yet grows to end, since who reads ahead saves a request, and
// begins at off, since what lies before it was read ahead.
func (s *source) take(off, end int64) *window {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.find(func(w *window) bool { return w.pos == off })
	if w == nil {
		w = s.find(func(w *window) bool { return w.body == nil && w.pos < off && off < w.end })
	}
	if w == nil {
		return &window{pos: off, end: end, busy: true}
	}
	if w.busy = true; w.body == nil {
		w.pos, w.end = off, max(w.end, end)
	}
	return w
}

// find returns the first window that is not in use and fits, or nil. s.mu is held.
func (s *source) find(fits func(*window) bool) *window {
	for _, w := range s.windows {
		if !w.busy && fits(w) {
			return w
		}
	}
	return nil
}

// put gives a window back. One that is used up or dropped is closed.
func (s *source) put(w *window) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.busy = false
	if w.pos < w.end && s.ctx.Err() == nil && slices.Contains(s.windows, w) {
		return
	}
	s.windows = slices.DeleteFunc(s.windows, func(known *window) bool { return known == w })
	w.close()
}

// close ends all requests.
func (s *source) close() {
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.windows {
		if !w.busy {
			w.close()
		}
	}
	s.windows = nil
}

func (w *window) close() {
	if w.body != nil {
		w.body.Close()
		w.body = nil
	}
}

// readWindow reads into p what the window has, taking up responses that break.
func (s *source) readWindow(w *window, p []byte) (int, error) {
	p = p[:min(int64(len(p)), w.end-w.pos)]
	done, idle := 0, 0
	for done < len(p) {
		if w.body == nil {
			if err := s.openWindow(w); err != nil {
				return done, err
			}
		}
		n, err := w.body.Read(p[done:])
		done += n
		w.pos += int64(n)
		if n > 0 {
			idle = 0
		}
		if err == nil || done == len(p) {
			continue
		}
		w.close()
		if s.ctx.Err() != nil {
			return done, s.ctx.Err()
		}
		if idle++; idle > resumes {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return done, fmt.Errorf("response broke off at byte %d, %d times: %w", w.pos, idle, err)
		}
		if idle == 1 {
			continue // there was progress, or this is the first time
		}
		if err := pause(s.ctx, resumePause<<(idle-2)); err != nil {
			return done, err
		}
	}
	return done, nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// openWindow asks for the rest of a window.
func (s *source) openWindow(w *window) error {
	if s.in.IfMatch == nil {
		return errors.New("S3 gave no ETag, without which a second request might see another object")
	}
	out, err := s.get(rangeHeader(w.pos, w.end))
	if replaced(err) && s.pinVersion() {
		out, err = s.get(rangeHeader(w.pos, w.end))
	}
	if replaced(err) {
		return fmt.Errorf("%w: %w", ErrChanged, err)
	}
	if err != nil {
		return err
	}
	if err := s.check(out, w.pos); err != nil {
		out.Body.Close()
		return err
	}
	w.body = out.Body
	return nil
}

// rangeHeader asks for the bytes from start to before end.
func rangeHeader(start, end int64) string { return fmt.Sprintf("bytes=%d-%d", start, end-1) }

func (s *source) get(wanted string) (*s3.GetObjectOutput, error) {
	s.mu.Lock()
	in := s.in
	s.mu.Unlock()
	in.Range = &wanted
	return s.api.GetObject(s.ctx, &in, s.optFns...)
}

// pinVersion makes further requests ask for the version first seen, after the
// object was replaced. That takes the permission s3:GetObjectVersion, and is
// therefore not asked for before it is needed. It reports whether there is hope.
func (s *source) pinVersion() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.version == nil || *s.version == "null" || s.in.VersionId != nil {
		return false
	}
	s.in.VersionId = s.version
	return true
}

// check refuses a response that is not the wanted part of the pinned object.
func (s *source) check(out *s3.GetObjectOutput, start int64) error {
	if want := s.in.IfMatch; want != nil && out.ETag != nil && *out.ETag != *want {
		return fmt.Errorf("%w: ETag %s has become %s", ErrChanged, *want, *out.ETag)
	}
	if out.ContentRange == nil {
		if start == 0 && out.ContentLength != nil && *out.ContentLength == s.size {
			return nil // all of it, which holds what was asked for
		}
		return errors.New("S3 answered a request for a range without Content-Range")
	}
	at, size, ok := parseContentRange(*out.ContentRange)
	if !ok || at != start {
		return fmt.Errorf("S3 answered %q to a request for the bytes from %d on", *out.ContentRange, start)
	}
	if size != s.size {
		return fmt.Errorf("%w: it has %d bytes instead of %d", ErrChanged, size, s.size)
	}
	return nil
}

// replaced reports whether the failure of a later request says that another
// object, or none, has taken the place of the first.
func replaced(err error) bool {
	switch errorCode(err) {
	case "PreconditionFailed", "NoSuchKey", "NoSuchVersion", "InvalidRange":
		return true
	}
	return false
}
