package envelope

import (
	"bytes"
	"errors"
	"testing"
)

// fill claims a frame, gives it content and unpins it.
func fill(t *testing.T, c *frameCache, sequence uint64, content string) []byte {
	t.Helper()
	f := c.claim(sequence, len(content))
	if f == nil {
		t.Fatalf("frame %d cannot be claimed", sequence)
	}
	copy(f.content, content)
	memory := f.content
	c.settle(f, nil)
	c.release(f)
	return memory
}

func TestFrameCacheKeepsTheFramesUsedLast(t *testing.T) {
	c := newFrameCache(cachedContent / 3) // room for three
	var memory [6][]byte
	for i := range 3 {
		memory[i] = fill(t, c, uint64(i), "content")
	}
	if f := c.acquire(0); f == nil { // now 1 is the oldest
		t.Fatal("frame 0 is gone")
	} else {
		c.release(f)
	}
	fill(t, c, 3, "content")
	if c.has(1) || !c.has(0) || !c.has(2) || !c.has(3) {
		t.Error("not the oldest was evicted")
	}
	if c.order.Len() != 3 || len(c.frames) != 3 {
		t.Errorf("%d frames kept, want 3", c.order.Len())
	}
}

func TestFrameCacheCapacity(t *testing.T) {
	for frameLength, want := range map[int]int{1: mostCached, 1000: mostCached, 64 << 10: 16, 1 << 20: leastCached, 64 << 20: leastCached} {
		if c := newFrameCache(frameLength); c.capacity != want {
			t.Errorf("frames of %d bytes: %d are kept, want %d", frameLength, c.capacity, want)
		}
	}
}

// What is evicted, or left when the cache is closed, is cleared.
func TestFrameCacheClears(t *testing.T) {
	c := newFrameCache(cachedContent / 2)
	first := fill(t, c, 1, "secret 1")
	second := fill(t, c, 2, "secret 2")
	third := fill(t, c, 3, "secret 3")
	if !isZero(first) {
		t.Errorf("evicted, and holds %q", first)
	}
	c.close()
	if !isZero(second) || !isZero(third) {
		t.Errorf("closed, and holds %q, %q", second, third)
	}
	if c.claim(4, 1) != nil || c.acquire(2) != nil || !c.isClosed() {
		t.Error("the closed cache still works")
	}
	c.close()
}

// Room that is kept for the next frames is overwritten by them, or cleared in the end.
func TestFrameCacheClearsTheRoomItKeeps(t *testing.T) {
	c := newFrameCache(64 << 10)
	first, second := fill(t, c, 1, "secret 1"), fill(t, c, 2, "secret 2")
	for i := range c.capacity {
		fill(t, c, uint64(10+i), "other")
	}
	again := fill(t, c, 100, "a frame more")
	if &again[0] != &second[0] || string(again) != "a frame more" {
		t.Errorf("the room of an evicted frame is not used again, or shows %q", again)
	}
	c.close()
	if !isZero(first) || !isZero(second) {
		t.Errorf("closed, and holds %q, %q", first, second)
	}
}

// A frame that is being read is not cleared under the reader, but after it.
func TestFrameCachePins(t *testing.T) {
	c := newFrameCache(cachedContent / 2)
	memory := fill(t, c, 1, "secret")
	f := c.acquire(1)
	for i := range uint64(5) {
		fill(t, c, 10+i, "other")
	}
	if string(memory) != "secret" {
		t.Fatalf("evicted while it was read: %q", memory)
	}
	c.close()
	if string(memory) != "secret" {
		t.Fatalf("cleared while it was read: %q", memory)
	}
	c.release(f)
	if !isZero(memory) {
		t.Errorf("read, and still holds %q", memory)
	}
}

// A frame that cannot be opened is forgotten, and its reader told.
func TestFrameCacheForgetsFailures(t *testing.T) {
	c := newFrameCache(100)
	failure := errors.New("failure")
	f := c.claim(1, 5)
	if c.claim(1, 5) != nil {
		t.Fatal("claimed twice")
	}
	waiter := make(chan *cachedFrame)
	go func() {
		got := c.acquire(1)
		waiter <- got
	}()
	for !pinned(c, f, 2) {
	}
	c.settle(f, failure)
	got := <-waiter
	if got == nil || got.err != failure {
		t.Errorf("the waiting reader got %v", got)
	}
	c.release(got)
	c.release(f)
	if c.has(1) || len(c.frames) != 0 || c.order.Len() != 0 {
		t.Error("the failed frame is kept")
	}
	if f := c.claim(1, 5); f == nil {
		t.Error("the frame cannot be tried again")
	}
}

func pinned(c *frameCache, f *cachedFrame, n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return f.pins >= n
}

func isZero(b []byte) bool { return bytes.Equal(b, make([]byte, len(b))) }
