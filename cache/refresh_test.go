package cache_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/cache"
)

const maxAge = 100 * time.Second

// TestRequestsNeverWaitInSteadyState: of requests that come all the time, only
// the first waits, however slow the inner keyring is.
func TestRequestsNeverWaitInSteadyState(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{took: 10 * time.Second}
		keys := newCache(t, s, &cache.Options{MaxAge: maxAge})
		_, err := ask(t.Context(), keys, "a")
		require.NoError(t, err)
		for range 20 * 100 {
			began := time.Now()
			_, err := ask(t.Context(), keys, "a")
			require.NoError(t, err)
			require.Zero(t, time.Since(began))
			time.Sleep(maxAge / 100)
		}
		stats := keys.Stats()
		require.EqualValues(t, 1, stats.Misses)
		require.EqualValues(t, 2_000, stats.Hits)
		require.Equal(t, stats.Refreshes, stats.Evictions.Refresh)
		require.LessOrEqual(t, s.calls(), 2*20, "two calls per MaxAge at most")
		require.GreaterOrEqual(t, s.calls(), 20, "and one at least")
		require.EqualValues(t, 1, s.mostRunning.Load())
	})
}

func TestRefreshComesBetween60And80PercentOfMaxAge(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{}
		keys := newCache(t, s, &cache.Options{MaxAge: maxAge})
		points := map[time.Duration]bool{}
		for range 50 {
			keys.Purge()
			began := time.Now()
			for before := s.calls(); s.calls() < before+2; synctest.Wait() {
				_, err := ask(t.Context(), keys, "a")
				require.NoError(t, err)
				time.Sleep(time.Second)
			}
			point := time.Since(began)
			require.GreaterOrEqual(t, point, 60*time.Second)
			require.LessOrEqual(t, point, 82*time.Second)
			points[point] = true
		}
		require.Greater(t, len(points), 5, "the point is another each time, so that a fleet does not refresh in step")
	})
}

func TestRefreshComesBeforeOtherLimits(t *testing.T) {
	for name, test := range map[string]struct {
		opts   cache.Options
		length int64
	}{
		"messages": {cache.Options{MaxMessages: 100}, 1},
		"bytes":    {cache.Options{MaxBytes: 1_000}, 10},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &source{}
				keys := newCache(t, s, &test.opts)
				for message := range 100 {
					seal(t, s, keys, "a", test.length)
					synctest.Wait()
					if message+1 < 60 {
						require.Equal(t, 1, s.calls(), "after message %d", message)
					}
				}
				require.Equal(t, 2, s.calls())
				stats := keys.Stats()
				require.EqualValues(t, 1, stats.Misses)
				require.EqualValues(t, 99, stats.Hits)
				require.EqualValues(t, 1, stats.Refreshes)
				require.True(t, s.zeroed(0))
				require.False(t, s.zeroed(1))
			})
		})
	}
}

// TestRefreshComesBeforeSmallLimits: there is no limit above 1 so small that its
// refresh comes too late for the one who comes next.
func TestRefreshComesBeforeSmallLimits(t *testing.T) {
	for limit := range uint64(6) {
		for name, opts := range map[string]cache.Options{
			"messages": {MaxMessages: limit + 2},
			"bytes":    {MaxBytes: limit + 2},
		} {
			t.Run(fmt.Sprintf("%d %s", limit+2, name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := &source{}
					keys := newCache(t, s, &opts)
					for range 200 {
						seal(t, s, keys, "a", 1)
						synctest.Wait()
					}
					require.EqualValues(t, 1, keys.Stats().Misses)
					require.EqualValues(t, 199, keys.Stats().Hits)
				})
			})
		}
	}
}

func TestIdleKeysAreNotRefreshed(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{}
		keys := newCache(t, s, &cache.Options{MaxAge: maxAge})
		_, err := ask(t.Context(), keys, "a")
		require.NoError(t, err)
		time.Sleep(10 * maxAge)
		synctest.Wait()
		require.Equal(t, 1, s.calls())
		require.Zero(t, keys.Stats().Entries)
	})
}

func TestOneRefreshAtATime(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{}
		keys := newCache(t, s, &cache.Options{MaxAge: maxAge})
		_, err := ask(t.Context(), keys, "a")
		require.NoError(t, err)
		time.Sleep(maxAge * 9 / 10)
		s.took = time.Second
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				_, err := ask(t.Context(), keys, "a")
				require.NoError(t, err)
			})
		}
		wg.Wait()
		synctest.Wait()
		require.EqualValues(t, 1, s.running.Load())
		require.Equal(t, 2, s.calls())
		time.Sleep(2 * time.Second)
	})
}

// TestCallersJoinARefreshUnderWay: when the key's time is over while the next
// one is being fetched, there is no second call.
func TestCallersJoinARefreshUnderWay(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{}
		keys := newCache(t, s, &cache.Options{MaxAge: maxAge})
		_, err := ask(t.Context(), keys, "a")
		require.NoError(t, err)
		time.Sleep(maxAge - 5*time.Second)
		s.took = 20 * time.Second
		_, err = ask(t.Context(), keys, "a") // starts the refresh
		require.NoError(t, err)
		time.Sleep(10 * time.Second)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = ask(ctx, keys, "a")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = ask(t.Context(), keys, "a")
		require.NoError(t, err)
		require.Equal(t, 2, s.calls(), "a refresh does not end because nobody waits for it at some time")
		require.EqualValues(t, 2, keys.Stats().SharedFlights)
	})
}

// TestOutage follows a service through an outage that is shorter than what is
// left of its key's life, and through one that is longer.
func TestOutage(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		down := false
		s := &source{fail: func(context.Context, int) error {
			if down {
				return errOutage
			}
			return nil
		}}
		keys := newCache(t, s, &cache.Options{MaxAge: maxAge})
		served := func() bool {
			t.Helper()
			_, err := ask(t.Context(), keys, "a")
			if err != nil {
				require.ErrorIs(t, err, errOutage)
			}
			synctest.Wait()
			return err == nil
		}
		require.True(t, served())
		born := time.Now()
		down = true
		for time.Since(born) < maxAge {
			require.True(t, served(), "after %v", time.Since(born))
			time.Sleep(time.Second)
		}
		tries := s.calls() - 1
		require.GreaterOrEqual(t, tries, 3, "it is tried for again")
		require.LessOrEqual(t, tries, 10, "with growing pauses, not for each request")
		require.EqualValues(t, tries, keys.Stats().RefreshFailures)

		require.False(t, served(), "not longer than the limit")
		require.True(t, s.zeroed(0))
		require.False(t, served(), "and errors are not remembered")
		require.Equal(t, 1+tries+2, s.calls())

		down = false
		require.True(t, served(), "recovery needs no restart")

		// Now one that ends in time: nobody notices.
		began := time.Now()
		failures := keys.Stats().FetchFailures
		for time.Since(began) < 2*maxAge {
			down = time.Since(began) > maxAge/2 && time.Since(began) < maxAge*4/5
			require.True(t, served(), "after %v", time.Since(began))
			time.Sleep(time.Second)
		}
		require.Equal(t, failures, keys.Stats().FetchFailures)
	})
}

func TestPanicInTheBackgroundIsAnEvent(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{fail: func(_ context.Context, call int) error {
			if call == 2 {
				panic("a bug")
			}
			return nil
		}}
		var got error
		keys := newCache(t, s, &cache.Options{MaxAge: maxAge, Observer: func(e cache.Event) {
			if e.Kind == cache.EventRefresh && e.Err != nil {
				got = e.Err
			}
		}})
		for range 2 {
			_, err := ask(t.Context(), keys, "a")
			require.NoError(t, err)
			time.Sleep(maxAge * 9 / 10)
		}
		synctest.Wait()
		require.Error(t, got)
		_, err := ask(t.Context(), keys, "a")
		require.NoError(t, err)
	})
}
