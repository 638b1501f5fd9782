package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha512"
	"encoding/binary"
	"errors"
)

// ceiling seals messages of the default suite with nothing around the
// primitives: derivation, header tag, frames.
type ceiling struct {
	dataKey     []byte
	frameLength int
	out         []byte // preallocated
	header      []byte
}

func newCeiling(size, frameLength int) *ceiling {
	frames := size/frameLength + 1
	return &ceiling{
		dataKey: make([]byte, 32), frameLength: frameLength,
		out: make([]byte, 0, size+48*frames), header: make([]byte, 200),
	}
}

func (c *ceiling) derive(id []byte) (cipher.AEAD, error) {
	prk, err := hkdf.Extract(sha512.New, c.dataKey, id)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Expand(sha512.New, prk, "\x04\x78DERIVEKEY", 32)
	if err != nil {
		return nil, err
	}
	if _, err := hkdf.Expand(sha512.New, prk, "COMMITKEY", 32); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func (c *ceiling) seal(plaintext []byte) error {
	id := make([]byte, 32)
	_, _ = rand.Read(id)
	gcm, err := c.derive(id)
	if err != nil {
		return err
	}
	nonce := make([]byte, 12)
	out := gcm.Seal(c.out[:0], nonce, nil, c.header)
	aad := make([]byte, 32+28+12)
	for i := uint32(1); ; i++ {
		n := min(c.frameLength, len(plaintext))
		binary.BigEndian.PutUint32(nonce[8:], i)
		binary.BigEndian.PutUint32(aad[60:], i)
		out = append(out, nonce...)
		out = gcm.Seal(out, nonce, plaintext[:n], aad)
		if plaintext = plaintext[n:]; len(plaintext) == 0 {
			return nil
		}
	}
}

// opening returns the ceiling of opening: the frames of one message, sealed
// beforehand, opened into one buffer after the same derivation.
func (c *ceiling) opening(plaintext []byte) (func() error, error) {
	id := make([]byte, 32)
	gcm, err := c.derive(id)
	if err != nil {
		return nil, err
	}
	nonce, aad := make([]byte, 12), make([]byte, 72)
	var frames [][]byte
	for rest := plaintext; len(rest) > 0; {
		n := min(c.frameLength, len(rest))
		frames = append(frames, gcm.Seal(nil, nonce, rest[:n], aad))
		rest = rest[n:]
	}
	dst := make([]byte, 0, len(plaintext))
	return func() error {
		gcm, err := c.derive(id)
		if err != nil {
			return err
		}
		out := dst[:0]
		for _, f := range frames {
			if out, err = gcm.Open(out, nonce, f, aad); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// onTwoCores does both at the same time: what two cores have to give.
func onTwoCores(a, b func() error) func() error {
	return func() error {
		other := make(chan error, 1)
		go func() { other <- b() }()
		return errors.Join(a(), <-other)
	}
}
