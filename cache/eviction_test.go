package cache_test

import (
	"context"
	"runtime/pprof"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/cache"
)

func TestExpiredKeyIsZeroedThoughNobodyAsks(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{}
		keys := newCache(t, s, &cache.Options{MaxAge: maxAge})
		for _, tenant := range []string{"a", "b"} {
			_, err := ask(t.Context(), keys, tenant)
			require.NoError(t, err)
			time.Sleep(maxAge / 2)
		}
		// a came maxAge ago, b half of it.
		synctest.Wait()
		require.True(t, s.zeroed(0))
		require.False(t, s.zeroed(1))
		time.Sleep(maxAge/2 - time.Nanosecond)
		synctest.Wait()
		require.False(t, s.zeroed(1), "not before its time")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		require.True(t, s.zeroed(1))
		require.Zero(t, keys.Stats().Entries)
		require.EqualValues(t, 2, keys.Stats().Evictions.Age)
	})
}

func TestMaxAgeIsHard(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{fail: func(_ context.Context, call int) error {
			if call == 1 {
				return nil
			}
			return errOutage
		}}
		keys := newCache(t, s, &cache.Options{MaxAge: maxAge})
		_, err := ask(t.Context(), keys, "a")
		require.NoError(t, err)
		time.Sleep(maxAge - time.Nanosecond)
		_, err = ask(t.Context(), keys, "a")
		require.NoError(t, err)
		time.Sleep(time.Nanosecond)
		_, err = ask(t.Context(), keys, "a")
		require.ErrorIs(t, err, errOutage)
	})
}

// TestStoreWithoutKeysRunsNothing: a cache that nobody closes and nobody uses
// costs nothing once its keys' time is over.
func TestStoreWithoutKeysRunsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		keys, err := cache.New(&source{}, &cache.Options{MaxAge: maxAge})
		require.NoError(t, err)
		_, err = ask(t.Context(), keys, "a")
		require.NoError(t, err)
		time.Sleep(maxAge)
		// The bubble ends without Close; it would not if a goroutine was left.
	})
}

func TestLeastRecentlyUsedGoes(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{}
		keys := newCache(t, s, &cache.Options{MaxEntries: 3})
		use := func(tenants string) {
			t.Helper()
			for _, tenant := range tenants {
				_, err := ask(t.Context(), keys, string(tenant))
				require.NoError(t, err)
				time.Sleep(time.Millisecond) // recency's resolution
			}
		}
		use("abc") // keys 0, 1, 2
		require.Equal(t, 3, s.calls())
		use("a") // b is the oldest
		use("d") // key 3
		require.True(t, s.zeroed(1), "the memory of the key that left is overwritten")
		use("acd")
		require.Equal(t, 4, s.calls(), "the others stay")
		use("b") // in place of a
		require.True(t, s.zeroed(0))
		require.Equal(t, 5, s.calls())
		use("cdb")
		require.Equal(t, 5, s.calls())
		require.Equal(t, 3, keys.Stats().Entries)
		require.EqualValues(t, 2, keys.Stats().Evictions.Entries)
	})
}

func TestEntriesAreBoundForBothOperationsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		keys := newCache(t, s, &cache.Options{MaxEntries: 10})
		for i := range 100 {
			seal(t, s, keys, strings.Repeat("x", i), 1)
			open(t, s, keys, strings.Repeat("x", i))
			require.LessOrEqual(t, keys.Stats().Entries, 10)
		}
		require.Equal(t, 10, keys.Stats().Entries)
		left := 0
		for n := range 200 {
			if !s.zeroed(n) {
				left++
			}
		}
		require.Equal(t, 10, left)
	})
}

func TestPurgeZeroesEveryKeyNow(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{}
		keys := newCache(t, s, nil)
		copies := [][]byte{}
		for range 2 {
			for _, tenant := range []string{"a", "b"} {
				key, err := ask(t.Context(), keys, tenant)
				require.NoError(t, err)
				copies = append(copies, key)
			}
		}
		keys.Purge()
		require.True(t, s.zeroed(0))
		require.True(t, s.zeroed(1))
		require.Zero(t, keys.Stats().Entries)
		require.EqualValues(t, 2, keys.Stats().Evictions.Purge)
		require.Equal(t, 0, s.which(t, copies[2]), "messages keep their own copies")
		_, err := ask(t.Context(), keys, "a")
		require.NoError(t, err)
		require.Equal(t, 3, s.calls())
	})
}

func TestPurgeKeepsOutWhatIsBeingFetched(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{took: time.Second}
		keys := newCache(t, s, nil)
		before := make(chan error)
		go func() { _, err := ask(t.Context(), keys, "a"); before <- err }()
		synctest.Wait()
		keys.Purge()
		time.Sleep(time.Millisecond)
		after := make(chan error)
		go func() { _, err := ask(t.Context(), keys, "a"); after <- err }()
		require.NoError(t, <-before, "who asked before gets its answer")
		require.NoError(t, <-after)
		require.Equal(t, 2, s.calls(), "who asks after does not join the flight from before")
		synctest.Wait()
		require.True(t, s.zeroed(0))
		require.False(t, s.zeroed(1))
		require.Equal(t, 1, keys.Stats().Entries)
	})
}

func TestPurgeKeepsOutARefresh(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{}
		keys := newCache(t, s, &cache.Options{MaxAge: maxAge})
		_, err := ask(t.Context(), keys, "a")
		require.NoError(t, err)
		time.Sleep(maxAge * 9 / 10)
		s.fail = func(context.Context, int) error { time.Sleep(time.Second); return nil } // and answers, though it is cancelled
		_, err = ask(t.Context(), keys, "a")
		require.NoError(t, err)
		synctest.Wait()
		keys.Purge()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, 2, s.calls())
		require.True(t, s.zeroed(0))
		require.True(t, s.zeroed(1))
		require.Zero(t, keys.Stats().Entries)
	})
}

// TestPurgeEndsARefreshForNobody: nobody will get its key.
func TestPurgeEndsARefreshForNobody(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{}
		keys := newCache(t, s, &cache.Options{MaxAge: maxAge})
		_, err := ask(t.Context(), keys, "a")
		require.NoError(t, err)
		time.Sleep(maxAge * 9 / 10)
		s.took = 20 * time.Second
		_, err = ask(t.Context(), keys, "a") // starts a refresh
		require.NoError(t, err)
		synctest.Wait()
		require.EqualValues(t, 1, s.running.Load())
		keys.Purge()
		synctest.Wait()
		require.Zero(t, s.running.Load())
	})
}

// TestPurgeLeavesARefreshToThoseWhoWait, until the last of them leaves.
func TestPurgeLeavesARefreshToThoseWhoWait(t *testing.T) {
	for name, patient := range map[string]bool{"to its end": true, "until they leave": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, ask ask) {
				s := &source{}
				keys := newCache(t, s, &cache.Options{MaxAge: maxAge})
				_, err := ask(t.Context(), keys, "a")
				require.NoError(t, err)
				time.Sleep(maxAge - time.Second)
				s.took = 20 * time.Second
				_, err = ask(t.Context(), keys, "a") // starts a refresh
				require.NoError(t, err)
				time.Sleep(time.Second) // the key's time is over

				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				waiting := make(chan error)
				go func() { _, err := ask(ctx, keys, "a"); waiting <- err }()
				synctest.Wait()
				keys.Purge()
				synctest.Wait()
				require.EqualValues(t, 1, s.running.Load())
				if patient {
					require.NoError(t, <-waiting)
					require.Equal(t, 2, s.calls())
				} else {
					cancel()
					require.ErrorIs(t, <-waiting, context.Canceled)
				}
				synctest.Wait()
				require.Zero(t, s.running.Load())
				require.Zero(t, keys.Stats().Entries)
			})
		})
	}
}

func TestClose(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{}
		keys := newCache(t, s, &cache.Options{MaxAge: maxAge})
		_, err := ask(t.Context(), keys, "a")
		require.NoError(t, err)
		time.Sleep(maxAge * 9 / 10)
		s.took = 20 * time.Second
		_, err = ask(t.Context(), keys, "a") // starts a refresh
		require.NoError(t, err)
		waiting := make(chan error)
		go func() { _, err := ask(t.Context(), keys, "b"); waiting <- err }()
		synctest.Wait()
		require.EqualValues(t, 2, s.running.Load())

		began := time.Now()
		go func() { require.NoError(t, keys.Close()) }() // a second time, at once
		require.NoError(t, keys.Close())
		require.Zero(t, s.running.Load(), "Close has waited for what ran")
		require.Zero(t, time.Since(began), "which it has cancelled")
		require.ErrorIs(t, <-waiting, cache.ErrClosed)
		require.True(t, s.zeroed(0))
		require.Zero(t, keys.Stats().Entries)

		_, err = ask(t.Context(), keys, "a")
		require.ErrorIs(t, err, cache.ErrClosed)
		_, err = keys.EncryptionMaterials(t.Context(), sealRequest("a", -1))
		require.ErrorIs(t, err, cache.ErrClosed, "bypasses too")
		require.Equal(t, 3, s.calls())
		keys.Purge()
		require.NoError(t, keys.Close())
	})
}

// TestCloseKeepsOutWhatComesAfter: an inner keyring may answer although it was
// cancelled. Close waits for it, and nobody gets its key.
func TestCloseKeepsOutWhatComesAfter(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{fail: func(context.Context, int) error { time.Sleep(time.Second); return nil }}
		keys := newCache(t, s, nil)
		waiting := make(chan error)
		go func() { _, err := ask(t.Context(), keys, "a"); waiting <- err }()
		synctest.Wait()
		began := time.Now()
		go func() { require.NoError(t, keys.Close()) }()
		require.ErrorIs(t, <-waiting, cache.ErrClosed)
		require.NoError(t, keys.Close())
		require.Equal(t, time.Second, time.Since(began))
		require.True(t, s.zeroed(0))
		require.Zero(t, keys.Stats().Entries)
	})
}

// TestCloseInRealTime runs everything at once, for the race detector; TestMain
// looks for goroutines left behind.
func TestCloseInRealTime(t *testing.T) {
	for range 10 {
		s := &source{}
		keys, err := cache.New(s, &cache.Options{MaxAge: time.Millisecond, MaxEntries: 3, MaxMessages: 10})
		require.NoError(t, err)
		stop := make(chan struct{})
		done := make(chan struct{})
		for g := range 8 {
			go func() {
				defer func() { done <- struct{}{} }()
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					tenant := string(rune('a' + (g+i)%5))
					_, err := operations["seal"](t.Context(), keys, tenant)
					_, err2 := operations["open"](t.Context(), keys, tenant)
					if err != nil || err2 != nil {
						continue // closed
					}
				}
			}()
		}
		time.Sleep(3 * time.Millisecond)
		keys.Purge()
		time.Sleep(3 * time.Millisecond)
		require.NoError(t, keys.Close())
		left := 0
		for n := range s.memory {
			if !s.zeroed(n) {
				left++
			}
		}
		close(stop)
		for range 8 {
			<-done
		}
		require.Zero(t, left, "keys that Close left")
		require.NotContains(t, stacks(), "cache.(*store).fly")
	}
}

func stacks() string {
	var b strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&b, 2)
	return b.String()
}
