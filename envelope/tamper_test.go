package envelope_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/sealwax/sealwax/envelope"
)

// An attacker who owns the storage changes a message of three frames in every
// way that the following tests can think of.
const (
	tamperFrame   = 4
	tamperContent = "a secret.." // frames of 4, 4 and 2
)

// victim is a message, and what may come of a changed one.
type victim struct {
	client *envelope.Client
	suite  envelope.Suite
	msg    []byte
	header int // its length
}

func newVictim(t testing.TB, suite envelope.Suite, workers int) *victim {
	v := &victim{client: newClient(t, newTestKeys(), optionsOf(suite, tamperFrame, workers)), suite: suite}
	v.msg = seal(t, v.client, []byte(tamperContent), tamperContext)
	h, err := envelope.ReadHeader(bytes.NewReader(v.msg))
	if err != nil {
		t.Fatal(err)
	}
	v.header = h.Length
	return v
}

var tamperContext = envelope.Context{"a": "b"}

// frame returns where the n-th frame begins and ends, n from 0 to 2.
func (v *victim) frame(n int) (from, to int) {
	const regular = 32 + tamperFrame
	from = v.header + n*regular
	if n == 2 {
		return from, from + 40 + 2
	}
	return from, from + regular
}

// mustRefuse opens a changed message and checks what was said and released: the
// last frame of a signed message waits for the signature.
func (v *victim) mustRefuse(t *testing.T, way openingWay, msg []byte, what string, args ...any) error {
	t.Helper()
	most := tamperContent
	if v.suite.Signed() && !way.random {
		most = tamperContent[:2*tamperFrame]
	}
	return v.mustReleaseAtMost(t, most, way, msg, what, args...)
}

func (v *victim) mustReleaseAtMost(t *testing.T, most string, way openingWay, msg []byte, what string, args ...any) error {
	t.Helper()
	got, err := way.open(t.Context(), v.client, msg, tamperContext)
	if err == nil && way.random && v.suite.Signed() && string(got) == tamperContent {
		return nil // only the signature, which random access does not look at, is wrong
	}
	if !isRefusal(err) {
		t.Errorf("%s, %s: got %q, error %v, want one of the categories", way.name, fmt.Sprintf(what, args...), got, err)
	}
	if errors.Is(err, io.EOF) {
		t.Errorf("%s, %s: error matches io.EOF: %v", way.name, fmt.Sprintf(what, args...), err)
	}
	if way.whole || way.silent {
		most = ""
	}
	if len(got) > len(most) || string(got) != most[:len(got)] {
		t.Errorf("%s, %s: released %q", way.name, fmt.Sprintf(what, args...), got)
	}
	return err
}

// forEachSuite runs f for every suite, and 1 and 2 workers.
func forEachSuite(t *testing.T, f func(t *testing.T, v *victim)) {
	for _, suite := range allSuites() {
		for _, workers := range []int{1, 2} {
			t.Run(fmt.Sprintf("%v, workers %d", suite, workers), func(t *testing.T) {
				t.Parallel()
				f(t, newVictim(t, suite, workers))
			})
		}
	}
}

func TestEveryBitFlipIsRefused(t *testing.T) {
	for _, suite := range allSuites() {
		t.Run(suite.String(), func(t *testing.T) {
			t.Parallel()
			v := newVictim(t, suite, 2)
			step := 1
			if raceEnabled {
				step = 7 // odd: all bits of a byte have their turn
			}
			msg := bytes.Clone(v.msg)
			for bit := 0; bit < 8*len(msg); bit += step {
				msg[bit/8] ^= 1 << (bit % 8)
				for i, way := range openingWays() {
					if slowToVerify(suite) && !slices.Contains(distinctWays, way.name) && bit%5 != i%5 {
						continue
					}
					v.mustRefuse(t, way, msg, "bit %d of byte %d of %d", bit%8, bit/8, len(msg))
				}
				msg[bit/8] ^= 1 << (bit % 8)
			}
			if !bytes.Equal(msg, v.msg) {
				t.Fatal("the test changed more than a bit")
			}
		})
	}
}

// slowToVerify reports whether a suite signs on P-384, which takes most of a
// millisecond to verify. Of its messages, every bit is flipped for the ways of
// opening that have code of their own, and every fifth in turn for those that
// differ in how they are called: suite 0214 is signed too, and does all of it.
func slowToVerify(s envelope.Suite) bool { return s.Signed() && s.KeyLength() > 16 }

var distinctWays = []string{wayOpen.name, wayReader.name, wayReaderAt.name}

func TestEveryTruncationIsRefused(t *testing.T) {
	forEachSuite(t, func(t *testing.T, v *victim) {
		for n := range v.msg {
			for _, way := range openingWays() {
				err := v.mustRefuse(t, way, v.msg[:n], "cut to %d of %d bytes", n, len(v.msg))
				if way.random {
					continue // its size is the one it is told
				}
				if !errors.Is(err, envelope.ErrTruncated) || !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("%s, cut to %d of %d bytes: error %v, want ErrTruncated and io.ErrUnexpectedEOF", way.name, n, len(v.msg), err)
				}
			}
		}
	})
}

// Random access is told the size. Whatever it is told, it is not fooled.
func TestWrongSizeIsRefused(t *testing.T) {
	forEachSuite(t, func(t *testing.T, v *victim) {
		for _, msg := range [][]byte{v.msg, append(bytes.Clone(v.msg), make([]byte, 200)...)} {
			for size := int64(-1); size <= int64(len(msg)); size++ {
				r, err := v.client.NewReaderAt(t.Context(), bytes.NewReader(msg), size, tamperContext)
				if err == nil {
					got, _ := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
					if size != int64(len(v.msg)) || string(got) != tamperContent {
						t.Errorf("size %d of %d: opens as %q", size, len(v.msg), got)
					}
					r.Close()
				} else if size == int64(len(v.msg)) || !isRefusal(err) {
					t.Errorf("size %d of %d: %v", size, len(v.msg), err)
				}
			}
		}
	})
}

func TestEveryExtensionIsRefused(t *testing.T) {
	forEachSuite(t, func(t *testing.T, v *victim) {
		for _, more := range [][]byte{{0}, {0xff}, []byte("text"), make([]byte, 1000), bytes.Repeat([]byte{0xff}, 100), v.msg, v.msg[v.header:]} {
			for _, way := range openingWays() {
				// The whole message has verified before what is behind it shows.
				v.mustReleaseAtMost(t, tamperContent, way, append(bytes.Clone(v.msg), more...), "%d bytes more", len(more))
			}
		}
		for _, before := range []string{"\x00", "\x02", "A", "PK"} {
			for _, way := range openingWays() {
				v.mustRefuse(t, way, append([]byte(before), v.msg...), "%q in front", before)
			}
		}
	})
}

// Frames that are authentic by themselves do not move, within a message or from
// one to another, even under the same data key.
func TestMovedFramesAreRefused(t *testing.T) {
	forEachSuite(t, func(t *testing.T, v *victim) {
		other := newVictim(t, v.suite, 1)
		longer := seal(t, v.client, []byte(tamperContent+"more"), tamperContext)
		part := func(v *victim, n int) []byte { from, to := v.frame(n); return v.msg[from:to] }
		_, end := v.frame(2)
		header, footer := v.msg[:v.header], v.msg[end:]
		f := [][]byte{part(v, 0), part(v, 1), part(v, 2)}
		for what, pieces := range map[string][][]byte{
			"first two swapped":                {header, f[1], f[0], f[2], footer},
			"last two swapped":                 {header, f[0], f[2], f[1], footer},
			"backwards":                        {header, f[2], f[1], f[0], footer},
			"first dropped":                    {header, f[1], f[2], footer},
			"second dropped":                   {header, f[0], f[2], footer},
			"last dropped":                     {header, f[0], f[1], footer},
			"all dropped":                      {header, footer},
			"only the last":                    {header, f[2], footer},
			"first twice":                      {header, f[0], f[0], f[1], f[2], footer},
			"second twice":                     {header, f[0], f[1], f[1], f[2], footer},
			"last twice":                       {header, f[0], f[1], f[2], f[2], footer},
			"first of another message":         {header, part(other, 0), f[1], f[2], footer},
			"second of another message":        {header, f[0], part(other, 1), f[2], footer},
			"last of another message":          {header, f[0], f[1], part(other, 2), footer},
			"all of another message":           {header, other.msg[other.header:]},
			"header of another message":        {other.msg[:other.header], v.msg[v.header:]},
			"tail of a longer message":         {v.msg[:v.header], longer[len(longer)-(len(v.msg)-v.header):]},
			"footer of another message":        {v.msg[:end], other.msg[end:], {}},
			"header twice":                     {header, v.msg},
			"second as the last":               {header, f[0], {0xff, 0xff, 0xff, 0xff}, f[1][:16], {0, 0, 0, tamperFrame}, f[1][16:], footer},
			"last as a regular one":            {header, f[0], f[1], f[2][4:20], f[2][24:], {0, 0}, footer},
			"number of the first changed to 0": {header, {0, 0, 0, 0}, f[0][4:], f[1], f[2], footer},
			"nonces of the first two swapped":  {header, f[0][:4], f[1][4:16], f[0][16:], f[1][:4], f[0][4:16], f[1][16:], f[2], footer},
		} {
			msg := slices.Concat(pieces...)
			if bytes.Equal(msg, v.msg) {
				continue // no footer to take from another message
			}
			for _, way := range openingWays() {
				v.mustRefuse(t, way, msg, "%s", what)
			}
		}
	})
}

// Every byte of a message is covered: whatever is put in its place, alone or
// with all that follows, shows.
func TestRandomDamageIsRefused(t *testing.T) {
	forEachSuite(t, func(t *testing.T, v *victim) {
		noise := pattern(len(v.msg) + 64)
		for at := 0; at < len(v.msg); at += 3 {
			msg := slices.Concat(v.msg[:at], noise[:len(v.msg)-at])
			cut := slices.Delete(bytes.Clone(v.msg), at, at+1)
			grown := slices.Insert(bytes.Clone(v.msg), at, v.msg[at])
			for _, way := range []openingWay{wayOpen, wayReader, wayWriteTo, wayMemory, wayMemoryReads, wayReaderAt} {
				v.mustRefuse(t, way, msg, "noise from %d on", at)
				v.mustRefuse(t, way, cut, "without byte %d", at)
				v.mustRefuse(t, way, grown, "byte %d twice", at)
			}
		}
	})
}

// The frame that fails is named, whichever way it is found.
func TestFrameErrorNamesTheFrame(t *testing.T) {
	for _, workers := range []int{1, 2, 8} {
		c := newClient(t, newTestKeys(), optionsOf(envelope.AES256GCMHKDFSHA512Commit, tamperFrame, workers))
		plaintext := pattern(40*tamperFrame + 1)
		msg := seal(t, c, plaintext, nil)
		h, _ := envelope.ReadHeader(bytes.NewReader(msg))
		for frame := 1; frame <= 41; frame++ {
			at := h.Length + (frame-1)*(32+tamperFrame)
			changed := bytes.Clone(msg)
			changed[at+16]++ // content, or of the final frame a nonce
			for _, way := range openingWays() {
				got, err := way.open(t.Context(), c, changed, nil)
				var frameErr *envelope.FrameError
				if !errors.As(err, &frameErr) || frameErr.Frame != uint32(frame) || !errors.Is(err, envelope.ErrAuthentication) {
					t.Errorf("workers %d, %s: error %v, want frame %d", workers, way.name, err, frame)
				}
				if !bytes.HasPrefix(plaintext[:(frame-1)*tamperFrame], got) {
					t.Errorf("workers %d, %s: released %q", workers, way.name, got)
				}
			}
			if frame == 41 {
				changed = bytes.Clone(msg)
				changed[at+23] = tamperFrame + 1 // the length of the final frame's content
				changed = append(changed, 1, 2, 3, 4)
				for _, way := range openingWays() {
					_, err := way.open(t.Context(), c, changed, nil)
					var frameErr *envelope.FrameError
					if !way.random && (!errors.As(err, &frameErr) || frameErr.Frame != 41 || !errors.Is(err, envelope.ErrFormat)) {
						t.Errorf("workers %d, %s, final frame too long: error %v, want frame %d", workers, way.name, err, frame)
					}
				}
			}
		}
	}
}

// The same in messages of several batches, where frames are opened out of order:
// what is released is what stands before the first frame that fails.
func TestDamageInLongMessages(t *testing.T) {
	const frameLength = 32 << 10
	plaintext := patternBytes(2<<20 + 5)
	for _, suite := range []envelope.Suite{envelope.AES256GCMHKDFSHA512Commit, envelope.AES128GCMHKDFSHA256ECDSAP256} {
		for _, workers := range []int{1, 2, 8} {
			t.Run(fmt.Sprintf("%v, workers %d", suite, workers), func(t *testing.T) {
				t.Parallel()
				c := newClient(t, newTestKeys(), optionsOf(suite, frameLength, workers))
				msg := seal(t, c, plaintext, nil)
				h, _ := envelope.ReadHeader(bytes.NewReader(msg))
				for _, frame := range []int{1, 2, 8, 9, 17, 33, 64, 65} {
					changed := bytes.Clone(msg)
					changed[h.Length+(frame-1)*(32+frameLength)+20]++
					for _, way := range []openingWay{wayOpen, wayAppendOpen, wayReader, wayHugeReads, wayWriteTo, wayReadThenWriteTo, wayMemory, wayMemoryReads, wayMemoryReadThenWriteTo, wayVerify, wayReaderAt} {
						got, err := way.open(t.Context(), c, changed, nil)
						if !isRefusal(err) {
							t.Errorf("frame %d, %s: %d bytes, error %v", frame, way.name, len(got), err)
						}
						most := (frame - 1) * frameLength
						if way.whole || way.silent {
							most = 0
						}
						if len(got) > most || !bytes.Equal(got, plaintext[:len(got)]) {
							t.Errorf("frame %d, %s: released %d bytes, or other ones", frame, way.name, len(got))
						}
					}
				}
			})
		}
	}
}
