package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"

	"github.com/sealwax/sealwax/cache"
	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring"
)

var background = context.Background()

// cachedClient returns a client over a cache, warmed up, as a service has it.
func cachedClient(o envelope.Options) (*envelope.Client, error) {
	raw, err := keyring.NewRawAES("bench", "key", make([]byte, 32))
	if err != nil {
		return nil, err
	}
	ring, err := keyring.New(raw)
	if err != nil {
		return nil, err
	}
	cached, err := cache.New(ring, &cache.Options{MaxMessages: 1 << 32, MaxBytes: 1 << 62})
	if err != nil {
		return nil, err
	}
	return envelope.New(cached, &o)
}

// twoPairs is the encryption context of messages in memory, here and at the
// official SDK.
var twoPairs = envelope.Context{"tenant": "4711", "purpose": "orders"}

func sealTo(c *envelope.Client, dst []byte, plaintext []byte, ec envelope.Context) func() error {
	return func() error {
		_, err := c.AppendSeal(background, dst[:0], plaintext, ec)
		return err
	}
}

func openTo(c *envelope.Client, dst, message []byte, ec envelope.Context) func() error {
	return func() error {
		_, err := c.AppendOpen(background, dst[:0], message, ec)
		return err
	}
}

// onlyReader hides WriteTo, so that io.Copy goes the way of files and sockets.
type onlyReader struct{ io.Reader }

// fromMemory and fromStream are the two kinds of source: one whose bytes lie in
// memory, as the ceiling's do, and one that only copies them out, as a file or a
// socket does.
func fromMemory(b []byte) io.Reader { return bytes.NewReader(b) }
func fromStream(b []byte) io.Reader { return onlyReader{bytes.NewReader(b)} }

func streamSeal(c *envelope.Client, plaintext []byte, source func([]byte) io.Reader) func() error {
	return func() error {
		w, err := c.NewWriter(background, io.Discard, nil, envelope.WithLength(int64(len(plaintext))))
		if err != nil {
			return err
		}
		if _, err := io.Copy(w, source(plaintext)); err != nil {
			return err
		}
		return w.Close()
	}
}

func streamOpen(c *envelope.Client, message []byte, source func([]byte) io.Reader) func() error {
	return func() error {
		r, err := c.NewReader(background, source(message), nil)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, r)
		return err
	}
}

// randomBytes are content. A fresh slice of zeros would lie on one page of
// memory that all of its addresses share, and be read from the nearest cache.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
