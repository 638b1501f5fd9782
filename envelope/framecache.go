package envelope

import (
	"container/list"
	"sync"
)

// frameCache keeps the content of frames opened last. Whoever uses a frame pins
// it; what is evicted is overwritten or cleared, and what is left at the end is
// cleared. It is safe for concurrent use.
type frameCache struct {
	capacity    int // frames
	frameLength int

	mu     sync.Mutex
	frames map[uint64]*cachedFrame // guarded by mu; so is all that follows
	order  list.List               // of *cachedFrame, used last in front
	free   [][]byte                // room for content, which may still show what it held
	closed bool
}

// cachedFrame is the content of one frame, or the promise of it.
type cachedFrame struct {
	sequence uint64
	ready    chan struct{} // closed when content and err are set
	content  []byte
	err      error

	pins    int // guarded by the cache's mu; so is all that follows
	element *list.Element
}

// How much content a frameCache keeps: bytes, and bounds on the number of frames.
const (
	cachedContent = 1 << 20
	freeContent   = cachedContent / 4 // room kept for the next frames
	leastCached   = 2
	mostCached    = 256
)

func newFrameCache(frameLength int) *frameCache {
	capacity := min(mostCached, max(leastCached, cachedContent/frameLength))
	return &frameCache{capacity: capacity, frameLength: frameLength, frames: map[uint64]*cachedFrame{}}
}

// acquire returns a frame that is there or on its way, pinned, or nil. It waits
// for one that is on its way.
func (c *frameCache) acquire(sequence uint64) *cachedFrame {
	c.mu.Lock()
	f := c.frames[sequence]
	if f != nil {
		f.pins++
		c.order.MoveToFront(f.element)
	}
	c.mu.Unlock()
	if f != nil {
		<-f.ready
	}
	return f
}

// claim promises a frame: the caller fills it and calls settle. It returns nil
// if it is there or on its way.
func (c *frameCache) claim(sequence uint64, length int) *cachedFrame {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.frames[sequence] != nil {
		return nil
	}
	f := &cachedFrame{sequence: sequence, ready: make(chan struct{}), pins: 1}
	f.content = c.room()[:length]
	f.element = c.order.PushFront(f)
	c.frames[sequence] = f
	c.evict()
	return f
}

// has reports whether a frame is there or on its way.
func (c *frameCache) has(sequence uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frames[sequence] != nil
}

// settle keeps the promise of claim. A frame that failed is forgotten, so that
// the next reader tries again.
func (c *frameCache) settle(f *cachedFrame, err error) {
	f.err = err
	if err != nil {
		c.mu.Lock()
		c.remove(f)
		c.mu.Unlock()
	}
	close(f.ready)
}

// release undoes a pin.
func (c *frameCache) release(f *cachedFrame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.pins--; f.pins > 0 {
		return
	}
	if c.frames[f.sequence] != f { // removed while it was pinned
		c.recycle(f)
		return
	}
	c.evict()
}

// evict removes what has not been used for longest until the bound holds, or
// only pinned frames are left.
func (c *frameCache) evict() {
	for e := c.order.Back(); e != nil && c.order.Len() > c.capacity; {
		f := e.Value.(*cachedFrame)
		e = e.Prev()
		if f.pins == 0 {
			c.remove(f)
		}
	}
}

func (c *frameCache) remove(f *cachedFrame) {
	if c.frames[f.sequence] != f {
		return
	}
	delete(c.frames, f.sequence)
	c.order.Remove(f.element)
	if f.pins == 0 {
		c.recycle(f)
	}
}

// recycle keeps the room of a frame for the next ones, which overwrite it, or
// clears it.
func (c *frameCache) recycle(f *cachedFrame) {
	if !c.closed && (len(c.free)+1)*c.frameLength <= freeContent {
		c.free = append(c.free, f.content)
	} else {
		clear(f.content[:cap(f.content)]) // a shorter frame may have stood there last
	}
	f.content = nil
}

// room returns space for the content of one frame.
func (c *frameCache) room() []byte {
	if n := len(c.free); n > 0 {
		b := c.free[n-1]
		c.free = c.free[:n-1]
		return b[:cap(b)]
	}
	return make([]byte, c.frameLength)
}

// close clears everything; frames that are pinned, when they are released.
func (c *frameCache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, f := range c.frames {
		c.remove(f)
	}
	for _, room := range c.free {
		clear(room[:cap(room)])
	}
	c.free = nil
}

func (c *frameCache) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}
