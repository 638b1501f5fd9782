package envelope_test

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"

	"github.com/sealwax/sealwax/envelope"
)

// A client is safe for concurrent use.
func TestClientsAreSafeForConcurrentUse(t *testing.T) {
	c := newClient(t, newTestKeys(), optionsOf(envelope.AES256GCMHKDFSHA512Commit, 1000, 2))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			ec := envelope.Context{"goroutine": fmt.Sprint(g)}
			plaintext := pattern(500 * g)
			for range 5 {
				for _, way := range sealingWays(1000) {
					msg, err := way.seal(t.Context(), c, plaintext, ec)
					if err != nil {
						t.Error(err)
						return
					}
					if got, err := c.Open(t.Context(), msg, ec); err != nil || !bytes.Equal(got, plaintext) {
						t.Errorf("%s: %d bytes, error %v", way.name, len(got), err)
					}
				}
				msg, err := c.Seal(t.Context(), plaintext, ec)
				if err != nil {
					t.Error(err)
					return
				}
				for _, way := range openingWays() {
					if got, err := way.open(t.Context(), c, msg, ec); err != nil || !way.silent && !bytes.Equal(got, plaintext) {
						t.Errorf("%s: %d bytes, error %v", way.name, len(got), err)
					}
				}
			}
		})
	}
	wg.Wait()
}

// A message takes one call of the keyring, however it is sealed or opened.
func TestOneKeyCallForEachMessage(t *testing.T) {
	for _, suite := range []envelope.Suite{envelope.AES256GCMHKDFSHA512Commit, envelope.AES256GCMHKDFSHA512CommitECDSAP384, envelope.AES256GCM} {
		keys := newTestKeys()
		c := newClient(t, keys, optionsOf(suite, 16, 2))
		var msg []byte
		for _, way := range sealingWays(16) {
			keys.sealed.Store(0)
			var err error
			if msg, err = way.seal(t.Context(), c, pattern(1000), nil); err != nil || keys.sealed.Load() != 1 || keys.opened.Load() != 0 {
				t.Errorf("%v, %s: %d calls to seal, %d to open, error %v", suite, way.name, keys.sealed.Load(), keys.opened.Load(), err)
			}
		}
		keys.sealed.Store(0)
		for _, way := range openingWays() {
			keys.opened.Store(0)
			if _, err := way.open(t.Context(), c, msg, nil); err != nil || keys.opened.Load() != 1 || keys.sealed.Load() != 0 {
				t.Errorf("%v, %s: %d calls to open, %d to seal, error %v", suite, way.name, keys.opened.Load(), keys.sealed.Load(), err)
			}
		}
	}
}

// goroutineCounter looks how many goroutines there are, each time it is used.
type goroutineCounter struct {
	io.Reader
	io.Writer
	most int
}

func (g *goroutineCounter) look() { g.most = max(g.most, runtime.NumGoroutine()) }

func (g *goroutineCounter) Read(p []byte) (int, error)  { g.look(); return g.Reader.Read(p) }
func (g *goroutineCounter) Write(p []byte) (int, error) { g.look(); return g.Writer.Write(p) }

// One worker never starts a goroutine, and neither does a short message.
func TestGoroutines(t *testing.T) {
	for _, tt := range []struct{ workers, size int }{{1, 0}, {1, 100}, {1, 3 << 20}, {8, 0}, {8, 1000}, {8, 100 << 10}} {
		c := newClient(t, newTestKeys(), optionsOf(envelope.AES256GCMHKDFSHA512Commit, 16<<10, tt.workers))
		before := runtime.NumGoroutine()
		g := &goroutineCounter{}
		var msg bytes.Buffer
		g.Reader, g.Writer = bytes.NewReader(patternBytes(tt.size)), &msg
		w, err := c.NewWriter(t.Context(), g, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.ReadFrom(g); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		g.Reader, g.Writer = bytes.NewReader(msg.Bytes()), io.Discard
		r, err := c.NewReader(t.Context(), g, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := r.WriteTo(g); err != nil || n != int64(tt.size) {
			t.Fatal(n, err)
		}
		if g.most > before {
			t.Errorf("workers %d, %d bytes: %d goroutines more", tt.workers, tt.size, g.most-before)
		}
	}
}
