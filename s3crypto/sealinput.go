package s3crypto

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/nilcheck"
)

// SealInput returns the input with which another uploader, such as the SDK's
// transfer manager, stores what PutObject would: Body is the sealed message, read
// once and without Seek, ContentLength its length if that of the plaintext is
// known, and Metadata has this package's entries. The rest is the caller's, less
// the checksums, which are verified as the body is read.
//
// The body seals while it is read, and fails instead of ending if the plaintext
// is not what the input says: an uploader that takes an error of its body for the
// end would store a message that does not open. ctx is kept for as long as the
// body is read. in is not changed.
func (c *Client) SealInput(ctx context.Context, in *s3.PutObjectInput) (*s3.PutObjectInput, error) {
	b, err := newSealedBody(in)
	if err != nil {
		return nil, err
	}
	ec, err := c.contextFor(*in.Bucket, *in.Key)
	if err != nil {
		return nil, err
	}
	r, err := c.env.NewSealingReader(ctx, b.plaintext(ctx), ec, envelope.WithLength(b.length))
	if err != nil {
		return nil, objectError(*in.Bucket, *in.Key, err)
	}
	if err := b.describe(r.Header()); err != nil {
		return nil, err
	}
	// Less than a SealingReader can do, so that nobody takes it for more.
	b.in.Body = struct{ io.Reader }{r}
	if b.size >= 0 {
		b.in.ContentLength = &b.size
	}
	return b.in, nil
}

// PresignAPI is the part of [*s3.PresignClient] that PresignPutObject uses.
type PresignAPI interface {
	PresignPutObject(context.Context, *s3.PutObjectInput, ...func(*s3.PresignOptions)) (*v4.PresignedHTTPRequest, error)
}

var _ PresignAPI = (*s3.PresignClient)(nil)

// PresignedPut is a request that whoever holds it can send, once: it uploads a
// sealed message. All of Header is signed, and must be sent.
type PresignedPut struct {
	URL, Method string
	Header      http.Header
	Body        io.Reader // the sealed message, read once
	// ContentLength is that of Body, in bytes. Another length is refused by S3.
	ContentLength int64
}

// Request returns the request, for any HTTP client.
func (p *PresignedPut) Request(ctx context.Context) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, p.Method, p.URL, io.NopCloser(p.Body))
	if err != nil {
		return nil, fmt.Errorf("s3crypto: %w", err)
	}
	r.Header, r.ContentLength = p.Header.Clone(), p.ContentLength
	return r, nil
}

// PresignPutObject seals in.Body, as [Client.SealInput] does, and presigns the
// upload of the message in one request. The length of the plaintext must be known
// beforehand, from in.ContentLength or a body that can seek, and the message not
// be longer than the 5 GiB that one request can carry; in.ChecksumAlgorithm is an
// [UnsupportedError], since the message does not exist yet when the URL is signed.
// Whoever gets the URL without the body can upload something else in its place, of
// the same length: it would not open.
func (c *Client) PresignPutObject(ctx context.Context, presigner PresignAPI, in *s3.PutObjectInput, optFns ...func(*s3.PresignOptions)) (*PresignedPut, error) {
	if nilcheck.IsNil(presigner) {
		return nil, errors.New("s3crypto: PresignPutObject needs a presign client")
	}
	if in != nil && in.ChecksumAlgorithm != "" {
		return nil, &UnsupportedError{"PresignPutObject", "ChecksumAlgorithm", "what is signed is decided before the message is sealed, and has no checksum; frames are authenticated regardless"}
	}
	sealed, err := c.SealInput(ctx, in)
	if err != nil {
		return nil, err
	}
	if sealed.ContentLength == nil {
		return nil, &UnsupportedError{"PresignPutObject", "Body", "its length is not known; give ContentLength"}
	}
	if *sealed.ContentLength > maxPartSize {
		return nil, fmt.Errorf("s3crypto: %w: %d sealed bytes, and one request carries at most %d", ErrTooLarge, *sealed.ContentLength, int64(maxPartSize))
	}
	unread := *sealed
	unread.Body = nil // signing does not cover it
	signed, err := presigner.PresignPutObject(ctx, &unread, optFns...)
	if err != nil {
		return nil, objectError(*in.Bucket, *in.Key, err)
	}
	header := signed.SignedHeader.Clone()
	header.Del("Host") // the URL's
	header.Del("Content-Length")
	return &PresignedPut{URL: signed.URL, Method: signed.Method, Header: header, Body: sealed.Body, ContentLength: *sealed.ContentLength}, nil
}
