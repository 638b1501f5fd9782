package keyring

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"

	"github.com/sealwax/sealwax/internal/signature"
)

// signingKey is a message's ECDSA key. It prints REDACTED.
//
// All methods are safe for concurrent use.
type signingKey struct{ s *signingState } // a pointer within a pointer: see DataKey

type signingState struct{ key *ecdsa.PrivateKey }

// newSigningKey makes a fresh key pair, and returns the public key in the form
// that the encryption context holds.
func newSigningKey(curve elliptic.Curve) (*signingKey, string, error) {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		return nil, "", fmt.Errorf("keyring: making a signing key: %w", err)
	}
	encoded, err := signature.EncodePublicKey(&key.PublicKey)
	if err != nil {
		return nil, "", fmt.Errorf("keyring: making a signing key: %w", err)
	}
	return &signingKey{&signingState{key}}, encoded, nil
}

// Public returns a copy of the public key, an *ecdsa.PublicKey.
func (k *signingKey) Public() crypto.PublicKey { return new(k.s.key.PublicKey) }

// Sign signs a digest; the signature is in ASN.1 DER.
func (k *signingKey) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.s.key.Sign(random, digest, opts)
}

func (k signingKey) String() string               { return redacted }
func (k signingKey) GoString() string             { return redacted }
func (k signingKey) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(redacted)) }
func (k signingKey) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (k signingKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }
