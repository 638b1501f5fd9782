package s3crypto

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sealwax/sealwax/envelope"
)

// GetObject opens an object. The Body of the output yields authenticated
// plaintext only, and io.EOF only after all of it; it must be closed, holds ctx
// until then, and is for one goroutine, but for Close.
//
// ContentLength, ContentRange and in.Range count plaintext, and are certain: the
// final frame has been authenticated before they are reported. in.Range is one of
// bytes=a-b, bytes=a- and bytes=-n, else a [RangeError]; only the frames that it
// touches are fetched. Objects of up to 1 MiB take one request; larger ones, and
// ranges, one or two more for the final frame and for the frames of the range.
// A signed message is not certain before its end: its ContentLength is nil, a
// range of it is refused by [envelope.ErrPolicy] unless the envelope client has
// AllowUnverifiedSignature, and only io.EOF says that its signature verified.
//
// All requests see the object that the first one saw: a replaced one is
// [ErrChanged], unless its old version can still be read. A connection that
// breaks is taken up again. The conditions of in are for the first request.
//
// The checksums of the stored bytes are left out of the output, and this
// package's entries out of its metadata. PartNumber is an [UnsupportedError].
// See [InfoOf] for what the output says besides. in is not changed.
func (c *Client) GetObject(ctx context.Context, in *s3.GetObjectInput, optFns ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	o, start, end, err := c.openRange(ctx, "GetObject", in, inOrder, optFns)
	if err != nil {
		return nil, err
	}
	out := o.output()
	if o.seq != nil {
		out.Body = &signedBody{o: o}
		return out, nil
	}
	if in.Range != nil {
		out.ContentLength = new(end - start)
		out.ContentRange = new(contentRange(start, end, o.size))
	}
	from, to := o.sealedRange(start, end)
	out.Body = &body{o: o, pos: start, end: end, window: o.expectFrom(from, to)}
	return out, nil
}

// openRange opens the object of an input, and finds the range that it asks for.
func (c *Client) openRange(ctx context.Context, operation string, in *s3.GetObjectInput, how reading, optFns []func(*s3.Options)) (o *opened, start, end int64, err error) {
	if in == nil || in.Bucket == nil || in.Key == nil {
		return nil, 0, 0, errors.New("s3crypto: " + operation + " needs a bucket and a key")
	}
	if in.PartNumber != nil {
		return nil, 0, 0, &UnsupportedError{operation, "PartNumber", "a part of an encrypted object is no message; ask for a Range"}
	}
	var wanted byteRange
	if in.Range != nil {
		how = atRandom
		if wanted, err = parseRange(*in.Range); err != nil {
			return nil, 0, 0, err
		}
	}
	o, err = c.open(ctx, in, how, optFns, envelope.WithoutReadAhead())
	if err != nil {
		return nil, 0, 0, err
	}
	if in.Range == nil {
		return o, 0, o.size, nil
	}
	if start, end, err = wanted.within(o.size); err != nil {
		o.close()
		return nil, 0, 0, err
	}
	return o, start, end, nil
}

// expectFrom announces a range to the source, unless the first response already
// stands there.
func (o *opened) expectFrom(from, to int64) *window {
	for _, w := range o.src.windows { // nobody else reads yet
		if w.pos >= from && w.pos <= max(from, int64(len(o.src.head))) && w.end >= to {
			return w
		}
	}
	return o.src.expect(from, to)
}

// Bounds on what a body reads and opens at once, in bytes. It begins with little,
// so that the first bytes are not held back.
const (
	leastChunk = 64 << 10
	mostChunk  = 1 << 20
)

// body is a range of an object's content, read in order.
type body struct {
	o      *opened
	window *window

	mu     sync.Mutex // held by Read, WriteTo and, at its end, Close
	pos    int64      // of the content; guarded by mu, and so is all that follows
	end    int64
	next   int64 // bytes to read at once
	room   []byte
	unread []byte // within room
	err    error  // sticky, after unread
}

var errBodyClosed = fmt.Errorf("s3crypto: read of a closed body: %w", fs.ErrClosed)

// Read reads content.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	if len(b.unread) == 0 {
		b.fill()
	}
	if len(b.unread) == 0 {
		return 0, b.err
	}
	n := copy(p, b.unread)
	b.unread = b.unread[n:]
	return n, nil
}

// WriteTo writes the rest of the content to dst.
func (b *body) WriteTo(dst io.Writer) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	written := int64(0)
	for {
		if len(b.unread) == 0 {
			b.fill()
		}
		if len(b.unread) == 0 {
			if b.err == io.EOF {
				return written, nil
			}
			return written, b.err
		}
		n, err := dst.Write(b.unread)
		written += int64(n)
		if err == nil && n < len(b.unread) {
			err = io.ErrShortWrite
		}
		b.unread = b.unread[n:]
		if err != nil {
			return written, err
		}
	}
}

// fill reads and opens the next frames, or sets b.err.
func (b *body) fill() {
	if b.err == nil && b.pos >= b.end {
		b.finish(io.EOF)
	}
	if b.err != nil {
		return
	}
	b.next = min(mostChunk, max(leastChunk, 2*b.next))
	n := b.o.chunk(b.pos, b.end, b.next)
	if int64(cap(b.room)) < n {
		clear(b.room)
		b.room = make([]byte, n)
	}
	k, err := b.o.at.ReadAt(b.room[:n], b.pos)
	b.unread = b.room[:k]
	b.pos += int64(k)
	if int64(k) < n {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		b.finish(objectError(*b.o.src.in.Bucket, *b.o.src.in.Key, err))
	}
}

// finish ends the reading; what is in b.unread is still the caller's.
func (b *body) finish(err error) {
	b.err = err
	b.o.src.drop(b.window)
	b.o.close()
}

// Close ends the requests, also one that a Read waits for.
func (b *body) Close() error {
	b.o.src.cancel()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil || b.err == io.EOF {
		b.finish(errBodyClosed)
	}
	clear(b.room)
	b.room, b.unread = nil, nil
	return nil
}

// signedBody is the content of a signed message.
type signedBody struct {
	o      *opened
	mu     sync.Mutex // held by Read, WriteTo and, at its end, Close
	closed bool       // guarded by mu
}

// Read reads content. io.EOF comes after the signature verified.
func (b *signedBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, errBodyClosed
	}
	return b.o.seq.Read(p)
}

// WriteTo writes the rest of the content to dst.
func (b *signedBody) WriteTo(dst io.Writer) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, errBodyClosed
	}
	return b.o.seq.WriteTo(dst)
}

// Close ends the requests, also one that a Read waits for.
func (b *signedBody) Close() error {
	b.o.src.cancel()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.o.close()
	return nil
}
