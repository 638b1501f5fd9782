package envelope_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/vectors"
	"github.com/sealwax/sealwax/keyring"
)

// longestFrame is the longest that the format has, or that an int can count with
// its overhead, or with that of a non-framed body.
var longestFrame = int(min(int64(1<<32-1), math.MaxInt-40-36))

func TestOptionsAreValidated(t *testing.T) {
	type options = envelope.Options
	for _, tt := range []struct {
		what string
		opts options
		ok   bool
	}{
		{"zero", options{}, true},
		{"negative frame length", options{FrameLength: -1}, false},
		{"frame length 1", options{FrameLength: 1}, true},
		{"frame length at the bound", options{FrameLength: 64 << 20}, true},
		{"frame length beyond the bound", options{FrameLength: 64<<20 + 1}, false},
		{"frame length at a bound of one's own", options{FrameLength: 100, MaxFrameLength: 100}, true},
		{"frame length beyond a bound of one's own", options{FrameLength: 101, MaxFrameLength: 100}, false},
		{"bound below the usual frame length", options{MaxFrameLength: 100}, true},
		{"longest frames", options{FrameLength: longestFrame, MaxFrameLength: longestFrame}, true},
		{"frames that are too long", options{MaxFrameLength: longestFrame + 1}, false},
		{"negative frame bound", options{MaxFrameLength: -1}, false},
		{"negative workers", options{Workers: -1}, false},
		{"one worker", options{Workers: 1}, true},
		{"many workers", options{Workers: 1024}, true},
		{"too many workers", options{Workers: 1025}, false},
		{"negative EDKs", options{MaxEncryptedDataKeys: -1}, false},
		{"as many EDKs as the format has", options{MaxEncryptedDataKeys: 65535}, true},
		{"one more", options{MaxEncryptedDataKeys: 65536}, false},
		{"negative header", options{MaxHeaderSize: -1}, false},
		{"a header of one byte", options{MaxHeaderSize: 1}, true},
		{"unknown suite", options{Suite: 0x0479}, false},
		{"negative policy", options{Commitment: -1}, false},
		{"unknown policy", options{Commitment: 3}, false},
		{"negative context mode", options{ContextMatch: -1}, false},
		{"unknown context mode", options{ContextMatch: 3}, false},
		{"unstored pairs", options{UnstoredContext: []string{"a", "a", ""}}, true},
	} {
		if c, err := envelope.New(newTestKeys(), &tt.opts); (err == nil) != tt.ok || (c != nil) != tt.ok {
			t.Errorf("%s: error %v, want ok: %v", tt.what, err, tt.ok)
		}
	}
}

func TestArgumentsThatAreMissing(t *testing.T) {
	if _, err := envelope.New(nil, nil); err == nil {
		t.Error("New takes no keyring")
	}
	c := newClient(t, newTestKeys(), nil)
	if c.Keyring() == nil {
		t.Error("no keyring")
	}
	_, e1 := c.NewWriter(t.Context(), nil, nil)
	_, e2 := c.NewReader(t.Context(), nil, nil)
	_, e3 := c.NewSealingReader(t.Context(), nil, nil)
	_, e4 := c.NewReaderAt(t.Context(), nil, 0, nil)
	e5 := c.Reseal(t.Context(), new(bytes.Buffer), new(bytes.Reader), nil, nil, nil)
	for i, err := range []error{e1, e2, e3, e4, e5} {
		if err == nil || isRefusal(err) {
			t.Errorf("call %d: error %v", i, err)
		}
	}
}

// New copies its options.
func TestOptionsAreCopied(t *testing.T) {
	opts := &envelope.Options{UnstoredContext: []string{"a"}, FrameLength: 100}
	c := newClient(t, newTestKeys(), opts)
	opts.UnstoredContext[0], opts.FrameLength = "b", 200
	msg := seal(t, c, nil, envelope.Context{"a": "x"})
	h, err := envelope.ReadHeader(bytes.NewReader(msg))
	if err != nil || h.FrameLength != 100 || len(h.Context) != 0 {
		t.Errorf("header %+v, error %v", h, err)
	}
}

// RefuseSigned looks at the suite alone, before any key call and whatever the
// signature.
func TestRefuseSigned(t *testing.T) {
	for _, suite := range allSuites() {
		msg := seal(t, newClient(t, newTestKeys(), optionsOf(suite, 0, 1)), []byte("content"), nil)
		keys := newTestKeys()
		opts := optionsOf(suite, 0, 1)
		opts.RefuseSigned = true
		for _, way := range openingWays() {
			got, err := way.open(t.Context(), newClient(t, keys, opts), msg, nil)
			if suite.Signed() {
				if !errors.Is(err, envelope.ErrPolicy) || len(got) > 0 || keys.opened.Load() != 0 {
					t.Errorf("%v, %s: got %q, error %v, %d key calls", suite, way.name, got, err, keys.opened.Load())
				}
			} else if err != nil {
				t.Errorf("%v, %s: %v", suite, way.name, err)
			}
		}
	}
}

// Random access to signed messages is a choice.
func TestRandomAccessToSignedMessages(t *testing.T) {
	for _, suite := range allSuites() {
		keys := newTestKeys()
		opts := optionsOf(suite, 0, 1)
		msg := seal(t, newClient(t, keys, opts), []byte("content"), nil)
		opts.AllowUnverifiedSignature = false
		got, err := wayReaderAt.open(t.Context(), newClient(t, keys, opts), msg, nil)
		if suite.Signed() != errors.Is(err, envelope.ErrPolicy) || suite.Signed() != (keys.opened.Load() == 0) || (err == nil) != (string(got) == "content") {
			t.Errorf("%v: got %q, error %v, %d key calls", suite, got, err, keys.opened.Load())
		}
	}
}

// The bounds, at and beyond: ErrPolicy, before any key call.
func TestBounds(t *testing.T) {
	edks := func(n int) []vectors.EDK {
		list := make([]vectors.EDK, n)
		for i := range list {
			list[i] = vectors.DefaultEDK
		}
		return list
	}
	const v1, v2 = 0x0178, 0x0478
	for _, tt := range []struct {
		what string
		msg  vectors.Message
		opts envelope.Options
		ok   bool
	}{
		{"64 EDKs", vectors.Message{Suite: v2, EDKs: edks(64)}, envelope.Options{}, true},
		{"65 EDKs", vectors.Message{Suite: v2, EDKs: edks(65)}, envelope.Options{}, false},
		{"2 of 2 EDKs", vectors.Message{Suite: v1, EDKs: edks(2)}, envelope.Options{MaxEncryptedDataKeys: 2}, true},
		{"3 of 2 EDKs", vectors.Message{Suite: v1, EDKs: edks(3)}, envelope.Options{MaxEncryptedDataKeys: 2}, false},
		{"header at the bound", vectors.Message{Suite: v2}, envelope.Options{MaxHeaderSize: v2HeaderLength}, true},
		{"header a byte beyond", vectors.Message{Suite: v2}, envelope.Options{MaxHeaderSize: v2HeaderLength - 1}, false},
		{"frames at the bound", vectors.Message{Suite: v2, FrameLength: 64 << 20}, envelope.Options{}, true},
		{"frames a byte beyond", vectors.Message{Suite: v2, FrameLength: 64<<20 + 1}, envelope.Options{}, false},
		{"longest frames, allowed", vectors.Message{Suite: v1, FrameLength: uint32(longestFrame)}, envelope.Options{MaxFrameLength: longestFrame}, true},
		{"not framed, at the bound", vectors.Message{Suite: v2, NonFramed: true}, envelope.Options{MaxFrameLength: 7}, true},
		{"not framed, a byte beyond", vectors.Message{Suite: v2, NonFramed: true}, envelope.Options{MaxFrameLength: 6}, false},
	} {
		t.Run(tt.what, func(t *testing.T) {
			key := make([]byte, 32)
			tt.msg.DataKey, tt.msg.Content = key, []byte("content")
			if tt.msg.FrameLength == 0 {
				tt.msg.FrameLength = 5
			}
			msg := tt.msg.Encode()
			tt.opts.Commitment = envelope.RequireEncryptAllowDecrypt
			for _, way := range openingWays() {
				if tt.msg.FrameLength == 1<<32-1 && way.random {
					continue // it keeps room for whole frames
				}
				got, err := way.open(t.Context(), newClient(t, holding(key), &tt.opts), msg, nil)
				if tt.ok && (err != nil || !way.silent && string(got) != "content") ||
					!tt.ok && (!errors.Is(err, envelope.ErrPolicy) || len(got) > 0) {
					t.Errorf("%s: got %q, error %v", way.name, got, err)
				}
			}
		})
	}
}

// v2HeaderLength is that of vectors.DefaultEDK and no context.
const v2HeaderLength = 1 + 2 + 32 + 2 + 2 + (2 + 7 + 2 + 3 + 2 + 6) + 1 + 4 + 32 + 16

// What is claimed and not there is not made room for: reading hostile headers
// takes memory for what arrives.
func TestHostileClaimsTakeNoMemory(t *testing.T) {
	key := make([]byte, 32)
	many := make([]vectors.EDK, 65535)
	var aad bytes.Buffer
	aad.Write([]byte{0xff, 0xff})
	for aad.Len() < 65535 {
		aad.Write([]byte{0, 1, byte('a' + aad.Len()%26), 0, 0})
	}
	pairs := aad.String()[:65535]
	short := []byte("short")
	for what, tt := range map[string]struct {
		msg  vectors.Message
		keep int // bytes of the message that are there; 0: all
		opts envelope.Options
	}{
		"65,535 EDKs": {vectors.Message{Suite: 0x0478, EDKs: many, FrameLength: 8, Content: short}, 0, envelope.Options{}},
		"65,535 EDKs that are not there, all allowed": {vectors.Message{Suite: 0x0478, EDKCount: new(uint16(65535)), FrameLength: 8}, 60, envelope.Options{MaxEncryptedDataKeys: 65535}},
		"65,535 pairs":                {vectors.Message{Suite: 0x0478, AAD: &pairs, FrameLength: 8}, 0, envelope.Options{}},
		"a context that is not there": {vectors.Message{Suite: 0x0478, AADLength: new(uint16(65535)), FrameLength: 8}, 100, envelope.Options{}},
		"frames of 4 GiB":             {vectors.Message{Suite: 0x0478, FrameLength: 1<<32 - 1, Content: short}, 0, envelope.Options{}},
		"frames of 4 GiB, allowed, one of them not there":    {vectors.Message{Suite: 0x0478, FrameLength: 1<<32 - 1, Frames: []vectors.Frame{{Sequence: 1, Content: short}}}, 0, envelope.Options{MaxFrameLength: longestFrame}},
		"a final frame of 4 GiB, allowed, that is not there": {vectors.Message{Suite: 0x0478, FrameLength: 1<<32 - 1, Frames: []vectors.Frame{{Sequence: 1, Final: true, Length: new(uint32(1<<32 - 1))}}}, 0, envelope.Options{MaxFrameLength: longestFrame}},
		"a body of 64 GiB that is not there":                 {vectors.Message{Suite: 0x0478, NonFramed: true, Length: new(uint64(1<<36 - 32)), Content: short}, 0, envelope.Options{}},
		"a body of 4 GiB, allowed, that is not there":        {vectors.Message{Suite: 0x0478, NonFramed: true, Length: new(uint64(1<<32 - 1)), Content: short}, 0, envelope.Options{MaxFrameLength: longestFrame}},
		"a signature of 65,535 bytes that is not there":      {vectors.Message{Suite: 0x0578, FrameLength: 8, Content: short, SignedLength: new(uint16(65535))}, 0, envelope.Options{}},
	} {
		tt.msg.DataKey = key
		msg := tt.msg.Encode()
		if tt.keep > 0 {
			msg = msg[:tt.keep]
		}
		tt.opts.AllowUnverifiedSignature = true
		c := newClient(t, holding(key), &tt.opts)
		for _, way := range openingWays() {
			if tt.msg.SignedLength != nil && way.random {
				continue // opens what can be
			}
			var err error
			took := allocated(func() { _, err = way.open(t.Context(), c, msg, nil) })
			if !isRefusal(err) {
				t.Errorf("%s, %s: error %v", what, way.name, err)
			}
			// The bound on headers, 1 MiB, and 1 MiB more.
			if took > 2<<20 {
				t.Errorf("%s, %s: took %d KiB", what, way.name, took>>10)
			}
		}
	}
}

// allocated returns how many bytes f allocates, freed or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// WithEncryptedDataKeys: EDKs beside the message, for committing suites.
func TestEncryptedDataKeysBesideTheMessage(t *testing.T) {
	theirs := keyring.EncryptedDataKey{ProviderID: "beside", Ciphertext: []byte("x")}
	outage := errors.New("outage")
	right, wrong := vectors.Bytes("right", 32), vectors.Bytes("wrong", 32)
	none := &keyring.NoDataKeyError{}
	type answer struct {
		key []byte
		err error
	}
	for _, tt := range []struct {
		what           string
		beside, header answer
		calls          int
		check          func(err error) bool // nil: opens
	}{
		{"the key beside", answer{key: right}, answer{err: outage}, 1, nil},
		{"a wrong key beside", answer{key: wrong}, answer{key: right}, 2, nil},
		{"no key beside", answer{err: none}, answer{key: right}, 2, nil},
		{"an outage beside", answer{err: outage}, answer{key: right}, 2, nil},
		{"a short key beside", answer{key: right[1:]}, answer{key: right}, 2, nil},
		{"wrong keys", answer{key: wrong}, answer{key: wrong}, 2, func(err error) bool { return errors.Is(err, envelope.ErrAuthentication) }},
		{"no keys", answer{err: none}, answer{err: none}, 2, func(err error) bool {
			_, ok := errors.AsType[*keyring.NoDataKeyError](err)
			return ok && errors.Is(err, envelope.ErrAuthentication)
		}},
		{"an outage beside, no key in the header", answer{err: outage}, answer{err: none}, 2, func(err error) bool {
			return errors.Is(err, outage) && !errors.Is(err, envelope.ErrAuthentication)
		}},
		{"a wrong key beside, an outage of the header's", answer{key: wrong}, answer{err: outage}, 2, func(err error) bool {
			return errors.Is(err, outage) && !errors.Is(err, envelope.ErrAuthentication)
		}},
	} {
		for _, suite := range []uint16{0x0478, 0x0578} {
			m := vectors.Message{Suite: 0x0478, DataKey: right, FrameLength: 4, Content: []byte("content")}
			if suite == 0x0578 {
				m.Suite = 0x0578
			}
			msg := m.Encode()
			calls := 0
			keys := keyringFuncs{open: func(req *keyring.DecryptionRequest) (*keyring.DecryptionMaterials, error) {
				a := tt.header
				if calls++; calls == 1 {
					a = tt.beside
				}
				if first := req.EncryptedDataKeys[0].ProviderID; len(req.EncryptedDataKeys) != 1 || (calls == 1) != (first == "beside") {
					t.Errorf("%s: call %d has %d EDKs, the first of %q", tt.what, calls, len(req.EncryptedDataKeys), first)
				}
				if a.err != nil {
					return nil, a.err
				}
				return &keyring.DecryptionMaterials{DataKey: keyring.NewDataKey(bytes.Clone(a.key))}, nil
			}}
			c := newClient(t, keys, &envelope.Options{AllowUnverifiedSignature: true})
			for name, open := range besideWays(t, c, msg) {
				calls = 0
				got, err := open(envelope.WithEncryptedDataKeys(theirs))
				if calls != tt.calls {
					t.Errorf("%s, %s: %d calls, want %d", tt.what, name, calls, tt.calls)
				}
				if tt.check == nil && (err != nil || string(got) != "content") || tt.check != nil && (err == nil || !tt.check(err)) {
					t.Errorf("%s, %s: got %q, error %v", tt.what, name, got, err)
				}
			}
		}
	}
}

func besideWays(t *testing.T, c *envelope.Client, msg []byte) map[string]func(...envelope.MessageOption) ([]byte, error) {
	ctx := t.Context()
	return map[string]func(...envelope.MessageOption) ([]byte, error){
		"Reader": func(opts ...envelope.MessageOption) ([]byte, error) {
			r, err := c.NewReader(ctx, bytes.NewReader(msg), nil, opts...)
			if err != nil {
				return nil, err
			}
			return readAll(r, 100)
		},
		"ReaderAt": func(opts ...envelope.MessageOption) ([]byte, error) {
			r, err := c.NewReaderAt(ctx, bytes.NewReader(msg), int64(len(msg)), nil, opts...)
			if err != nil {
				return nil, err
			}
			defer r.Close()
			b := make([]byte, r.Size())
			_, err = r.ReadAt(b, 0)
			return b, err
		},
	}
}

// EDKs beside a message that does not commit to its key are not looked at: they
// could open it as something else.
func TestEncryptedDataKeysBesideUncommittedMessages(t *testing.T) {
	for _, suite := range allSuites() {
		keys := newTestKeys()
		c := newClient(t, keys, optionsOf(suite, 4, 1))
		msg := seal(t, c, []byte("content"), nil)
		for name, open := range besideWays(t, c, msg) {
			keys.opened.Store(0)
			got, err := open(envelope.WithEncryptedDataKeys(keyring.EncryptedDataKey{ProviderID: "beside"}))
			want := int64(1)
			if suite.Committing() {
				want = 2
			}
			if err != nil || string(got) != "content" || keys.opened.Load() != want {
				t.Errorf("%v, %s: got %q, error %v, %d key calls, want %d", suite, name, got, err, keys.opened.Load(), want)
			}
		}
	}
}

func TestMaxEncryptedDataKeysBoundsTheSum(t *testing.T) {
	for n, ok := range map[int]bool{1: true, 2: true, 3: false} {
		keys := newTestKeys()
		c := newClient(t, keys, &envelope.Options{MaxEncryptedDataKeys: 3})
		keys.edks = append(keys.edks, keyring.EncryptedDataKey{ProviderID: "second"})
		if n < 3 {
			keys.edks = keys.edks[:1]
		}
		msg := seal(t, c, []byte("content"), nil)
		var beside []keyring.EncryptedDataKey
		for i := range min(n, 2) {
			beside = append(beside, keyring.EncryptedDataKey{ProviderID: fmt.Sprint("beside ", i)})
		}
		for name, open := range besideWays(t, c, msg) {
			keys.opened.Store(0)
			// Options add up.
			got, err := open(envelope.WithEncryptedDataKeys(beside[:1]...), envelope.WithEncryptedDataKeys(beside[1:]...))
			if ok && (err != nil || string(got) != "content") || !ok && (!errors.Is(err, envelope.ErrPolicy) || keys.opened.Load() != 0) {
				t.Errorf("%d beside and %d in the header, %s: got %q, error %v", len(beside), len(keys.edks), name, got, err)
			}
		}
	}
}

// Options for sealing do nothing for opening, and say so.
func TestMessageOptionsInTheWrongPlace(t *testing.T) {
	keys := newTestKeys()
	c := newClient(t, keys, nil)
	msg := seal(t, c, nil, nil)
	keys.sealed.Store(0)
	for name, open := range besideWays(t, c, msg) {
		if _, err := open(envelope.WithLength(0)); err == nil || keys.opened.Load() != 0 {
			t.Errorf("%s takes WithLength: error %v", name, err)
		}
	}
	beside := envelope.WithEncryptedDataKeys(testEDK)
	if _, err := c.NewWriter(t.Context(), new(bytes.Buffer), nil, beside); err == nil || keys.sealed.Load() != 0 {
		t.Errorf("NewWriter takes WithEncryptedDataKeys: error %v", err)
	}
	if _, err := c.NewSealingReader(t.Context(), new(bytes.Buffer), nil, beside); err == nil || keys.sealed.Load() != 0 {
		t.Errorf("NewSealingReader takes WithEncryptedDataKeys: error %v", err)
	}
}

// The greatest frame length that options allow takes no more memory than what
// has arrived, whatever an int counts up to.
func TestGreatestFrameLength(t *testing.T) {
	for _, frameLength := range []int{300 << 20, longestFrame - 31, longestFrame} {
		for _, workers := range []int{1, 2, 8} {
			c := newClient(t, newTestKeys(), &envelope.Options{FrameLength: frameLength, MaxFrameLength: frameLength, Workers: workers})
			plaintext := pattern(300_000) // worth several goroutines
			msg := seal(t, c, plaintext, nil)
			var written bytes.Buffer
			w, err := c.NewWriter(t.Context(), &written, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.ReadFrom(bareReader{bytes.NewReader(plaintext)}); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil || written.Len() != len(msg) {
				t.Errorf("frames of %d, workers %d: wrote %d bytes, error %v, want %d", frameLength, workers, written.Len(), err, len(msg))
			}
			cut := bytes.Clone(msg[:len(msg)-16])
			h, _ := envelope.ReadHeader(bytes.NewReader(msg))
			copy(cut[h.Length:], "\x00\x00\x00\x01") // a regular frame, most of which is missing
			for _, way := range openingWays() {
				if raceEnabled && way.name == wayTinyReads.name {
					continue // the detector looks at all that is there after each read
				}
				var got []byte
				var err error
				took := allocated(func() { got, err = way.open(t.Context(), c, msg, nil) })
				if err != nil || !way.silent && !bytes.Equal(got, plaintext) || took > 16<<20 {
					t.Errorf("frames of %d, workers %d, %s: %d bytes, took %d KiB, error %v", frameLength, workers, way.name, len(got), took>>10, err)
				}
				took = allocated(func() { _, err = way.open(t.Context(), c, cut, nil) })
				if !isRefusal(err) || took > 16<<20 {
					t.Errorf("frames of %d, workers %d, %s, cut off: took %d KiB, error %v", frameLength, workers, way.name, took>>10, err)
				}
			}
		}
	}
}
