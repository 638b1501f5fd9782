package envelope_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/vectors"
)

func newReaderAt(t testing.TB, c *envelope.Client, msg []byte) *envelope.ReaderAt {
	t.Helper()
	r, err := c.NewReaderAt(t.Context(), bytes.NewReader(msg), int64(len(msg)), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// checkRange reads a range and compares it with the plaintext, and the count and
// error with what io.ReaderAt asks for.
func checkRange(t *testing.T, r io.ReaderAt, plaintext []byte, off, n int) {
	t.Helper()
	buf := bytes.Repeat([]byte{0xaa}, n+1)
	got, err := r.ReadAt(buf[:n], int64(off))
	var want []byte
	if off < len(plaintext) {
		want = plaintext[off:min(len(plaintext), off+n)]
	}
	if got != len(want) || !bytes.Equal(buf[:got], want) {
		t.Errorf("%d bytes at %d of %d: got %d, or other ones", n, off, len(plaintext), got)
	}
	if got == n && off < len(plaintext) && err != nil || got < n && err != io.EOF {
		t.Errorf("%d bytes at %d of %d: got %d with error %v", n, off, len(plaintext), got, err)
	}
	if buf[n] != 0xaa {
		t.Errorf("%d bytes at %d of %d: wrote behind the end", n, off, len(plaintext))
	}
}

// Every range around every edge of frames.
func TestEveryRange(t *testing.T) {
	for _, suite := range []envelope.Suite{envelope.AES256GCMHKDFSHA512Commit, envelope.AES256GCMHKDFSHA512CommitECDSAP384, envelope.AES128GCM} {
		for _, workers := range []int{1, 8} {
			for _, frameLength := range []int{1, 2, 5, 8} {
				t.Run(fmt.Sprintf("%v, workers %d, frames of %d", suite, workers, frameLength), func(t *testing.T) {
					t.Parallel()
					c := newClient(t, newTestKeys(), optionsOf(suite, frameLength, workers))
					for _, size := range []int{0, 1, frameLength, frameLength + 1, 3 * frameLength, 3*frameLength + 1, 25} {
						plaintext := pattern(size)
						r := newReaderAt(t, c, seal(t, c, plaintext, nil))
						if r.Size() != int64(size) {
							t.Fatalf("Size is %d, want %d", r.Size(), size)
						}
						for off := range size + 2 {
							for n := range size + 3 - off {
								checkRange(t, r, plaintext, off, n)
							}
						}
					}
				})
			}
		}
	}
}

// Thousands of random ranges, of messages of many frames, mixed with sequential
// reading.
func TestRandomRanges(t *testing.T) {
	ranges := 1500
	if raceEnabled {
		ranges = 200
	}
	for _, tt := range []struct{ frameLength, size int }{
		{100, 100_000}, {4096, 1<<20 + 1}, {64 << 10, 3 << 20}, {64 << 10, 3<<20 + 17}, {300_000, 2_000_000}, {1 << 20, 3<<20 + 1},
	} {
		for _, workers := range []int{1, 2, 8} {
			t.Run(fmt.Sprintf("%d in frames of %d, workers %d", tt.size, tt.frameLength, workers), func(t *testing.T) {
				t.Parallel()
				c := newClient(t, newTestKeys(), optionsOf(envelope.AES256GCMHKDFSHA512Commit, tt.frameLength, workers))
				plaintext := patternBytes(tt.size)
				r := newReaderAt(t, c, seal(t, c, plaintext, nil))
				rnd := rand.New(rand.NewPCG(uint64(tt.size), uint64(workers)))
				next := 0
				for i := range ranges {
					n := rnd.IntN(3 * tt.frameLength / 2)
					if i%50 == 0 {
						n = rnd.IntN(tt.size)
					}
					off := rnd.IntN(tt.size + 1)
					switch rnd.IntN(4) {
					case 0: // around an edge of frames
						off = max(0, off/tt.frameLength*tt.frameLength+rnd.IntN(5)-2)
					case 1, 2: // where the last read ended
						off = next
					}
					if tt.frameLength > 100_000 && i%8 != 0 {
						n = min(n, 1000)
					}
					checkRange(t, r, plaintext, off, n)
					if next = off + n; next > tt.size {
						next = 0
					}
				}
			})
		}
	}
}

func TestReaderAtIsAReaderAt(t *testing.T) {
	for _, frameLength := range []int{1, 7, 100} {
		for _, size := range []int{0, 1, 99, 100, 101, 1000} {
			c := newClient(t, newTestKeys(), optionsOf(envelope.AES256GCMHKDFSHA512Commit, frameLength, 2))
			r := newReaderAt(t, c, seal(t, c, pattern(size), nil))
			if err := iotest.TestReader(io.NewSectionReader(r, 0, r.Size()), pattern(size)); err != nil {
				t.Errorf("frames of %d, %d bytes: %v", frameLength, size, err)
			}
			if n, err := r.ReadAt(make([]byte, 1), -1); n != 0 || err == nil || err == io.EOF {
				t.Errorf("negative offset: %d bytes, error %v", n, err)
			}
		}
	}
}

// The forms that other software writes.
func TestRandomAccessToForeignForms(t *testing.T) {
	key := make([]byte, 32)
	for what, m := range map[string]vectors.Message{
		"empty final frame":               {Suite: 0x0478, FrameLength: 8, Content: pattern(32), EmptyFinal: true},
		"empty final frame, signed":       {Suite: 0x0578, FrameLength: 8, Content: pattern(32), EmptyFinal: true},
		"one full frame and an empty one": {Suite: 0x0478, FrameLength: 8, Content: pattern(8), EmptyFinal: true},
		"not framed":                      {Suite: 0x0478, NonFramed: true, Content: pattern(50)},
		"not framed, empty":               {Suite: 0x0478, NonFramed: true},
		"not framed, signed":              {Suite: 0x0578, NonFramed: true, Content: pattern(50)},
		"version 1, stored nonces":        {Suite: 0x0178, FrameLength: 8, HeaderNonce: pattern(12), Frames: []vectors.Frame{{Sequence: 1, Nonce: pattern(24)[12:], Content: pattern(8)}, {Sequence: 2, Final: true, Nonce: pattern(36)[24:], Content: pattern(16)[8:]}}},
	} {
		m.DataKey = key
		msg := m.Encode()
		plaintext := m.Content
		for _, f := range m.Frames {
			plaintext = append(plaintext, f.Content...)
		}
		c := newClient(t, holding(key), &envelope.Options{Commitment: envelope.RequireEncryptAllowDecrypt, AllowUnverifiedSignature: true})
		r := newReaderAt(t, c, msg)
		if r.Size() != int64(len(plaintext)) {
			t.Errorf("%s: Size is %d, want %d", what, r.Size(), len(plaintext))
		}
		for off := range len(plaintext) + 1 {
			for n := range len(plaintext) + 2 - off {
				checkRange(t, r, plaintext, off, n)
			}
		}
		if h := r.Header(); h.Suite != envelope.Suite(m.Suite) || h.Length == 0 {
			t.Errorf("%s: header %+v", what, h)
		}
	}
}

// Signatures of every length that DER gives: where the final frame ends is not
// known beforehand.
func TestRandomAccessFindsTheFinalFrameOfSignedMessages(t *testing.T) {
	for _, suite := range []envelope.Suite{envelope.AES128GCMHKDFSHA256ECDSAP256, envelope.AES256GCMHKDFSHA512CommitECDSAP384} {
		for frameLength := 1; frameLength < 120; frameLength += 7 {
			for _, size := range []int{0, 1, frameLength - 1, frameLength, frameLength + 1, 3 * frameLength, 200} {
				m := vectors.Message{Suite: suiteID(suite), DataKey: newTestKeys().key(suite), FrameLength: uint32(frameLength), Content: pattern(size), EmptyFinal: size%2 == 0}
				c := newClient(t, holding(m.DataKey), optionsOf(suite, 0, 1))
				r := newReaderAt(t, c, m.Encode())
				got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
				if err != nil || !bytes.Equal(got, m.Content) {
					t.Errorf("%v, %d bytes in frames of %d: got %d, error %v", suite, size, frameLength, len(got), err)
				}
			}
		}
	}
}

func TestConcurrentRandomAccess(t *testing.T) {
	for _, workers := range []int{1, 4} {
		for _, frameLength := range []int{512, 64 << 10} {
			size := 40*frameLength + 11
			c := newClient(t, newTestKeys(), optionsOf(envelope.AES256GCMHKDFSHA512Commit, frameLength, workers))
			plaintext := patternBytes(size)
			r := newReaderAt(t, c, seal(t, c, plaintext, nil))
			var wg sync.WaitGroup
			for g := range 8 {
				wg.Go(func() {
					rnd := rand.New(rand.NewPCG(uint64(g), 1))
					for range 150 {
						off := rnd.IntN(size)
						checkRange(t, r, plaintext, off, rnd.IntN(3*frameLength))
						checkRange(t, r, plaintext, g*1000, 100) // all want the same frames
					}
				})
			}
			wg.Wait()
		}
	}
}

// Close while others read: each read gives right bytes or the error of a closed
// file.
func TestCloseDuringReads(t *testing.T) {
	const frameLength, size = 1000, 50_000
	for _, workers := range []int{1, 4} {
		c := newClient(t, newTestKeys(), optionsOf(envelope.AES256GCMHKDFSHA512Commit, frameLength, workers))
		plaintext := patternBytes(size)
		msg := seal(t, c, plaintext, nil)
		for range 20 {
			r := newReaderAt(t, c, msg)
			started := make(chan struct{}, 8)
			var wg sync.WaitGroup
			for g := range 8 {
				wg.Go(func() {
					for i := range 1000 {
						buf := make([]byte, 2500)
						off := (g*7919 + i*1237) % size
						n, err := r.ReadAt(buf, int64(off))
						if !bytes.Equal(buf[:n], plaintext[off:off+n]) {
							t.Errorf("wrong bytes, error %v", err)
						}
						if i == 0 {
							started <- struct{}{}
						}
						if errors.Is(err, fs.ErrClosed) {
							return
						}
						if err != nil && err != io.EOF {
							t.Error(err)
						}
					}
				})
			}
			<-started
			r.Close()
			wg.Wait()
			if n, err := r.ReadAt(make([]byte, 1), 0); n != 0 || !errors.Is(err, fs.ErrClosed) {
				t.Errorf("read after Close: %d bytes, error %v", n, err)
			}
		}
	}
}

func TestReaderAtAfterClose(t *testing.T) {
	key := make([]byte, 32)
	for what, m := range map[string]vectors.Message{
		"framed":            {Suite: 0x0478, FrameLength: 8, Content: pattern(20)},
		"framed, empty":     {Suite: 0x0478, FrameLength: 8},
		"not framed":        {Suite: 0x0478, NonFramed: true, Content: pattern(20)},
		"not framed, empty": {Suite: 0x0478, NonFramed: true},
	} {
		m.DataKey = key
		r := newReaderAt(t, newClient(t, holding(key), nil), m.Encode())
		size := r.Size()
		for range 2 {
			if err := r.Close(); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		for _, off := range []int64{0, 5, 20, 100} {
			if n, err := r.ReadAt(make([]byte, 5), off); n != 0 || !errors.Is(err, fs.ErrClosed) {
				t.Errorf("%s: read at %d after Close: %d bytes, error %v", what, off, n, err)
			}
		}
		if r.Size() != size || r.Header() == nil {
			t.Errorf("%s: Size has become %d, Header %v", what, r.Size(), r.Header())
		}
	}
}

// countingSource counts what is read of it.
type countingSource struct {
	io.ReaderAt
	mu    sync.Mutex
	calls int
	bytes int
}

func (s *countingSource) ReadAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	s.calls++
	s.bytes += len(p)
	s.mu.Unlock()
	return s.ReaderAt.ReadAt(p, off)
}

// Short reads in a row open each frame once, and fetch several at a time.
func TestSequentialReadsOpenEachFrameOnce(t *testing.T) {
	const frameLength, size = 4 << 10, 2 << 20
	for _, workers := range []int{1, 2} {
		c := newClient(t, newTestKeys(), optionsOf(envelope.AES256GCMHKDFSHA512Commit, frameLength, workers))
		msg := seal(t, c, patternBytes(size), nil)
		for _, step := range []int{100, 1000, 4096, 10_000, 64 << 10, 300_000} {
			src := &countingSource{ReaderAt: bytes.NewReader(msg)}
			r, err := c.NewReaderAt(t.Context(), src, int64(len(msg)), nil)
			if err != nil {
				t.Fatal(err)
			}
			src.calls, src.bytes = 0, 0
			for off := 0; off < size; off += step {
				checkRange(t, r, patternBytes(size), off, step)
			}
			r.Close()
			// The final frame is there already, and is read again once it was
			// forgotten.
			if src.bytes > len(msg)+frameLength+100 {
				t.Errorf("reads of %d: %d bytes of the source for a message of %d", step, src.bytes, len(msg))
			}
			if most := size/frameLength/4 + 10; step <= frameLength && src.calls > most {
				t.Errorf("reads of %d: %d calls of the source, want at most %d: no reading ahead", step, src.calls, most)
			}
		}
	}
}

// A random read fetches the frames that it touches and no more; one of what is
// kept fetches nothing.
func TestRandomReadsFetchWhatTheyTouch(t *testing.T) {
	const frameLength, size = 4 << 10, 1 << 20
	c := newClient(t, newTestKeys(), optionsOf(envelope.AES256GCMHKDFSHA512Commit, frameLength, 1))
	msg := seal(t, c, patternBytes(size), nil)
	src := &countingSource{ReaderAt: bytes.NewReader(msg)}
	r, err := c.NewReaderAt(t.Context(), src, int64(len(msg)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, tt := range []struct{ off, n, frames, calls int }{
		{500_000, 1, 1, 1},
		{500_001, 1, 0, 0},
		{500_000, 100, 0, 0},
		{100_000, 2 * frameLength, 3, 1},
		{frameLength * 200, frameLength, 1, 1},
		{frameLength*150 - 1, 2, 2, 1},
		{size - 1, 1, 0, 0}, // the final frame has been opened first
	} {
		src.calls, src.bytes = 0, 0
		checkRange(t, r, patternBytes(size), tt.off, tt.n)
		if src.calls != tt.calls || src.bytes != tt.frames*(frameLength+32) {
			t.Errorf("%d bytes at %d: %d calls, %d bytes, want %d calls, %d frames", tt.n, tt.off, src.calls, src.bytes, tt.calls, tt.frames)
		}
	}
}

// Opening reads the header and the end, however long the message.
func TestOpeningForRandomAccessReadsLittle(t *testing.T) {
	for _, suite := range []envelope.Suite{envelope.AES256GCMHKDFSHA512Commit, envelope.AES256GCMHKDFSHA512CommitECDSAP384} {
		c := newClient(t, newTestKeys(), optionsOf(suite, 4<<10, 1))
		msg := seal(t, c, patternBytes(3<<20), nil)
		src := &countingSource{ReaderAt: bytes.NewReader(msg)}
		r, err := c.NewReaderAt(t.Context(), src, int64(len(msg)), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		if src.bytes > 16<<10 || src.calls > 6 {
			t.Errorf("%v: %d calls for %d bytes", suite, src.calls, src.bytes)
		}
	}
}

// changingSource lets a test change what a source says.
type changingSource struct {
	io.ReaderAt
	change func(p []byte, off int64, n int, err error) (int, error)
}

func (s *changingSource) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.ReaderAt.ReadAt(p, off)
	if s.change == nil {
		return n, err
	}
	return s.change(p, off, n, err)
}

// A source that is not what it was gives an error, never wrong bytes; and when
// it is again, so is the reader.
func TestSourceThatChangesUnderTheReader(t *testing.T) {
	const frameLength = 100
	plaintext := pattern(30*frameLength + 7)
	for _, workers := range []int{1, 4} {
		c := newClient(t, newTestKeys(), optionsOf(envelope.AES256GCMHKDFSHA512Commit, frameLength, workers))
		msg := seal(t, c, plaintext, nil)
		other := seal(t, c, append([]byte("other"), plaintext[5:]...), nil) // the same key and lengths
		rnd := rand.New(rand.NewPCG(1, 1))
		for what, change := range map[string]func(p []byte, off int64, n int, err error) (int, error){
			"flips bits":         func(p []byte, _ int64, n int, err error) (int, error) { p[rnd.IntN(n)] ^= 1; return n, err },
			"is another message": func(p []byte, off int64, n int, err error) (int, error) { return copy(p, other[off:]), err },
			"is zeros":           func(p []byte, _ int64, n int, err error) (int, error) { clear(p); return n, err },
			"is moved by a frame": func(p []byte, off int64, n int, err error) (int, error) {
				return bytes.NewReader(msg).ReadAt(p, off+132)
			},
			"fails":                         func(p []byte, _ int64, n int, _ error) (int, error) { return 0, errDisk },
			"fails midway":                  func(p []byte, _ int64, n int, _ error) (int, error) { return n / 2, errDisk },
			"is cut":                        func(p []byte, _ int64, n int, _ error) (int, error) { return n / 2, io.EOF },
			"returns less without an error": func(p []byte, _ int64, n int, _ error) (int, error) { return n - 1, nil },
			"returns nothing":               func(p []byte, _ int64, n int, _ error) (int, error) { return 0, nil },
			"returns a negative count":      func(p []byte, _ int64, n int, _ error) (int, error) { return -1, nil },
			"returns too large a count":     func(p []byte, _ int64, n int, _ error) (int, error) { clear(p); return n + 1, nil },
		} {
			src := &changingSource{ReaderAt: bytes.NewReader(msg)}
			r, err := c.NewReaderAt(t.Context(), src, int64(len(msg)), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, tt := range []struct{ off, n int }{{0, 1}, {450, 100}, {1000, 2000}, {99, 2}, {0, len(plaintext)}, {2900, 50}} {
				src.change = change
				buf := bytes.Repeat([]byte{0xaa}, tt.n)
				n, err := r.ReadAt(buf, int64(tt.off))
				if err == nil || n == tt.n || err == io.EOF {
					t.Errorf("%s: %d bytes at %d: got %d, error %v", what, tt.n, tt.off, n, err)
				}
				if !bytes.Equal(buf[:n], plaintext[tt.off:tt.off+n]) {
					t.Errorf("%s: %d bytes at %d: wrong bytes", what, tt.n, tt.off)
				}
				if !isRefusal(err) && !errors.Is(err, errDisk) {
					t.Errorf("%s: error %v", what, err)
				}
				src.change = nil
				checkRange(t, r, plaintext, tt.off+1000, 1)
			}
			src.change = nil
			checkRange(t, r, plaintext, 0, len(plaintext)) // it has forgotten what failed
			r.Close()
		}
	}
}

// The same while the reader is being made.
func TestSourceThatFailsAtFirst(t *testing.T) {
	for _, suite := range []envelope.Suite{envelope.AES256GCMHKDFSHA512Commit, envelope.AES256GCMHKDFSHA512CommitECDSAP384} {
		c := newClient(t, newTestKeys(), optionsOf(suite, 10, 1))
		msg := seal(t, c, pattern(5000), nil)
		for failing := range 6 {
			calls := 0
			src := &changingSource{ReaderAt: bytes.NewReader(msg), change: func(p []byte, _ int64, n int, err error) (int, error) {
				if calls++; calls > failing {
					return 0, errDisk
				}
				return n, err
			}}
			r, err := c.NewReaderAt(t.Context(), src, int64(len(msg)), nil)
			if err == nil {
				r.Close()
				if calls > failing {
					t.Errorf("%v: call %d failed, and nobody noticed", suite, failing+1)
				}
			} else if !errors.Is(err, errDisk) || isRefusal(err) {
				t.Errorf("%v: %v", suite, err)
			}
		}
	}
}

// An encrypted zip: the archive is read through the reader, file by file.
func TestRandomAccessToAZip(t *testing.T) {
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for i := range 20 {
		f, err := z.Create(fmt.Sprintf("file %d", i))
		if err != nil {
			t.Fatal(err)
		}
		f.Write(patternBytes(i * 3000))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, newTestKeys(), optionsOf(envelope.AES256GCMHKDFSHA512Commit, 1000, 2))
	r := newReaderAt(t, c, seal(t, c, archive.Bytes(), nil))
	opened, err := zip.NewReader(r, r.Size())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{19, 0, 7, 13} {
		got, err := fs.ReadFile(opened, fmt.Sprintf("file %d", i))
		if err != nil || !bytes.Equal(got, patternBytes(i*3000)) {
			t.Errorf("file %d: %d bytes, error %v", i, len(got), err)
		}
	}
}

// An encrypted file served over HTTP with Range requests.
func TestRandomAccessOverHTTP(t *testing.T) {
	c := newClient(t, newTestKeys(), optionsOf(envelope.AES256GCMHKDFSHA512Commit, 1000, 2))
	plaintext := patternBytes(123_456)
	r := newReaderAt(t, c, seal(t, c, plaintext, nil))
	handler := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		http.ServeContent(w, req, "file.bin", time.Time{}, io.NewSectionReader(r, 0, r.Size()))
	})
	for header, want := range map[string][]byte{
		"":                   plaintext,
		"bytes=0-0":          plaintext[:1],
		"bytes=999-1000":     plaintext[999:1001],
		"bytes=50000-60000":  plaintext[50000:60001],
		"bytes=-10":          plaintext[len(plaintext)-10:],
		"bytes=123000-":      plaintext[123000:],
		"bytes=100-99999999": plaintext[100:],
	} {
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		if header != "" {
			req.Header.Set("Range", header)
		}
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, req)
		if !bytes.Equal(rec.Body.Bytes(), want) || !slices.Contains([]int{http.StatusOK, http.StatusPartialContent}, rec.Code) {
			t.Errorf("range %q: status %d, %d bytes", header, rec.Code, rec.Body.Len())
		}
	}
}
