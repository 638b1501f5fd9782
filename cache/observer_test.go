package cache_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/cache"
	"github.com/sealwax/sealwax/keyring"
)

// TestEvents tells a story, and what the observer hears of it.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard []cache.Event
		var mu sync.Mutex
		down := false
		s := &source{took: time.Second, fail: func(context.Context, int) error {
			if down {
				return errOutage
			}
			return nil
		}}
		keys := newCache(t, s, &cache.Options{MaxAge: maxAge, MaxMessages: 100, MaxBytes: 1_000, MaxEntries: 1,
			Observer: func(e cache.Event) {
				mu.Lock()
				defer mu.Unlock()
				heard = append(heard, e)
			}})
		expect := func(why string, events ...cache.Event) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			for i := range events {
				events[i].Suite = suite
				if events[i].Operation == 0 {
					events[i].Operation = cache.Seal
				}
			}
			require.Equal(t, events, heard, why)
			heard = nil
		}

		seal(t, s, keys, "a", 1)
		expect("a call", cache.Event{Kind: cache.EventMiss}, cache.Event{Kind: cache.EventFetch, Duration: time.Second})
		seal(t, s, keys, "a", 1)
		expect("none", cache.Event{Kind: cache.EventHit})
		seal(t, s, keys, "a", 1_001)
		expect("a long message", cache.Event{Kind: cache.EventBypass, Bypass: cache.BypassedByBytes, Duration: time.Second})

		open(t, s, keys, "a")
		expect("the only place is taken over",
			cache.Event{Operation: cache.Open, Kind: cache.EventMiss},
			cache.Event{Operation: cache.Open, Kind: cache.EventFetch, Duration: time.Second},
			cache.Event{Kind: cache.EventEviction, Eviction: cache.EvictedByEntries})

		time.Sleep(maxAge)
		expect("age", cache.Event{Operation: cache.Open, Kind: cache.EventEviction, Eviction: cache.EvictedByAge})

		down = true
		_, err := keys.EncryptionMaterials(t.Context(), sealRequest("a", 1))
		require.ErrorIs(t, err, errOutage)
		expect("an outage", cache.Event{Kind: cache.EventMiss}, cache.Event{Kind: cache.EventFetch, Duration: time.Second, Err: errOutage})
		_, err = keys.EncryptionMaterials(t.Context(), sealRequest("a", -1))
		require.ErrorIs(t, err, errOutage)
		expect("an outage met by a bypass",
			cache.Event{Kind: cache.EventBypass, Bypass: cache.BypassedByUnknownLength, Duration: time.Second, Err: errOutage})
		down = false

		var wg sync.WaitGroup
		wg.Go(func() { seal(t, s, keys, "a", 1) })
		synctest.Wait()
		wg.Go(func() { seal(t, s, keys, "a", 1) })
		wg.Wait()
		expect("two at once", cache.Event{Kind: cache.EventMiss}, cache.Event{Kind: cache.EventSharedFlight}, cache.Event{Kind: cache.EventFetch, Duration: time.Second})

		seal(t, s, keys, "a", 900)
		time.Sleep(2 * time.Second)
		expect("the next key ahead of a limit", cache.Event{Kind: cache.EventHit},
			cache.Event{Kind: cache.EventRefresh, Duration: time.Second},
			cache.Event{Kind: cache.EventEviction, Eviction: cache.EvictedByRefresh})

		keys.Purge()
		expect("a purge", cache.Event{Kind: cache.EventEviction, Eviction: cache.EvictedByPurge})

		require.Equal(t, cache.Stats{
			Hits: 2, Misses: 4, SharedFlights: 1, Bypasses: 2,
			Fetches: 4, FetchFailures: 1, Refreshes: 1, BypassFailures: 1,
			KeyringTime: 7 * time.Second,
			Evictions:   cache.Evictions{Entries: 1, Age: 1, Refresh: 1, Purge: 1},
		}, keys.Stats())
		require.EqualValues(t, 4, keys.Stats().Evictions.Total())
	})
}

// TestObserverIsCalledUnderNoLock: whatever it hears, it may use the cache.
func TestObserverIsCalledUnderNoLock(t *testing.T) {
	for kind := cache.EventHit; kind <= cache.EventEviction; kind++ {
		t.Run(kind.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &source{took: time.Second}
				var keys *cache.Keyring
				var heard atomic.Int64
				opts := &cache.Options{MaxAge: maxAge, Observer: func(e cache.Event) {
					if e.Kind == kind && heard.Add(1) == 1 {
						keys.Stats()
						keys.Purge() // takes the lock
					}
				}}
				keys = newCache(t, s, opts)
				var wg sync.WaitGroup
				for range 3 {
					wg.Go(func() { seal(t, s, keys, "a", 1) })
				}
				wg.Wait()
				for range 20 {
					seal(t, s, keys, "a", 1)
					seal(t, s, keys, "a", -1)
					time.Sleep(maxAge / 10)
				}
				time.Sleep(maxAge)
				synctest.Wait()
				require.NotZero(t, heard.Load())
			})
		})
	}
}

func TestNames(t *testing.T) {
	for want, name := range map[string]fmt.Stringer{
		"hit": cache.EventHit, "miss": cache.EventMiss, "shared flight": cache.EventSharedFlight, "bypass": cache.EventBypass,
		"fetch": cache.EventFetch, "refresh": cache.EventRefresh, "eviction": cache.EventEviction,
		"seal": cache.Seal, "open": cache.Open,
		"entries": cache.EvictedByEntries, "age": cache.EvictedByAge, "purge": cache.EvictedByPurge,
		"suite": cache.BypassedBySuite, "unknown length": cache.BypassedByUnknownLength,
		"unknown": cache.EventKind(99),
	} {
		require.Equal(t, want, name.String())
	}
	require.Equal(t, "messages bytes refresh", fmt.Sprint(cache.EvictedByMessages, " ", cache.EvictedByBytes, " ", cache.EvictedByRefresh))
	require.Equal(t, "bytes messages", fmt.Sprint(cache.BypassedByBytes, " ", cache.BypassedByMessages))
	require.Equal(t, "unknown unknown unknown", fmt.Sprint(cache.Operation(0), " ", cache.EvictionCause(0), " ", cache.BypassCause(0)))
}

// TestNothingPrintsASecret renders a cache, its counts and its events in every
// way that fmt, log/slog and encoding/json have, and looks for the key's bytes
// and the context's value in each.
func TestNothingPrintsASecret(t *testing.T) { synctest.Test(t, testNothingPrintsASecret) }

func testNothingPrintsASecret(t *testing.T) {
	var mu sync.Mutex
	var events []cache.Event
	s := &source{}
	const value = "a-customer-of-ours"
	keys := newCache(t, s, &cache.Options{Observer: func(e cache.Event) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, e)
	}})
	seal(t, s, keys, value, 1)
	synctest.Wait()
	open(t, s, keys, value)
	synctest.Wait()
	seal(t, s, keys, value, 1)
	require.Len(t, events, 5)

	type holder struct {
		exported any
		keys     *cache.Keyring
		ring     keyring.Keyring
	}
	var renderings []string
	for _, subject := range []any{keys, *keys, keys.Stats(), events, events[0]} {
		for _, shape := range []any{subject, &subject, []any{subject}, holder{subject, keys, keys}, &holder{subject, keys, keys}} {
			for _, verb := range "vTtbcdoOqxXUeEfFgGsp" {
				for _, flags := range []string{"", "+", "#", " "} {
					renderings = append(renderings, fmt.Sprintf("%"+flags+string(verb), shape))
				}
			}
			var log bytes.Buffer
			slog.New(slog.NewTextHandler(&log, nil)).Info("x", "y", shape)
			slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "y", shape)
			marshalled, _ := json.Marshal(shape)
			renderings = append(renderings, log.String(), string(marshalled))
		}
	}
	require.Greater(t, len(renderings), 1_000)
	for _, origin := range s.origins {
		for _, secret := range []string{value, string(origin[:8]), hex.EncodeToString(origin[:8]), fmt.Sprintf("% x", origin[:8]),
			fmt.Sprintf("%d", origin[:8])[1:20], fmt.Sprintf("%#v", origin[:4])[7:20]} {
			for _, rendering := range renderings {
				require.NotContains(t, rendering, secret)
			}
		}
	}
	require.Equal(t, "cache.Keyring with 2 data keys", fmt.Sprint(keys))
	require.Equal(t, "cache.Keyring", cache.Keyring{}.String())
}
