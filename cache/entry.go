package cache

import (
	"container/list"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/sealwax/sealwax/keyring"
)

// entry is a data key with what else a request's answer holds, and its limits.
type entry struct {
	id     string // the identity's bytes
	hash   uint64
	next   atomic.Pointer[entry] // the table's chain
	number uint64                // counts the store's entries; decides between equal times

	subject
	answer  answer // answer.key is the entry's own; zeroed when it leaves the store
	expires int64  // when the age limit is reached; times are the store's nanoseconds
	refresh thresholds

	// Guarded by the store's lock.
	gone     bool          // has left the store
	aging    *list.Element // in the store's list; nil if its flight was detached, and it never stood there
	place    int           // in recency's heap
	seen     int64         // time of use that recency has seen
	failures int           // refreshes that failed, one after another

	_ [64]byte // what follows changes with each hit, what stands above does not

	messages atomic.Uint64 // charged, in sealing
	bytes    atomic.Uint64 // charged, in sealing; of plaintext
	used     atomic.Int64  // time of the last use, to the millisecond
	retry    atomic.Int64  // no refresh starts before
}

func (e *entry) identity() identity { return identity{bytes: []byte(e.id), hash: e.hash} }

// thresholds are the points from which on the next key is fetched.
type thresholds struct {
	age             int64
	messages, bytes uint64
}

// The thresholds are one fraction of all limits, drawn for each entry.
const (
	refreshFrom = 0.6
	refreshTo   = 0.8
)

// drawThresholds draws those of an entry that is made now.
func (o *Options) drawThresholds(now int64) thresholds {
	part := refreshFrom + (refreshTo-refreshFrom)*rand.Float64()
	return thresholds{
		age:      later(now, time.Duration(part*float64(o.MaxAge))),
		messages: threshold(part, o.MaxMessages),
		bytes:    threshold(part, o.MaxBytes),
	}
}

// threshold returns the part of a limit, rounded up, but below the limit: an
// entry that reaches it leaves, and starts no refresh. At a limit of 1 there is
// no room for one.
func threshold(part float64, limit uint64) uint64 {
	return max(1, min(uint64(math.Ceil(part*float64(limit))), limit-1))
}

// later adds, and stays at the end of time instead of running over.
func later(now int64, d time.Duration) int64 {
	if int64(d) > math.MaxInt64-now {
		return math.MaxInt64
	}
	return now + int64(d)
}

// take copies the entry's key for one message and charges the message's length
// in bytes. If the entry cannot serve it, take returns no key and the limit that
// is the reason; zero if the key is zeroed. If the message is the
// last that the entry serves, take returns both.
//
// The key is copied first and charged after, so that a message that was charged
// has its key, whatever happens to the entry meanwhile: a limit of n messages
// serves n, never fewer.
//
// key is the entry's, or a flight's copy of it.
func (e *entry) take(key *keyring.DataKey, length uint64, limits *Options) (*keyring.DataKey, EvictionCause) {
	copied := key.Clone()
	if copied.Len() == 0 {
		return nil, 0
	}
	if e.operation == Open {
		return copied, 0
	}
	cause, served := e.charge(length, limits)
	if !served {
		copied.Destroy()
		return nil, cause
	}
	return copied, cause
}

// charge takes a message of a length in bytes off the limits, and says whether
// they allow it. A message that does not fit makes the whole entry leave: there
// is no key that waits for smaller ones. The cause is zero unless the entry can
// serve no further message.
func (e *entry) charge(length uint64, limits *Options) (cause EvictionCause, served bool) {
	// Far from overflow: the count passes the limit at most once per goroutine.
	messages := e.messages.Add(1)
	if messages > limits.MaxMessages {
		return EvictedByMessages, false
	}
	bytes := e.bytes.Load()
	for {
		if length > limits.MaxBytes-bytes {
			return EvictedByBytes, false
		}
		if e.bytes.CompareAndSwap(bytes, bytes+length) {
			break
		}
		bytes = e.bytes.Load()
	}
	switch {
	case messages == limits.MaxMessages:
		return EvictedByMessages, true
	case bytes+length == limits.MaxBytes:
		return EvictedByBytes, true
	default:
		return 0, true
	}
}

// stored reports whether the entry stands in the store. The lock is held.
func (e *entry) stored() bool { return e.aging != nil && !e.gone }

// touch notes the entry's use. The time of use only grows, whoever comes late.
func (e *entry) touch(now int64) {
	for used := e.used.Load(); now-used >= int64(time.Millisecond); used = e.used.Load() {
		if e.used.CompareAndSwap(used, now) {
			return
		}
	}
}

// due reports whether the next key should be fetched.
func (e *entry) due(now int64) bool {
	return (now >= e.refresh.age || e.messages.Load() >= e.refresh.messages || e.bytes.Load() >= e.refresh.bytes) &&
		now >= e.retry.Load()
}
