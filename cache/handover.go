package cache

import (
	"time"

	"github.com/sealwax/sealwax/keyring"
)

// A flight that has landed keeps a copy of its key for those who waited, so that
// they need not fear the entry's eviction by others. Some come late for it: they
// have not run since, or their observer was slow. The copy obeys MaxAge, Purge
// and Close as the entry's own key does; who comes after that asks anew.

// shortestHandover is how long those who waited may take their key if MaxAge is
// shorter: the one exception from it. Without it, whoever wakes up later than
// the shortest of ages would ask forever.
const shortestHandover = time.Second

// handOver keeps a copy of the key for those who wait for the flight, which has
// its entry. The lock is held.
func (s *store) handOver(f *flight, key *keyring.DataKey) {
	now := s.now()
	f.key = key.Clone()
	f.until = max(f.entry.expires, later(now, shortestHandover))
	// It needs no lock, and harms nothing if it is stopped too late.
	f.timer = time.AfterFunc(time.Duration(f.until-now), f.key.Destroy)
	s.landed[f] = struct{}{}
}

// endHandover destroys the flight's copy, if there is one. The lock is held.
func (s *store) endHandover(f *flight) {
	if f.key == nil {
		return
	}
	f.timer.Stop()
	f.key.Destroy()
	delete(s.landed, f)
}
