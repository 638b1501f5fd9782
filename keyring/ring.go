package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"unicode/utf8"

	"github.com/sealwax/sealwax/internal/fault"
	"github.com/sealwax/sealwax/internal/nilcheck"
	"github.com/sealwax/sealwax/internal/suite"
)

// Options are the knobs of a [Ring]. There is none yet; nil is the same as zero.
type Options struct{}

// Ring is a [Keyring] of wrapping keys. The first, the primary, makes a
// message's data key; every other key that can wraps it too; any one of them
// opens the message.
//
// All methods are safe for concurrent use.
type Ring struct {
	keys    []WrappingKey // the primary first
	opening []WrappingKey // the same, in the order in which they are tried
}

// New returns a ring. primary must be able to wrap if the ring is to seal;
// others that can only open are passed over then. A nil key is an error.
func New(primary WrappingKey, others ...WrappingKey) (*Ring, error) {
	return NewWithOptions(nil, primary, others...)
}

// NewWithOptions is [New] with options, which may be nil.
func NewWithOptions(opts *Options, primary WrappingKey, others ...WrappingKey) (*Ring, error) {
	keys := append([]WrappingKey{primary}, others...)
	for i, key := range keys {
		if nilcheck.IsNil(key) {
			return nil, fmt.Errorf("keyring: %s is nil", position(i, len(keys)))
		}
	}
	r := &Ring{keys: keys}
	for _, last := range []bool{false, true} {
		for _, key := range keys {
			if unwrapsLast(key) == last {
				r.opening = append(r.opening, key)
			}
		}
	}
	return r, nil
}

func unwrapsLast(key WrappingKey) bool {
	last, ok := key.(interface{ unwrapsLast() bool })
	return ok && last.unwrapsLast()
}

// position names a key of the ring in errors.
func position(i, n int) string {
	if i == 0 {
		return "the primary wrapping key"
	}
	return fmt.Sprintf("wrapping key %d of %d", i+1, n)
}

// EncryptionMaterials makes a data key and wraps it with every key that can.
//
// It fails if one of them fails for any reason but [ErrOpenOnly]: a message that
// lacks an EDK would only be missed when it is needed. It matches
// [ErrOpenOnly] if the primary can only open, envelope.ErrContext if the context
// has no serialization or uses a reserved name, and envelope.ErrPolicy if the
// suite is unknown.
func (r *Ring) EncryptionMaterials(ctx context.Context, req *EncryptionRequest) (*EncryptionMaterials, error) {
	entry, ok := suite.Lookup(suite.ID(req.Suite))
	if !ok {
		return nil, failuref(fault.ErrPolicy, "%v: choose one of the published suites", req.Suite)
	}
	if err := checkOwnNames(req.EncryptionContext); err != nil {
		return nil, err
	}
	// Checked before the signing key is made, so that it costs the caller nothing.
	if err := checkContext(req.EncryptionContext); err != nil {
		return nil, err
	}
	m := &EncryptionMaterials{Suite: req.Suite, EncryptionContext: maps.Clone(req.EncryptionContext)}
	if entry.Signed() {
		if err := m.addSigningKey(entry); err != nil {
			return nil, err
		}
	}
	if err := r.seal(ctx, m, entry.KeyLength); err != nil {
		m.DataKey.Destroy()
		return nil, err
	}
	return m, nil
}

// addSigningKey puts a fresh key pair into materials whose context is their own.
func (m *EncryptionMaterials) addSigningKey(entry *suite.Suite) error {
	key, public, err := newSigningKey(entry.Curve)
	if err != nil {
		return err
	}
	if m.EncryptionContext == nil {
		m.EncryptionContext = EncryptionContext{}
	}
	m.EncryptionContext[PublicKeyName] = public
	m.SigningKey = key
	return checkContext(m.EncryptionContext)
}

// seal fills in the data key and its EDKs. On failure the caller destroys the
// data key.
func (r *Ring) seal(ctx context.Context, m *EncryptionMaterials, size int) error {
	m.EncryptedDataKeys = make([]EncryptedDataKey, 0, len(r.keys))
	for i, key := range r.keys {
		var edk EncryptedDataKey
		err := ctx.Err()
		switch {
		case err != nil:
		case i == 0:
			m.DataKey, edk, err = generate(ctx, key, size, m.EncryptionContext)
		default:
			edk, err = key.Wrap(ctx, m.DataKey, m.EncryptionContext)
			if errors.Is(err, ErrOpenOnly) {
				continue
			}
		}
		if err == nil {
			err = checkEDK(edk)
		}
		if err != nil {
			return r.sealError(i, err)
		}
		m.EncryptedDataKeys = append(m.EncryptedDataKeys, edk)
	}
	return nil
}

// generate has the primary make a data key, or makes one for it to wrap. It may
// answer a data key with an error; the caller destroys it.
func generate(ctx context.Context, primary WrappingKey, size int, ec EncryptionContext) (*DataKey, EncryptedDataKey, error) {
	generator, ok := primary.(Generator)
	if !ok {
		dk := randomKey(size)
		edk, err := primary.Wrap(ctx, dk, ec)
		return dk, edk, err
	}
	dk, edk, err := generator.Generate(ctx, size, ec)
	if err == nil && dk.Len() != size {
		err = fmt.Errorf("it made a data key of %d bytes, %d were asked for", dk.Len(), size)
	}
	return dk, edk, err
}

// sealError names the key that failed.
func (r *Ring) sealError(i int, err error) error {
	text := position(i, len(r.keys))
	if i == 0 && errors.Is(err, ErrOpenOnly) {
		text += " can only open: to seal, put one that can wrap first"
	}
	return &failure{text: prefix + text + ": " + withoutPrefix(err), cause: err}
}

// checkEDK refuses what no header could carry.
func checkEDK(edk EncryptedDataKey) error {
	switch {
	case !utf8.ValidString(edk.ProviderID):
		return errors.New("its encrypted data key has a provider id that is not valid UTF-8")
	case len(edk.Ciphertext) == 0:
		return errors.New("its encrypted data key is empty")
	case len(edk.ProviderID) > maxField || len(edk.ProviderInfo) > maxField || len(edk.Ciphertext) > maxField:
		return fmt.Errorf("its encrypted data key is too long: provider id, provider info and ciphertext have %d, %d and %d bytes, at most %d are possible",
			len(edk.ProviderID), len(edk.ProviderInfo), len(edk.Ciphertext), maxField)
	}
	return nil
}

// DecryptionMaterials unwraps the first of the request's EDKs that a key of the
// ring opens. The keys are tried in the ring's order, each on all EDKs in the
// message's order; RSA keys with [PKCS1v15] come after all others. Attempts stop
// when ctx ends.
//
// It fails with a [*NoDataKeyError] that keeps every attempt, with an error that
// matches envelope.ErrContext if the context has no serialization, or with one
// that matches envelope.ErrFormat if the suite is unknown.
func (r *Ring) DecryptionMaterials(ctx context.Context, req *DecryptionRequest) (*DecryptionMaterials, error) {
	size := req.Suite.KeyLength()
	if size == 0 {
		return nil, failuref(fault.ErrFormat, "%v", req.Suite)
	}
	if err := checkContext(req.EncryptionContext); err != nil {
		return nil, err
	}
	tried := attempts{edks: req.EncryptedDataKeys}
	for _, key := range r.opening {
		for i, edk := range req.EncryptedDataKeys {
			if err := ctx.Err(); err != nil {
				tried.add(i, fmt.Errorf("keyring: stopped before all wrapping keys were tried: %w", err))
				return nil, tried.failed()
			}
			dk, err := unwrap(ctx, key, edk, size, req.EncryptionContext)
			if err == nil {
				return &DecryptionMaterials{DataKey: dk}, nil
			}
			tried.add(i, err)
		}
	}
	return nil, tried.failed()
}

// unwrap answers a data key of size bytes, or an error.
func unwrap(ctx context.Context, key WrappingKey, edk EncryptedDataKey, size int, ec EncryptionContext) (*DataKey, error) {
	dk, err := key.Unwrap(ctx, edk, size, ec)
	if err == nil && dk.Len() != size {
		err = fmt.Errorf("keyring: wrapping key of type %T answered a data key of %d bytes, %d were asked for", key, dk.Len(), size)
	}
	if err != nil {
		dk.Destroy()
		return nil, err
	}
	return dk, nil
}

// attempts collects the failures of one opening.
type attempts struct {
	edks []EncryptedDataKey // the request's
	of   []int              // index of the EDK, by attempt
	errs []error            // by attempt
}

func (a *attempts) add(edk int, err error) {
	a.of, a.errs = append(a.of, edk), append(a.errs, err)
}

// failed makes the error. It outlives the request, so that it has copies of the
// EDKs: one of each, however often they were tried.
func (a *attempts) failed() *NoDataKeyError {
	copies := make([]EncryptedDataKey, len(a.edks))
	for i, edk := range a.edks {
		copies[i] = EncryptedDataKey{edk.ProviderID, bytes.Clone(edk.ProviderInfo), bytes.Clone(edk.Ciphertext)}
	}
	e := &NoDataKeyError{Attempts: make([]Attempt, len(a.errs))}
	for i, err := range a.errs {
		e.Attempts[i] = Attempt{EDK: copies[a.of[i]], Err: err}
	}
	return e
}
