package cache

import "time"

// Entries expire in the order in which they came, since all live equally long.
// One timer stands at the first one's end; an empty store has none.

// schedule sets the timer, unless it is set. The lock is held, and the store is
// not closed.
func (s *store) schedule() {
	first := s.aging.Front()
	if s.timer != nil || first == nil {
		return
	}
	s.timers++
	number := s.timers
	s.running.Add(1)
	s.timer = time.AfterFunc(time.Duration(first.Value.(*entry).expires-s.now()), func() { s.expire(number) })
}

// unschedule stops the timer. The lock is held.
func (s *store) unschedule() {
	if s.timer == nil {
		return
	}
	if s.timer.Stop() {
		s.running.Done()
	}
	s.timer = nil
}

// expire destroys the keys whose time is over. A timer that was stopped too
// late, when its number is no longer the last, changes nothing but that.
func (s *store) expire(number uint64) {
	defer s.running.Done()
	s.mu.Lock()
	var events []Event
	now := s.now()
	for first := s.aging.Front(); first != nil; first = s.aging.Front() {
		e := first.Value.(*entry)
		if now < e.expires {
			break
		}
		events = s.evict(e, EvictedByAge, events)
	}
	if number == s.timers && !s.closed {
		s.timer = nil
		s.schedule()
	}
	s.mu.Unlock()
	s.report(events)
}
