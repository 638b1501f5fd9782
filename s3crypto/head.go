package s3crypto

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sealwax/sealwax/envelope"
)

// HeadObject returns what S3 knows of an object, with the length of the
// plaintext as ContentLength. That length is arithmetic on the stored size and on
// metadata, which whoever can write the object chooses: it is not authenticated.
// [Client.Open] and [Client.GetObject] give a length that is. For a signed message
// of other software it may be off by the few bytes in which signatures differ.
//
// An object without this package's metadata, such as a message that another
// program uploaded, takes a second request for its first bytes. No key is asked
// for. The checksums of the stored bytes and this package's metadata are left
// out of the output. Range and PartNumber are an [UnsupportedError]. in is not
// changed.
func (c *Client) HeadObject(ctx context.Context, in *s3.HeadObjectInput, optFns ...func(*s3.Options)) (*s3.HeadObjectOutput, error) {
	if in == nil || in.Bucket == nil || in.Key == nil {
		return nil, errors.New("s3crypto: HeadObject needs a bucket and a key")
	}
	if in.Range != nil {
		return nil, &UnsupportedError{"HeadObject", "Range", "nothing about a range can be known without a key; use GetObject"}
	}
	if in.PartNumber != nil {
		return nil, &UnsupportedError{"HeadObject", "PartNumber", "a part of an encrypted object is no message"}
	}
	head, err := c.api.HeadObject(ctx, in, optFns...)
	if err != nil {
		return nil, objectError(*in.Bucket, *in.Key, err)
	}
	stored := int64(0)
	if head.ContentLength != nil {
		stored = *head.ContentLength
	}
	info := Info{Encrypted: true, StoredSize: stored}
	out := *head
	size, err := c.headSize(ctx, in, head, stored, optFns)
	switch {
	case err == nil:
		out.ContentLength = &size
		out.Metadata = userMetadata(out.Metadata)
		out.PartsCount = nil
		clearChecksums(&out)
	case errors.Is(err, ErrNotEncrypted) && c.opts.AllowUnencrypted:
		info.Encrypted = false
	default:
		return nil, err
	}
	out.ResultMetadata = head.ResultMetadata.Clone()
	out.ResultMetadata.Set(infoKey{}, info)
	return &out, nil
}

// headSize returns the length of the plaintext as the metadata or the message's
// header tells.
func (c *Client) headSize(ctx context.Context, in *s3.HeadObjectInput, head *s3.HeadObjectOutput, stored int64, optFns []func(*s3.Options)) (int64, error) {
	bucket, key := *in.Bucket, *in.Key
	m, err := readMarks(bucket, key, head.Metadata)
	if err != nil {
		return 0, err
	}
	h := m.note.header()
	if m.note == (note{}) {
		if h, err = c.peek(ctx, in, head, stored, optFns); err != nil && notMessage(err) && !m.marked {
			err = fmt.Errorf("%w: %w", ErrNotEncrypted, err)
		}
	}
	var size int64
	if err == nil {
		size, err = plaintextSize(h, stored)
	}
	if err != nil {
		return 0, objectError(bucket, key, errors.Join(append([]error{err}, m.errs...)...))
	}
	return size, nil
}

// signatureSlack is by how many bytes the signatures of other software may be
// longer or shorter than the usual.
const signatureSlack = 4

// plaintextSize does the arithmetic on a message's size. Where a signature of
// unusual length makes it impossible by a few bytes, the nearest length counts.
func plaintextSize(h *envelope.Header, stored int64) (int64, error) {
	size, err := h.PlaintextSize(stored)
	for slack := int64(1); err != nil && h.Suite.Signed() && slack <= signatureSlack; slack++ {
		if near, nearErr := h.PlaintextSize(stored - slack); nearErr == nil {
			return near, nil
		}
		if near, nearErr := h.PlaintextSize(stored + slack); nearErr == nil {
			return near, nil
		}
	}
	return size, err
}

// peek reads the header of an object that HeadObject saw.
func (c *Client) peek(ctx context.Context, in *s3.HeadObjectInput, head *s3.HeadObjectOutput, stored int64, optFns []func(*s3.Options)) (*envelope.Header, error) {
	ctx, cancel := context.WithCancel(ctx)
	src := &source{api: c.api, optFns: optFns, ctx: ctx, cancel: cancel, size: stored, version: head.VersionId, opening: true}
	defer src.close()
	copyFields(&src.in, in)
	src.in.IfMatch, src.in.IfNoneMatch, src.in.IfModifiedSince, src.in.IfUnmodifiedSince = head.ETag, nil, nil, nil
	if err := src.keepHead(min(stored, headFirst)); err != nil {
		return nil, err
	}
	return envelope.ReadHeader(io.NewSectionReader(src, 0, stored))
}

// headFirst is how many bytes HeadObject looks at first, if it must.
const headFirst = 8 << 10
