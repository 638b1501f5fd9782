package s3crypto

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sealwax/sealwax/envelope"
)

// PutObject seals in.Body and uploads the message: in one request if it fits
// one part of [Options.PartSize], else as a multipart upload with parts in
// parallel. Memory is bounded by the parts in flight; a retried request sends
// the same ciphertext again. The object appears as a whole or not at all: on
// failure, or when ctx is done, a multipart upload is aborted and an older
// object is left as it was. Failures of the upload are an [UploadError].
//
// The body is read once, from where it stands to its end, and not closed; a Read
// that blocks holds up PutObject. Its length need not be known, which costs
// nothing up to 8 GiB and larger parts above; in.ContentLength is that of the
// plaintext, and another length fails with [envelope.ErrLength].
//
// Checksums of the input are those of the plaintext. They are verified while it
// is sealed ([ErrChecksum] if they do not fit) and go no further, since S3 sees
// ciphertext only; so are the checksums of the output ciphertext's, which the
// SDK computes by itself or as in.ChecksumAlgorithm says. IfMatch and IfNoneMatch
// are decided by S3 when the object is complete. in is not changed.
func (c *Client) PutObject(ctx context.Context, in *s3.PutObjectInput, optFns ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	b, err := newSealedBody(in)
	if err != nil {
		return nil, err
	}
	u := c.newUpload(ctx, optFns)
	ec, err := c.contextFor(*in.Bucket, *in.Key)
	if err != nil {
		return nil, err
	}
	w, err := c.env.NewWriter(ctx, u, ec, envelope.WithLength(b.length))
	if err != nil {
		return nil, objectError(*in.Bucket, *in.Key, err)
	}
	if err := b.describe(w.Header()); err != nil {
		w.Abort()
		return nil, err
	}
	if u.plan, err = newPartPlan(c.opts.PartSize, b.size); err != nil {
		w.Abort()
		return nil, err
	}
	u.in, u.size = b.in, b.size
	if err := b.seal(ctx, w, u); err != nil {
		return nil, u.fail(err)
	}
	return u.finish()
}

// seal writes the message of the body to u, by way of w. A body that panics, or
// ends its goroutine, leaves no upload behind either.
func (b *sealedBody) seal(ctx context.Context, w *envelope.Writer, u *upload) error {
	returned := false
	defer func() {
		if !returned {
			w.Abort()
			_ = u.fail(nil)
		}
	}()
	_, err := w.ReadFrom(b.plaintext(ctx))
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		w.Abort()
	}
	returned = true
	return err
}

// sealedBody is an input of PutObject on its way to being one with a sealed body.
type sealedBody struct {
	in     *s3.PutObjectInput // a copy, for the sealed body; its Body is not set yet
	body   io.Reader          // the caller's
	sums   []checksum
	length int64 // of the plaintext, in bytes; -1: not known
	size   int64 // of the message; likewise
}

func newSealedBody(given *s3.PutObjectInput) (*sealedBody, error) {
	if given == nil || given.Bucket == nil || given.Key == nil {
		return nil, errors.New("s3crypto: PutObject needs a bucket and a key")
	}
	if given.WriteOffsetBytes != nil {
		return nil, &UnsupportedError{"PutObject", "WriteOffsetBytes", "a message cannot be appended to; write the whole object"}
	}
	if err := checkUserMetadata(given.Metadata); err != nil {
		return nil, err
	}
	sums, err := checksumsOf(given)
	if err != nil {
		return nil, err
	}
	length, err := plaintextLength(given)
	if err != nil {
		return nil, err
	}
	if length < -1 {
		return nil, fmt.Errorf("s3crypto: %w: ContentLength is %d", envelope.ErrLength, length)
	}
	in := *given
	detach(&in)
	in.Body, in.ContentLength = nil, nil
	clearChecksums(&in)
	b := &sealedBody{in: &in, body: given.Body, sums: sums, length: length, size: -1}
	if b.body == nil {
		b.body = bytes.NewReader(nil)
	}
	return b, nil
}

// describe adds what the message's header tells.
func (b *sealedBody) describe(h *envelope.Header) (err error) {
	if b.length >= 0 {
		if b.size, err = h.SealedSize(b.length); err != nil {
			return err
		}
	}
	b.in.Metadata, err = objectMetadata(b.in.Metadata, h)
	return err
}

// plaintext returns the caller's body, verified as it is read.
func (b *sealedBody) plaintext(ctx context.Context) io.Reader {
	return &plaintext{ctx: ctx, src: b.body, sums: b.sums}
}
