package cache

import "container/heap"

// recency yields the least recently used entry, without making hits take a
// lock: a hit only stores its time in the entry. The heap is ordered by the
// times of use that it has seen; since times only grow, what it has seen is
// never later than the truth. An entry on top that it has seen rightly is thus
// the least recently used of all.
//
// Guarded by the store's lock.
type recency struct{ entries heapOfEntries }

func (r *recency) add(e *entry) {
	e.seen = e.used.Load()
	heap.Push(&r.entries, e)
}

func (r *recency) remove(e *entry) { heap.Remove(&r.entries, e.place) }

func (r *recency) len() int { return len(r.entries) }

// oldest returns the least recently used entry; there must be one.
func (r *recency) oldest() *entry {
	for {
		top := r.entries[0]
		used := top.used.Load()
		if used == top.seen {
			return top
		}
		top.seen = used
		heap.Fix(&r.entries, 0)
	}
}

type heapOfEntries []*entry

func (h heapOfEntries) Len() int { return len(h) }

func (h heapOfEntries) Less(i, j int) bool {
	if h[i].seen != h[j].seen {
		return h[i].seen < h[j].seen
	}
	return h[i].number < h[j].number
}

func (h heapOfEntries) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *heapOfEntries) Push(x any) {
	e := x.(*entry)
	e.place = len(*h)
	*h = append(*h, e)
}

func (h *heapOfEntries) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}
