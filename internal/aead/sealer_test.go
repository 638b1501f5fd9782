package aead

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/sealwax/sealwax/internal/fault"
	"github.com/sealwax/sealwax/internal/message"
	"github.com/sealwax/sealwax/internal/suite"
)

func newSealer(t *testing.T, s *suite.Suite) *Sealer {
	t.Helper()
	sealer, err := NewSealer(s, count(1, s.KeyLength), count(100, s.MessageIDLength()))
	if err != nil {
		t.Fatal(err)
	}
	return &sealer
}

func newOpener(t *testing.T, s *suite.Suite) *Opener {
	t.Helper()
	opener, err := NewOpener(s, count(1, s.KeyLength), count(100, s.MessageIDLength()), newSealer(t, s).Commitment())
	if err != nil {
		t.Fatal(err)
	}
	return &opener
}

// The nonce, associated data and layout of every piece, put together here by
// hand.
func TestWhatATagCovers(t *testing.T) {
	for _, s := range suite.All() {
		sealer := newSealer(t, s)
		id := string(count(100, s.MessageIDLength()))

		body := []byte("header body")
		header, err := sealer.AppendHeaderAuth([]byte("dst"), body, []byte("unstored"))
		if err != nil {
			t.Fatal(err)
		}
		zero := make([]byte, 12)
		want := "dst"
		if s.MessageVersion == 1 {
			want += string(zero)
		}
		want += string(sealer.gcm.Seal(nil, zero, nil, []byte("header bodyunstored")))
		if string(header) != want {
			t.Errorf("%v: header authentication %x, want %x", s.ID, header, want)
		}

		var run Run
		if err := sealer.Reserve(&run, 2, true); err != nil {
			t.Fatal(err)
		}
		got, err := run.Append([]byte("dst"), []byte("regular"))
		if err != nil {
			t.Fatal(err)
		}
		nonce := "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
		aad := id + "AWSKMSEncryptionClient Frame" + "\x00\x00\x00\x01" + "\x00\x00\x00\x00\x00\x00\x00\x07"
		want = "dst" + "\x00\x00\x00\x01" + nonce + string(sealer.gcm.Seal(nil, []byte(nonce), []byte("regular"), []byte(aad)))
		if string(got) != want {
			t.Errorf("%v: regular frame %x, want %x", s.ID, got, want)
		}
		if got, err = run.Append(nil, []byte("last")); err != nil {
			t.Fatal(err)
		}
		nonce = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02"
		aad = id + "AWSKMSEncryptionClient Final Frame" + "\x00\x00\x00\x02" + "\x00\x00\x00\x00\x00\x00\x00\x04"
		want = "\xff\xff\xff\xff\x00\x00\x00\x02" + nonce + "\x00\x00\x00\x04" + string(sealer.gcm.Seal(nil, []byte(nonce), []byte("last"), []byte(aad)))
		if string(got) != want {
			t.Errorf("%v: final frame %x, want %x", s.ID, got, want)
		}

		// A body that is not framed is opened only.
		aad = id + "AWSKMSEncryptionClient Single Block" + "\x00\x00\x00\x01" + "\x00\x00\x00\x00\x00\x00\x00\x05"
		sealed := sealer.gcm.Seal(nil, []byte("twelve bytes"), []byte("block"), []byte(aad))
		if got, err = newOpener(t, s).AppendNonFramed([]byte("dst"), []byte("twelve bytes"), sealed, new(Scratch)); err != nil || string(got) != "dstblock" {
			t.Errorf("%v: block %q, error %v", s.ID, got, err)
		}
	}
}

// No nonce can be used twice: there is one header, and every number once.
func TestCounters(t *testing.T) {
	s, _ := suite.Lookup(suite.AES256GCMHKDFSHA512Commit)
	sealer := newSealer(t, s)
	if _, err := sealer.AppendHeaderAuth(nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	if b, err := sealer.AppendHeaderAuth(nil, nil, nil); err == nil || b != nil {
		t.Error("a second header was sealed")
	}
	seen := map[uint32]bool{}
	var runs [3]Run
	for i, n := range []int{1, 3, 2} {
		if err := sealer.Reserve(&runs[i], n, i == 2); err != nil {
			t.Fatal(err)
		}
	}
	for i, n := range []int{1, 3, 2} {
		for range n {
			b, err := runs[i].Append(nil, []byte("x"))
			if err != nil {
				t.Fatal(err)
			}
			sequence := message.ParseFrame(b).Sequence
			if seen[sequence] {
				t.Errorf("number %d twice", sequence)
			}
			seen[sequence] = true
		}
		if b, err := runs[i].Append(nil, []byte("x")); err == nil || b != nil {
			t.Errorf("run of %d sealed one more", n)
		}
	}
	if len(seen) != 6 || !seen[1] || !seen[6] {
		t.Errorf("numbers %v, want 1 to 6", seen)
	}
	var more Run
	for _, final := range []bool{false, true} {
		if err := sealer.Reserve(&more, 1, final); err == nil {
			t.Error("there is a frame after the final one")
		}
	}
	if b, err := more.Append(nil, nil); err == nil || b != nil {
		t.Error("a run that was not reserved seals")
	}
}

// At most 2^32−1 frames, the last of them the final one: a regular frame of
// that number would look like one.
func TestFramesRunOut(t *testing.T) {
	s, _ := suite.Lookup(suite.AES256GCMHKDFSHA512Commit)
	const most = int64(1<<32 - 1)
	for _, tt := range []struct {
		used  int64
		n     int64
		final bool
		ok    bool
	}{
		{0, 0, false, false},
		{0, -1, false, false},
		{0, most - 1, false, true},
		{0, most, false, false},
		{0, most, true, true},
		{0, most + 1, true, false},
		{most - 2, 1, false, true},
		{most - 2, 2, true, true},
		{most - 1, 1, false, false},
		{most - 1, 1, true, true},
		{most - 1, 2, true, false},
		{most, 1, true, false},
	} {
		sealer := newSealer(t, s)
		sealer.frames = uint32(tt.used)
		var run Run
		if int64(int(tt.n)) != tt.n {
			continue // more than an int of 32 bits counts
		}
		err := sealer.Reserve(&run, int(tt.n), tt.final)
		if (err == nil) != tt.ok {
			t.Errorf("%d used, %d more, final %v: %v", tt.used, tt.n, tt.final, err)
		}
		if err != nil && tt.n > 0 && !errors.Is(err, errFramesExhausted) {
			t.Errorf("%d used, %d more: error %v", tt.used, tt.n, err)
		}
	}
	// The last number is sealed, and opens.
	sealer := newSealer(t, s)
	sealer.frames = uint32(most) - 1
	var run Run
	if err := sealer.Reserve(&run, 1, true); err != nil {
		t.Fatal(err)
	}
	b, err := run.Append(nil, []byte("x"))
	if err != nil || !bytes.HasPrefix(b, []byte("\xff\xff\xff\xff\xff\xff\xff\xff")) {
		t.Fatalf("%x, error %v", b, err)
	}
	if got, err := newOpener(t, s).AppendFrame(nil, message.ParseFrame(b), uint32(most), true, new(Scratch)); err != nil || string(got) != "x" {
		t.Errorf("opens as %q, error %v", got, err)
	}
}

// Runs may be sealed at the same time.
func TestRunsAreIndependent(t *testing.T) {
	s, _ := suite.Lookup(suite.AES256GCMHKDFSHA512Commit)
	sealer, opener := newSealer(t, s), newOpener(t, s)
	var wg sync.WaitGroup
	for i := range 8 {
		run := new(Run)
		if err := sealer.Reserve(run, 50, i == 7); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			var scratch Scratch
			for j := range 50 {
				content := fmt.Sprint(i, j)
				b, err := run.Append(nil, []byte(content))
				if err != nil {
					t.Error(err)
					return
				}
				sequence, final := uint32(i*50+j+1), i == 7 && j == 49
				got, err := opener.AppendFrame(nil, message.ParseFrame(b), sequence, final, &scratch)
				if err != nil || string(got) != content {
					t.Errorf("frame %d: %q, error %v", sequence, got, err)
				}
			}
		})
	}
	wg.Wait()
}

// A frame opens as what it is, where it is, with its stored nonce, and not
// otherwise; what fails leaves nothing behind.
func TestOpeningFrames(t *testing.T) {
	for _, s := range suite.All() {
		sealer, opener := newSealer(t, s), newOpener(t, s)
		var run Run
		if err := sealer.Reserve(&run, 1, false); err != nil {
			t.Fatal(err)
		}
		b, _ := run.Append(nil, []byte("secret"))
		f := message.ParseFrame(b)
		for _, tt := range []struct {
			what     string
			sequence uint32
			final    bool
			change   func(f message.Frame) message.Frame
			ok       bool
		}{
			{"as it is", 1, false, nil, true},
			{"another number", 2, false, nil, false},
			{"another kind", 1, true, nil, false},
			{"another nonce", 1, false, func(f message.Frame) message.Frame { f.Nonce = make([]byte, 12); return f }, false},
			{"a byte changed", 1, false, func(f message.Frame) message.Frame {
				f.Sealed = bytes.Clone(f.Sealed)
				f.Sealed[0]++
				return f
			}, false},
			{"a byte less", 1, false, func(f message.Frame) message.Frame { f.Sealed = f.Sealed[1:]; return f }, false},
			{"only a tag", 1, false, func(f message.Frame) message.Frame { f.Sealed = f.Sealed[:16]; return f }, false},
			{"less than a tag", 1, false, func(f message.Frame) message.Frame { f.Sealed = f.Sealed[:15]; return f }, false},
			{"nothing", 1, false, func(f message.Frame) message.Frame { f.Sealed = nil; return f }, false},
		} {
			changed := f
			if tt.change != nil {
				changed = tt.change(f)
			}
			dst := append(make([]byte, 0, 100), "dst"...)
			got, err := opener.AppendFrame(dst, changed, tt.sequence, tt.final, new(Scratch))
			if tt.ok {
				if err != nil || string(got) != "dstsecret" {
					t.Errorf("%v, %s: %q, error %v", s.ID, tt.what, got, err)
				}
				continue
			}
			if got != nil || !errors.Is(err, fault.ErrAuthentication) || bytes.Contains(dst[:100], []byte("secret")) || string(dst) != "dst" {
				t.Errorf("%v, %s: %q, error %v, dst %q", s.ID, tt.what, got, err, dst[:100])
			}
		}
		// Not as a body that is not framed, and not under another message id.
		if _, err := opener.AppendNonFramed(nil, f.Nonce, f.Sealed, new(Scratch)); !errors.Is(err, fault.ErrAuthentication) {
			t.Errorf("%v: a frame opens as a body: %v", s.ID, err)
		}
		opener.messageID = count(101, s.MessageIDLength())
		if _, err := opener.AppendFrame(nil, f, 1, false, new(Scratch)); !errors.Is(err, fault.ErrAuthentication) {
			t.Errorf("%v: a frame opens in another message: %v", s.ID, err)
		}
	}
}

func TestVerifyingHeaders(t *testing.T) {
	for _, s := range suite.All() {
		opener := newOpener(t, s)
		body := []byte("header body")
		auth, err := newSealer(t, s).AppendHeaderAuth(nil, body, []byte("unstored"))
		if err != nil {
			t.Fatal(err)
		}
		h := &message.Header{Suite: s, Body: body, Nonce: make([]byte, 12), Tag: auth[len(auth)-16:]}
		if err := opener.VerifyHeader(h, []byte("unstored")); err != nil {
			t.Errorf("%v: %v", s.ID, err)
		}
		// The tag cannot tell where the stored part ends; the keys can, and
		// nothing in the body may change.
		for _, unstored := range []string{"", "unstore", "unstored ", "Unstored"} {
			if err := opener.VerifyHeader(h, []byte(unstored)); !errors.Is(err, fault.ErrAuthentication) {
				t.Errorf("%v: unstored %q: %v", s.ID, unstored, err)
			}
		}
		for i := range body {
			bad := *h
			bad.Body = slices.Clone(body)
			bad.Body[i]++
			if err := opener.VerifyHeader(&bad, []byte("unstored")); !errors.Is(err, fault.ErrAuthentication) {
				t.Errorf("%v: byte %d: %v", s.ID, i, err)
			}
		}
		// A stored nonce is used.
		nonce := binary.BigEndian.AppendUint32(bytes.Repeat([]byte{0xff}, 8), 7)
		stored := &message.Header{Suite: s, Body: body, Nonce: nonce, Tag: opener.gcm.Seal(nil, nonce, nil, body)}
		if err := opener.VerifyHeader(stored, nil); err != nil {
			t.Errorf("%v: stored nonce: %v", s.ID, err)
		}
	}
}
