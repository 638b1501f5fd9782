package cache_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/cache"
)

// ended hears of the calls that ended.
type ended struct {
	mu     sync.Mutex
	events []cache.Event
}

func (h *ended) observe(e cache.Event) {
	if e.Kind != cache.EventFetch && e.Kind != cache.EventRefresh {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

// TestAbandonedCallsAreNoFailures: that callers leave, or that a cache is purged
// or closed, says nothing about KMS, and nobody is to be woken up for it.
func TestAbandonedCallsAreNoFailures(t *testing.T) {
	type world struct {
		t     *testing.T
		s     *source
		keys  *cache.Keyring
		ask   ask
		leave context.CancelFunc // of the callers
	}
	caller := func(w *world) {
		ctx, cancel := context.WithCancel(w.t.Context())
		w.leave = cancel
		w.s.took = time.Minute
		go func() { _, _ = w.ask(ctx, w.keys, "a") }()
		synctest.Wait()
	}
	refresh := func(w *world) {
		_, err := w.ask(w.t.Context(), w.keys, "a")
		require.NoError(w.t, err)
		time.Sleep(maxAge * 9 / 10)
		w.s.took = time.Minute
		_, err = w.ask(w.t.Context(), w.keys, "a")
		require.NoError(w.t, err)
		synctest.Wait()
	}
	for name, test := range map[string]struct {
		start func(*world)
		end   func(*world)
		kind  cache.EventKind
	}{
		"callers leave a fetch": {caller, func(w *world) { w.leave() }, cache.EventFetch},
		"close ends a fetch":    {caller, func(w *world) { require.NoError(w.t, w.keys.Close()) }, cache.EventFetch},
		"close ends a refresh":  {refresh, func(w *world) { require.NoError(w.t, w.keys.Close()) }, cache.EventRefresh},
		"purge ends a refresh":  {refresh, func(w *world) { w.keys.Purge() }, cache.EventRefresh},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, ask ask) {
				var heard ended
				w := &world{t: t, s: &source{}, ask: ask}
				w.keys = newCache(t, w.s, &cache.Options{MaxAge: maxAge, FetchTimeout: time.Hour, Observer: heard.observe})
				test.start(w)
				before := w.keys.Stats()
				time.Sleep(time.Second)
				test.end(w)
				synctest.Wait()

				stats := w.keys.Stats()
				require.EqualValues(t, 1, stats.Abandoned)
				require.Zero(t, stats.FetchFailures)
				require.Zero(t, stats.RefreshFailures)
				require.Equal(t, before.Fetches+before.Refreshes+1, stats.Fetches+stats.Refreshes, "they are calls")
				require.Equal(t, before.KeyringTime+time.Second, stats.KeyringTime)
				last := heard.events[len(heard.events)-1]
				require.Equal(t, test.kind, last.Kind)
				require.True(t, last.Abandoned)
				require.NoError(t, last.Err)
			})
		})
	}
}

// TestFailuresAreNotAbandoned, although nobody gets anything from them either.
func TestFailuresAreNotAbandoned(t *testing.T) {
	t.Run("a call that takes too long", func(t *testing.T) {
		inBubble(t, func(t *testing.T, ask ask) {
			keys := newCache(t, &source{took: time.Hour}, &cache.Options{FetchTimeout: time.Second})
			_, err := ask(t.Context(), keys, "a")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.EqualValues(t, 1, keys.Stats().FetchFailures)
			require.Zero(t, keys.Stats().Abandoned)
		})
	})
	t.Run("a panic after all have left", func(t *testing.T) {
		inBubble(t, func(t *testing.T, ask ask) {
			var heard ended
			s := &source{fail: func(ctx context.Context, _ int) error { <-ctx.Done(); panic(errOutage) }}
			keys := newCache(t, s, &cache.Options{Observer: heard.observe})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := ask(ctx, keys, "a")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			synctest.Wait()
			require.EqualValues(t, 1, keys.Stats().FetchFailures)
			require.Zero(t, keys.Stats().Abandoned)
			require.ErrorIs(t, heard.events[0].Err, errOutage)
			require.False(t, heard.events[0].Abandoned)
		})
	})
}

// TestRequestsThatAskNothingAreNotCounted: the rest is the sum of the four.
func TestRequestsThatAskNothingAreNotCounted(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		keys := newCache(t, &source{}, nil)
		over, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := ask(over, keys, "a")
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, cache.Stats{}, keys.Stats())

		_, err = ask(t.Context(), keys, "a")
		require.NoError(t, err)
		_, err = ask(over, keys, "a")
		require.NoError(t, err, "a hit does not look at ctx")
		require.NoError(t, keys.Close())
		before := keys.Stats()
		require.EqualValues(t, 2, before.Hits+before.Misses)
		_, err = ask(t.Context(), keys, "a")
		require.ErrorIs(t, err, cache.ErrClosed)
		require.Equal(t, before, keys.Stats())
	})
}
