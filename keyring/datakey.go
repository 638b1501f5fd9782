package keyring

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
)

// redacted is what every rendering of a secret shows.
const redacted = "REDACTED"

// DataKey is a secret key that seals one message (or several, when a cache
// hands out copies). It prints REDACTED wherever it stands.
//
// It is used as a pointer; a copy of the struct is the same key. fmt cannot call
// methods on unexported fields, and follows one pointer by itself, but not two:
// two stand before the bytes, whichever way the key is held. Dumpers built on
// reflection, and debuggers, still see the memory.
//
// All methods are safe for concurrent use and accept a nil DataKey, which is
// empty.
type DataKey struct{ r *keyRef }

type keyRef struct{ s *keyState }

type keyState struct {
	mu     sync.RWMutex
	b      []byte   // nil once destroyed
	inline [32]byte // where b stands, if it fits: every published suite's key does
}

// NewDataKey copies b, then clears b.
func NewDataKey(b []byte) *DataKey {
	k := copyKey(b)
	clear(b)
	return k
}

func copyKey(b []byte) *DataKey {
	k := blankKey(len(b))
	copy(k.r.s.b, b)
	return k
}

// randomKey makes a key of n random bytes. They are made in place: there is no
// other copy.
func randomKey(n int) *DataKey {
	k := blankKey(n)
	rand.Read(k.r.s.b)
	return k
}

// blankKey makes a key of n zero bytes, for its caller to fill in before anyone
// else sees it. Key and state are one allocation: a cache copies a key for
// every message.
func blankKey(n int) *DataKey {
	one := &struct {
		k DataKey
		r keyRef
		s keyState
	}{}
	one.k.r, one.r.s = &one.r, &one.s
	if n <= len(one.s.inline) {
		one.s.b = one.s.inline[:n:n]
	} else {
		one.s.b = make([]byte, n)
	}
	return &one.k
}

// Do calls f with the key's bytes, which f must neither change nor keep. After
// Destroy, f gets nil. f must not call Destroy on the same key.
func (k *DataKey) Do(f func(b []byte) error) error {
	if k == nil || k.r == nil {
		return f(nil)
	}
	s := k.r.s
	s.mu.RLock()
	defer s.mu.RUnlock()
	return f(s.b)
}

// Clone returns a copy with a life of its own.
func (k *DataKey) Clone() *DataKey {
	var c *DataKey
	_ = k.Do(func(b []byte) error { c = copyKey(b); return nil })
	return c
}

// Len returns the key's length in bytes, 0 after Destroy.
func (k *DataKey) Len() int {
	n := 0
	_ = k.Do(func(b []byte) error { n = len(b); return nil })
	return n
}

// Destroy clears the key. It waits for running calls of Do, and may be called
// again.
func (k *DataKey) Destroy() {
	if k == nil || k.r == nil {
		return
	}
	s := k.r.s
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.b)
	s.b = nil
}

// String returns REDACTED.
func (k DataKey) String() string { return redacted }

// GoString returns REDACTED.
func (k DataKey) GoString() string { return redacted }

// Format writes REDACTED for every verb.
func (k DataKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue returns REDACTED.
func (k DataKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns REDACTED, so that encoders show it too.
func (k DataKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }
