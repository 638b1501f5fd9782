package s3crypto

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/sealwax/sealwax/envelope"
)

// CopyObject copies an encrypted object within S3. The message stays as it is, and
// no key is asked for: the copy opens with the encryption context of the original.
// This package's metadata goes with it under either MetadataDirective. A source
// longer than [Options.CopyPartSize] is copied part by part, with its tags unless
// TaggingDirective says otherwise; the output then has no checksums.
//
// The source is looked at first, and pinned by its ETag. One that is not
// encrypted is [ErrNotEncrypted], unless AllowUnencrypted is set. With BindName a
// copy under another name would not open, and is an [UnsupportedError]: use
// envelope's Reseal. in is not changed.
func (c *Client) CopyObject(ctx context.Context, in *s3.CopyObjectInput, optFns ...func(*s3.Options)) (*s3.CopyObjectOutput, error) {
	if in == nil || in.Bucket == nil || in.Key == nil || in.CopySource == nil {
		return nil, errors.New("s3crypto: CopyObject needs a bucket, a key and a source")
	}
	source, err := parseCopySource(*in.CopySource)
	if err != nil {
		return nil, err
	}
	if c.opts.BindName && (*source.Bucket != *in.Bucket || *source.Key != *in.Key) {
		return nil, &UnsupportedError{"CopyObject", "CopySource", "the object is bound to its name (BindName) and would not open under another; reseal it"}
	}
	if err := checkUserMetadata(in.Metadata); err != nil {
		return nil, err
	}
	source.IfMatch, source.IfNoneMatch = in.CopySourceIfMatch, in.CopySourceIfNoneMatch
	source.IfModifiedSince, source.IfUnmodifiedSince = in.CopySourceIfModifiedSince, in.CopySourceIfUnmodifiedSince
	source.ExpectedBucketOwner, source.RequestPayer = in.ExpectedSourceBucketOwner, in.RequestPayer
	source.SSECustomerAlgorithm, source.SSECustomerKey = in.CopySourceSSECustomerAlgorithm, in.CopySourceSSECustomerKey
	source.SSECustomerKeyMD5 = in.CopySourceSSECustomerKeyMD5
	head, err := c.lookAtSource(ctx, source, optFns)
	if err != nil {
		return nil, err
	}
	pinned := *in
	pinned.CopySourceIfMatch = head.ETag
	if in.MetadataDirective == types.MetadataDirectiveReplace {
		if pinned.Metadata, err = keptMetadata(in.Metadata, head.Metadata); err != nil {
			return nil, err
		}
	}
	if *head.ContentLength > c.opts.CopyPartSize {
		return c.copyParts(ctx, &pinned, source, head, optFns)
	}
	out, err := c.api.CopyObject(ctx, &pinned, optFns...)
	if err != nil {
		return nil, objectError(*in.Bucket, *in.Key, err)
	}
	return out, nil
}

// parseCopySource takes a CopySource apart: bucket/key or the ARN of an access
// point's object, URL-encoded, with a version behind it.
func parseCopySource(s string) (*s3.HeadObjectInput, error) {
	refused := fmt.Errorf("s3crypto: CopySource %q is not bucket/key, URL-encoded", s)
	path, query, versioned := strings.Cut(s, "?")
	path, err := url.PathUnescape(strings.TrimPrefix(path, "/"))
	if err != nil {
		return nil, refused
	}
	separator := "/"
	if strings.HasPrefix(path, "arn:") {
		separator = "/object/"
	}
	bucket, key, ok := strings.Cut(path, separator)
	if !ok || bucket == "" || key == "" {
		return nil, refused
	}
	in := &s3.HeadObjectInput{Bucket: &bucket, Key: &key}
	if versioned {
		version, ok := strings.CutPrefix(query, "versionId=")
		if !ok || version == "" {
			return nil, refused
		}
		in.VersionId = &version
	}
	return in, nil
}

// lookAtSource makes sure that the source is encrypted. ContentLength of what it
// returns is that of the stored object.
func (c *Client) lookAtSource(ctx context.Context, in *s3.HeadObjectInput, optFns []func(*s3.Options)) (*s3.HeadObjectOutput, error) {
	head, err := c.api.HeadObject(ctx, in, optFns...)
	if err == nil && (head.ETag == nil || head.ContentLength == nil) {
		err = errors.New("S3 gave no ETag or no Content-Length")
	}
	if err != nil {
		return nil, objectError(*in.Bucket, *in.Key, err)
	}
	_, err = c.headSize(ctx, in, head, *head.ContentLength, optFns)
	if errors.Is(err, ErrNotEncrypted) && c.opts.AllowUnencrypted {
		err = nil
	}
	return head, err
}

// keptMetadata returns the caller's new metadata, and this package's as the
// source has it: its EDKs may be the only ones that still open.
func keptMetadata(user, source map[string]string) (map[string]string, error) {
	all := maps.Clone(user)
	if all == nil {
		all = map[string]string{}
	}
	for name, value := range source {
		if name = strings.ToLower(name); strings.HasPrefix(name, reservedMetadata) {
			all[name] = value
		}
	}
	return all, checkMetadataSize(all)
}

// copyParts copies a source that is too long for one request.
func (c *Client) copyParts(ctx context.Context, in *s3.CopyObjectInput, source *s3.HeadObjectInput, head *s3.HeadObjectOutput, optFns []func(*s3.Options)) (*s3.CopyObjectOutput, error) {
	target := &s3.PutObjectInput{}
	copyFields(target, in)
	target.ChecksumAlgorithm = "" // of parts that do not pass here
	if in.MetadataDirective != types.MetadataDirectiveReplace {
		target.Metadata, target.CacheControl, target.ContentDisposition = head.Metadata, head.CacheControl, head.ContentDisposition
		target.ContentEncoding, target.ContentLanguage, target.ContentType = head.ContentEncoding, head.ContentLanguage, head.ContentType
		target.Expires = nil
		if head.ExpiresString != nil {
			if expires, err := http.ParseTime(*head.ExpiresString); err == nil {
				target.Expires = &expires
			}
		}
	}
	if in.TaggingDirective != types.TaggingDirectiveReplace {
		target.Tagging = nil // S3 takes no notice of it either
		if head.TagCount != nil && *head.TagCount > 0 {
			tags, err := c.tagsOf(ctx, source, optFns)
			if err != nil {
				return nil, err
			}
			target.Tagging = &tags
		}
	}
	size := *head.ContentLength
	plan, err := newPartPlan(min(c.opts.CopyPartSize, largestPart), size)
	if err != nil {
		return nil, err
	}
	u := c.newUpload(ctx, optFns)
	u.in, u.copying = target, true
	if err := u.create(); err != nil {
		return nil, u.fail(err)
	}
	for start, number := int64(0), int32(1); start < size; start, number = start+plan.fixed, number+1 {
		if err := u.wait(c.opts.Concurrency); err != nil {
			return nil, u.fail(err)
		}
		wanted := rangeHeader(start, min(size, start+plan.fixed))
		u.launch(func() { u.land(nil, u.copyPart(number, wanted, in)) })
	}
	done, err := u.finish()
	if err != nil {
		return nil, err
	}
	out := &s3.CopyObjectOutput{ResultMetadata: done.ResultMetadata, CopySourceVersionId: head.VersionId}
	copyFields(out, done)
	out.CopyObjectResult = &types.CopyObjectResult{ETag: done.ETag}
	return out, nil
}

// copyPart makes a part of a range of the source. It is completed by its ETag
// alone, the one form that all servers take.
func (u *upload) copyPart(number int32, wanted string, from *s3.CopyObjectInput) error {
	in := &s3.UploadPartCopyInput{}
	copyFields(in, from)
	in.PartNumber, in.UploadId, in.CopySourceRange = &number, u.id, &wanted
	out, err := u.api.UploadPartCopy(u.ctx, in, u.optFns...)
	if err != nil {
		return err
	}
	if out.CopyPartResult == nil || out.CopyPartResult.ETag == nil {
		return fmt.Errorf("S3 gave no ETag for part %d", number)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.parts = append(u.parts, types.CompletedPart{PartNumber: &number, ETag: out.CopyPartResult.ETag})
	return nil
}

// tagsOf returns the tags of the source as PutObject takes them.
func (c *Client) tagsOf(ctx context.Context, source *s3.HeadObjectInput, optFns []func(*s3.Options)) (string, error) {
	in := &s3.GetObjectTaggingInput{}
	copyFields(in, source)
	out, err := c.api.GetObjectTagging(ctx, in, optFns...)
	if err != nil {
		return "", objectError(*source.Bucket, *source.Key, err)
	}
	tags := url.Values{}
	for _, tag := range out.TagSet {
		if tag.Key == nil || tag.Value == nil {
			return "", objectError(*source.Bucket, *source.Key, fmt.Errorf("%w: a tag without name or value", envelope.ErrFormat))
		}
		tags.Set(*tag.Key, *tag.Value)
	}
	return tags.Encode(), nil
}
