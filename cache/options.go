package cache

import (
	"fmt"
	"math"
	"time"
)

// Options bound a cache. The zero value of each field stands for a careful
// default; no value means unlimited.
type Options struct {
	// MaxEntries bounds the number of data keys in the cache, of sealing and
	// opening together. A new one takes the place of the least recently used;
	// recency is kept to the millisecond. Zero: 1,000.
	MaxEntries int
	// MaxAge bounds the life of a data key in the cache, from the moment it came.
	// Below a second, those who waited for the key may take it for a second all
	// the same, and nobody else. Zero: 5 minutes.
	MaxAge time.Duration
	// MaxMessages bounds the messages sealed under one data key; at most 2^32.
	// At 1, each message takes a key of its own. The next key is fetched a
	// message before the limit or sooner: at 2, that is after each message, and
	// saves no call. When MaxMessages is smaller than the number of goroutines
	// that seal under one context at once, they wait for one call after another.
	// Zero: 100,000.
	MaxMessages uint64
	// MaxBytes bounds the plaintext bytes sealed under one data key; at most
	// 2^63-1. A longer message is sealed all the same, under a key of its own.
	// Zero: 10 GiB.
	MaxBytes uint64
	// FetchTimeout bounds each call to the inner keyring that callers share, or
	// that runs in the background. Zero: 30 seconds.
	FetchTimeout time.Duration
	// Observer, if any, is called on each event: synchronously, in the goroutine
	// that caused it and so possibly in several at once, never under a lock. It
	// should be quick, since hits wait for it; it may call Stats and Purge, not
	// Close. (A Purge at each EventFetch would take its key from those who waited,
	// again and again.)
	Observer func(Event)
}

const (
	defaultMaxEntries   = 1_000
	defaultMaxAge       = 5 * time.Minute
	defaultMaxMessages  = 100_000
	defaultMaxBytes     = 10 << 30
	defaultFetchTimeout = 30 * time.Second

	mostMessages = 1 << 32
	mostBytes    = math.MaxInt64
)

// withDefaults returns a copy with each default filled in, or why it cannot be.
func (o *Options) withDefaults() (Options, error) {
	var filled Options
	if o != nil {
		filled = *o
	}
	switch {
	case filled.MaxEntries < 0:
		return Options{}, fmt.Errorf("cache: MaxEntries is %d; it must be positive, or 0 for %d", filled.MaxEntries, defaultMaxEntries)
	case filled.MaxAge < 0:
		return Options{}, fmt.Errorf("cache: MaxAge is %v; it must be positive, or 0 for %v", filled.MaxAge, defaultMaxAge)
	case filled.FetchTimeout < 0:
		return Options{}, fmt.Errorf("cache: FetchTimeout is %v; it must be positive, or 0 for %v", filled.FetchTimeout, defaultFetchTimeout)
	case filled.MaxMessages > mostMessages:
		return Options{}, fmt.Errorf("cache: MaxMessages is %d; it must be at most %d", filled.MaxMessages, uint64(mostMessages))
	case filled.MaxBytes > mostBytes:
		return Options{}, fmt.Errorf("cache: MaxBytes is %d; it must be at most %d", filled.MaxBytes, uint64(mostBytes))
	}
	setDefault(&filled.MaxEntries, defaultMaxEntries)
	setDefault(&filled.MaxAge, defaultMaxAge)
	setDefault(&filled.MaxMessages, defaultMaxMessages)
	setDefault(&filled.MaxBytes, defaultMaxBytes)
	setDefault(&filled.FetchTimeout, defaultFetchTimeout)
	return filled, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
