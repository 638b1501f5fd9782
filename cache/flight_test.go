package cache_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/cache"
	"github.com/sealwax/sealwax/keyring"
)

// ask is one of the two operations, for tests that hold for both.
type ask func(ctx context.Context, keys keyring.Keyring, tenant string) ([]byte, error)

var operations = map[string]ask{
	"seal": func(ctx context.Context, keys keyring.Keyring, tenant string) ([]byte, error) {
		m, err := keys.EncryptionMaterials(ctx, sealRequest(tenant, 10))
		if err != nil {
			return nil, err
		}
		return bytesOf(m.DataKey), nil
	},
	"open": func(ctx context.Context, keys keyring.Keyring, tenant string) ([]byte, error) {
		m, err := keys.DecryptionMaterials(ctx, openRequest(tenant))
		if err != nil {
			return nil, err
		}
		return bytesOf(m.DataKey), nil
	},
}

// inBubble runs a test of both operations with time of its own.
func inBubble(t *testing.T, f func(t *testing.T, ask ask)) {
	for name, ask := range operations {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, ask) })
		})
	}
}

func TestColdStartOfAThousandGoroutinesMakesOneCall(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{took: 20 * time.Millisecond}
		keys := newCache(t, s, nil)
		var wg sync.WaitGroup
		for range 1_000 {
			wg.Go(func() {
				key, err := ask(t.Context(), keys, "a")
				require.NoError(t, err)
				require.Zero(t, s.which(t, key))
			})
		}
		wg.Wait()
		require.Equal(t, 1, s.calls())
		stats := keys.Stats()
		require.EqualValues(t, 1, stats.Misses)
		require.EqualValues(t, 999, stats.SharedFlights)
		require.EqualValues(t, 1, stats.Fetches)
		require.Equal(t, 20*time.Millisecond, stats.KeyringTime)
	})
}

func TestFlightsOfDifferentKeysDoNotWaitForEachOther(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{took: time.Second}
		keys := newCache(t, s, nil)
		began := time.Now()
		var wg sync.WaitGroup
		for _, tenant := range []string{"a", "b", "c"} {
			wg.Go(func() {
				_, err := ask(t.Context(), keys, tenant)
				require.NoError(t, err)
			})
		}
		wg.Wait()
		require.Equal(t, time.Second, time.Since(began))
		require.Equal(t, 3, s.calls())
	})
}

func TestCancelledCallerLeavesAndTheFlightGoesOn(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{took: time.Second}
		keys := newCache(t, s, nil)
		ctx, cancel := context.WithCancel(t.Context())
		first, second := make(chan error), make(chan error)
		go func() { _, err := ask(ctx, keys, "a"); first <- err }()
		synctest.Wait()
		go func() { _, err := ask(t.Context(), keys, "a"); second <- err }()
		synctest.Wait()

		cancel()
		began := time.Now()
		require.ErrorIs(t, <-first, context.Canceled)
		require.Zero(t, time.Since(began), "the caller that started the flight need not wait for it")
		require.NoError(t, <-second)
		require.Equal(t, 1, s.calls())
	})
}

func TestDeadlineOfACallerIsNotTheFlights(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{took: time.Second}
		keys := newCache(t, s, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		second := make(chan error)
		go func() {
			time.Sleep(time.Microsecond)
			_, err := ask(context.Background(), keys, "a")
			second <- err
		}()
		_, err := ask(ctx, keys, "a")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, <-second)
	})
}

func TestFlightEndsWhenNobodyWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{took: time.Hour}
		keys := newCache(t, s, &cache.Options{FetchTimeout: 2 * time.Hour})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				_, err := ask(ctx, keys, "a")
				require.ErrorIs(t, err, context.Canceled)
			})
		}
		synctest.Wait()
		require.EqualValues(t, 1, s.running.Load())
		cancel()
		wg.Wait()
		synctest.Wait()
		require.Zero(t, s.running.Load(), "the call was cancelled")

		// The next caller does not join the call that is ending.
		s.took = 0
		_, err := ask(t.Context(), keys, "a")
		require.NoError(t, err)
		require.Equal(t, 2, s.calls())
		require.Equal(t, 1, keys.Stats().Entries)
	})
}

// TestAnswerNobodyWaitsForIsDestroyed: an inner keyring may answer although it
// was cancelled.
func TestAnswerNobodyWaitsForIsDestroyed(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{fail: func(context.Context, int) error { time.Sleep(time.Second); return nil }}
		keys := newCache(t, s, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := ask(ctx, keys, "a")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(time.Second)
		synctest.Wait()
		require.True(t, s.zeroed(0))
		require.Zero(t, keys.Stats().Entries)
	})
}

func TestCancelledContextStartsNoCall(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{}
		keys := newCache(t, s, nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := ask(ctx, keys, "a")
		require.ErrorIs(t, err, context.Canceled)
		require.Zero(t, s.calls())
	})
}

func TestErrorsGoToThoseWhoWaitedAndAreNotRemembered(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{took: time.Second, fail: func(_ context.Context, call int) error {
			if call == 1 {
				return errOutage
			}
			return nil
		}}
		keys := newCache(t, s, nil)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				_, err := ask(t.Context(), keys, "a")
				require.ErrorIs(t, err, errOutage)
			})
		}
		wg.Wait()
		require.Equal(t, 1, s.calls())
		_, err := ask(t.Context(), keys, "a")
		require.NoError(t, err)
		require.EqualValues(t, 1, keys.Stats().FetchFailures)
	})
}

func TestFlightHasADeadlineOfItsOwn(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{took: time.Hour}
		keys := newCache(t, s, &cache.Options{FetchTimeout: 3 * time.Second})
		began := time.Now()
		_, err := ask(t.Context(), keys, "a")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 3*time.Second, time.Since(began))
	})
}

// TestFlightSeesNoCaller: neither the values nor the deadline of a context.
func TestFlightSeesNoCaller(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		type name struct{}
		s := &source{fail: func(ctx context.Context, _ int) error {
			require.Nil(t, ctx.Value(name{}))
			deadline, ok := ctx.Deadline()
			require.True(t, ok)
			require.Equal(t, 30*time.Second, time.Until(deadline))
			return nil
		}}
		keys := newCache(t, s, nil)
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), name{}, 1), time.Second)
		defer cancel()
		_, err := ask(ctx, keys, "a")
		require.NoError(t, err)
	})
}

func TestPanicOfTheInnerKeyringReachesThoseWhoWait(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{took: time.Second, fail: func(_ context.Context, call int) error {
			if call == 1 {
				panic(errOutage)
			}
			return nil
		}}
		keys := newCache(t, s, nil)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				defer func() {
					p, ok := recover().(*cache.PanicError)
					require.True(t, ok)
					require.ErrorIs(t, p, errOutage)
					require.Contains(t, string(p.Stack), "source")
				}()
				_, _ = ask(t.Context(), keys, "a")
			})
		}
		wg.Wait()
		_, err := ask(t.Context(), keys, "a")
		require.NoError(t, err, "the cache goes on")
	})
}

func TestInnerKeyringThatNeverReturnsIsAnError(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{fail: func(context.Context, int) error { runtime.Goexit(); return nil }}
		keys := newCache(t, s, nil)
		_, err := ask(t.Context(), keys, "a")
		require.Error(t, err)
	})
}

// TestRequestMayChangeAfterTheCall: the flight works on a copy.
func TestRequestMayChangeAfterTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{took: time.Second}
		keys := newCache(t, s, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		sealing, opening := sealRequest("a", 10), openRequest("a")
		stays := make(chan error, 2)
		leaves := make(chan error, 2)
		go func() { _, err := keys.EncryptionMaterials(ctx, sealing); leaves <- err }()
		go func() { _, err := keys.DecryptionMaterials(ctx, opening); leaves <- err }()
		synctest.Wait() // these have started the flights, and others join
		go func() { _, err := operations["seal"](t.Context(), keys, "a"); stays <- err }()
		go func() { _, err := operations["open"](t.Context(), keys, "a"); stays <- err }()
		require.ErrorIs(t, <-leaves, context.DeadlineExceeded)
		require.ErrorIs(t, <-leaves, context.DeadlineExceeded)
		sealing.EncryptionContext["tenant"] = "b"
		opening.EncryptionContext["tenant"] = "b"
		clear(opening.EncryptedDataKeys[0].Ciphertext)
		require.NoError(t, errors.Join(<-stays, <-stays))
		require.Equal(t, 2, s.calls())
		for _, asked := range s.asked {
			switch req := asked.(type) {
			case keyring.EncryptionRequest:
				require.Equal(t, "a", req.EncryptionContext["tenant"])
			case keyring.DecryptionRequest:
				require.Equal(t, *openRequest("a"), req)
			}
		}
	})
}

// TestWaitersSeeNoEviction: what they waited for reaches them even if the entry
// has been pushed out before they wake up.
func TestWaitersSeeNoEviction(t *testing.T) {
	inBubble(t, func(t *testing.T, ask ask) {
		s := &source{took: time.Second}
		keys := newCache(t, s, &cache.Options{MaxEntries: 1})
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				_, err := ask(t.Context(), keys, string(rune('a'+i%20)))
				require.NoError(t, err)
			})
		}
		wg.Wait()
		require.Equal(t, 20, s.calls())
		require.Equal(t, 1, keys.Stats().Entries)
		require.EqualValues(t, 19, keys.Stats().Evictions.Entries)
	})
}
