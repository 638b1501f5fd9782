package cache

import (
	"context"
	"time"

	"github.com/sealwax/sealwax/keyring"
)

// sealBypass says why a message takes a key of its own; zero if it does not.
func (s *store) sealBypass(req *keyring.EncryptionRequest) BypassCause {
	switch {
	case !req.Suite.Derives():
		return BypassedBySuite
	case req.PlaintextLength < 0:
		return BypassedByUnknownLength
	case uint64(req.PlaintextLength) > s.limits.MaxBytes:
		return BypassedByBytes
	case s.limits.MaxMessages == 1:
		return BypassedByMessages
	default:
		return 0
	}
}

func (s *store) bypassSeal(ctx context.Context, req *keyring.EncryptionRequest, cause BypassCause) (m *keyring.EncryptionMaterials, err error) {
	err = s.bypass(Event{Operation: Seal, Suite: req.Suite, Bypass: cause}, func() error {
		m, err = askSealing(ctx, s.inner, req)
		return err
	})
	return m, err
}

func (s *store) bypassOpen(ctx context.Context, req *keyring.DecryptionRequest) (m *keyring.DecryptionMaterials, err error) {
	err = s.bypass(Event{Operation: Open, Suite: req.Suite, Bypass: BypassedBySuite}, func() error {
		m, err = askOpening(ctx, s.inner, req)
		return err
	})
	return m, err
}

// bypass runs a call to the inner keyring for one message alone: in the
// caller's goroutine, with its context.
func (s *store) bypass(event Event, call func() error) error {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return ErrClosed
	}
	began := s.now()
	event.Err = call()
	event.Kind, event.Duration = EventBypass, time.Duration(s.now()-began)
	s.happened(&event)
	return event.Err
}
