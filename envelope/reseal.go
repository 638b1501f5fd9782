package envelope

import (
	"context"
	"errors"
	"io"
)

// Reseal opens the message at src, which is bound to ec, and seals its content
// to dst as a new message of the client to, bound to toContext: under a new data
// key, of to's keyring, suite and frame length. It is the way to change keys or
// context for good. Memory is constant, and plaintext never leaves it. The new
// message becomes complete only after all of the old one has verified: on an
// error, what stands in dst is a truncated message that nobody opens.
func (c *Client) Reseal(ctx context.Context, dst io.Writer, src io.Reader, ec Context, to *Client, toContext Context) error {
	if to == nil {
		return errors.New("envelope: Reseal needs a client to seal with")
	}
	r, err := c.NewReader(ctx, src, ec)
	if err != nil {
		return err
	}
	w, err := to.NewWriter(ctx, dst, toContext)
	if err != nil {
		return err
	}
	if _, err := r.WriteTo(w); err != nil {
		w.Abort()
		return err
	}
	return w.Close()
}

// Verify checks everything of the message at src, header, frames and signature,
// releases nothing of its content, and returns its header.
func (c *Client) Verify(ctx context.Context, src io.Reader, ec Context) (*Header, error) {
	r, err := c.NewReader(ctx, src, ec)
	if err != nil {
		return nil, err
	}
	if _, err := r.WriteTo(io.Discard); err != nil {
		return nil, err
	}
	return r.Header(), nil
}
