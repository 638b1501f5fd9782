package envelope_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/vectors"
)

func TestReaderIsAReader(t *testing.T) {
	for _, suite := range []envelope.Suite{envelope.AES256GCMHKDFSHA512Commit, envelope.AES256GCMHKDFSHA512CommitECDSAP384} {
		for _, workers := range []int{1, 2} {
			c := newClient(t, newTestKeys(), optionsOf(suite, 100, workers))
			for _, size := range []int{0, 1, 99, 100, 101, 1000, 1234} {
				msg := seal(t, c, pattern(size), nil)
				r, err := c.NewReader(t.Context(), bytes.NewReader(msg), nil)
				if err != nil {
					t.Fatal(err)
				}
				if err := iotest.TestReader(r, pattern(size)); err != nil {
					t.Errorf("Reader, %v, %d bytes: %v", suite, size, err)
				}
				s, err := c.NewSealingReader(t.Context(), bytes.NewReader(pattern(size)), nil)
				if err != nil {
					t.Fatal(err)
				}
				// The message is not known beforehand; what TestReader asks of a
				// reader is that it reads this.
				sealed, err := io.ReadAll(iotest.OneByteReader(s))
				if err != nil {
					t.Fatal(err)
				}
				if got, err := c.Open(t.Context(), sealed, nil); err != nil || !bytes.Equal(got, pattern(size)) {
					t.Errorf("SealingReader, %v, %d bytes: opens as %d, error %v", suite, size, len(got), err)
				}
			}
		}
	}
}

// stutter returns nothing and no error now and then, which io.Reader allows.
type stutter struct {
	r io.Reader
	n int
}

func (s *stutter) Read(p []byte) (int, error) {
	if s.n++; s.n%3 != 0 {
		return 0, nil
	}
	return s.r.Read(p)
}

// Sources in all the ways in which they may behave.
func sources(b []byte) map[string]func() io.Reader {
	return map[string]func() io.Reader{
		"whole":                func() io.Reader { return bareReader{bytes.NewReader(b)} },
		"by bytes":             func() io.Reader { return iotest.OneByteReader(bytes.NewReader(b)) },
		"in halves":            func() io.Reader { return iotest.HalfReader(bytes.NewReader(b)) },
		"end with data":        func() io.Reader { return iotest.DataErrReader(bytes.NewReader(b)) },
		"nothing now and then": func() io.Reader { return &stutter{r: &chunkReader{bytes.NewReader(b), 50}} },
		"pieces of 37":         func() io.Reader { return &chunkReader{bytes.NewReader(b), 37} },
	}
}

func TestSourcesThatBehaveOddly(t *testing.T) {
	for _, workers := range []int{1, 2} {
		for _, suite := range []envelope.Suite{envelope.AES256GCMHKDFSHA512Commit, envelope.AES128GCMHKDFSHA256ECDSAP256} {
			c := newClient(t, newTestKeys(), optionsOf(suite, 64, workers))
			for _, size := range []int{0, 1, 63, 64, 65, 1000} {
				plaintext := pattern(size)
				for name, src := range sources(plaintext) {
					var out bytes.Buffer
					w, err := c.NewWriter(t.Context(), &out, nil)
					if err != nil {
						t.Fatal(err)
					}
					if n, err := w.ReadFrom(src()); err != nil || n != int64(size) || w.Close() != nil {
						t.Errorf("ReadFrom, %s: %d bytes, error %v", name, n, err)
					}
					if got, err := c.Open(t.Context(), out.Bytes(), nil); err != nil || !bytes.Equal(got, plaintext) {
						t.Errorf("ReadFrom, %s: opens as %d bytes, error %v", name, len(got), err)
					}
					r, err := c.NewSealingReader(t.Context(), src(), nil)
					if err != nil {
						t.Fatal(err)
					}
					msg, err := io.ReadAll(r)
					if err != nil {
						t.Errorf("SealingReader, %s: %v", name, err)
					}
					for name, src := range sources(msg) {
						r, err := c.NewReader(t.Context(), src(), nil)
						if err != nil {
							t.Errorf("NewReader, %s: %v", name, err)
							continue
						}
						if got, err := readAll(r, 77); err != nil || !bytes.Equal(got, plaintext) {
							t.Errorf("Reader, %s: %d bytes, error %v", name, len(got), err)
						}
						if r, err = c.NewReader(t.Context(), src(), nil); err != nil {
							t.Fatal(err)
						}
						var out bytes.Buffer
						if _, err := r.WriteTo(&out); err != nil || !bytes.Equal(out.Bytes(), plaintext) {
							t.Errorf("WriteTo, %s: %d bytes, error %v", name, out.Len(), err)
						}
					}
				}
			}
		}
	}
}

// An error of the source, wherever it comes, reaches the reader as it is, after
// the frames before it, and is not mistaken for a short message.
func TestSourceOfAMessageThatFails(t *testing.T) {
	for _, workers := range []int{1, 2, 8} {
		for _, suite := range []envelope.Suite{envelope.AES256GCMHKDFSHA512Commit, envelope.AES128GCMHKDFSHA256ECDSAP256} {
			c := newClient(t, newTestKeys(), optionsOf(suite, 4, workers))
			msg := seal(t, c, []byte("a secret of three frames"), nil)
			for n := range len(msg) + 1 {
				for name, fails := range map[string]func() io.Reader{
					"afterwards":    func() io.Reader { return io.MultiReader(bytes.NewReader(msg[:n]), iotest.ErrReader(errDisk)) },
					"with the data": func() io.Reader { return &failingWith{bytes.NewReader(msg[:n]), n} },
				} {
					for write, read := range map[bool]func(*envelope.Reader) ([]byte, error){
						false: func(r *envelope.Reader) ([]byte, error) { return readAll(r, 10) },
						true: func(r *envelope.Reader) ([]byte, error) {
							var out bytes.Buffer
							_, err := r.WriteTo(&out)
							return out.Bytes(), err
						},
					} {
						r, err := c.NewReader(t.Context(), fails(), nil)
						var got []byte
						if err == nil {
							got, err = read(r)
						}
						if !errors.Is(err, errDisk) || isRefusal(err) || !bytes.HasPrefix([]byte("a secret of three frames"), got) {
							t.Fatalf("workers %d, %d of %d bytes, error %s, WriteTo %v: got %q, error %v", workers, n, len(msg), name, write, got, err)
						}
					}
				}
			}
		}
	}
}

func TestSourceThatTimesOut(t *testing.T) {
	c := newClient(t, newTestKeys(), optionsOf(envelope.AES256GCMHKDFSHA512Commit, 1000, 2))
	msg := seal(t, c, pattern(5000), nil)
	for n := range 20 {
		src := io.MultiReader(bytes.NewReader(msg[:n*len(msg)/20]), iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(msg[n*len(msg)/20:]))))
		r, err := c.NewReader(t.Context(), src, nil)
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if !errors.Is(err, iotest.ErrTimeout) || isRefusal(err) {
			t.Errorf("%d bytes: %v", n*len(msg)/20, err)
		}
	}
	var out bytes.Buffer
	w, err := c.NewWriter(t.Context(), &out, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.ReadFrom(iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(pattern(5000))))); !errors.Is(err, iotest.ErrTimeout) || !errors.Is(w.Close(), iotest.ErrTimeout) {
		t.Error(err)
	}
	mustNotOpen(t, c, out.Bytes())
}

// The end of the content is the end of the message and of its source: io.EOF
// waits for both, and bytes that come late are an error.
func TestEOFWaitsForTheSourcesEnd(t *testing.T) {
	for _, suite := range []envelope.Suite{envelope.AES256GCMHKDFSHA512Commit, envelope.AES128GCMHKDFSHA256ECDSAP256} {
		for _, trailing := range []string{"", "x"} {
			c := newClient(t, newTestKeys(), optionsOf(suite, 4, 2))
			msg := seal(t, c, []byte("content"), nil)
			asked := false
			src := io.MultiReader(bytes.NewReader(msg), readerFunc(func(p []byte) (int, error) {
				asked = true
				if trailing != "" {
					return copy(p, trailing), nil
				}
				return 0, io.EOF
			}))
			r, err := c.NewReader(t.Context(), src, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 7)
			if _, err := io.ReadFull(r, got); err != nil || string(got) != "content" {
				t.Errorf("got %q, error %v", got, err)
			}
			_, err = r.Read(got)
			if !asked || trailing == "" && err != io.EOF || trailing != "" && !errors.Is(err, envelope.ErrFormat) {
				t.Errorf("%v, %q behind the message: error %v, the source was asked: %v", suite, trailing, err, asked)
			}
		}
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// failingWith returns its last bytes together with an error.
type failingWith struct {
	r    io.Reader
	left int
}

func (f *failingWith) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if f.left -= n; f.left == 0 {
		return n, errDisk
	}
	return n, err
}

// impossible returns counts that no reader may return.
type impossible struct {
	r     io.Reader
	count func(p []byte) int
}

func (i impossible) Read(p []byte) (int, error) {
	if n, err := i.r.Read(p); err != io.EOF {
		return n, err
	}
	return i.count(p), nil
}

func TestSourcesWithImpossibleCounts(t *testing.T) {
	counts := map[string]func(p []byte) int{
		"negative":     func([]byte) int { return -1 },
		"too many":     func(p []byte) int { return len(p) + 1 },
		"far too many": func(p []byte) int { return math.MaxInt },
	}
	for _, workers := range []int{1, 2} {
		c := newClient(t, newTestKeys(), optionsOf(envelope.AES256GCMHKDFSHA512Commit, 32<<10, workers))
		for _, size := range []int{0, 100, 300 << 10, 1 << 20} {
			msg := seal(t, c, patternBytes(size), nil)
			for name, count := range counts {
				what := fmt.Sprintf("workers %d, %d bytes, %s", workers, size, name)
				var out bytes.Buffer
				w, _ := c.NewWriter(t.Context(), &out, nil)
				if _, err := w.ReadFrom(impossible{bytes.NewReader(patternBytes(size)), count}); err == nil || w.Close() == nil {
					t.Errorf("%s: ReadFrom has no error", what)
				}
				s, _ := c.NewSealingReader(t.Context(), impossible{bytes.NewReader(patternBytes(size)), count}, nil)
				if _, err := io.ReadAll(s); err == nil {
					t.Errorf("%s: SealingReader has no error", what)
				}
				for cut := range 3 {
					src := func() io.Reader { return impossible{bytes.NewReader(msg[:len(msg)*cut/3]), count} }
					if r, err := c.NewReader(t.Context(), src(), nil); err == nil {
						if _, err := io.ReadAll(r); err == nil {
							t.Errorf("%s: Reader has no error", what)
						}
					}
					if _, err := c.Verify(t.Context(), src(), nil); err == nil {
						t.Errorf("%s: Verify has no error", what)
					}
				}
			}
		}
	}
}

// A frame is released as soon as it is there, whatever the source does next:
// the reader of a live stream does not wait for more.
func TestFramesAreReleasedAsTheyArrive(t *testing.T) {
	const frameLength = 1000
	for _, workers := range []int{1, 2, 8} {
		for _, suite := range []envelope.Suite{envelope.AES256GCMHKDFSHA512Commit, envelope.AES256GCMHKDFSHA512CommitECDSAP384} {
			for _, writeTo := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v, workers %d, WriteTo %v", suite, workers, writeTo), func(t *testing.T) {
					c := newClient(t, newTestKeys(), optionsOf(suite, frameLength, workers))
					plaintext := pattern(10*frameLength + 1)
					msg := seal(t, c, plaintext, nil)
					h, _ := envelope.ReadHeader(bytes.NewReader(msg))
					src, feed := io.Pipe()
					defer feed.Close()
					released := make(chan []byte)
					finished := make(chan error, 1)
					go func() { finished <- release(t, c, src, released, writeTo) }()

					if _, err := feed.Write(msg[:h.Length]); err != nil {
						t.Fatal(err)
					}
					rest := msg[h.Length:]
					for i := range 10 {
						if _, err := feed.Write(rest[:frameLength+32]); err != nil {
							t.Fatal(err)
						}
						rest = rest[frameLength+32:]
						// Nothing more is written until this frame is out.
						want := plaintext[i*frameLength : (i+1)*frameLength]
						for len(want) > 0 {
							got := <-released
							if !bytes.HasPrefix(want, got) {
								t.Fatalf("frame %d: got %d other bytes", i+1, len(got))
							}
							want = want[len(got):]
						}
					}
					go func() { feed.Write(rest); feed.Close() }()
					if got := <-released; !bytes.Equal(got, plaintext[10*frameLength:]) {
						t.Errorf("final frame: %d bytes", len(got))
					}
					if err := <-finished; err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
}

// release opens the message at src and sends what comes out.
func release(t *testing.T, c *envelope.Client, src io.Reader, released chan<- []byte, writeTo bool) error {
	r, err := c.NewReader(t.Context(), src, nil)
	if err != nil {
		return err
	}
	if writeTo {
		_, err := r.WriteTo(writerFunc(func(p []byte) (int, error) { released <- bytes.Clone(p); return len(p), nil }))
		return err
	}
	buf := make([]byte, 100_000)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			released <- bytes.Clone(buf[:n])
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Long streams on several workers stay live too: what a busy source has sent
// comes out, even if it then falls silent.
func TestBusySourceThatFallsSilent(t *testing.T) {
	const frameLength = 16 << 10
	for _, workers := range []int{1, 2, 8} {
		t.Run(fmt.Sprintf("workers %d", workers), func(t *testing.T) {
			c := newClient(t, newTestKeys(), optionsOf(envelope.AES256GCMHKDFSHA512Commit, frameLength, workers))
			plaintext := patternBytes(5<<20 + 1)
			msg := seal(t, c, plaintext, nil)
			h, _ := envelope.ReadHeader(bytes.NewReader(msg))
			const frames = 300
			head := h.Length + frames*(frameLength+32)
			silent := make(chan struct{})
			src := io.MultiReader(bytes.NewReader(msg[:head]), &waiting{silent}, bytes.NewReader(msg[head:]))
			released := make(chan []byte, 1000)
			finished := make(chan error, 1)
			go func() { finished <- release(t, c, bareReader{src}, released, true) }()
			var got []byte
			for len(got) < frames*frameLength {
				got = append(got, <-released...)
			}
			close(silent)
			err := <-finished
			close(released)
			for b := range released {
				got = append(got, b...)
			}
			if err != nil || !bytes.Equal(got, plaintext) {
				t.Errorf("%d bytes, error %v", len(got), err)
			}
		})
	}
}

// waiting ends when its channel is closed.
type waiting struct{ until <-chan struct{} }

func (w *waiting) Read([]byte) (int, error) { <-w.until; return 0, io.EOF }

// The last frame of a signed message is not released before the signature is
// there and verifies; that of another is.
func TestLastFrameOfASignedMessageWaits(t *testing.T) {
	for _, suite := range allSuites() {
		for _, workers := range []int{1, 2} {
			m := vectors.Message{Suite: suiteID(suite), DataKey: newTestKeys().key(suite), FrameLength: 4, Content: []byte("first last"),
				EDKs: []vectors.EDK{{ProviderID: testEDK.ProviderID, ProviderInfo: string(testEDK.ProviderInfo), Ciphertext: string(testEDK.Ciphertext)}}}
			msg := m.Encode()
			c := newClient(t, newTestKeys(), optionsOf(suite, 4, workers))
			h, _ := envelope.ReadHeader(bytes.NewReader(msg))
			frames := msg[:h.Length+2*36+42] // without what follows the final frame
			for _, way := range []openingWay{wayReader, wayTinyReads, wayHugeReads, wayWriteTo, wayReadThenWriteTo, wayMemory, wayMemoryReads, wayMemoryReadThenWriteTo} {
				got, err := way.open(t.Context(), c, append(bytes.Clone(frames), 0), nil)
				want := "first last"
				if suite.Signed() {
					want = "first la"
				}
				if string(got) != want || !isRefusal(err) {
					t.Errorf("%v, %s: released %q, error %v, want %q", suite, way.name, got, err, want)
				}
			}
		}
	}
}

// pouring is a source of n bytes that takes no memory.
type pouring struct{ left int64 }

func (p *pouring) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(b)), p.left, 1<<20))
	copy(b[:n], patternBytes(1<<20))
	p.left -= int64(n)
	return n, nil
}

// Memory does not grow with the length of a stream: at most what Options.Workers
// says, and 1 MiB that the garbage collector has not seen yet.
func TestStreamingMemoryIsBounded(t *testing.T) {
	length := int64(128 << 20)
	if testing.Short() || raceEnabled {
		length = 32 << 20
	}
	patternBytes(1)
	for _, workers := range []int{1, 2} {
		bound := uint64(1<<20 + workers<<21)
		for _, frameLength := range []int{20, 4 << 10, 64 << 10} {
			length := length
			if frameLength < 1000 {
				length /= 16 // short frames take long
			}
			c := newClient(t, newTestKeys(), optionsOf(envelope.AES256GCMHKDFSHA512Commit, frameLength, workers))
			for name, stream := range map[string]func() error{
				"Writer.ReadFrom and Reader.WriteTo": func() error {
					return piped(func(dst io.Writer) error {
						w, err := c.NewWriter(t.Context(), dst, nil)
						if err != nil {
							return err
						}
						if _, err := w.ReadFrom(&pouring{length}); err != nil {
							return err
						}
						return w.Close()
					}, func(src io.Reader) error {
						r, err := c.NewReader(t.Context(), src, nil)
						if err != nil {
							return err
						}
						n, err := r.WriteTo(io.Discard)
						return checkCount(n, int(length), err)
					})
				},
				"SealingReader and Reader": func() error {
					s, err := c.NewSealingReader(t.Context(), &pouring{length / 2}, nil)
					if err != nil {
						return err
					}
					r, err := c.NewReader(t.Context(), s, nil)
					if err != nil {
						return err
					}
					n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, bareReader{r}, make([]byte, 100_000))
					return checkCount(n, int(length/2), err)
				},
				"Reseal": func() error {
					s, err := c.NewSealingReader(t.Context(), &pouring{length / 2}, nil)
					if err != nil {
						return err
					}
					return c.Reseal(t.Context(), io.Discard, s, nil, c, nil)
				},
			} {
				peak, err := peakHeap(stream)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				// Two streams are open at a time.
				if peak > 2*bound {
					t.Errorf("%s, workers %d, frames of %d: the heap grew by %d KiB, at most %d are allowed", name, workers, frameLength, peak>>10, 2*bound>>10)
				}
				t.Logf("%s, workers %d, frames of %d: %d KiB", name, workers, frameLength, peak>>10)
			}
		}
	}
}

func piped(write func(io.Writer) error, read func(io.Reader) error) error {
	src, dst := io.Pipe()
	wrote := make(chan error, 1)
	go func() {
		err := write(dst)
		dst.CloseWithError(err)
		wrote <- err
	}()
	err := read(src)
	src.CloseWithError(io.ErrClosedPipe)
	return errors.Join(err, <-wrote)
}

// peakHeap returns by how much the heap that is in use grows during f, at most,
// garbage included as far as the collector lets it stand.
func peakHeap(f func() error) (uint64, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(5))
	runtime.GC()
	before := heapInUse()
	peak := before
	done := make(chan error, 1)
	go func() { done <- f() }()
	often := time.NewTicker(100 * time.Microsecond)
	defer often.Stop()
	for {
		select {
		case err := <-done:
			return peak - min(before, peak), err
		case <-often.C:
			peak = max(peak, heapInUse())
		}
	}
}

// heapInUse does not stop the world, as runtime.ReadMemStats would.
func heapInUse() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// Known sizes grow nothing: what is needed is allocated once.
func TestAppendToRoomThatIsThere(t *testing.T) {
	c := newClient(t, newTestKeys(), optionsOf(envelope.AES256GCMHKDFSHA512Commit, 1000, 1))
	plaintext := pattern(10_000)
	msg := seal(t, c, plaintext, nil)
	dst := make([]byte, 0, len(msg))
	out, err := c.AppendSeal(t.Context(), dst, plaintext, nil)
	if err != nil || &out[0] != &dst[:1][0] || len(out) != len(msg) {
		t.Errorf("AppendSeal moved %d bytes, error %v", len(out), err)
	}
	dst = make([]byte, 0, len(plaintext))
	if out, err = c.AppendOpen(t.Context(), dst, msg, nil); err != nil || &out[0] != &dst[:1][0] || len(out) != len(plaintext) {
		t.Errorf("AppendOpen moved %d bytes, error %v", len(out), err)
	}
}

// ReadHeader reads the header and no byte more, and needs no keys.
func TestReadHeaderReadsTheHeaderAlone(t *testing.T) {
	for _, suite := range allSuites() {
		c := newClient(t, newTestKeys(), optionsOf(suite, 1000, 1))
		msg := seal(t, c, []byte("content"), envelope.Context{"a": "b"})
		src := bytes.NewReader(msg)
		h, err := envelope.ReadHeader(src)
		if err != nil || src.Len() != len(msg)-h.Length || h.Suite != suite || h.FrameLength != 1000 || h.Context["a"] != "b" {
			t.Errorf("%v: header %+v, error %v, %d bytes left of %d", suite, h, err, src.Len(), len(msg))
		}
		if len(h.EncryptedDataKeys) != 1 || !sameEDK(h.EncryptedDataKeys[0], testEDK) {
			t.Errorf("%v: EDKs %v", suite, h.EncryptedDataKeys)
		}
		for n := range h.Length {
			if _, err := envelope.ReadHeader(bytes.NewReader(msg[:n])); !errors.Is(err, envelope.ErrTruncated) {
				t.Errorf("%v: %d of %d bytes: %v", suite, n, h.Length, err)
			}
		}
	}
}

// A Header is the receiver's: changing it changes nothing else.
func TestHeadersAreCopies(t *testing.T) {
	c := newClient(t, newTestKeys(), nil)
	spoil := func(h *envelope.Header) {
		clear(h.MessageID)
		clear(h.Context)
		clear(h.EncryptedDataKeys[0].Ciphertext)
		h.EncryptedDataKeys[0].ProviderID = ""
	}
	ec := envelope.Context{"a": "b"}
	var out bytes.Buffer
	w, err := c.NewWriter(t.Context(), &out, ec)
	if err != nil {
		t.Fatal(err)
	}
	spoil(w.Header())
	if _, err := w.Write([]byte("content")); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	r, err := c.NewReader(t.Context(), bytes.NewReader(out.Bytes()), ec)
	if err != nil {
		t.Fatal(err)
	}
	spoil(r.Header())
	if got, err := io.ReadAll(r); err != nil || string(got) != "content" {
		t.Errorf("got %q, error %v", got, err)
	}
	at, err := c.NewReaderAt(t.Context(), bytes.NewReader(out.Bytes()), int64(out.Len()), ec)
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	spoil(at.Header())
	if got := at.Header(); got.Context["a"] != "b" || !sameEDK(got.EncryptedDataKeys[0], testEDK) {
		t.Errorf("header has become %+v", got)
	}
	if ec["a"] != "b" || !sameEDK(testEDK, newTestKeys().edks[0]) || string(testEDK.Ciphertext) != "opaque" {
		t.Error("what the caller gave has changed")
	}
}
