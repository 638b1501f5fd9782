package keyring

import "context"

// WrappingKey wraps and unwraps data keys. It is the driver interface: KMS keys,
// raw keys and hardware keys implement it, a [Ring] calls it. An implementation
// is safe for concurrent use, retains no argument, and keeps secrets out of its
// errors. Package keyringtest tests one for conformance.
type WrappingKey interface {
	// Wrap encrypts the data key, bound to the encryption context where the kind
	// of key can do that. A key that can only open answers [ErrOpenOnly].
	Wrap(ctx context.Context, dk *DataKey, ec EncryptionContext) (EncryptedDataKey, error)
	// Unwrap decrypts an encrypted data key, whose plaintext has size bytes. An
	// EDK that some other key made is answered with an error that matches
	// [ErrNotMine], before any costly call; one that is this key's, but was
	// changed or belongs to another encryption context, with an error that
	// matches [ErrNotAuthentic]. Any other error is an outage or a refusal.
	Unwrap(ctx context.Context, edk EncryptedDataKey, size int, ec EncryptionContext) (*DataKey, error)
}

// Generator is a WrappingKey that makes a data key and wraps it in one call, as
// KMS does in GenerateDataKey.
type Generator interface {
	WrappingKey
	// Generate returns a new random data key of size bytes and its wrapping.
	Generate(ctx context.Context, size int, ec EncryptionContext) (*DataKey, EncryptedDataKey, error)
}

// Rewrapper is a WrappingKey that takes over an EDK of another key without
// seeing the data key, as KMS does in ReEncrypt.
type Rewrapper interface {
	WrappingKey
	// Rewrap wraps what edk, an EDK of from, wraps. It cannot notice an EDK that
	// was swapped for another one of from under the same encryption context.
	Rewrap(ctx context.Context, from WrappingKey, edk EncryptedDataKey, ec EncryptionContext) (EncryptedDataKey, error)
}
