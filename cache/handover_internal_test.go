package cache

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyring"
)

// late is a caller whose observer is slow: its flight has landed, and it has not
// taken its key yet.
type late struct {
	t       *testing.T
	k       *Keyring
	inner   *shower
	started time.Time
	answer  chan error
}

// shower shows the memory of the keys that it gave away.
type shower struct {
	nothing
	calls atomic.Int64
}

func (s *shower) DecryptionMaterials(context.Context, *keyring.DecryptionRequest) (*keyring.DecryptionMaterials, error) {
	s.calls.Add(1)
	return &keyring.DecryptionMaterials{DataKey: keyring.NewDataKey([]byte("thirty-two bytes of a secret key"))}, nil
}

const slow = 10 * time.Minute

// newLate returns when the flight has landed; its caller comes slow after.
func newLate(t *testing.T, maxAge time.Duration) (*late, []byte) {
	l := &late{t: t, inner: &shower{}, started: time.Now(), answer: make(chan error, 1)}
	var first sync.Once
	var err error
	l.k, err = New(l.inner, &Options{MaxAge: maxAge, Observer: func(e Event) {
		if e.Kind == EventMiss {
			first.Do(func() { time.Sleep(slow) })
		}
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.k.Close()) })
	var f *flight
	go func() {
		m, err := l.k.DecryptionMaterials(context.Background(), &keyring.DecryptionRequest{Suite: derives})
		if err == nil {
			require.Equal(t, 32, m.DataKey.Len())
		}
		l.answer <- err
	}()
	synctest.Wait()
	require.EqualValues(t, 1, l.inner.calls.Load())
	l.k.s.mu.Lock()
	defer l.k.s.mu.Unlock()
	require.Len(t, l.k.s.landed, 1)
	for f = range l.k.s.landed {
	}
	return l, memoryOf(f.key)
}

// memoryOf returns the key's own bytes, not a copy.
func memoryOf(key *keyring.DataKey) (memory []byte) {
	_ = key.Do(func(b []byte) error { memory = b; return nil })
	return memory
}

// TestLateCallersCopyObeysTheCache: the copy of the key that a landed flight
// keeps for those who have not taken theirs yet is destroyed when the cache's
// keys are, and the late caller's message gets another key.
func TestLateCallersCopyObeysTheCache(t *testing.T) {
	zeros := make([]byte, 32)
	t.Run("MaxAge", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, memory := newLate(t, time.Minute)
			time.Sleep(time.Minute - time.Nanosecond)
			synctest.Wait()
			require.NotEqual(t, zeros, memory)
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			require.Equal(t, zeros, memory)
			require.NoError(t, <-l.answer)
			require.Equal(t, slow, time.Since(l.started))
			require.EqualValues(t, 2, l.inner.calls.Load(), "of a new call")
		})
	})
	t.Run("Purge", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, memory := newLate(t, time.Hour)
			l.k.Purge()
			require.Equal(t, zeros, memory)
			require.NoError(t, <-l.answer)
			require.EqualValues(t, 2, l.inner.calls.Load(), "of a new call")
			stats := l.k.Stats()
			require.EqualValues(t, 1, stats.Misses+stats.SharedFlights+stats.Hits, "it is one request all the same")
		})
	})
	t.Run("Close", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, memory := newLate(t, time.Hour)
			require.NoError(t, l.k.Close())
			require.Equal(t, zeros, memory)
			require.ErrorIs(t, <-l.answer, ErrClosed)
			require.EqualValues(t, 1, l.inner.calls.Load())
		})
	})
	t.Run("in time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, memory := newLate(t, time.Hour)
			require.NoError(t, <-l.answer)
			require.EqualValues(t, 1, l.inner.calls.Load())
			synctest.Wait()
			require.Equal(t, zeros, memory, "the last one to take its copy destroys the flight's")
			require.Empty(t, l.k.s.landed)
		})
	})
}

// TestHandoverOfAPurgedFlightIsBound: a flight from before a purge brings its
// key to those who waited for it, who must not be later than any others.
func TestHandoverOfAPurgedFlightIsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gate{open: make(chan struct{})}
		var first sync.Once
		k, err := New(g, &Options{MaxAge: time.Minute, Observer: func(e Event) {
			if e.Kind == EventMiss {
				first.Do(func() { time.Sleep(slow) })
			}
		}})
		require.NoError(t, err)
		answer := make(chan error, 1)
		go func() {
			_, err := k.DecryptionMaterials(context.Background(), &keyring.DecryptionRequest{Suite: derives})
			answer <- err
		}()
		synctest.Wait()
		k.Purge()
		close(g.open)
		synctest.Wait()
		require.Len(t, k.s.landed, 1)
		var f *flight
		for f = range k.s.landed {
		}
		memory := memoryOf(f.key)
		require.Len(t, memory, 32)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, make([]byte, 32), memory)
		require.NoError(t, <-answer)
		require.NoError(t, k.Close())
	})
}

// TestShortestAgesServeThoseWhoWaited, or these would wait forever: however old
// a key is by the time that they wake up, they may take it for a moment.
func TestShortestAgesServeThoseWhoWaited(t *testing.T) {
	g := gate{open: make(chan struct{})}
	k, err := New(g, &Options{MaxAge: 1})
	require.NoError(t, err)
	defer k.Close()
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			m, err := k.DecryptionMaterials(context.Background(), &keyring.DecryptionRequest{Suite: derives})
			if err != nil || m.DataKey.Len() != 32 {
				t.Error(m, err)
			}
		})
	}
	close(g.open)
	wg.Wait()
}

// TestHandoverOfShortestAges ends with its own bound.
func TestHandoverOfShortestAges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, memory := newLate(t, time.Millisecond)
		time.Sleep(shortestHandover - time.Nanosecond)
		synctest.Wait()
		require.NotEqual(t, make([]byte, 32), memory)
		require.Zero(t, l.k.Stats().Entries, "for nobody else")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		require.Equal(t, make([]byte, 32), memory)
		require.NoError(t, <-l.answer)
		require.EqualValues(t, 2, l.inner.calls.Load())
	})
}
