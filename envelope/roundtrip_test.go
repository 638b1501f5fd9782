package envelope_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/sealwax/sealwax/envelope"
)

// Every suite, every way of sealing, every way of opening, on one goroutine and
// on several, at every length around the edges of frames.
func TestRoundTripAroundFrameEdges(t *testing.T) {
	const frameLength = 16
	sizes := []int{0, 1, 15, 16, 17, 31, 32, 33, 48, 49, 10 * 16, 10*16 + 1}
	for _, suite := range allSuites() {
		for _, workers := range []int{1, 2, 8} {
			if raceEnabled && workers != 2 {
				continue // such short messages start no goroutines
			}
			t.Run(fmt.Sprintf("%v, workers %d", suite, workers), func(t *testing.T) {
				t.Parallel()
				roundTrip(t, optionsOf(suite, frameLength, workers), sizes, sealingWays(frameLength), openingWays())
			})
		}
	}
}

func TestRoundTripWithFramesOfOneByte(t *testing.T) {
	for _, suite := range []envelope.Suite{envelope.AES256GCMHKDFSHA512Commit, envelope.AES128GCMHKDFSHA256ECDSAP256} {
		for _, workers := range []int{1, 2} {
			t.Run(fmt.Sprintf("%v, workers %d", suite, workers), func(t *testing.T) {
				t.Parallel()
				roundTrip(t, optionsOf(suite, 1, workers), []int{0, 1, 2, 3, 100}, sealingWays(1), openingWays())
			})
		}
	}
}

// What is worth a goroutine is cut into batches of about 256 KiB: lengths around
// the edges of one, of several, of what a Writer gathers, and frames that are
// shorter, as long, and longer than a batch.
func TestRoundTripAroundBatchEdges(t *testing.T) {
	const batch = 256 << 10
	for _, tt := range []struct {
		frameLength int
		sizes       []int
	}{
		{4 << 10, []int{batch - 1, batch, batch + 1, 2*batch + 1, 5*batch + 4097}},
		{64 << 10, []int{batch, 2 * batch, 2*batch + 1, 4 * batch, 9*batch + 17}},
		{batch, []int{batch, batch + 1, 3 * batch, 4*batch + 5, 16 * batch}},
		{batch + 1, []int{batch + 1, 2*batch + 2, 5 * batch}},
		{1 << 20, []int{1 << 20, 3 << 20, 3<<20 + 1}},
		{100_000, []int{batch, 1_000_000, 2_000_001}}, // 2 frames to a batch, and some
	} {
		for _, workers := range []int{1, 2, 8} {
			for _, suite := range []envelope.Suite{envelope.AES256GCMHKDFSHA512Commit, envelope.AES256GCMHKDFSHA512CommitECDSAP384} {
				if suite.Signed() && (workers == 1 || raceEnabled) {
					continue // hashing takes its time, and is the same
				}
				if raceEnabled {
					if workers == 1 {
						continue
					}
					tt.sizes = tt.sizes[len(tt.sizes)-1:]
				}
				t.Run(fmt.Sprintf("%v, frames of %d, workers %d", suite, tt.frameLength, workers), func(t *testing.T) {
					t.Parallel()
					roundTrip(t, optionsOf(suite, tt.frameLength, workers), tt.sizes, bigSealingWays(tt.frameLength), bigOpeningWays())
				})
			}
		}
	}
}

// bigSealingWays leaves out what only repeats others at this length.
func bigSealingWays(frameLength int) (ways []sealingWay) {
	for _, way := range sealingWays(frameLength) {
		switch way.name {
		case "Seal", "ReadFrom in halves", "Write, ReadFrom, Write", "SealingReader", "SealingReader, then WriteTo",
			fmt.Sprintf("Writes of %d", frameLength+1), "Writes of 307200", "Writes of 1073741824":
			ways = append(ways, way)
		}
	}
	return ways
}

func bigOpeningWays() []openingWay {
	return []openingWay{wayOpen, wayReader, wayHugeReads, wayWriteTo, wayReadThenWriteTo, wayMemory, wayMemoryReads, wayMemoryReadThenWriteTo, wayReaderAt}
}

func roundTrip(t *testing.T, opts *envelope.Options, sizes []int, sealing []sealingWay, opening []openingWay) {
	c := newClient(t, newTestKeys(), opts)
	ec := envelope.Context{"purpose": "test"}
	for _, size := range sizes {
		plaintext := patternBytes(size)
		msg := seal(t, c, plaintext, ec)
		for _, way := range sealing {
			got, err := way.seal(t.Context(), c, plaintext, ec)
			if err != nil {
				t.Fatalf("%s, %d bytes: %v", way.name, size, err)
			}
			if len(got) != len(msg) {
				t.Errorf("%s, %d bytes: message of %d bytes, Seal's has %d", way.name, size, len(got), len(msg))
			}
			if content, err := c.Open(t.Context(), got, ec); err != nil || !bytes.Equal(content, plaintext) {
				t.Errorf("%s, %d bytes: opens as %d bytes, error %v", way.name, size, len(content), err)
			}
		}
		for _, way := range opening {
			got, err := way.open(t.Context(), c, msg, ec)
			if err != nil || !way.silent && !bytes.Equal(got, plaintext) {
				t.Errorf("%s, %d bytes: got %d bytes, error %v", way.name, size, len(got), err)
			}
		}
	}
}

// The table of commitment policies: what they seal, and what they open.
func TestCommitmentPolicies(t *testing.T) {
	for _, suite := range allSuites() {
		msg := seal(t, newClient(t, newTestKeys(), optionsOf(suite, 0, 1)), []byte("content"), nil)
		for _, tt := range []struct {
			policy       envelope.CommitmentPolicy
			seals, opens bool
		}{
			{envelope.RequireEncryptRequireDecrypt, suite.Committing(), suite.Committing()},
			{envelope.RequireEncryptAllowDecrypt, suite.Committing(), true},
			{envelope.ForbidEncryptAllowDecrypt, !suite.Committing(), true},
		} {
			t.Run(fmt.Sprintf("%v, policy %d", suite, tt.policy), func(t *testing.T) {
				_, err := envelope.New(newTestKeys(), &envelope.Options{Suite: suite, Commitment: tt.policy})
				if tt.seals != (err == nil) || err != nil && !errors.Is(err, envelope.ErrPolicy) {
					t.Errorf("New: error %v, seals: %v", err, tt.seals)
				}
				// A keyring that answers with a suite that the policy forbids.
				swap := keyringFuncs{seal: sealAs(suite)}
				_, err = newClient(t, swap, &envelope.Options{Commitment: tt.policy}).Seal(t.Context(), nil, nil)
				if tt.seals != (err == nil) || err != nil && !errors.Is(err, envelope.ErrPolicy) {
					t.Errorf("a keyring that answers with this suite: error %v, seals: %v", err, tt.seals)
				}
				keys := newTestKeys()
				opts := &envelope.Options{Commitment: tt.policy, AllowUnverifiedSignature: true, Workers: 1}
				for _, way := range openingWays() {
					got, err := way.open(t.Context(), newClient(t, keys, opts), msg, nil)
					switch {
					case tt.opens && (err != nil || !way.silent && string(got) != "content"):
						t.Errorf("%s: got %q, error %v", way.name, got, err)
					case !tt.opens && (!errors.Is(err, envelope.ErrPolicy) || len(got) > 0):
						t.Errorf("%s: got %q, error %v, want ErrPolicy", way.name, got, err)
					}
				}
				if calls := keys.opened.Load(); !tt.opens && calls != 0 {
					t.Errorf("%d calls of the keyring for a message that the policy forbids", calls)
				}
			})
		}
	}
}

// Without options, a client seals the careful suite.
func TestDefaultSuites(t *testing.T) {
	for policy, want := range map[envelope.CommitmentPolicy]envelope.Suite{
		envelope.RequireEncryptRequireDecrypt: envelope.AES256GCMHKDFSHA512Commit,
		envelope.RequireEncryptAllowDecrypt:   envelope.AES256GCMHKDFSHA512Commit,
		envelope.ForbidEncryptAllowDecrypt:    envelope.AES256GCMHKDFSHA256,
	} {
		c := newClient(t, newTestKeys(), &envelope.Options{Commitment: policy})
		h, err := envelope.ReadHeader(bytes.NewReader(seal(t, c, nil, nil)))
		if err != nil || h.Suite != want || h.FrameLength != 64<<10 {
			t.Errorf("policy %d: header %+v, error %v, want %v", policy, h, err, want)
		}
	}
}

func TestMessagesDiffer(t *testing.T) {
	c := newClient(t, newTestKeys(), nil)
	if a, b := seal(t, c, []byte("x"), nil), seal(t, c, []byte("x"), nil); bytes.Equal(a[3:35], b[3:35]) {
		t.Error("two messages have the same id")
	}
}

// A nil plaintext is an empty one, and opens as empty.
func TestNilPlaintext(t *testing.T) {
	c := newClient(t, newTestKeys(), optionsOf(envelope.AES256GCMHKDFSHA512CommitECDSAP384, 0, 2))
	msg := seal(t, c, nil, nil)
	for _, way := range openingWays() {
		if got, err := way.open(t.Context(), c, msg, nil); err != nil || len(got) != 0 {
			t.Errorf("%s: got %q, error %v", way.name, got, err)
		}
	}
}
