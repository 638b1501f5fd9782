package cache

import (
	"math/bits"
	"sync/atomic"
)

// table finds entries by their identity: a hash table whose readers take no
// lock. Writers hold the store's lock.
//
// A reader that stands on an entry while it is taken out goes on along the
// entry's own link, which stays as it was. So it misses no entry that is in the
// table all the while, and may find one that has just left, whose key is then
// empty.
type table struct {
	buckets []atomic.Pointer[entry] // a power of two
}

// mostBuckets bounds the table's memory (512 KiB); beyond it, chains grow.
const mostBuckets = 1 << 16

func newTable(entries int) table {
	width := bits.Len(uint(min(entries, mostBuckets) - 1))
	return table{buckets: make([]atomic.Pointer[entry], 1<<width)}
}

func (t *table) bucket(hash uint64) *atomic.Pointer[entry] {
	return &t.buckets[hash&uint64(len(t.buckets)-1)]
}

// get returns the entry, or nil.
func (t *table) get(id identity) *entry {
	for e := t.bucket(id.hash).Load(); e != nil; e = e.next.Load() {
		if e.hash == id.hash && e.id == string(id.bytes) {
			return e
		}
	}
	return nil
}

// put adds an entry whose identity the table does not have.
func (t *table) put(e *entry) {
	first := t.bucket(e.hash)
	e.next.Store(first.Load())
	first.Store(e)
}

// remove takes out an entry that is in the table.
func (t *table) remove(e *entry) {
	link := t.bucket(e.hash)
	for at := link.Load(); at != e; at = link.Load() {
		link = &at.next
	}
	link.Store(e.next.Load())
}
