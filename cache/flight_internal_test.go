package cache

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyring"
)

// gate answers when it is opened.
type gate struct {
	nothing
	open chan struct{}
}

func (g gate) DecryptionMaterials(context.Context, *keyring.DecryptionRequest) (*keyring.DecryptionMaterials, error) {
	<-g.open
	return &keyring.DecryptionMaterials{DataKey: keyring.NewDataKey([]byte("thirty-two bytes of a secret key"))}, nil
}

// TestCopyOfAFlightIsZeroedWhenAllHaveLeft: those who waited are served from a
// copy of the key, which must not stay.
func TestCopyOfAFlightIsZeroedWhenAllHaveLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gate{open: make(chan struct{})}
		k, err := New(g, nil)
		require.NoError(t, err)
		defer k.Close()
		for range 3 {
			go func() {
				_, err := k.DecryptionMaterials(context.Background(), &keyring.DecryptionRequest{Suite: derives})
				require.NoError(t, err)
			}()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() {
			_, err := k.DecryptionMaterials(ctx, &keyring.DecryptionRequest{Suite: derives})
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}()
		synctest.Wait()
		require.Len(t, k.s.flights, 1)
		var f *flight
		for _, f = range k.s.flights {
		}
		holds := func(more int) int {
			k.s.mu.Lock()
			defer k.s.mu.Unlock()
			f.holds += more
			return f.holds
		}
		require.Equal(t, 4, holds(0))
		time.Sleep(2 * time.Second)
		require.Equal(t, 3, holds(0))

		holds(1) // this test looks on
		close(g.open)
		synctest.Wait()
		require.Equal(t, 1, holds(0))
		require.Equal(t, 32, f.key.Len())
		var memory []byte
		_ = f.key.Do(func(b []byte) error { memory = b; return nil })
		require.NotEqual(t, make([]byte, 32), memory)

		k.s.leave(f)
		require.Equal(t, make([]byte, 32), memory)
		require.Empty(t, k.s.flights)
		require.Equal(t, 32, f.entry.answer.key.Len(), "the entry's own key stays")
	})
}

// TestKeyThatCameMeanwhileIsAHit: between a request's look at the table and its
// call, another's flight may have landed.
func TestKeyThatCameMeanwhileIsAHit(t *testing.T) {
	g := gate{open: make(chan struct{})}
	close(g.open)
	k, err := New(g, nil)
	require.NoError(t, err)
	defer k.Close()
	req := &keyring.DecryptionRequest{Suite: derives}
	_, err = k.DecryptionMaterials(t.Context(), req)
	require.NoError(t, err)
	_, key, err := k.s.fetch(t.Context(), k.s.openIdentity(nil, req), 0, func() request { return copyOpen(req) })
	require.NoError(t, err)
	require.Equal(t, 32, key.Len())
	stats := k.Stats()
	require.EqualValues(t, 1, stats.Fetches)
	require.EqualValues(t, 1, stats.Misses)
	require.EqualValues(t, 1, stats.Hits)
}

// TestSecondRefreshDoesNotStart: of those who found it due at the same time, one
// starts it.
func TestSecondRefreshDoesNotStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gate{open: make(chan struct{}, 1)}
		g.open <- struct{}{}
		k, err := New(g, nil)
		require.NoError(t, err)
		defer k.Close()
		defer close(g.open)
		req := &keyring.DecryptionRequest{Suite: derives}
		_, err = k.DecryptionMaterials(t.Context(), req)
		require.NoError(t, err)
		e := k.s.recency.oldest()
		copies := 0
		for range 3 {
			k.s.refreshAhead(e, func() request { copies++; return copyOpen(req) })
			synctest.Wait()
		}
		require.Equal(t, 1, copies)
	})
}

// TestTimerThatWasStoppedTooLateLeavesTheNextAlone: its function may already
// wait for the lock when the store empties and fills again.
func TestTimerThatWasStoppedTooLateLeavesTheNextAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gate{open: make(chan struct{})}
		close(g.open)
		k, err := New(g, nil)
		require.NoError(t, err)
		for range 2 {
			_, err = k.DecryptionMaterials(t.Context(), &keyring.DecryptionRequest{Suite: derives})
			require.NoError(t, err)
			if k.s.timers == 1 {
				k.Purge()
			}
		}
		timer := k.s.timer
		require.NotNil(t, timer)
		k.s.running.Add(1)
		k.s.expire(1)
		require.Same(t, timer, k.s.timer)
		require.EqualValues(t, 2, k.s.timers)
		require.NoError(t, k.Close())
	})
}
