package keyring

import (
	"context"
	"crypto"
)

// EncryptionContext holds public name–value pairs that are bound to a message:
// to its header, and to the wrapping of its data key. It is not secret: it
// stands in the message, and in the logs of KMS. Names and values are valid
// UTF-8 of at most 65,535 bytes each, and so is the serialization of all pairs
// together; names that begin with "aws-crypto-" are reserved.
type EncryptionContext = map[string]string

// Keyring supplies the materials of messages. [*Ring] and the cache implement
// it; users may. An implementation is safe for concurrent use, and answers from
// the request alone, never from values in ctx, because a cache may stand
// between it and the caller.
type Keyring interface {
	// EncryptionMaterials returns the materials to seal one message. The caller
	// owns the answer's DataKey and destroys it; it changes nothing else in the
	// answer. The request is not retained.
	EncryptionMaterials(ctx context.Context, req *EncryptionRequest) (*EncryptionMaterials, error)
	// DecryptionMaterials returns the data key that one of the request's
	// encrypted data keys wraps. The caller owns it and destroys it. The request
	// is not retained.
	DecryptionMaterials(ctx context.Context, req *DecryptionRequest) (*DecryptionMaterials, error)
}

// EncryptionRequest asks for the materials to seal one message.
type EncryptionRequest struct {
	Suite             Suite
	EncryptionContext EncryptionContext // the caller's; a signed suite's public key is not in it yet
	PlaintextLength   int64             // bytes; -1: not known
}

// EncryptionMaterials is what sealing one message takes.
type EncryptionMaterials struct {
	Suite Suite
	// EncryptionContext is the request's; for a signed suite it also holds the
	// public key, under the name [PublicKeyName].
	EncryptionContext EncryptionContext
	DataKey           *DataKey // Suite.KeyLength bytes; the receiver's own copy, who destroys it
	EncryptedDataKeys []EncryptedDataKey
	SigningKey        crypto.Signer // an ECDSA key on the suite's curve; nil if the suite does not sign
}

// DecryptionRequest asks for the data key of one message.
type DecryptionRequest struct {
	Suite             Suite
	EncryptionContext EncryptionContext // the whole: the pairs in the header, and those that were kept out of it
	EncryptedDataKeys []EncryptedDataKey
}

// DecryptionMaterials is what opening one message takes.
type DecryptionMaterials struct {
	DataKey *DataKey // Suite.KeyLength bytes; the receiver's own copy, who destroys it
}

// PublicKeyName is the name under which a signed message's encryption context
// holds the public key that its signature verifies with: the base64 form of the
// compressed curve point.
const PublicKeyName = "aws-crypto-public-key"

// ReservedPrefix begins the names of an encryption context that the message
// format keeps for itself.
const ReservedPrefix = "aws-crypto-"

// EncryptedDataKey (EDK) is a data key wrapped by one wrapping key, as a
// message's header carries it. None of it is secret.
type EncryptedDataKey struct {
	ProviderID   string // kind of wrapping key: "aws-kms", or the namespace of a raw key; valid UTF-8
	ProviderInfo []byte // which wrapping key: an ARN, or a name; raw AES adds its nonce
	Ciphertext   []byte // the wrapped data key
}
