package envelope

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
)

// SealingReader seals what it reads from its source, and yields the message: the
// pull side of a [Writer], for APIs that want an io.Reader. It is not safe for
// concurrent use. Reads of the source happen during calls only.
type SealingReader struct {
	src  contentSource
	w    *Writer
	out  bytes.Buffer // sealed and not yet read
	size int64
	err  error // sticky; io.EOF after the whole message
}

// NewSealingReader returns a reader of the message that src is sealed as. It asks
// the keyring for a data key; ctx is used in that call and nowhere later. If src
// is a *bytes.Reader, *bytes.Buffer or *strings.Reader, its length need not be
// announced. Memory is bounded by a few frames per worker. After an error of src
// the message stays incomplete: Read returns that error, never io.EOF.
func (c *Client) NewSealingReader(ctx context.Context, src io.Reader, ec Context, opts ...MessageOption) (*SealingReader, error) {
	if src == nil {
		return nil, errors.New("envelope: NewSealingReader needs a source")
	}
	if n, ok := knownLength(src); ok {
		opts = append([]MessageOption{WithLength(n)}, opts...)
	}
	r := &SealingReader{src: contentSource{src: src}, size: -1}
	w, err := c.NewWriter(ctx, &r.out, ec, opts...)
	if err != nil {
		return nil, err
	}
	if w.length >= 0 {
		if r.size, err = w.s.sealedSize(w.length); err != nil {
			return nil, err
		}
	}
	r.w = w
	// The header need not wait for the source.
	return r, w.flush(w.out)
}

// knownLength returns how many bytes are left in readers that hold them all.
func knownLength(src io.Reader) (int64, bool) {
	switch r := src.(type) {
	case *bytes.Reader:
		return int64(r.Len()), true
	case *bytes.Buffer:
		return int64(r.Len()), true
	case *strings.Reader:
		return int64(r.Len()), true
	}
	return 0, false
}

// Header returns the message's header.
func (r *SealingReader) Header() *Header { return r.w.Header() }

// Size returns the length of the whole message in bytes, -1 if the length of the
// plaintext was not announced.
func (r *SealingReader) Size() int64 { return r.size }

// Read reads the message.
func (r *SealingReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for r.out.Len() == 0 {
		if r.err != nil {
			return 0, r.err
		}
		r.err = r.sealMore()
	}
	return r.out.Read(p)
}

// sealMore moves content on. It returns io.EOF when the message is complete.
func (r *SealingReader) sealMore() error {
	if more, err := r.w.sealSome(&r.src); err != nil || more {
		return err
	}
	if err := r.w.Close(); err != nil {
		return err
	}
	return io.EOF
}

// WriteTo writes the rest of the message to dst.
func (r *SealingReader) WriteTo(dst io.Writer) (int64, error) {
	n, err := r.out.WriteTo(dst)
	if err != nil || r.err != nil {
		return n, unlessEOF(firstError(err, r.err))
	}
	counter := &countingWriter{dst: dst}
	r.w.dst = counter
	if !r.src.ended {
		_, err = r.w.ReadFrom(r.src.src)
	}
	if err == nil {
		err = r.w.Close()
	}
	r.w.dst = &r.out
	r.err = firstError(err, io.EOF)
	return n + counter.n, err
}

type countingWriter struct {
	dst io.Writer
	n   int64
}

func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.dst.Write(p)
	w.n += int64(n)
	return n, err
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func unlessEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}
