package cache

import (
	"container/list"
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealwax/sealwax/keyring"
)

// store is the cache behind a Keyring.
//
// Hits take no lock: they find their entry in the table and change nothing but
// the atomic numbers in it. Everything else holds mu, for a short time, and
// neither calls the inner keyring nor the observer with it.
type store struct {
	inner  keyring.Keyring
	limits Options
	seed   maphash.Seed // of identities
	began  time.Time
	ctx    context.Context // of flights; ends with Close
	cancel context.CancelFunc
	table  table
	counts counts
	size   atomic.Int64 // entries, for those without the lock

	running sync.WaitGroup // flights, and the timer if it is set

	mu      sync.Mutex
	closed  bool
	flights map[string]*flight   // under way, by identity
	landed  map[*flight]struct{} // those whose key not everybody has taken
	recency recency
	aging   list.List // of *entry, the first to expire in front
	timer   *time.Timer
	timers  uint64 // timers that were set
	numbers uint64 // entries that were made
}

func newStore(inner keyring.Keyring, limits Options) *store {
	s := &store{
		inner:   inner,
		limits:  limits,
		seed:    maphash.MakeSeed(),
		began:   time.Now(),
		table:   newTable(limits.MaxEntries),
		flights: map[string]*flight{},
		landed:  map[*flight]struct{}{},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// now returns the time in nanoseconds since the store was made.
func (s *store) now() int64 { return int64(time.Since(s.began)) }

// hit serves a message from the cache, if it can. It returns the entry, whose
// answer holds the rest, and the message's own copy of the key.
func (s *store) hit(id identity, length uint64, copyRequest func() request) (*entry, *keyring.DataKey) {
	e := s.table.get(id)
	if e == nil {
		return nil, nil
	}
	key := s.use(e, length, copyRequest)
	if key == nil {
		return nil, nil
	}
	s.counts.hits.add()
	if s.limits.Observer != nil {
		s.limits.Observer(e.event(EventHit))
	}
	return e, key
}

// use serves a message from an entry in the store. It returns nil if the entry
// cannot serve it.
func (s *store) use(e *entry, length uint64, copyRequest func() request) *keyring.DataKey {
	now := s.now()
	if now >= e.expires {
		s.retire(e, EvictedByAge)
		return nil
	}
	return s.serve(e, e.answer.key, length, now, copyRequest)
}

// serve copies an entry's key for one message, and does what follows from it:
// the entry leaves when it can serve no other, and its successor is fetched
// ahead. from is the entry's key, or a flight's copy of it.
func (s *store) serve(e *entry, from *keyring.DataKey, length uint64, now int64, copyRequest func() request) *keyring.DataKey {
	key, over := e.take(from, length, &s.limits)
	if over != 0 {
		s.retire(e, over)
	}
	if key == nil {
		return nil
	}
	e.touch(now)
	if over == 0 && e.due(now) {
		s.refreshAhead(e, copyRequest)
	}
	return key
}

// fetch serves a message by a flight: the one that is under way, or a new one,
// until a key has room for the message. Each round serves at least one of those
// who wait for it, unless Purge comes first. copyRequest makes the cache's own
// copy of the request.
func (s *store) fetch(ctx context.Context, id identity, length uint64, copyRequest func() request) (*entry, *keyring.DataKey, error) {
	for counted := false; ; {
		if err := ctx.Err(); err != nil {
			return nil, nil, waitError(err)
		}
		b, err := s.board(id, copyRequest)
		if err != nil {
			return nil, nil, err
		}
		if b.flight == nil {
			key := s.use(b.entry, length, copyRequest)
			if key == nil {
				continue
			}
			if !counted {
				s.happened(&b.event)
			}
			return b.entry, key, nil
		}
		// A request is counted once, as what it was at first.
		b.counted, counted = counted, true
		key, err := s.ride(ctx, b, length, copyRequest)
		if err != nil {
			return nil, nil, err
		}
		if key != nil {
			return b.flight.entry, key, nil
		}
	}
}

// boarding is what a request that found nothing goes on with: a flight, held
// for it, or the entry that came meanwhile.
type boarding struct {
	flight  *flight
	entry   *entry
	event   Event
	counted bool // the request's event is told already
}

func (s *store) board(id identity, copyRequest func() request) (boarding, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return boarding{}, ErrClosed
	}
	if e := s.table.get(id); e != nil {
		return boarding{entry: e, event: e.event(EventHit)}, nil
	}
	if f := s.flights[string(id.bytes)]; f != nil {
		f.holds++
		return boarding{flight: f, event: f.event(EventSharedFlight)}, nil
	}
	f := s.startFlight(string(id.bytes), id.hash, copyRequest(), nil)
	return boarding{flight: f, event: f.event(EventMiss)}, nil
}

// insert makes an entry findable, in place of the one of its identity, if any,
// and of the least recently used if the store is full. The lock is held.
func (s *store) insert(e *entry, events []Event) []Event {
	if old := s.table.get(e.identity()); old != nil {
		events = s.evict(old, EvictedByRefresh, events)
	}
	for s.recency.len() >= s.limits.MaxEntries {
		events = s.evict(s.recency.oldest(), EvictedByEntries, events)
	}
	s.recency.add(e)
	e.aging = s.aging.PushBack(e)
	s.table.put(e)
	s.size.Add(1)
	s.schedule()
	return events
}

// evict takes an entry out, if it is there, and zeroes its key. The lock is
// held.
func (s *store) evict(e *entry, cause EvictionCause, events []Event) []Event {
	if !e.stored() {
		return events
	}
	e.gone = true
	s.table.remove(e)
	s.recency.remove(e)
	s.aging.Remove(e.aging)
	s.size.Add(-1)
	e.answer.key.Destroy()
	if s.recency.len() == 0 {
		s.unschedule()
	}
	event := e.event(EventEviction)
	event.Eviction = cause
	return s.note(events, event)
}

// retire is evict for those who hold no lock.
func (s *store) retire(e *entry, cause EvictionCause) {
	s.mu.Lock()
	events := s.evict(e, cause, nil)
	s.mu.Unlock()
	s.report(events)
}

func (s *store) purge() {
	s.mu.Lock()
	events := s.clear()
	s.mu.Unlock()
	s.report(events)
}

// clear empties the store, takes back what landed flights keep for those who
// waited, and makes flights under way bring nothing into the store. The lock is
// held.
func (s *store) clear() (events []Event) {
	for s.recency.len() > 0 {
		events = s.evict(s.recency.entries[0], EvictedByPurge, events)
	}
	for f := range s.landed {
		s.endHandover(f)
	}
	for _, f := range s.flights {
		s.detach(f)
		s.endUnwanted(f)
	}
	return events
}

func (s *store) close() {
	s.mu.Lock()
	s.closed = true
	events := s.clear()
	s.cancel()
	s.mu.Unlock()
	s.report(events)
	s.running.Wait()
}

// happened counts an event and shows it to the observer. No lock is held.
func (s *store) happened(e *Event) {
	s.counts.count(e)
	if s.limits.Observer != nil {
		s.limits.Observer(*e)
	}
}

// note counts an event that happens under the lock, and keeps it for report.
func (s *store) note(events []Event, e Event) []Event {
	s.counts.count(&e)
	if s.limits.Observer == nil {
		return events
	}
	return append(events, e)
}

// report shows events to the observer. No lock is held.
func (s *store) report(events []Event) {
	for _, e := range events {
		s.limits.Observer(e)
	}
}
