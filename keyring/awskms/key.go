package awskms

import (
	"context"
	"fmt"

	"github.com/sealwax/sealwax/keyring"
)

// Key is one KMS key, made by [New] or [NewMultiRegion]. It is safe for
// concurrent use.
type Key struct {
	caller
	id      identifier
	related bool // opens what related multi-Region keys sealed
}

var (
	_ keyring.Generator = (*Key)(nil)
	_ keyring.Rewrapper = (*Key)(nil)
	_ opener            = (*Key)(nil)
)

// New returns the KMS key that keyID names: a key ARN, an alias ARN, an alias
// ("alias/name") or a key id. It makes no call, so that a key that does not exist
// shows with its first use.
//
// A key ARN is the careful choice: what the key opens is then decided before any
// call. The package comment says what changes with an alias or a key id.
func New(client Client, keyID string, opts *Options) (*Key, error) {
	id, err := parseIdentifier(keyID)
	if err != nil {
		return nil, err
	}
	return newKey(client, id, opts)
}

// NewMultiRegion returns the multi-Region key keyARN, which must be the ARN of
// the replica in the client's Region. It seals with that replica, and opens what
// any replica sealed without leaving the Region: messages whose key ARN differs
// in nothing but the Region. The ARN of a single-Region key is accepted, and
// makes the same key as [New].
func NewMultiRegion(client Client, keyARN string, opts *Options) (*Key, error) {
	a, err := parseKeyARN(keyARN)
	if err != nil {
		return nil, fmt.Errorf("awskms: multi-Region key %.120q: %w; want the key ARN of the replica in the client's Region", keyARN, err)
	}
	k, err := newKey(client, identifierOf(a), opts)
	if err != nil {
		return nil, err
	}
	k.related = true
	return k, nil
}

func newKey(client Client, id identifier, opts *Options) (*Key, error) {
	c, err := newCaller(client, opts)
	if err != nil {
		return nil, err
	}
	return &Key{caller: c, id: id}, nil
}

// String returns the key's name as it was configured.
func (k *Key) String() string { return k.id.text }

// Generate makes a data key of size bytes (1 to 1,024) with one call of
// kms:GenerateDataKey.
//
// Errors: [*CallError]; without a call envelope.ErrContext for a context that has
// no serialization, [errors.ErrUnsupported] for another size.
func (k *Key) Generate(ctx context.Context, size int, ec keyring.EncryptionContext) (*keyring.DataKey, keyring.EncryptedDataKey, error) {
	return k.generate(ctx, k.id, size, ec)
}

// Wrap wraps a data key of 1 to 4,096 bytes with one call of kms:Encrypt.
//
// Errors: as for Generate.
func (k *Key) Wrap(ctx context.Context, dk *keyring.DataKey, ec keyring.EncryptionContext) (keyring.EncryptedDataKey, error) {
	return k.encrypt(ctx, k.id, dk, ec)
}

// Unwrap opens an encrypted data key with at most one call of kms:Decrypt, which
// is told to use this key and no other.
//
// Errors: [keyring.ErrNotMine] and, for a context that has no serialization,
// envelope.ErrContext, both without a call; [keyring.ErrNotAuthentic];
// [*CallError], and nothing else for what another key sealed than the one that a
// configured alias names now.
func (k *Key) Unwrap(ctx context.Context, edk keyring.EncryptedDataKey, size int, ec keyring.EncryptionContext) (*keyring.DataKey, error) {
	t, err := k.locate(edk)
	if err != nil {
		return nil, err
	}
	return k.decrypt(ctx, t, edk, size, ec)
}

func (k *Key) locate(edk keyring.EncryptedDataKey) (target, error) {
	a, err := readInfo(edk)
	if err != nil {
		return target{}, err
	}
	t := target{keyID: k.id.text, want: a.text, permits: k.id.permits, alias: k.id.isAlias()}
	if k.id.kind == keyARN {
		t.want, t.permits = k.id.text, nil
	}
	if a.text != "" && !k.opens(a) {
		return target{}, notMine("encrypted data key of %s, want %s", a.text, k.id.text)
	}
	return t, checkCiphertext(edk.Ciphertext)
}

// opens reports whether the key can be one that opens what key a sealed.
func (k *Key) opens(a arn) bool {
	if k.related {
		return k.id.arn.related(a)
	}
	return k.id.permits(a)
}
