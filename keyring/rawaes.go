package keyring

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"

	"github.com/sealwax/sealwax/internal/aead"
)

// RawAES is a [WrappingKey] that holds an AES key in memory and wraps with
// AES-GCM, bound to the encryption context. Nonces are random, so that one key
// may wrap 2^32 data keys; replace it before. It prints its names and REDACTED.
//
// The AWS Encryption SDK for JavaScript sorts the context in an order of its
// own, unless its option utf8Sorting is set. What it wrapped opens too, if the
// context has at most 128 pairs and all names are of printable ASCII, or if its
// order is that of UTF-16 code units.
//
// All methods are safe for concurrent use.
//
// Source: docs/format.md, section "Raw AES keys".
type RawAES struct{ s *rawAESState } // a pointer within a pointer: see DataKey

type rawAESState struct {
	identity
	info string // what provider info begins with: all but the nonce
	gcm  cipher.AEAD
}

// NewRawAES returns a wrapping key of 16, 24 or 32 bytes. Namespace and name say
// whose key it is, in the message and to other software, which must use the
// same: both are valid UTF-8 and not empty, of at most 65,535 and 65,515 bytes,
// and the namespace does not begin with "aws-kms". The key's bytes are not
// retained; the caller may clear them.
func NewRawAES(namespace, name string, key []byte) (*RawAES, error) {
	id, err := newIdentity("raw AES key", namespace, name, rawAESInfoLength)
	if err != nil {
		return nil, err
	}
	switch len(key) {
	case 16, 24, 32:
	default:
		return nil, fmt.Errorf("keyring: %s: the key has %d bytes, not 16, 24 or 32", id.text, len(key))
	}
	gcm, err := aead.NewGCM(key)
	if err != nil {
		return nil, fmt.Errorf("keyring: %s: %w", id.text, err)
	}
	info := binary.BigEndian.AppendUint32([]byte(name), 8*aead.TagLength)
	info = binary.BigEndian.AppendUint32(info, aead.NonceLength)
	return &RawAES{&rawAESState{identity: id, info: string(info), gcm: gcm}}, nil
}

// rawAESInfoLength is what follows the name in the provider info:
// tag length in bits 4 ‖ nonce length 4 ‖ nonce 12.
const rawAESInfoLength = 4 + 4 + aead.NonceLength

// Wrap encrypts the data key under the encryption context. An error matches
// envelope.ErrContext if the context has no serialization.
func (k *RawAES) Wrap(_ context.Context, dk *DataKey, ec EncryptionContext) (EncryptedDataKey, error) {
	ad, err := AppendContext(nil, ec)
	if err != nil {
		return EncryptedDataKey{}, err
	}
	edk := EncryptedDataKey{ProviderID: k.s.namespace}
	err = dk.Do(func(b []byte) error {
		if len(b) == 0 {
			return errNoDataKey
		}
		at := len(k.s.info)
		end := at + aead.NonceLength
		out := make([]byte, end, end+len(b)+aead.TagLength)
		copy(out, k.s.info)
		nonce := out[at:end]
		rand.Read(nonce)
		edk.ProviderInfo = out[:end:end]
		edk.Ciphertext = k.s.gcm.Seal(out[end:end], nonce, b, ad)
		return nil
	})
	if err != nil {
		return EncryptedDataKey{}, err
	}
	return edk, nil
}

// Unwrap decrypts an encrypted data key of this key. The error for one of
// another namespace or name, or with other lengths of nonce or tag, matches
// [ErrNotMine]; for one that does not verify, [ErrNotAuthentic].
func (k *RawAES) Unwrap(_ context.Context, edk EncryptedDataKey, size int, ec EncryptionContext) (*DataKey, error) {
	at := len(k.s.info)
	if edk.ProviderID != k.s.namespace || len(edk.ProviderInfo) != at+aead.NonceLength || string(edk.ProviderInfo[:at]) != k.s.info {
		return nil, k.s.notMine
	}
	if size <= 0 || len(edk.Ciphertext) != size+aead.TagLength {
		return nil, k.s.failure(ErrNotAuthentic, "the encrypted data key is not of the length that the suite asks for")
	}
	ad, err := AppendContext(nil, ec)
	if err != nil {
		return nil, err
	}
	nonce := edk.ProviderInfo[at:]
	if dk := k.s.open(nonce, edk.Ciphertext, ad); dk != nil {
		return dk, nil
	}
	for _, ad := range foreignContexts(ec) {
		if dk := k.s.open(nonce, edk.Ciphertext, ad); dk != nil {
			return dk, nil
		}
	}
	return nil, k.s.failure(ErrNotAuthentic, "the encrypted data key does not verify: it was changed, or sealed under another encryption context, or by a key of the same name with other bytes")
}

// open returns nil if the ciphertext does not verify. It decrypts into the
// data key's own memory, so that no other copy is made.
func (s *rawAESState) open(nonce, ciphertext, ad []byte) *DataKey {
	dk := blankKey(len(ciphertext) - aead.TagLength)
	if _, err := s.gcm.Open(dk.r.s.b[:0], nonce, ciphertext, ad); err != nil {
		dk.Destroy()
		return nil
	}
	return dk
}

// String returns the key's namespace and name, and REDACTED.
func (k RawAES) String() string {
	if k.s == nil {
		return redacted
	}
	return k.s.redacted()
}

// GoString returns what String returns.
func (k RawAES) GoString() string { return k.String() }

// Format writes what String returns, for every verb.
func (k RawAES) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }

// LogValue returns what String returns.
func (k RawAES) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText returns what String returns.
func (k RawAES) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
