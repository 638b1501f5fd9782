package aead

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"hash"

	"github.com/sealwax/sealwax/internal/fault"
	"github.com/sealwax/sealwax/internal/suite"
)

// commitmentLength is the length of the one kind of key commitment, in bytes.
const commitmentLength = 32

// Infos of the derivation in version 2, each with the number of its one block.
// Source: docs/format.md, section "Key derivation". The content key's follows the
// suite id, the commitment's stands alone.
var (
	contentKeyBlock = []byte("DERIVEKEY\x01")
	commitmentBlock = []byte("COMMITKEY\x01")
)

// keys is what a data key yields for one message.
type keys struct {
	gcm        cipher.AEAD            // of the content
	commitment [commitmentLength]byte // to the data key, if the suite commits
}

// derive derives the keys of a message.
func derive(s *suite.Suite, dataKey, messageID []byte) (k keys, err error) {
	if len(dataKey) != s.KeyLength {
		return k, fmt.Errorf("data key of %d bytes, suite %v needs %d", len(dataKey), s.ID, s.KeyLength)
	}
	if len(messageID) != s.MessageIDLength() {
		return k, fmt.Errorf("message id of %d bytes, suite %v needs %d", len(messageID), s.ID, s.MessageIDLength())
	}
	switch {
	case !s.Derives():
		k.gcm, err = NewGCM(dataKey)
	case s.Committing():
		err = k.deriveCommitting(s, dataKey, messageID)
	default:
		k.gcm, err = deriveV1(s, dataKey, messageID)
	}
	return k, err
}

func deriveV1(s *suite.Suite, dataKey, messageID []byte) (cipher.AEAD, error) {
	info := binary.BigEndian.AppendUint16(nil, uint16(s.ID))
	info = append(info, messageID...)
	key, err := hkdf.Key(s.Derivation.New, dataKey, nil, string(info), s.KeyLength)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	return NewGCM(key)
}

// deriveCommitting expands the pseudorandom key twice. Both outputs fit one
// block of HKDF-Expand, which is HMAC(prk, info ‖ 01): a copy of one keyed hash
// serves for the second, where two calls of hkdf.Expand would key two.
func (k *keys) deriveCommitting(s *suite.Suite, dataKey, messageID []byte) error {
	prk, err := hkdf.Extract(sha512.New, dataKey, messageID)
	if err != nil {
		return err
	}
	defer clear(prk)
	mac := hmac.New(sha512.New, prk)
	second := copyOf(mac, prk)
	out := prk // of the same length, and of no more use

	mac.Write(commitmentBlock)
	copy(k.commitment[:], mac.Sum(out[:0]))

	second.Write(binary.BigEndian.AppendUint16(out[:0], uint16(s.ID)))
	second.Write(contentKeyBlock)
	k.gcm, err = NewGCM(second.Sum(out[:0])[:s.KeyLength])
	return err
}

// copyOf returns a copy of an HMAC that is keyed and no more. Older versions of
// the FIPS 140-3 module make no copies.
func copyOf(mac hash.Hash, key []byte) hash.Hash {
	if c, ok := mac.(hash.Cloner); ok {
		if copied, err := c.Clone(); err == nil {
			return copied
		}
	}
	return hmac.New(sha512.New, key)
}

// errCommitment is the refusal of a message that commits to another data key.
var errCommitment = fmt.Errorf("%w: the data key is not the one that the header commits to", fault.ErrAuthentication)

// errTag is the one refusal of a piece whose tag does not verify.
var errTag = fmt.Errorf("%w: a tag does not verify", fault.ErrAuthentication)

// checkCommitment compares in constant time.
func checkCommitment(got, want []byte) error {
	if subtle.ConstantTimeCompare(got, want) != 1 {
		return errCommitment
	}
	return nil
}

// errFramesExhausted is the refusal to seal more frames than sequence numbers.
var errFramesExhausted = fmt.Errorf("%w: message has as many frames as the format can number; use a larger frame length", fault.ErrLength)
