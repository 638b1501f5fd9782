package cache

import (
	"time"

	"github.com/sealwax/sealwax/keyring"
)

// Event is something that happened in a cache, for [Options.Observer]. It holds
// no key and no encryption context.
type Event struct {
	Kind      EventKind
	Operation Operation
	Suite     keyring.Suite
	// Duration is the time that the inner keyring took: EventFetch,
	// EventRefresh and EventBypass.
	Duration time.Duration
	// Err is the inner keyring's error, if the call failed: EventFetch,
	// EventRefresh and EventBypass.
	Err error
	// Abandoned is whether the call was cancelled because nobody had a use for it
	// any more: all who waited had left, or Purge or Close ended it. That is no
	// failure; Err is nil, whatever the inner keyring answered. EventFetch and
	// EventRefresh.
	Abandoned bool
	// Bypass says why a message got a key of its own: EventBypass.
	Bypass BypassCause
	// Eviction says why a data key was destroyed: EventEviction.
	Eviction EvictionCause
}

// EventKind says what happened. Each has its count in [Stats].
type EventKind uint8

// The kinds of events. Each request is exactly one of EventHit, EventMiss,
// EventSharedFlight and EventBypass, or none: a request to a closed cache, and
// one that finds no data key when its ctx is already over, fail before they are
// any.
const (
	EventHit          EventKind = iota + 1 // a request was answered from the cache
	EventMiss                              // a request started a call to the inner keyring
	EventSharedFlight                      // a request joined a call that was under way
	EventBypass                            // a request got a key of its own from the inner keyring; reported after the call
	EventFetch                             // a call that requests waited for has ended
	EventRefresh                           // a call in the background has ended
	EventEviction                          // a data key left the cache and was destroyed
)

var kindNames = [...]string{
	EventHit:          "hit",
	EventMiss:         "miss",
	EventSharedFlight: "shared flight",
	EventBypass:       "bypass",
	EventFetch:        "fetch",
	EventRefresh:      "refresh",
	EventEviction:     "eviction",
}

// String returns the kind in lower case, as a metric's label may have it.
func (k EventKind) String() string { return nameOf(kindNames[:], int(k)) }

// Operation is what a data key is for.
type Operation uint8

// The operations.
const (
	Seal Operation = iota + 1
	Open
)

var operationNames = [...]string{Seal: "seal", Open: "open"}

// String returns "seal" or "open".
func (o Operation) String() string { return nameOf(operationNames[:], int(o)) }

// EvictionCause says why a data key left the cache.
type EvictionCause uint8

// The causes of evictions.
const (
	EvictedByEntries  EvictionCause = iota + 1 // the least recently used of MaxEntries
	EvictedByAge                               // MaxAge
	EvictedByMessages                          // MaxMessages
	EvictedByBytes                             // MaxBytes: the next message would not fit
	EvictedByRefresh                           // the next key is there
	EvictedByPurge                             // Purge or Close
)

var evictionNames = [...]string{
	EvictedByEntries:  "entries",
	EvictedByAge:      "age",
	EvictedByMessages: "messages",
	EvictedByBytes:    "bytes",
	EvictedByRefresh:  "refresh",
	EvictedByPurge:    "purge",
}

// String returns the cause in lower case, as a metric's label may have it.
func (c EvictionCause) String() string { return nameOf(evictionNames[:], int(c)) }

// BypassCause says why a message got a key of its own.
type BypassCause uint8

// The causes of bypasses. All but the first concern sealing alone.
const (
	BypassedBySuite         BypassCause = iota + 1 // the suite uses the data key without derivation
	BypassedByUnknownLength                        // the message's length is not known beforehand
	BypassedByBytes                                // the message is longer than MaxBytes
	BypassedByMessages                             // MaxMessages is 1
)

var bypassNames = [...]string{
	BypassedBySuite:         "suite",
	BypassedByUnknownLength: "unknown length",
	BypassedByBytes:         "bytes",
	BypassedByMessages:      "messages",
}

// String returns the cause in lower case, as a metric's label may have it.
func (c BypassCause) String() string { return nameOf(bypassNames[:], int(c)) }

func nameOf(names []string, i int) string {
	if i <= 0 || i >= len(names) {
		return "unknown"
	}
	return names[i]
}
