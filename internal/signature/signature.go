// Package signature signs and verifies whole messages: the ECDSA of the signed
// suites, over the digest of every byte before the footer.
//
// Source: docs/format.md, section "Footer".
package signature

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"math/big"

	"github.com/sealwax/sealwax/internal/fault"
	"github.com/sealwax/sealwax/internal/suite"
)

// EncodePublicKey returns the form in which an encryption context carries a
// public key: the compressed point in standard base64.
func EncodePublicKey(key *ecdsa.PublicKey) (string, error) {
	point, err := key.Bytes() // 04 ‖ x ‖ y
	if err != nil {
		return "", err
	}
	compressed := point[:1+(len(point)-1)/2]
	compressed[0] = 2 | point[len(point)-1]&1 // the parity of y
	return base64.StdEncoding.EncodeToString(compressed), nil
}

// DecodePublicKey is the inverse, for a key on the suite's curve.
func DecodePublicKey(s *suite.Suite, encoded string) (*ecdsa.PublicKey, error) {
	compressed, err := base64.StdEncoding.Strict().DecodeString(encoded)
	// A decoder passes over line breaks: one key has one form here.
	if err != nil || len(encoded) != base64.StdEncoding.EncodedLen(len(compressed)) {
		return nil, fmt.Errorf("%w: public key is not base64", fault.ErrFormat)
	}
	x, y := elliptic.UnmarshalCompressed(s.Curve, compressed)
	if x == nil {
		return nil, fmt.Errorf("%w: public key is not a compressed point on %s", fault.ErrFormat, s.Curve.Params().Name)
	}
	size := len(compressed) - 1
	point := make([]byte, 1+2*size)
	point[0] = 4
	x.FillBytes(point[1 : 1+size])
	y.FillBytes(point[1+size:])
	return ecdsa.ParseUncompressedPublicKey(s.Curve, point)
}

// Sign signs a digest so that the signature has the suite's length, which lets
// the length of a message be told from that of its content.
//
// The length of an ECDSA signature in DER varies with the top bits of its two
// numbers. (r, n−s) is a signature as good as (r, s), and the top bit of n−s is
// nearly always the other one: so one signature is usually enough, where signing
// until the length fits would take two.
func Sign(s *suite.Suite, key crypto.Signer, digest []byte) ([]byte, error) {
	for range maxTries {
		sig, err := key.Sign(rand.Reader, digest, s.SignatureHash)
		if err != nil {
			return nil, err
		}
		if len(sig) == s.SignatureLength {
			return sig, nil
		}
		if sig, err = negate(s.Curve, sig); err != nil {
			return nil, err
		}
		if len(sig) == s.SignatureLength {
			return sig, nil
		}
	}
	return nil, fmt.Errorf("signing key gave no signature of %d bytes in %d tries: is it on %s?", s.SignatureLength, maxTries, s.Curve.Params().Name)
}

// maxTries is never reached with a key on the suite's curve: one try fails in
// fewer than one case in fifty.
const maxTries = 64

func negate(curve elliptic.Curve, sig []byte) ([]byte, error) {
	var rs struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(sig, &rs); err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("signing key gave no ECDSA signature in DER")
	}
	rs.S.Sub(curve.Params().N, rs.S)
	return asn1.Marshal(rs)
}

// Verify checks a signature of any length.
func Verify(key *ecdsa.PublicKey, digest, sig []byte) error {
	if !ecdsa.VerifyASN1(key, digest, sig) {
		return fmt.Errorf("%w: the signature does not verify", fault.ErrAuthentication)
	}
	return nil
}
