package cache

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/sealwax/sealwax/keyring"
)

// flight is one call to the inner keyring, which belongs to no caller.
type flight struct {
	id      string
	hash    uint64
	request request
	subject
	refreshes *entry // the entry that a call in the background is to replace; nil for a fetch
	ctx       context.Context
	cancel    context.CancelFunc

	// Guarded by the store's lock.
	holds    int  // those who wait, or have not yet taken their copy; and the background, if it refreshes
	detached bool // its answer must not enter the store: abandoned, purged, closed

	landed   chan struct{} // closed when what follows is there, for good
	entry    *entry
	key      *keyring.DataKey // a copy of the entry's for those who wait; see handOver
	until    int64            // when the copy's time is over
	timer    *time.Timer      // destroys it then
	err      error
	panicked *PanicError
}

// startFlight begins a call. The lock is held.
func (s *store) startFlight(id string, hash uint64, req request, refreshes *entry) *flight {
	f := &flight{id: id, hash: hash, request: req, subject: req.subject(), refreshes: refreshes, holds: 1, landed: make(chan struct{})}
	f.ctx, f.cancel = context.WithTimeout(s.ctx, s.limits.FetchTimeout)
	s.flights[id] = f
	s.running.Go(func() { s.fly(f) })
	return f
}

// fly calls the inner keyring, and lands even if that panics or ends the
// goroutine.
func (s *store) fly(f *flight) {
	defer f.cancel()
	var a answer
	err := errNoAnswer
	began := s.now()
	defer func() {
		if v := recover(); v != nil {
			f.panicked = &PanicError{Value: v, Stack: debug.Stack()}
			err = f.panicked
		}
		s.land(f, a, err, time.Duration(s.now()-began))
	}()
	a, err = f.request.ask(f.ctx, s.inner)
}

// land brings the answer into the store and to those who wait.
func (s *store) land(f *flight, a answer, err error, took time.Duration) {
	event := f.event(EventFetch)
	if f.refreshes != nil {
		event.Kind = EventRefresh
	}
	event.Duration, event.Err = took, err

	s.mu.Lock()
	if f.abandoned() {
		event.Abandoned, event.Err = true, nil
	}
	events := s.note(nil, event)
	if !f.detached {
		delete(s.flights, f.id)
	}
	switch {
	case s.closed:
		a.key.Destroy()
		f.err = fmt.Errorf("%w while a data key was fetched", ErrClosed)
	case err != nil:
		s.landFailure(f, err)
	default:
		events = s.landAnswer(f, a, events)
	}
	close(f.landed)
	if f.refreshes != nil {
		s.release(f)
	}
	s.mu.Unlock()
	s.report(events)
}

// abandoned reports whether the call was cancelled by those who had no use for
// it any more: it was not its own deadline that ended it. A panic is a failure
// whenever it comes. The lock is held.
func (f *flight) abandoned() bool {
	return f.panicked == nil && errors.Is(f.ctx.Err(), context.Canceled)
}

// landAnswer makes the answer an entry. The lock is held.
func (s *store) landAnswer(f *flight, a answer, events []Event) []Event {
	f.entry = s.newEntry(f, a)
	if f.waiting() > 0 {
		s.handOver(f, a.key)
	}
	if f.detached {
		a.key.Destroy()
		return events
	}
	return s.insert(f.entry, events)
}

// newEntry makes an entry of an answer, which it owns. The lock is held.
func (s *store) newEntry(f *flight, a answer) *entry {
	now := s.now()
	s.numbers++
	e := &entry{
		id:      f.id,
		hash:    f.hash,
		number:  s.numbers,
		subject: f.subject,
		answer:  a,
		expires: later(now, s.limits.MaxAge),
		refresh: s.limits.drawThresholds(now),
	}
	e.used.Store(now)
	return e
}

// landFailure keeps the error for those who wait. The lock is held.
func (s *store) landFailure(f *flight, err error) {
	f.err = fmt.Errorf("cache: fetching a data key: %w", err)
	if errors.Is(f.ctx.Err(), context.DeadlineExceeded) {
		f.err = fmt.Errorf("cache: no data key within FetchTimeout, %v: %w", s.limits.FetchTimeout, err)
	}
	if e := f.refreshes; e != nil {
		e.retry.Store(later(s.now(), s.limits.pause(e.failures)))
		e.failures++
	}
}

// ride waits for a flight that is held for the caller, and serves a message of
// it. It returns no key if the flight's has no room for the message, or is gone
// before the caller comes for it.
func (s *store) ride(ctx context.Context, b boarding, length uint64, copyRequest func() request) (*keyring.DataKey, error) {
	f := b.flight
	defer s.leave(f)
	if !b.counted {
		s.happened(&b.event)
	}
	select {
	case <-f.landed:
	case <-ctx.Done():
		return nil, waitError(ctx.Err())
	}
	if f.panicked != nil {
		panic(f.panicked)
	}
	if f.err != nil {
		return nil, f.err
	}
	now := s.now()
	if now >= f.until {
		return nil, nil
	}
	return s.serve(f.entry, f.key, length, now, copyRequest), nil
}

func waitError(err error) error {
	return fmt.Errorf("cache: waiting for a data key: %w", err)
}

func (s *store) leave(f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(f)
}

// release gives up one hold on a flight. The last one destroys the key that the
// flight brought; before it has landed, it is ended if nobody wants it now. The
// lock is held.
func (s *store) release(f *flight) {
	f.holds--
	select {
	case <-f.landed:
		if f.holds == 0 {
			s.endHandover(f)
		}
	default:
		s.endUnwanted(f)
	}
}

// waiting returns how many requests hold the flight, which has not landed. The
// lock is held.
func (f *flight) waiting() int {
	if f.refreshes != nil {
		return f.holds - 1
	}
	return f.holds
}

// endUnwanted ends a flight under way for which nobody waits, unless its answer
// is for the store: that of a refresh which is not detached. The lock is held.
func (s *store) endUnwanted(f *flight) {
	if f.waiting() > 0 || f.refreshes != nil && !f.detached {
		return
	}
	s.detach(f)
	f.cancel()
}

// detach makes sure that a flight's answer does not enter the store. The lock is
// held.
func (s *store) detach(f *flight) {
	if f.detached {
		return
	}
	f.detached = true
	delete(s.flights, f.id)
}
