package s3crypto

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Download opens an object, or the range of it that in.Range names, and writes
// the plaintext to w, from offset zero of w on, with [Options.Concurrency]
// requests at once. w must take calls in parallel that do not overlap, as
// *os.File does. Memory is bounded by the parts in flight, of 8 MiB or one frame.
//
// What is written has been authenticated, but only a nil error says that all of
// it was: after an error, discard w. The output is that of [Client.GetObject]
// without Body. A signed message is read in order, and written as it comes.
func (c *Client) Download(ctx context.Context, in *s3.GetObjectInput, w io.WriterAt, optFns ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	if w == nil {
		return nil, errors.New("s3crypto: Download needs a destination")
	}
	o, start, end, err := c.openRange(ctx, "Download", in, inPieces, optFns)
	if err != nil {
		return nil, err
	}
	defer o.close()
	out := o.output()
	if o.seq != nil {
		n, err := io.Copy(io.NewOffsetWriter(w, 0), o.seq)
		if err != nil {
			return nil, objectError(*in.Bucket, *in.Key, err)
		}
		out.ContentLength = &n
		return out, nil
	}
	if in.Range != nil {
		out.ContentLength = new(end - start)
		out.ContentRange = new(contentRange(start, end, o.size))
	}
	if err := c.download(o, start, end, w); err != nil {
		return nil, objectError(*in.Bucket, *in.Key, err)
	}
	return out, nil
}

// download writes the content from start to end, in chunks that workers take in
// turn.
func (c *Client) download(o *opened, start, end int64, w io.WriterAt) error {
	size := min(c.opts.PartSize, mostDownloadChunk)
	var (
		next   atomic.Int64 // content that has been given out
		failed sync.Once
		first  error
		wg     sync.WaitGroup
	)
	next.Store(start)
	take := func() (from, to int64, ok bool) {
		for {
			from = next.Load()
			if from >= end {
				return 0, 0, false
			}
			to = from + o.chunk(from, end, size)
			if next.CompareAndSwap(from, to) {
				return from, to, true
			}
		}
	}
	work := func() error {
		var room []byte
		defer func() { clear(room) }()
		for {
			from, to, ok := take()
			if !ok {
				return nil
			}
			if int64(len(room)) < to-from {
				clear(room)
				room = make([]byte, to-from)
			}
			if err := o.copyRange(w, room[:to-from], from, start); err != nil {
				return err
			}
		}
	}
	for range min(int64(c.opts.Concurrency), (end-start+size-1)/size) {
		wg.Go(func() {
			if err := work(); err != nil {
				failed.Do(func() {
					first = err
					o.src.cancel()
				})
			}
		})
	}
	wg.Wait()
	return first
}

// mostDownloadChunk bounds the content of a request of Download, in bytes, which
// each takes memory for.
const mostDownloadChunk = 8 << 20

// copyRange writes the content from from on that room holds to its place in w,
// where start is at zero.
func (o *opened) copyRange(w io.WriterAt, room []byte, from, start int64) error {
	window := o.src.expect(o.sealedRange(from, from+int64(len(room))))
	defer o.src.drop(window)
	n, err := o.at.ReadAt(room, from)
	if n < len(room) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	n, err = w.WriteAt(room, from-start)
	if err == nil && n < len(room) {
		err = io.ErrShortWrite
	}
	return err
}
