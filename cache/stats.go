package cache

import (
	"sync/atomic"
	"time"
)

// Stats are a cache's counts since it was made. Requests are the sum of Hits,
// Misses, SharedFlights and Bypasses; not counted are those that fail before
// they ask anything: of a closed cache, and those that find no data key when
// their ctx is already over. Calls to the inner keyring that have ended are the
// sum of Fetches, Refreshes and Bypasses.
type Stats struct {
	Entries int // data keys in the cache now

	Hits          uint64 // requests answered from the cache
	Misses        uint64 // requests that started a call
	SharedFlights uint64 // requests that joined a call under way
	Bypasses      uint64 // requests that got a key of their own

	Fetches         uint64 // calls that requests waited for
	FetchFailures   uint64 // those of them that failed
	Refreshes       uint64 // calls in the background
	RefreshFailures uint64 // those of them that failed
	BypassFailures  uint64 // bypasses that failed
	Abandoned       uint64 // fetches and refreshes cancelled since nobody had a use for them; not failures

	// KeyringTime is the time that the inner keyring took, for KMS all in all:
	// the sum over all calls.
	KeyringTime time.Duration

	Evictions Evictions
}

// Evictions counts the data keys that left a cache, by cause.
type Evictions struct {
	Entries  uint64 // least recently used of MaxEntries
	Age      uint64 // MaxAge
	Messages uint64 // MaxMessages
	Bytes    uint64 // MaxBytes
	Refresh  uint64 // the next key took their place
	Purge    uint64 // Purge and Close
}

// Total returns the sum over all causes.
func (e Evictions) Total() uint64 {
	return e.Entries + e.Age + e.Messages + e.Bytes + e.Refresh + e.Purge
}

// counts are the running numbers behind Stats.
type counts struct {
	hits      counter
	misses    atomic.Uint64
	shared    atomic.Uint64
	bypasses  atomic.Uint64
	fetches   atomic.Uint64
	refreshes atomic.Uint64

	fetchFailures   atomic.Uint64
	refreshFailures atomic.Uint64
	bypassFailures  atomic.Uint64
	abandoned       atomic.Uint64

	keyringTime atomic.Int64 // nanoseconds
	evictions   [len(evictionNames)]atomic.Uint64
}

// count takes note of an event.
func (c *counts) count(e *Event) {
	switch e.Kind {
	case EventHit:
		c.hits.add()
	case EventMiss:
		c.misses.Add(1)
	case EventSharedFlight:
		c.shared.Add(1)
	case EventEviction:
		c.evictions[e.Eviction].Add(1)
	case EventBypass:
		c.countCall(e, &c.bypasses, &c.bypassFailures)
	case EventFetch:
		c.countCall(e, &c.fetches, &c.fetchFailures)
	case EventRefresh:
		c.countCall(e, &c.refreshes, &c.refreshFailures)
	}
}

func (c *counts) countCall(e *Event, calls, failures *atomic.Uint64) {
	calls.Add(1)
	if e.Err != nil {
		failures.Add(1)
	}
	if e.Abandoned {
		c.abandoned.Add(1)
	}
	c.keyringTime.Add(int64(e.Duration))
}

func (c *counts) stats() Stats {
	return Stats{
		Hits:            c.hits.sum(),
		Misses:          c.misses.Load(),
		SharedFlights:   c.shared.Load(),
		Bypasses:        c.bypasses.Load(),
		Fetches:         c.fetches.Load(),
		FetchFailures:   c.fetchFailures.Load(),
		Refreshes:       c.refreshes.Load(),
		RefreshFailures: c.refreshFailures.Load(),
		BypassFailures:  c.bypassFailures.Load(),
		Abandoned:       c.abandoned.Load(),
		KeyringTime:     time.Duration(c.keyringTime.Load()),
		Evictions: Evictions{
			Entries:  c.evictions[EvictedByEntries].Load(),
			Age:      c.evictions[EvictedByAge].Load(),
			Messages: c.evictions[EvictedByMessages].Load(),
			Bytes:    c.evictions[EvictedByBytes].Load(),
			Refresh:  c.evictions[EvictedByRefresh].Load(),
			Purge:    c.evictions[EvictedByPurge].Load(),
		},
	}
}
