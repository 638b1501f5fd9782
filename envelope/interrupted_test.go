package envelope_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring"
)

// A source or destination that panics, as a handler under net/http may, or that
// ends its goroutine, must neither make an incomplete message valid nor keep
// anyone waiting.

// panicAfter panics once, when it has passed n bytes on.
type panicAfter struct {
	n     int
	armed bool
	read  func([]byte) (int, error)
	write func([]byte) (int, error)
}

func (p *panicAfter) Read(b []byte) (int, error) { return p.pass(b, p.read) }

func (p *panicAfter) Write(b []byte) (int, error) { return p.pass(b, p.write) }

func (p *panicAfter) pass(b []byte, call func([]byte) (int, error)) (int, error) {
	if p.armed && p.n <= 0 {
		p.armed = false
		panic("source or destination")
	}
	n, err := call(b)
	p.n -= n
	return n, err
}

// recovered calls f and reports whether it panicked.
func recovered(f func()) (panicked bool) {
	defer func() { panicked = recover() != nil }()
	f()
	return false
}

func TestInterruptedSealingIsNeverCompleted(t *testing.T) {
	plaintext := pattern(3 << 20)
	finishingClients(t, func(t *testing.T, c *envelope.Client) {
		t.Run("source", func(t *testing.T) {
			var out bytes.Buffer
			w, err := c.NewWriter(t.Context(), &out, nil)
			if err != nil {
				t.Fatal(err)
			}
			src := &panicAfter{n: 300 << 10, armed: true, read: bytes.NewReader(plaintext).Read}
			if !recovered(func() { _, _ = w.ReadFrom(src) }) {
				t.Fatal("the panic did not reach the caller")
			}
			if err := w.Close(); err == nil {
				t.Error("Close completed a message with a hole")
			}
			mustNotOpen(t, c, out.Bytes())
		})
		t.Run("destination", func(t *testing.T) {
			var out bytes.Buffer
			dst := &panicAfter{n: 300 << 10, armed: true, write: out.Write}
			w, err := c.NewWriter(t.Context(), dst, nil)
			if err != nil {
				t.Fatal(err)
			}
			if !recovered(func() { _, _ = w.Write(plaintext) }) {
				t.Fatal("the panic did not reach the caller")
			}
			for range 2 {
				if err := w.Close(); err == nil {
					t.Error("Close completed a message with a hole")
				}
			}
			mustNotOpen(t, c, out.Bytes())
		})
		t.Run("destination of Close", func(t *testing.T) {
			var out bytes.Buffer
			dst := &panicAfter{armed: true, write: out.Write}
			w, err := c.NewWriter(t.Context(), dst, nil)
			if err != nil {
				t.Fatal(err)
			}
			if !recovered(func() { _ = w.Close() }) {
				t.Fatal("the panic did not reach the caller")
			}
			if err := w.Close(); err == nil {
				t.Error("a second Close says that the message is complete")
			}
		})
		t.Run("pulling", func(t *testing.T) {
			src := &panicAfter{n: 300 << 10, armed: true, read: bytes.NewReader(plaintext).Read}
			r, err := c.NewSealingReader(t.Context(), src, nil)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			read := func() { _, err = io.Copy(struct{ io.Writer }{&out}, struct{ io.Reader }{r}) }
			if !recovered(read) {
				t.Fatal("the panic did not reach the caller")
			}
			if read(); err == nil {
				t.Error("the message ends as if it were whole")
			}
			mustNotOpen(t, c, out.Bytes())
		})
	})
}

func TestInterruptedReaderDoesNotGoOn(t *testing.T) {
	plaintext := pattern(5 << 20)
	for _, workers := range []int{1, 2, 8} {
		c := newClient(t, newTestKeys(), &envelope.Options{Workers: workers})
		r, err := c.NewReader(t.Context(), bytes.NewReader(seal(t, c, plaintext, nil)), nil)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		dst := &panicAfter{n: 3 << 20, armed: true, write: out.Write}
		if !recovered(func() { _, _ = r.WriteTo(dst) }) {
			t.Fatal("the panic did not reach the caller")
		}
		_, err = r.WriteTo(&out)
		if err == nil && !bytes.Equal(out.Bytes(), plaintext) {
			t.Errorf("%d workers: WriteTo goes on with frames missing: %d bytes of %d", workers, out.Len(), len(plaintext))
		}
	}
}

// A destination that fails a test, or ends its goroutine otherwise, ends the
// caller's: nobody waits for ever.
func TestDestinationThatExits(t *testing.T) {
	c := newClient(t, newTestKeys(), &envelope.Options{Workers: 2})
	done := make(chan bool)
	go func() {
		returned := false
		defer func() { done <- returned }()
		w, err := c.NewWriter(t.Context(), writerFunc(func([]byte) (int, error) { runtime.Goexit(); return 0, nil }), nil)
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = w.Write(make([]byte, 4<<20))
		returned = true
	}()
	if <-done {
		t.Error("Write returned")
	}
}

type readerAtFunc func([]byte, int64) (int, error)

func (f readerAtFunc) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }

func TestSourceOfReaderAtThatPanicsKeepsNobodyWaiting(t *testing.T) {
	c := newClient(t, newTestKeys(), &envelope.Options{FrameLength: 100})
	message := seal(t, c, pattern(1000), nil)
	var armed atomic.Bool
	r, err := c.NewReaderAt(t.Context(), readerAtFunc(func(p []byte, off int64) (int, error) {
		if armed.CompareAndSwap(true, false) {
			panic("source")
		}
		return bytes.NewReader(message).ReadAt(p, off)
	}), int64(len(message)), nil)
	if err != nil {
		t.Fatal(err)
	}
	armed.Store(true)
	p := make([]byte, 10)
	if !recovered(func() { _, _ = r.ReadAt(p, 5) }) {
		t.Fatal("the panic did not reach the caller")
	}
	done := make(chan error, 1)
	go func() { _, err := r.ReadAt(p, 5); done <- err }()
	select {
	case err := <-done:
		if err != nil || !bytes.Equal(p, pattern(1000)[5:15]) {
			t.Errorf("the next read: %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the next read waits for ever")
	}
}

// What comes together with an error is used before the error counts, as the
// contract of io.Reader asks.
func TestDataBesideAnError(t *testing.T) {
	boom := errors.New("boom")
	c := newClient(t, newTestKeys(), &envelope.Options{FrameLength: 4})
	message := seal(t, c, pattern(8000), nil)
	for _, cut := range []int{len(message), len(message) - 1, 8000} {
		r, err := c.NewReader(t.Context(), &besideError{message[:cut], boom}, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if !errors.Is(err, boom) {
			t.Errorf("cut at %d: error %v, want the source's", cut, err)
		}
		r2, err := c.NewReader(t.Context(), io.MultiReader(bytes.NewReader(message[:cut]), &besideError{nil, boom}), nil)
		if err != nil {
			t.Fatal(err)
		}
		if apart, _ := io.ReadAll(r2); !bytes.Equal(got, apart) {
			t.Errorf("cut at %d: %d bytes if the error comes with data, %d if it comes alone", cut, len(got), len(apart))
		}
	}
}

// besideError returns its last bytes together with an error.
type besideError struct {
	b   []byte
	err error
}

func (r *besideError) Read(p []byte) (int, error) {
	n := copy(p, r.b)
	if r.b = r.b[n:]; len(r.b) == 0 {
		return n, r.err
	}
	return n, nil
}

// A body that HTTP cut off is a truncation wherever the cut is.
func TestUnexpectedEndOfSource(t *testing.T) {
	for _, workers := range []int{1, 2} {
		c := newClient(t, newTestKeys(), &envelope.Options{Workers: workers})
		message := seal(t, c, pattern(2<<20), nil)
		for _, cut := range []int{10, 70_000, 1 << 20, len(message) - 1} {
			r, err := c.NewReader(t.Context(), &besideError{message[:cut], io.ErrUnexpectedEOF}, nil)
			if err == nil {
				_, err = io.Copy(io.Discard, r)
			}
			if !errors.Is(err, envelope.ErrTruncated) || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%d workers, cut at %d: %v", workers, cut, err)
			}
		}
	}
}

// A sealing reader yields what it can: the header at once, and each frame when
// it is known not to be the last.
func TestSealingReaderDoesNotWaitForWhatItDoesNotNeed(t *testing.T) {
	for _, workers := range []int{1, 2, 8} {
		c := newClient(t, newTestKeys(), &envelope.Options{Workers: workers, FrameLength: 100})
		pr, pw := io.Pipe()
		r, err := c.NewSealingReader(t.Context(), pr, nil)
		if err != nil {
			t.Fatal(err)
		}
		header := make([]byte, r.Header().Length)
		if _, err := io.ReadFull(r, header); err != nil { // nothing has been written yet
			t.Fatal(err)
		}
		go func() { _, _ = pw.Write(pattern(350)) }()
		if _, err := io.ReadFull(r, make([]byte, 3*(100+32))); err != nil {
			t.Fatal(err)
		}
		go pw.Close()
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Fatal(err)
		}
	}
}

// So does a Writer that reads by itself.
func TestReadFromDoesNotWaitForWhatItDoesNotNeed(t *testing.T) {
	for _, workers := range []int{1, 2, 8} {
		c := newClient(t, newTestKeys(), &envelope.Options{Workers: workers, FrameLength: 100})
		pr, pw := io.Pipe()
		mr, mw := io.Pipe()
		w, err := c.NewWriter(t.Context(), mw, nil)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, err := w.ReadFrom(pr)
			mw.CloseWithError(errors.Join(err, w.Close()))
		}()
		go func() { _, _ = pw.Write(pattern(350)) }()
		if _, err := io.ReadFull(mr, make([]byte, w.Header().Length+3*(100+32))); err != nil {
			t.Fatal(err)
		}
		go pw.Close()
		if _, err := io.Copy(io.Discard, mr); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTypedNilKeyring(t *testing.T) {
	var ring *keyring.Ring
	if _, err := envelope.New(ring, nil); err == nil {
		t.Error("a nil *keyring.Ring was taken for a keyring")
	}
}

// Names in errors are cut: a hostile header does not write the log.
func TestErrorsAreShort(t *testing.T) {
	c := newClient(t, newTestKeys(), nil)
	message := seal(t, c, nil, envelope.Context{strings.Repeat("n", 60_000): ""})
	if _, err := c.Open(t.Context(), message, nil); !errors.Is(err, envelope.ErrContext) || len(err.Error()) > 400 {
		t.Errorf("error of %d bytes", len(err.Error()))
	}
}
