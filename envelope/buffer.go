package envelope

// batchLength is how much content the parts of a message have that are worth a
// goroutine each, in bytes: long against what starting one costs, short against
// the caches of a core.
const batchLength = 256 << 10

// batchFrames returns the number of frames in a batch: at least one.
func batchFrames(frameLength int) int { return max(1, batchLength/frameLength) }
