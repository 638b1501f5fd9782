package envelope_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"testing"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/vectors"
)

// Header.SealedSize, Header.PlaintextSize and SealingReader.Size are exact, for
// every suite and every size.
func TestSizesAreExact(t *testing.T) {
	const frameLength = 7
	for _, suite := range allSuites() {
		c := newClient(t, newTestKeys(), optionsOf(suite, frameLength, 1))
		most := 5*frameLength + 1
		if raceEnabled {
			most = 2*frameLength + 1
		}
		for size := range most {
			msg := seal(t, c, pattern(size), envelope.Context{"a": "b"})
			h, err := envelope.ReadHeader(bytes.NewReader(msg))
			if err != nil {
				t.Fatal(err)
			}
			if n, err := h.SealedSize(int64(size)); err != nil || n != int64(len(msg)) {
				t.Errorf("%v: SealedSize(%d) = %d, error %v, want %d", suite, size, n, err, len(msg))
			}
			if n, err := h.PlaintextSize(int64(len(msg))); err != nil || n != int64(size) {
				t.Errorf("%v: PlaintextSize(%d) = %d, error %v, want %d", suite, len(msg), n, err, size)
			}
		}
		// A Writer and a SealingReader know before there is a message.
		var out bytes.Buffer
		w, err := c.NewWriter(t.Context(), &out, envelope.Context{"a": "b"})
		if err != nil {
			t.Fatal(err)
		}
		want, err := w.Header().SealedSize(20)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(pattern(20)); err != nil || w.Close() != nil || int64(out.Len()) != want {
			t.Errorf("%v: message of %d bytes, error %v, SealedSize says %d", suite, out.Len(), err, want)
		}
		for announced, opts := range map[bool][]envelope.MessageOption{true: {envelope.WithLength(20)}, false: nil} {
			r, err := c.NewSealingReader(t.Context(), bareReader{bytes.NewReader(pattern(20))}, envelope.Context{"a": "b"}, opts...)
			if err != nil || announced && r.Size() != want || !announced && r.Size() != -1 {
				t.Errorf("%v: announced %v: Size is %d, error %v, want %d", suite, announced, r.Size(), err, want)
			}
		}
	}
}

// Both forms of a message that ends with a full frame have a size that tells
// how long the content is.
func TestPlaintextSizeOfForeignForms(t *testing.T) {
	for frames := range 4 {
		for _, emptyFinal := range []bool{false, true} {
			m := vectors.Message{Suite: 0x0478, DataKey: make([]byte, 32), FrameLength: 16, Content: pattern(16 * frames), EmptyFinal: emptyFinal}
			msg := m.Encode()
			h, err := envelope.ReadHeader(bytes.NewReader(msg))
			if err != nil {
				t.Fatal(err)
			}
			if n, err := h.PlaintextSize(int64(len(msg))); err != nil || n != int64(16*frames) {
				t.Errorf("%d frames, empty final frame %v: %d bytes, error %v", frames, emptyFinal, n, err)
			}
		}
	}
	for n := range 40 {
		m := vectors.Message{Suite: 0x0578, DataKey: make([]byte, 32), NonFramed: true, Content: pattern(n)}
		msg := m.Encode()
		h, _ := envelope.ReadHeader(bytes.NewReader(msg))
		got, err := h.PlaintextSize(int64(len(msg)))
		// For a signature of other length than usual, it is off by as much.
		if off := got - int64(n); err != nil || off < -2 || off > 2 {
			t.Errorf("not framed, %d bytes: %d, error %v", n, got, err)
		}
		if sealed, err := h.SealedSize(got); err != nil || sealed != int64(len(msg)) {
			t.Errorf("not framed, %d bytes: SealedSize %d, error %v, want %d", n, sealed, err, len(msg))
		}
	}
}

// Sizes that no message has are ErrFormat, and no others are.
func TestImpossibleSizes(t *testing.T) {
	for _, frameLength := range []int{1, 2, 7, 16, 100} {
		h := &envelope.Header{Suite: envelope.AES256GCMHKDFSHA512Commit, FrameLength: frameLength, Length: 100}
		possible := map[int64]int64{}
		for n := range int64(5*frameLength + 1) {
			sealed, err := h.SealedSize(n)
			if err != nil {
				t.Fatal(err)
			}
			possible[sealed] = n
			if n > 0 && n%int64(frameLength) == 0 {
				possible[sealed+32] = n // an empty final frame
			}
		}
		last, _ := h.SealedSize(int64(5 * frameLength))
		for sealed := int64(-2); sealed <= last; sealed++ {
			got, err := h.PlaintextSize(sealed)
			want, ok := possible[sealed]
			if ok && (err != nil || got != want) || !ok && !errors.Is(err, envelope.ErrFormat) {
				t.Errorf("frames of %d: PlaintextSize(%d) = %d, error %v; possible %v, want %d", frameLength, sealed, got, err, ok, want)
			}
		}
	}
}

func TestSizesAtTheEnds(t *testing.T) {
	header := func(frameLength int) *envelope.Header {
		return &envelope.Header{Suite: envelope.AES256GCMHKDFSHA512Commit, FrameLength: frameLength, Length: 100}
	}
	const frames = 1<<32 - 1
	for _, tt := range []struct {
		frameLength, plaintext int64
		ok                     bool
	}{
		{1, -1, false},
		{1, math.MinInt64, false},
		{1, frames, true},
		{1, frames + 1, false},
		{4096, frames * 4096, true},
		{4096, frames*4096 + 1, false},
		{1<<32 - 1, math.MaxInt64, false},
		{1<<32 - 1, math.MaxInt64 / 2, true},
		{0, 1<<36 - 32, true},
		{0, 1<<36 - 31, false},
		{0, -1, false},
	} {
		if tt.frameLength > int64(longestFrame) {
			continue // no header says that where int has 32 bits
		}
		h := header(int(tt.frameLength))
		sealed, err := h.SealedSize(tt.plaintext)
		if !tt.ok {
			if !errors.Is(err, envelope.ErrLength) {
				t.Errorf("frames of %d: SealedSize(%d) = %d, error %v, want ErrLength", tt.frameLength, tt.plaintext, sealed, err)
			}
			continue
		}
		if err != nil || sealed <= tt.plaintext {
			t.Errorf("frames of %d: SealedSize(%d) = %d, error %v", tt.frameLength, tt.plaintext, sealed, err)
		}
		if back, err := h.PlaintextSize(sealed); err != nil || back != tt.plaintext {
			t.Errorf("frames of %d: PlaintextSize(%d) = %d, error %v, want %d", tt.frameLength, sealed, back, err, tt.plaintext)
		}
		if n, err := h.PlaintextSize(math.MaxInt64); tt.frameLength <= 4096 && !errors.Is(err, envelope.ErrFormat) {
			t.Errorf("frames of %d: PlaintextSize of the largest number = %d, error %v", tt.frameLength, n, err)
		}
	}
}

// A plaintext that takes more frames than there are numbers is refused before
// any key call.
func TestLengthsThatCannotBeSealed(t *testing.T) {
	keys := newTestKeys()
	c := newClient(t, keys, &envelope.Options{FrameLength: 1})
	for _, n := range []int64{1 << 32, math.MaxInt64, -2} {
		_, err1 := c.NewWriter(t.Context(), new(bytes.Buffer), nil, envelope.WithLength(n))
		_, err2 := c.NewSealingReader(t.Context(), bareReader{new(bytes.Buffer)}, nil, envelope.WithLength(n))
		if !errors.Is(err1, envelope.ErrLength) || !errors.Is(err2, envelope.ErrLength) || keys.sealed.Load() != 0 {
			t.Errorf("%d: errors %v, %v, %d key calls", n, err1, err2, keys.sealed.Load())
		}
	}
}

// WithLength: another length fails, and no valid message results.
func TestWithLength(t *testing.T) {
	const frameLength = 16
	for _, workers := range []int{1, 2} {
		for _, suite := range []envelope.Suite{envelope.AES256GCMHKDFSHA512Commit, envelope.AES256GCMHKDFSHA512CommitECDSAP384} {
			keys := newTestKeys()
			c := newClient(t, keys, optionsOf(suite, frameLength, workers))
			for _, announced := range []int64{0, 1, 15, 16, 17, 32, 100} {
				for _, actual := range []int64{0, 1, 15, 16, 17, 32, 100, 1000} {
					for name, sealAnnounced := range announcedWays(t, c) {
						out, err := sealAnnounced(pattern(int(actual)), announced)
						if got := keys.lastEncryption.Load().PlaintextLength; got != announced {
							t.Errorf("%s: the keyring was told %d bytes, not the %d announced", name, got, announced)
						}
						content, openErr := c.Open(t.Context(), out, nil)
						if announced == actual {
							if err != nil || openErr != nil || int64(len(content)) != actual {
								t.Errorf("%s, %d bytes: error %v; opens as %d bytes, error %v", name, actual, err, len(content), openErr)
							}
							continue
						}
						if !errors.Is(err, envelope.ErrLength) {
							t.Errorf("%s, %d announced, %d given: error %v, want ErrLength", name, announced, actual, err)
						}
						if openErr == nil {
							t.Errorf("%s, %d announced, %d given: a message of %d bytes came out", name, announced, actual, len(content))
						}
					}
				}
			}
		}
	}
}

// announcedWays are the ways of sealing that take a length. They return what
// was written, also beside an error, which is the first of all calls.
func announcedWays(t *testing.T, c *envelope.Client) map[string]func(plaintext []byte, n int64) ([]byte, error) {
	writer := func(write func(w *envelope.Writer, plaintext []byte) error) func([]byte, int64) ([]byte, error) {
		return func(plaintext []byte, n int64) ([]byte, error) {
			var out bytes.Buffer
			w, err := c.NewWriter(t.Context(), &out, nil, envelope.WithLength(n))
			if err != nil {
				return nil, err
			}
			err = write(w, plaintext)
			if closeErr := w.Close(); err == nil {
				err = closeErr
			} else if closeErr == nil {
				t.Error("Close has no error after a Write that failed")
			}
			return out.Bytes(), err
		}
	}
	return map[string]func([]byte, int64) ([]byte, error){
		"Write": writer(func(w *envelope.Writer, plaintext []byte) error {
			_, err := w.Write(plaintext)
			return err
		}),
		"Write by bytes": writer(func(w *envelope.Writer, plaintext []byte) error {
			for i := range plaintext {
				if _, err := w.Write(plaintext[i : i+1]); err != nil {
					return err
				}
			}
			return nil
		}),
		"ReadFrom": writer(func(w *envelope.Writer, plaintext []byte) error {
			_, err := w.ReadFrom(bareReader{bytes.NewReader(plaintext)})
			return err
		}),
		"SealingReader": func(plaintext []byte, n int64) ([]byte, error) {
			r, err := c.NewSealingReader(t.Context(), bareReader{bytes.NewReader(plaintext)}, nil, envelope.WithLength(n))
			if err != nil {
				return nil, err
			}
			return io.ReadAll(r)
		},
		"SealingReader of known length": func(plaintext []byte, n int64) ([]byte, error) {
			r, err := c.NewSealingReader(t.Context(), bytes.NewReader(plaintext), nil, envelope.WithLength(n)) // the announced length wins
			if err != nil {
				return nil, err
			}
			return io.ReadAll(r)
		},
		"SealingReader.WriteTo": func(plaintext []byte, n int64) ([]byte, error) {
			r, err := c.NewSealingReader(t.Context(), bareReader{bytes.NewReader(plaintext)}, nil, envelope.WithLength(n))
			if err != nil {
				return nil, err
			}
			var out bytes.Buffer
			_, err = r.WriteTo(&out)
			return out.Bytes(), err
		},
	}
}

// Seal announces the length itself: a cache charges it.
func TestKeyringIsToldTheLength(t *testing.T) {
	keys := newTestKeys()
	c := newClient(t, keys, nil)
	told := func() int64 { return keys.lastEncryption.Load().PlaintextLength }
	seal(t, c, pattern(17), nil)
	if told() != 17 {
		t.Errorf("Seal: %d", told())
	}
	if _, err := c.NewWriter(t.Context(), new(bytes.Buffer), nil); err != nil || told() != -1 {
		t.Errorf("NewWriter: %d, error %v", told(), err)
	}
	for i, src := range []io.Reader{bytes.NewReader(pattern(17)), bytes.NewBuffer(pattern(17))} {
		if r, err := c.NewSealingReader(t.Context(), src, nil); err != nil || told() != 17 || r.Size() < 17 {
			t.Errorf("NewSealingReader %d: %d, error %v", i, told(), err)
		}
	}
	half := bytes.NewReader(pattern(17))
	half.Seek(9, io.SeekStart)
	if r, err := c.NewSealingReader(t.Context(), half, nil); err != nil || told() != 8 {
		t.Errorf("NewSealingReader of what is left: %d, error %v", told(), err)
	} else if msg, err := io.ReadAll(r); err != nil || int64(len(msg)) != r.Size() {
		t.Errorf("message of %d bytes, error %v, Size %d", len(msg), err, r.Size())
	}
}
