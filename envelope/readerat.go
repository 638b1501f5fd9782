package envelope

import (
	"context"
	"errors"
	"io"
)

// ReaderAt opens any part of a framed message (stub while being written).
type ReaderAt struct{}

// NewReaderAt is being written.
func (c *Client) NewReaderAt(ctx context.Context, src io.ReaderAt, size int64, ec Context, opts ...MessageOption) (*ReaderAt, error) {
	return nil, errors.New("envelope: NewReaderAt is not there yet")
}

// Size, Header, Close and ReadAt are being written.
func (r *ReaderAt) Size() int64 { return 0 }

// Header returns nothing yet.
func (r *ReaderAt) Header() *Header { return nil }

// ReadAt reads nothing yet.
func (r *ReaderAt) ReadAt(p []byte, off int64) (int, error) { return 0, io.EOF }

// Close does nothing yet.
func (r *ReaderAt) Close() error { return nil }
