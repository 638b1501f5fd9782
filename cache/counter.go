package cache

import (
	"math/rand/v2"
	"sync/atomic"
)

// counter is a number that many cores increment at once: each mostly on a cache
// line of its own.
type counter struct {
	stripes [8]struct {
		n atomic.Uint64
		_ [56]byte // fills the cache line
	}
}

func (c *counter) add() { c.stripes[rand.Uint32()%uint32(len(c.stripes))].n.Add(1) }

func (c *counter) sum() uint64 {
	var sum uint64
	for i := range c.stripes {
		sum += c.stripes[i].n.Load()
	}
	return sum
}
