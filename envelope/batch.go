package envelope

import (
	"math"

	"github.com/sealwax/sealwax/internal/message"
)

// batchLength is how much content the parts of a message have that are worth a
// goroutine each, in bytes: long against what starting one costs, short against
// the caches of a core.
const batchLength = 256 << 10

// batchFrames returns the number of frames in a batch: at least one.
func batchFrames(frameLength int) int { return runFrames(batchLength, frameLength) }

// runFrames returns the number of frames that are sealed or opened in a run of
// about length bytes of content: at least one. Frames so short that they are
// mostly overhead are counted with it, or a run of them would take many times the
// memory.
func runFrames(length, frameLength int) int {
	if frameLength >= length {
		return 1
	}
	return min(length/frameLength, (2*length+length/4)/(2*frameLength+message.RegularFrameOverhead))
}

// gatheredFrames returns how many frames a Writer gathers from short writes before
// it seals them, and how many a Reader has room to read ahead and opens at a time.
func gatheredFrames(workers, frameLength int) int {
	if workers == 1 {
		return runFrames(coalesce, frameLength)
	}
	frames := batchFrames(frameLength) * min(workers, maxBufferedBatches)
	return min(frames, math.MaxInt/(frameLength+message.RegularFrameOverhead)) // where int has 32 bits
}

const (
	// coalesce is how much content is gathered without workers, in bytes, unless
	// a frame is longer.
	coalesce = 64 << 10
	// maxBufferedBatches bounds what is gathered for many workers.
	maxBufferedBatches = 8
)

// newBatches returns the batches of a pipeline: twice as many as workers, so that
// one that takes long, or is consumed, does not keep the others waiting. Of frames
// longer than a batch should be there are fewer, for the memory.
func newBatches[B any](workers, frameLength int) []*B {
	n := 2 * workers
	if frameLength > batchLength {
		n = workers + 1
	}
	batches := make([]*B, n)
	for i := range batches {
		batches[i] = new(B)
	}
	return batches
}
