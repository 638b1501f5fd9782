package envelope_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"github.com/sealwax/sealwax/envelope"
)

// A message that was not brought to its end on purpose is never a valid one.

var errDisk = errors.New("disk full")

// limitedWriter takes n bytes, and then fails.
type limitedWriter struct {
	bytes.Buffer
	n     int
	short bool // fails by a short count without an error
}

func (w *limitedWriter) Write(p []byte) (int, error) {
	if w.Len()+len(p) <= w.n {
		return w.Buffer.Write(p)
	}
	n, _ := w.Buffer.Write(p[:w.n-w.Len()])
	if w.short {
		return n, nil
	}
	return n, errDisk
}

func finishingClients(t *testing.T, f func(t *testing.T, c *envelope.Client)) {
	for _, suite := range []envelope.Suite{envelope.AES256GCMHKDFSHA512Commit, envelope.AES128GCMHKDFSHA256ECDSAP256} {
		for _, workers := range []int{1, 2, 8} {
			if raceEnabled && workers != 2 {
				continue
			}
			t.Run(fmt.Sprintf("%v, workers %d", suite, workers), func(t *testing.T) {
				t.Parallel()
				f(t, newClient(t, newTestKeys(), optionsOf(suite, 32<<10, workers)))
			})
		}
	}
}

// After a failed write to the destination every call says so, and Close writes
// nothing more.
func TestDestinationThatFails(t *testing.T) {
	const size = 1<<20 + 3
	finishingClients(t, func(t *testing.T, c *envelope.Client) {
		whole := len(seal(t, c, patternBytes(size), nil))
		for _, n := range []int{0, 1, 100, 40 << 10, 300 << 10, 700 << 10, whole - 200, whole - 1} {
			for _, short := range []bool{false, true} {
				want := errDisk
				if short {
					want = io.ErrShortWrite
				}
				for name, write := range map[string]func(w *envelope.Writer) error{
					"Write": func(w *envelope.Writer) error { _, err := w.Write(patternBytes(size)); return err },
					"ReadFrom": func(w *envelope.Writer) error {
						_, err := w.ReadFrom(bareReader{bytes.NewReader(patternBytes(size))})
						return err
					},
				} {
					dst := &limitedWriter{n: n, short: short}
					w, err := c.NewWriter(t.Context(), dst, nil)
					if err != nil {
						t.Fatal(err)
					}
					if err = write(w); err != nil && !errors.Is(err, want) {
						t.Errorf("%s to %d bytes: error %v, want %v", name, n, err, want)
					}
					failed := err != nil
					for range 2 {
						if err := w.Close(); !errors.Is(err, want) {
							t.Errorf("Close after %s to %d bytes: error %v, want %v", name, n, err, want)
						}
					}
					if _, err := w.Write([]byte("more")); err == nil {
						t.Errorf("Write after %s to %d bytes does not fail", name, n)
					}
					if dst.Len() != n {
						t.Errorf("%s: %d bytes written, want the %d that fit (failed early: %v)", name, dst.Len(), n, failed)
					}
					mustNotOpen(t, c, dst.Bytes())
				}
				r, err := c.NewSealingReader(t.Context(), bareReader{bytes.NewReader(patternBytes(size))}, nil)
				if err != nil {
					t.Fatal(err)
				}
				dst := &limitedWriter{n: n, short: short}
				if _, err := r.WriteTo(dst); !errors.Is(err, want) {
					t.Errorf("SealingReader to %d bytes: error %v, want %v", n, err, want)
				}
				mustNotOpen(t, c, dst.Bytes())

				msg := seal(t, c, patternBytes(size), nil)
				dst = &limitedWriter{n: n, short: short}
				if err := c.Reseal(t.Context(), dst, bytes.NewReader(msg), nil, c, nil); !errors.Is(err, want) {
					t.Errorf("Reseal to %d bytes: error %v, want %v", n, err, want)
				}
				mustNotOpen(t, c, dst.Bytes())

				reader, err := c.NewReader(t.Context(), bytes.NewReader(msg), nil)
				if err != nil {
					t.Fatal(err)
				}
				content := &limitedWriter{n: min(n, size-1), short: short}
				if _, err := reader.WriteTo(content); !errors.Is(err, want) || !bytes.HasPrefix(patternBytes(size), content.Bytes()) {
					t.Errorf("WriteTo to %d bytes: error %v, want %v", n, err, want)
				}
				if got, err := reader.Read(make([]byte, 10)); got != 0 || !errors.Is(err, want) {
					t.Errorf("Read after WriteTo to %d bytes: %d bytes, error %v", n, got, err)
				}
			}
		}
	})
}

func mustNotOpen(t *testing.T, c *envelope.Client, msg []byte) {
	t.Helper()
	if got, err := c.Open(t.Context(), msg, nil); err == nil {
		t.Errorf("an incomplete message opens as %d bytes", len(got))
	}
}

// A source that fails midway, wherever that is, leaves an incomplete message.
func TestSourceThatFails(t *testing.T) {
	finishingClients(t, func(t *testing.T, c *envelope.Client) {
		for _, n := range []int{0, 1, 32 << 10, 32<<10 + 1, 256 << 10, 300 << 10, 512 << 10, 1 << 20} {
			src := func() io.Reader {
				return io.MultiReader(bytes.NewReader(patternBytes(n)), iotest.ErrReader(errDisk))
			}
			var out bytes.Buffer
			w, err := c.NewWriter(t.Context(), &out, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := w.ReadFrom(src()); !errors.Is(err, errDisk) || got != int64(n) {
				t.Errorf("ReadFrom of %d bytes: %d, error %v", n, got, err)
			}
			before := out.Len()
			if err := w.Close(); !errors.Is(err, errDisk) || out.Len() != before {
				t.Errorf("Close after ReadFrom of %d bytes: error %v, %d bytes more", n, err, out.Len()-before)
			}
			mustNotOpen(t, c, out.Bytes())

			r, err := c.NewSealingReader(t.Context(), src(), nil)
			if err != nil {
				t.Fatal(err)
			}
			msg, err := io.ReadAll(r)
			if !errors.Is(err, errDisk) {
				t.Errorf("SealingReader of %d bytes: error %v", n, err)
			}
			if got, err := r.Read(make([]byte, 10)); got != 0 || !errors.Is(err, errDisk) {
				t.Errorf("SealingReader after its error: %d bytes, error %v", got, err)
			}
			mustNotOpen(t, c, msg)

			r, err = c.NewSealingReader(t.Context(), src(), nil)
			if err != nil {
				t.Fatal(err)
			}
			out.Reset()
			if _, err := r.WriteTo(&out); !errors.Is(err, errDisk) {
				t.Errorf("SealingReader.WriteTo of %d bytes: error %v", n, err)
			}
			if _, err := r.WriteTo(&out); !errors.Is(err, errDisk) {
				t.Errorf("SealingReader.WriteTo of %d bytes, again: error %v", n, err)
			}
			mustNotOpen(t, c, out.Bytes())
		}
	})
}

func TestAbort(t *testing.T) {
	finishingClients(t, func(t *testing.T, c *envelope.Client) {
		for _, n := range []int{0, 1, 64 << 10, 600 << 10} {
			var out bytes.Buffer
			w, err := c.NewWriter(t.Context(), &out, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(patternBytes(n)); err != nil {
				t.Fatal(err)
			}
			w.Abort()
			w.Abort()
			before := out.Len()
			for range 2 {
				if err := w.Close(); err == nil {
					t.Error("Close after Abort has no error")
				}
			}
			if _, err := w.Write([]byte("x")); err == nil {
				t.Error("Write after Abort has no error")
			}
			if _, err := w.ReadFrom(bytes.NewReader([]byte("x"))); err == nil {
				t.Error("ReadFrom after Abort has no error")
			}
			if out.Len() != before {
				t.Errorf("%d bytes written after Abort", out.Len()-before)
			}
			mustNotOpen(t, c, out.Bytes())
		}
	})
}

func TestAfterClose(t *testing.T) {
	finishingClients(t, func(t *testing.T, c *envelope.Client) {
		var out bytes.Buffer
		w, err := c.NewWriter(t.Context(), &out, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("content")); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		msg := bytes.Clone(out.Bytes())
		w.Abort() // does nothing
		if _, err := w.Write([]byte("more")); err == nil {
			t.Error("Write after Close has no error")
		}
		if _, err := w.ReadFrom(bytes.NewReader([]byte("more"))); err == nil {
			t.Error("ReadFrom after Close has no error")
		}
		if err := w.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
		if !bytes.Equal(out.Bytes(), msg) {
			t.Error("the message changed after Close")
		}
		if got, err := c.Open(t.Context(), msg, nil); err != nil || string(got) != "content" {
			t.Errorf("opens as %q, error %v", got, err)
		}
	})
}

// Reseal of a source that is cut or changed anywhere never makes a valid
// message, and never calls it done.
func TestResealOfDamagedMessages(t *testing.T) {
	for _, suite := range []envelope.Suite{envelope.AES256GCMHKDFSHA512Commit, envelope.AES256GCM, envelope.AES128GCMHKDFSHA256ECDSAP256} {
		for _, workers := range []int{1, 2} {
			c := newClient(t, newTestKeys(), optionsOf(suite, 4, workers))
			to := newClient(t, newTestKeys(), &envelope.Options{FrameLength: 3, Workers: workers})
			ec, toContext := envelope.Context{"from": "1"}, envelope.Context{"to": "2"}
			msg := seal(t, c, []byte("content of it"), ec)
			try := func(what string, src []byte) {
				var out bytes.Buffer
				err := c.Reseal(t.Context(), &out, bytes.NewReader(src), ec, to, toContext)
				if !isRefusal(err) {
					t.Errorf("%s: error %v", what, err)
				}
				if got, err := to.Open(t.Context(), out.Bytes(), toContext); err == nil {
					t.Errorf("%s: opens as %q", what, got)
				}
			}
			for n := range msg {
				try(fmt.Sprintf("cut to %d bytes", n), msg[:n])
				changed := bytes.Clone(msg)
				changed[n] ^= 0x10
				try(fmt.Sprintf("byte %d changed", n), changed)
			}
			try("a byte more", append(bytes.Clone(msg), 0))

			var out bytes.Buffer
			if err := c.Reseal(t.Context(), &out, bytes.NewReader(msg), ec, to, toContext); err != nil {
				t.Fatal(err)
			}
			if got, err := to.Open(t.Context(), out.Bytes(), toContext); err != nil || string(got) != "content of it" {
				t.Errorf("opens as %q, error %v", got, err)
			}
			h, err := envelope.ReadHeader(&out)
			if err != nil || h.FrameLength != 3 || h.Suite != envelope.AES256GCMHKDFSHA512Commit {
				t.Errorf("header %+v, error %v", h, err)
			}
		}
	}
}

// Reseal asks for the new key only when the old message's header has verified.
func TestResealAsksInOrder(t *testing.T) {
	c := newClient(t, newTestKeys(), nil)
	keys := newTestKeys()
	to := newClient(t, keys, nil)
	msg := seal(t, c, []byte("content"), nil)
	msg[40] ^= 1
	if err := c.Reseal(t.Context(), io.Discard, bytes.NewReader(msg), nil, to, nil); !isRefusal(err) || keys.sealed.Load() != 0 {
		t.Errorf("error %v, %d calls", err, keys.sealed.Load())
	}
	outage := errors.New("outage")
	to = newClient(t, failingKeys(outage), nil)
	if err := c.Reseal(t.Context(), io.Discard, bytes.NewReader(seal(t, c, nil, nil)), nil, to, nil); !errors.Is(err, outage) {
		t.Errorf("error %v, want the outage", err)
	}
}
