package s3crypto

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/message"
	"github.com/sealwax/sealwax/keyring"
)

// opened is an object whose beginning has been read. Unless it is not encrypted,
// its header is verified.
type opened struct {
	src    *source
	first  *s3.GetObjectOutput // the first response; its Body is the source's
	header *envelope.Header    // nil: not encrypted

	readAhead []envelope.MessageOption // of ra

	at   io.ReaderAt        // the content; nil for a signed message, which can only be read in order
	size int64              // of the content; -1 for a signed message
	ra   *envelope.ReaderAt // at, if the object is encrypted
	seq  *envelope.Reader   // of a signed message
}

// reading says what an object is opened for.
type reading int

const (
	inOrder  reading = iota // from the first byte to the last, in one response
	inPieces                // all of it, in several responses
	atRandom                // in places
)

// smallObject is the size in bytes up to which an object that is read in order
// is fetched whole before it is released, which saves the request for its end.
const smallObject = 1 << 20

// open reads the header of an object and, unless the message is signed and read
// in order, authenticates its final frame: from then on the length is certain.
// The requests after the first are pinned to what the first one saw.
func (c *Client) open(ctx context.Context, in *s3.GetObjectInput, how reading, optFns []func(*s3.Options), readAhead ...envelope.MessageOption) (*opened, error) {
	ctx, cancel := context.WithCancel(ctx)
	o, err := c.request(ctx, cancel, in, how, optFns)
	if err != nil {
		cancel()
		return nil, err
	}
	o.readAhead = readAhead
	if err := c.begin(ctx, o, in, how); err != nil {
		o.close()
		return nil, err
	}
	o.src.opening = false
	return o, nil
}

func (o *opened) close() {
	if o.ra != nil {
		_ = o.ra.Close() // never fails
	}
	o.src.close()
}

// request sends the first request for an object.
func (c *Client) request(ctx context.Context, cancel context.CancelFunc, given *s3.GetObjectInput, how reading, optFns []func(*s3.Options)) (*opened, error) {
	in := *given
	detach(&in)
	in.Range = nil
	src := &source{api: c.api, optFns: slices.Clone(optFns), ctx: ctx, cancel: cancel, opening: true}
	if how != inOrder {
		in.Range = new(rangeHeader(0, headLength))
		src.tailLength = headLength
	}
	out, err := c.api.GetObject(ctx, &in, optFns...)
	if errorCode(err) == "InvalidRange" {
		// There is no first byte.
		in.Range = nil
		out, err = c.api.GetObject(ctx, &in, optFns...)
	}
	if err != nil {
		return nil, objectError(*in.Bucket, *in.Key, err)
	}
	w := &window{body: out.Body}
	switch {
	case out.ContentRange != nil:
		start, size, ok := parseContentRange(*out.ContentRange)
		if !ok || start != 0 {
			out.Body.Close()
			return nil, objectError(*in.Bucket, *in.Key, fmt.Errorf("S3 answered %q to a request for the first bytes", *out.ContentRange))
		}
		src.size, w.end = size, min(headLength, size)
	case out.ContentLength != nil:
		src.size, w.end = *out.ContentLength, *out.ContentLength
	default:
		out.Body.Close()
		return nil, objectError(*in.Bucket, *in.Key, errors.New("S3 gave no Content-Length"))
	}
	src.windows = []*window{w}
	src.version = out.VersionId
	// The conditions were for the first request.
	src.in = s3.GetObjectInput{
		Bucket: in.Bucket, Key: in.Key, VersionId: in.VersionId, IfMatch: out.ETag, ChecksumMode: in.ChecksumMode,
		ExpectedBucketOwner: in.ExpectedBucketOwner, RequestPayer: in.RequestPayer,
		SSECustomerAlgorithm: in.SSECustomerAlgorithm, SSECustomerKey: in.SSECustomerKey, SSECustomerKeyMD5: in.SSECustomerKeyMD5,
	}
	return &opened{src: src, first: out}, nil
}

// begin finds out what the object is, and opens it.
func (c *Client) begin(ctx context.Context, o *opened, in *s3.GetObjectInput, how reading) error {
	bucket, key := *in.Bucket, *in.Key
	m, err := readMarks(bucket, key, o.first.Metadata)
	if err != nil {
		return err
	}
	if err := o.fetchHead(how); err != nil {
		return objectError(bucket, key, err)
	}
	header, err := envelope.ReadHeader(io.NewSectionReader(o.src, 0, o.src.size))
	switch {
	case err == nil:
	case notMessage(err) && !m.marked && c.opts.AllowUnencrypted:
		o.at, o.size = o.src, o.src.size
		return nil
	case notMessage(err) && !m.marked:
		return objectError(bucket, key, fmt.Errorf("%w: %w; AllowUnencrypted reads it as it is", ErrNotEncrypted, err))
	default:
		return objectError(bucket, key, errors.Join(append([]error{err}, m.errs...)...))
	}
	ec, err := c.contextFor(bucket, key)
	if err != nil {
		return err
	}
	beside := m.besides(header)
	err = c.authenticate(ctx, o, header, how, ec, beside)
	if len(beside) > 0 && errors.Is(err, envelope.ErrPolicy) {
		// As when there are more than the envelope client's limit allows together with
		// the header's: whoever writes the metadata must not decide what can be read.
		m.errs = append(m.errs, fmt.Errorf("metadata %s counts as absent: %v", edksKey, err))
		err = c.authenticate(ctx, o, header, how, ec, nil)
	}
	if err != nil {
		return objectError(bucket, key, errors.Join(append([]error{err}, m.errs...)...))
	}
	return nil
}

// notMessage reports whether an error of ReadHeader says that there is no message.
// A header that is too long is one: such an object is never passed through.
func notMessage(err error) bool {
	return errors.Is(err, envelope.ErrFormat) || errors.Is(err, envelope.ErrTruncated)
}

// fetchHead fetches what is worth having before the header is looked at.
func (o *opened) fetchHead(how reading) error {
	if how != inOrder {
		return o.src.keepHead(headLength)
	}
	if o.src.size <= smallObject {
		return o.src.keepHead(o.src.size)
	}
	return nil
}

// authenticate verifies the header and, where that says something, the end.
func (c *Client) authenticate(ctx context.Context, o *opened, header *envelope.Header, how reading, ec envelope.Context, beside []keyring.EncryptedDataKey) (err error) {
	var opts []envelope.MessageOption
	if len(beside) > 0 {
		opts = append(opts, envelope.WithEncryptedDataKeys(beside...))
	}
	if how != atRandom && header.Suite.Signed() {
		o.size = -1
		if how == inPieces {
			o.src.expect(0, o.src.size)
		}
		if o.seq, err = c.env.NewReader(ctx, io.NewSectionReader(o.src, 0, o.src.size), ec, opts...); err == nil {
			o.header = o.seq.Header()
		}
		return err
	}
	if o.ra, err = c.env.NewReaderAt(ctx, o.src, o.src.size, ec, append(opts, o.readAhead...)...); err != nil {
		return err
	}
	o.at, o.size, o.header = o.ra, o.ra.Size(), o.ra.Header()
	return nil
}

// sealedRange returns where the content from start to end lies in the source.
func (o *opened) sealedRange(start, end int64) (from, to int64) {
	if o.header == nil {
		return start, end
	}
	frame := int64(o.header.FrameLength)
	if frame == 0 || start >= end {
		return 0, 0 // not framed: all of it is in memory
	}
	period := frame + message.RegularFrameOverhead
	from = int64(o.header.Length) + start/frame*period
	if end >= o.size {
		return from, o.src.size
	}
	return from, int64(o.header.Length) + ((end-1)/frame+1)*period
}

// chunk returns how many bytes to read at pos, so that about n are read and
// frames are not split.
func (o *opened) chunk(pos, end, n int64) int64 {
	if o.header != nil && o.header.FrameLength > 0 {
		frame := int64(o.header.FrameLength)
		n = max(frame, n/frame*frame) - pos%frame
	}
	return min(n, end-pos)
}

// Info says what an object read by a [Client] is.
type Info struct {
	// Encrypted is false for an object that was passed through as it is, which
	// nothing proves authentic.
	Encrypted bool
	// Header is the message's. HeadObject has none. After GetObject, Download and
	// Open it has been verified.
	Header *envelope.Header
	// StoredSize is the length of the stored object in bytes.
	StoredSize int64
}

type infoKey struct{}

// InfoOf returns what a result of GetObject, HeadObject or Download is about;
// its argument is the output's ResultMetadata.
func InfoOf(result middleware.Metadata) (Info, bool) {
	info, ok := result.Get(infoKey{}).(Info)
	return info, ok
}

// output makes the caller's output from the first response.
func (o *opened) output() *s3.GetObjectOutput {
	out := *o.first
	out.Body, out.PartsCount, out.ContentRange = nil, nil, nil
	out.ContentLength = nil
	if o.size >= 0 {
		out.ContentLength = new(o.size)
	}
	if o.header != nil {
		out.Metadata = userMetadata(out.Metadata)
		clearChecksums(&out)
	}
	out.ResultMetadata = o.first.ResultMetadata.Clone()
	out.ResultMetadata.Set(infoKey{}, Info{Encrypted: o.header != nil, Header: o.copyHeader(), StoredSize: o.src.size})
	return &out
}

// copyHeader returns a header for the caller, who may change it.
func (o *opened) copyHeader() *envelope.Header {
	switch {
	case o.ra != nil:
		return o.ra.Header()
	case o.seq != nil:
		return o.seq.Header()
	}
	return nil
}
