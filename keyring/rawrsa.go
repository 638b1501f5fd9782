package keyring

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1"   // OAEPSHA1
	_ "crypto/sha256" // OAEPSHA256
	_ "crypto/sha512" // OAEPSHA384, OAEPSHA512
	"fmt"
	"log/slog"
)

// RSAPadding is how a [RawRSA] pads a data key. The zero RSAPadding is none.
type RSAPadding int

// The paddings. OAEP uses the same hash for its mask, and an empty label.
const (
	// PKCS1v15 is for exchange with old software: a [Ring] tries such a key
	// after all others, and an EDK that was changed yields a random data key,
	// with which the message then does not verify, rather than an error.
	PKCS1v15 RSAPadding = iota + 1
	OAEPSHA1
	OAEPSHA256
	OAEPSHA384
	OAEPSHA512
)

// String returns the padding's name.
func (p RSAPadding) String() string {
	switch p {
	case PKCS1v15:
		return "PKCS #1 v1.5"
	case OAEPSHA1:
		return "OAEP SHA-1"
	case OAEPSHA256:
		return "OAEP SHA-256"
	case OAEPSHA384:
		return "OAEP SHA-384"
	case OAEPSHA512:
		return "OAEP SHA-512"
	}
	return fmt.Sprintf("unknown RSA padding %d", int(p))
}

// hash returns the hash of OAEP, 0 for any other padding.
func (p RSAPadding) hash() crypto.Hash {
	switch p {
	case OAEPSHA1:
		return crypto.SHA1
	case OAEPSHA256:
		return crypto.SHA256
	case OAEPSHA384:
		return crypto.SHA384
	case OAEPSHA512:
		return crypto.SHA512
	}
	return 0
}

// minRSABits bounds the modulus from below.
const minRSABits = 2048

// RawRSA is a [WrappingKey] that holds an RSA key pair, or one half of it, in
// memory: the public key wraps, the private key unwraps. RSA does not bind the
// encryption context to the EDK; the message's header still does. It prints its
// names and REDACTED.
//
// All methods are safe for concurrent use.
//
// Source: docs/format.md, section "Raw RSA keys".
type RawRSA struct{ s *rawRSAState } // a pointer within a pointer: see DataKey

type rawRSAState struct {
	identity
	padding RSAPadding
	public  *rsa.PublicKey  // nil: can only open
	private *rsa.PrivateKey // nil: can only seal
}

// NewRawRSA returns a wrapping key of an RSA key pair with a modulus of at least
// 2,048 bits. Either key may be nil: without the public key, which is never
// derived from the private key, it can only open; without the private key it
// can only seal. Namespace and name are as for [NewRawAES]; the name has at most
// 65,535 bytes. The keys' numbers are shared, not copied, and must not be
// changed afterwards.
func NewRawRSA(namespace, name string, padding RSAPadding, public *rsa.PublicKey, private *rsa.PrivateKey) (*RawRSA, error) {
	id, err := newIdentity("raw RSA key", namespace, name, 0)
	if err != nil {
		return nil, err
	}
	if padding != PKCS1v15 && padding.hash() == 0 {
		return nil, fmt.Errorf("keyring: %s: %v", id.text, padding)
	}
	s := &rawRSAState{identity: id, padding: padding}
	if err := s.setKeys(public, private); err != nil {
		return nil, fmt.Errorf("keyring: %s: %w", id.text, err)
	}
	return &RawRSA{s}, nil
}

func (s *rawRSAState) setKeys(public *rsa.PublicKey, private *rsa.PrivateKey) error {
	if public == nil && private == nil {
		return fmt.Errorf("neither a public nor a private key was given")
	}
	if public != nil {
		if err := checkRSAPublicKey("public", public); err != nil {
			return err
		}
		s.public = new(*public)
	}
	if private == nil {
		return nil
	}
	if err := checkRSAPublicKey("private", &private.PublicKey); err != nil {
		return err
	}
	if err := private.Validate(); err != nil {
		return fmt.Errorf("the private key is not valid: %w", err)
	}
	if public != nil && !public.Equal(&private.PublicKey) {
		return fmt.Errorf("the public key and the private key are not a pair: make a wrapping key of each")
	}
	s.private = new(*private)
	s.private.Precompute()
	return nil
}

func checkRSAPublicKey(which string, k *rsa.PublicKey) error {
	switch {
	case k.N == nil || k.N.Sign() <= 0:
		return fmt.Errorf("the %s key has no modulus", which)
	case k.N.BitLen() < minRSABits:
		return fmt.Errorf("the %s key has %d bits, at least %d are needed", which, k.N.BitLen(), minRSABits)
	case k.E < 3 || k.E%2 == 0:
		return fmt.Errorf("the %s key has the exponent %d", which, k.E)
	case k.Size() > maxField:
		return fmt.Errorf("the %s key has %d bits, too many for a message", which, k.N.BitLen())
	}
	return nil
}

// Wrap encrypts the data key. A key without its public half answers
// [ErrOpenOnly]. The encryption context is not bound.
func (k *RawRSA) Wrap(_ context.Context, dk *DataKey, _ EncryptionContext) (EncryptedDataKey, error) {
	if k.s.public == nil {
		return EncryptedDataKey{}, k.s.failure(ErrOpenOnly, "it has no public key, and can only open")
	}
	edk := EncryptedDataKey{ProviderID: k.s.namespace, ProviderInfo: []byte(k.s.name)}
	err := dk.Do(func(b []byte) (err error) {
		if len(b) == 0 {
			return errNoDataKey
		}
		edk.Ciphertext, err = k.s.encrypt(b)
		return err
	})
	if err != nil {
		return EncryptedDataKey{}, &failure{text: prefix + k.s.text + ": " + withoutPrefix(err), cause: err}
	}
	return edk, nil
}

func (s *rawRSAState) encrypt(b []byte) ([]byte, error) {
	if s.padding == PKCS1v15 {
		//lint:ignore SA1019 the format has this padding, and old software writes it
		return rsa.EncryptPKCS1v15(rand.Reader, s.public, b)
	}
	return rsa.EncryptOAEP(s.padding.hash().New(), rand.Reader, s.public, b, nil)
}

// Unwrap decrypts an encrypted data key of this key. The error for one of
// another namespace or name matches [ErrNotMine]; for one that does not verify,
// [ErrNotAuthentic]. With [PKCS1v15] there is none for the latter: the data key
// is random then. The encryption context is not looked at.
func (k *RawRSA) Unwrap(_ context.Context, edk EncryptedDataKey, size int, _ EncryptionContext) (*DataKey, error) {
	if edk.ProviderID != k.s.namespace || string(edk.ProviderInfo) != k.s.name {
		return nil, k.s.notMine
	}
	if k.s.private == nil {
		return nil, k.s.failure(nil, "it has no private key, and can only seal: open with a ring that has the private key")
	}
	if size <= 0 || len(edk.Ciphertext) != k.s.private.Size() {
		return nil, k.s.notAuthentic()
	}
	if k.s.padding == PKCS1v15 {
		return k.s.decryptPKCS1v15(edk.Ciphertext, size)
	}
	return k.s.decryptOAEP(edk.Ciphertext, size)
}

func (s *rawRSAState) decryptOAEP(ciphertext []byte, size int) (*DataKey, error) {
	b, err := rsa.DecryptOAEP(s.padding.hash().New(), nil, s.private, ciphertext, nil)
	if err != nil {
		return nil, s.notAuthentic()
	}
	if len(b) != size {
		clear(b)
		return nil, s.notAuthentic()
	}
	return NewDataKey(b), nil
}

// decryptPKCS1v15 answers a random key where the padding is wrong, in the same
// time, so that nobody learns from it whether it was: the message does not
// verify either way.
func (s *rawRSAState) decryptPKCS1v15(ciphertext []byte, size int) (*DataKey, error) {
	dk := randomKey(size)
	//lint:ignore SA1019 see encrypt; the data key's size is known, which makes this the one careful way
	if err := rsa.DecryptPKCS1v15SessionKey(nil, s.private, ciphertext, dk.r.s.b); err != nil {
		dk.Destroy()
		return nil, s.notAuthentic()
	}
	return dk, nil
}

func (s *rawRSAState) notAuthentic() error {
	return s.failure(ErrNotAuthentic, "the encrypted data key does not decrypt: it was changed, or made with another padding, or by a key of the same name with other numbers")
}

// unwrapsLast reports whether a ring tries the key after all others. A wrong
// EDK yields a random data key, which must not hide the right one; and nobody
// may learn from a ring that goes on, or does not, whether the padding was right.
func (k *RawRSA) unwrapsLast() bool { return k.s.padding == PKCS1v15 }

// String returns the key's namespace and name, and REDACTED.
func (k RawRSA) String() string {
	if k.s == nil {
		return redacted
	}
	return k.s.redacted()
}

// GoString returns what String returns.
func (k RawRSA) GoString() string { return k.String() }

// Format writes what String returns, for every verb.
func (k RawRSA) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }

// LogValue returns what String returns.
func (k RawRSA) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText returns what String returns.
func (k RawRSA) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
