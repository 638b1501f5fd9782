package cache

import (
	"math"
	"math/rand/v2"
	"time"
)

// refreshAhead fetches the next key in the background, unless that is under
// way. It is called by those who use the entry, hence only for entries in use,
// and asks what they ask.
func (s *store) refreshAhead(e *entry, copyRequest func() request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !e.stored() || s.now() < e.retry.Load() {
		return
	}
	e.retry.Store(math.MaxInt64) // no second one until this one has failed
	s.startFlight(e.id, e.hash, copyRequest(), e)
}

// pause returns how long to wait after a refresh that failed: from a second on,
// twice as long each time up to half a minute, give or take a half, so that a
// fleet does not knock in step. Short-lived keys are tried for more often.
func (o *Options) pause(failures int) time.Duration {
	first := min(time.Second, o.MaxAge/100)
	most := min(30*time.Second, o.MaxAge/10)
	pause := min(first<<min(failures, 8), most)
	return max(time.Millisecond, time.Duration((0.5+rand.Float64())*float64(pause)))
}
