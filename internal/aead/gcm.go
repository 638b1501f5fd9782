package aead

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/fips140"
	"errors"

	"github.com/sealwax/sealwax/internal/suite"
)

// ErrFIPSOnly says why nothing can be sealed or opened under
// GODEBUG=fips140=only.
var ErrFIPSOnly = errors.New("the message format prescribes its AES-GCM nonces, which GODEBUG=fips140=only does not allow; run with fips140=on, see docs/fips.md")

// NewGCM returns AES-GCM with 12-byte nonces that the caller chooses, and
// 16-byte tags. It is the only place that makes one: whoever looks for what can
// repeat a nonce reads this package.
func NewGCM(key []byte) (cipher.AEAD, error) {
	if fips140.Enforced() {
		return nil, ErrFIPSOnly
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Sizes of AES-GCM as every suite uses it, in bytes.
const (
	NonceLength = suite.NonceLength
	TagLength   = suite.TagLength
)
