package envelope

import (
	"errors"
	"testing"

	"github.com/sealwax/sealwax/internal/message"
)

// A frame stands in its place, and there are 2^32−1 places.
func TestSequenceNumbers(t *testing.T) {
	for _, tt := range []struct {
		found uint32
		want  uint64
		ok    bool
	}{
		{1, 1, true},
		{0, 1, false},
		{2, 1, false},
		{1<<32 - 1, 1<<32 - 1, true},
		{1<<32 - 2, 1<<32 - 1, false},
		{0, 1 << 32, false}, // the number has come round
		{1, 1<<32 + 1, false},
	} {
		err := checkSequence(message.Frame{Sequence: tt.found}, tt.want)
		if tt.ok != (err == nil) || err != nil && !errors.Is(err, ErrFormat) {
			t.Errorf("frame %d in place %d: %v", tt.found, tt.want, err)
		}
		if frame, ok := errors.AsType[*FrameError](err); ok && uint64(frame.Frame) != tt.want {
			t.Errorf("frame %d in place %d: the error names %d", tt.found, tt.want, frame.Frame)
		}
	}
}
