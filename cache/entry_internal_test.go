package cache

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTimeOfUseOnlyGrows, whoever comes late with an earlier time.
func TestTimeOfUseOnlyGrows(t *testing.T) {
	var e entry
	e.touch(int64(time.Hour))
	e.touch(int64(time.Minute))
	require.Equal(t, int64(time.Hour), e.used.Load())

	// Two at once, in many rounds: the later time stays.
	var started, done atomic.Int64
	const rounds = 20_000
	wentBack := 0
	at := func(round int64) int64 { return round * int64(24*time.Hour) }
	var wg sync.WaitGroup
	wg.Go(func() {
		for round := int64(1); round <= rounds; round++ {
			for started.Load() < round {
				runtime.Gosched()
			}
			e.touch(at(round))
			done.Store(round)
		}
	})
	for round := int64(1); round <= rounds; round++ {
		started.Store(round)
		e.touch(at(round) + int64(time.Hour))
		for done.Load() < round {
			runtime.Gosched()
		}
		if e.used.Load() != at(round)+int64(time.Hour) {
			wentBack++
		}
	}
	wg.Wait()
	require.Zero(t, wentBack)
}
