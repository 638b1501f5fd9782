package main

import (
	"bytes"
	"context"
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

func sealTo(c *envelope.Client, dst []byte, plaintext []byte) func() error {
	return func() error {
		_, err := c.AppendSeal(background, dst[:0], plaintext, nil)
		return err
	}
}

func openTo(c *envelope.Client, dst, message []byte) func() error {
	return func() error {
		_, err := c.AppendOpen(background, dst[:0], message, nil)
		return err
	}
}

// onlyReader hides WriteTo, so that io.Copy goes the way of files and sockets.
type onlyReader struct{ io.Reader }

func streamSeal(c *envelope.Client, plaintext []byte) func() error {
	return func() error {
		w, err := c.NewWriter(background, io.Discard, nil, envelope.WithLength(int64(len(plaintext))))
		if err != nil {
			return err
		}
		if _, err := io.Copy(w, onlyReader{bytes.NewReader(plaintext)}); err != nil {
			return err
		}
		return w.Close()
	}
}

func streamOpen(c *envelope.Client, message []byte) func() error {
	return func() error {
		r, err := c.NewReader(background, bytes.NewReader(message), nil)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, r)
		return err
	}
}
