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

// Object is the content of one object, for reading in places: an io.ReaderAt and
// an io.ReadSeekCloser. ReadAt, Size and Header are safe for concurrent use; Read
// and Seek share one position, and are not.
type Object struct {
	o *opened

	pos    int64 // of Read
	next   int64 // bytes for Read to read at once
	room   []byte
	unread []byte // content from pos on, within room

	mu     sync.RWMutex // held for reading by ReadAt
	closed bool         // guarded by mu
}

var (
	_ io.ReaderAt       = (*Object)(nil)
	_ io.ReadSeekCloser = (*Object)(nil)
)

// Open opens an object for reading in places. It reads the first and the last
// bytes of the object and authenticates its final frame, so that Size is certain.
// ctx is kept for the requests of the Object; Close ends them. They are pinned
// to the object that Open saw, see [Client.GetObject].
//
// A signed message is refused by [envelope.ErrPolicy], unless the envelope client
// has AllowUnverifiedSignature.
func (c *Client) Open(ctx context.Context, bucket, key string) (*Object, error) {
	return c.OpenVersion(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
}

// OpenVersion is Open with all that a GetObjectInput can say, such as VersionId.
// Range and PartNumber are an [UnsupportedError].
func (c *Client) OpenVersion(ctx context.Context, in *s3.GetObjectInput, optFns ...func(*s3.Options)) (*Object, error) {
	if in == nil || in.Bucket == nil || in.Key == nil {
		return nil, errors.New("s3crypto: Open needs a bucket and a key")
	}
	if in.Range != nil {
		return nil, &UnsupportedError{"Open", "Range", "read the part that you need"}
	}
	if in.PartNumber != nil {
		return nil, &UnsupportedError{"Open", "PartNumber", "a part of an encrypted object is no message"}
	}
	o, err := c.open(ctx, in, atRandom, optFns)
	if err != nil {
		return nil, err
	}
	return &Object{o: o}, nil
}

// Size returns the length of the content in bytes. The end of the object has
// been authenticated.
func (o *Object) Size() int64 { return o.o.size }

// Header returns a copy of the header of the message, which has been verified. It
// is nil for an object that is not encrypted; see [Options.AllowUnencrypted].
func (o *Object) Header() *envelope.Header { return o.o.copyHeader() }

// Output returns what S3 said of the object, as [Client.GetObject] would. It has
// no Body.
func (o *Object) Output() *s3.GetObjectOutput { return o.o.output() }

var errObjectClosed = fmt.Errorf("s3crypto: read of a closed Object: %w", fs.ErrClosed)

// ReadAt reads content as io.ReaderAt asks, with one request for what is not at
// hand. Reads that follow one another fetch more than they ask for, up to half a
// mebibyte.
func (o *Object) ReadAt(p []byte, off int64) (int, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if o.closed {
		return 0, errObjectClosed
	}
	if off < 0 {
		return 0, errors.New("s3crypto: ReadAt with a negative offset")
	}
	if off >= o.o.size {
		return 0, io.EOF
	}
	end := min(o.o.size, off+int64(len(p)))
	if end-off > leastChunk {
		defer o.o.src.drop(o.o.src.expect(o.o.sealedRange(off, end)))
	}
	n, err := o.o.at.ReadAt(p, off)
	if err != nil && err != io.EOF {
		err = objectError(*o.o.src.in.Bucket, *o.o.src.in.Key, err)
	}
	return n, err
}

// mostObjectChunk bounds what Read fetches at once, in bytes.
const mostObjectChunk = 4 << 20

// Read reads content from the position on. In a row of reads it fetches twice as
// much each time, up to 4 MiB.
func (o *Object) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(o.unread) == 0 {
		if o.pos >= o.o.size {
			return 0, io.EOF
		}
		o.next = min(mostObjectChunk, max(leastChunk, 2*o.next))
		n := o.o.chunk(o.pos, o.o.size, o.next)
		if int64(cap(o.room)) < n {
			clear(o.room)
			o.room = make([]byte, n)
		}
		k, err := o.ReadAt(o.room[:n], o.pos)
		if k == 0 && err != nil {
			return 0, err
		}
		o.unread = o.room[:k] // an error will come again
	}
	n := copy(p, o.unread)
	o.unread = o.unread[n:]
	o.pos += int64(n)
	return n, nil
}

// Seek sets the position of Read.
func (o *Object) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += o.pos
	case io.SeekEnd:
		offset += o.o.size
	default:
		return 0, fmt.Errorf("s3crypto: Seek with unknown whence %d", whence)
	}
	if offset < 0 {
		return 0, errors.New("s3crypto: Seek to a negative position")
	}
	if ahead := offset - o.pos; ahead >= 0 && ahead < int64(len(o.unread)) {
		o.unread = o.unread[ahead:]
	} else if ahead != 0 {
		o.unread, o.next = nil, 0
	}
	o.pos = offset
	return offset, nil
}

// Close ends the requests of the Object, and clears what it keeps. It may be
// called again, and while ReadAt runs on another goroutine, which then fails.
func (o *Object) Close() error {
	o.o.src.cancel()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.o.close()
	clear(o.room)
	o.room, o.unread = nil, nil
	return nil
}
