package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/sealwax/sealwax/internal/nilcheck"
	"github.com/sealwax/sealwax/keyring"
)

// Keyring is a cache in front of another keyring. It is safe for concurrent use.
// It prints the number of its entries and nothing else.
type Keyring struct{ s *store }

var (
	_ keyring.Keyring = (*Keyring)(nil)
	_ io.Closer       = (*Keyring)(nil)
)

// New returns an empty cache in front of inner, which must answer from the
// request alone, and return when the context it is given ends. Options may be
// nil; a value that is no bound is an error. The caller closes the cache.
func New(inner keyring.Keyring, opts *Options) (*Keyring, error) {
	if nilcheck.IsNil(inner) {
		return nil, errors.New("cache: no inner keyring")
	}
	limits, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Keyring{s: newStore(inner, limits)}, nil
}

// EncryptionMaterials returns the materials to seal one message, whose length is
// charged to its data key before. The answer's data key is the caller's own
// copy; all else in it is shared with other callers, and not to be changed. A
// signed suite's messages share their signing key as long as their data key.
//
// It fails with the inner keyring's error, wrapped, or as it is if the message
// bypasses the cache; with an error that matches [ErrClosed]; or with ctx's.
func (k *Keyring) EncryptionMaterials(ctx context.Context, req *keyring.EncryptionRequest) (*keyring.EncryptionMaterials, error) {
	if cause := k.s.sealBypass(req); cause != 0 {
		return k.s.bypassSeal(ctx, req, cause)
	}
	var space [wholeIdentity]byte
	id, length := k.s.sealIdentity(space[:0], req), uint64(req.PlaintextLength)
	copyRequest := func() request { return copySeal(req) }
	e, key := k.s.hit(id, length, copyRequest)
	if key == nil {
		var err error
		if e, key, err = k.s.fetch(ctx, id, length, copyRequest); err != nil {
			return nil, err
		}
	}
	m := new(e.answer.terms)
	m.DataKey = key
	return m, nil
}

// DecryptionMaterials returns the caller's own copy of the data key of one
// message. It fails as EncryptionMaterials does.
func (k *Keyring) DecryptionMaterials(ctx context.Context, req *keyring.DecryptionRequest) (*keyring.DecryptionMaterials, error) {
	if !req.Suite.Derives() {
		return k.s.bypassOpen(ctx, req)
	}
	var space [wholeIdentity]byte
	id := k.s.openIdentity(space[:0], req)
	copyRequest := func() request { return copyOpen(req) }
	_, key := k.s.hit(id, 0, copyRequest)
	if key == nil {
		var err error
		if _, key, err = k.s.fetch(ctx, id, 0, copyRequest); err != nil {
			return nil, err
		}
	}
	return &keyring.DecryptionMaterials{DataKey: key}, nil
}

// Stats returns the counts up to now. They are not taken at one instant.
func (k *Keyring) Stats() Stats {
	stats := k.s.counts.stats()
	stats.Entries = int(k.s.size.Load())
	return stats
}

// Purge zeroes every data key in the cache now. What is being fetched reaches
// those who wait for it, and does not enter the cache; what nobody waits for is
// ended. Whoever has waited, and has not taken the key yet, asks anew.
func (k *Keyring) Purge() { k.s.purge() }

// Close zeroes every data key, ends the calls that are shared or in the
// background, and waits for them. Those who wait for a call, and all later
// calls, get an error that matches [ErrClosed]. The inner keyring is not closed.
// Close may be called again, and returns nil.
func (k *Keyring) Close() error {
	k.s.close()
	return nil
}

// String returns the cache's rendering: the number of its entries.
func (k Keyring) String() string {
	if k.s == nil {
		return "cache.Keyring"
	}
	return fmt.Sprintf("cache.Keyring with %d data keys", k.s.size.Load())
}

// GoString returns what String does.
func (k Keyring) GoString() string { return k.String() }

// Format writes what String returns, for every verb.
func (k Keyring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue returns what String does.
func (k Keyring) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText returns what String does.
func (k Keyring) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
