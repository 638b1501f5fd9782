package envelope

import (
	"testing"

	"github.com/sealwax/sealwax/internal/message"
)

// Frames that are mostly overhead take no more memory than others: what
// Options.Workers promises holds for all lengths.
func TestRunsOfShortFramesAreBounded(t *testing.T) {
	for _, length := range []int{coalesce, batchLength} {
		for frameLength := 1; frameLength <= 2*length; frameLength++ {
			frames := runFrames(length, frameLength)
			if frames < 1 || frames > 1 && frames*frameLength > length {
				t.Fatalf("%d frames of %d bytes for %d", frames, frameLength, length)
			}
			both := frames * (2*frameLength + message.RegularFrameOverhead)
			if frames > 1 && both > 2*length+length/4 {
				t.Fatalf("%d frames of %d bytes take %d bytes sealed and opened", frames, frameLength, both)
			}
			if frameLength >= 128 && frames != max(1, length/frameLength) {
				t.Fatalf("%d frames of %d bytes for %d, which are not mostly overhead", frames, frameLength, length)
			}
		}
	}
}

// The buffers of a stream, those of its pipeline and those that gather, stay
// within 2 MiB for each worker.
func TestBuffersOfAStreamAreBounded(t *testing.T) {
	for workers := 1; workers <= 64; workers++ {
		for frameLength := 1; frameLength <= batchLength; frameLength += max(1, frameLength/7) {
			sealedAndOpened := 2*frameLength + message.RegularFrameOverhead
			n := gatheredFrames(workers, frameLength) * sealedAndOpened
			if workers > 1 {
				n += len(newBatches[int](workers, frameLength)) * batchFrames(frameLength) * sealedAndOpened
			}
			if n > workers<<21 {
				t.Fatalf("%d workers, frames of %d bytes: %d bytes", workers, frameLength, n)
			}
		}
	}
}
