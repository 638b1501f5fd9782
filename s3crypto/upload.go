package s3crypto

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
)

// afterTimeout bounds the requests that settle an upload whose context may be
// done: the abort, and the look at what became of it.
const afterTimeout = 30 * time.Second

// upload takes a message as it is written and sends it: as one object if it ends
// within the first part, else part by part. Each part is held until it is sent,
// so that the SDK's retries send the same bytes.
type upload struct {
	api     API
	optFns  []func(*s3.Options)
	in      *s3.PutObjectInput // for the sealed object; no body
	size    int64              // of the message in bytes; -1: not known
	plan    partPlan
	copying bool // of parts that S3 has already; the object's identity tells nothing then

	ctx         context.Context // of the requests
	concurrency int

	buf  []byte // the part being filled
	sent int64  // bytes handed over in earlier parts
	id   *string

	flight   sync.WaitGroup
	mu       sync.Mutex
	landed   *sync.Cond            // something has left flight
	inFlight int                   // guarded by mu; so is all that follows
	free     [][]byte              // buffers of parts that are sent
	parts    []types.CompletedPart // in the order of their arrival
	err      error                 // of the first request that failed
	// unanswered is set if the server may still be at work on a part whose request
	// has ended here; guarded by mu.
	unanswered bool

	begun int32 // number of the last part
}

func (c *Client) newUpload(ctx context.Context, optFns []func(*s3.Options)) *upload {
	u := &upload{api: c.api, optFns: optFns, ctx: ctx, concurrency: c.opts.Concurrency}
	u.landed = sync.NewCond(&u.mu)
	return u
}

// Write takes the next bytes of the message.
func (u *upload) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		room := u.plan.next(u.sent) - int64(len(u.buf))
		if room <= 0 {
			if err := u.sendPart(); err != nil {
				return 0, err
			}
			continue
		}
		k := int(min(int64(len(p)), room))
		u.grow(k)
		u.buf = append(u.buf, p[:k]...)
		p = p[k:]
	}
	return n, nil
}

// grow makes room for n bytes more. The first part may be all there is: its
// buffer doubles, unless the length is known.
func (u *upload) grow(n int) {
	need := len(u.buf) + n
	if need <= cap(u.buf) {
		return
	}
	room := u.plan.next(u.sent)
	if u.size >= 0 {
		room = min(room, max(u.size-u.sent, int64(need)))
	} else if u.id == nil {
		room = min(room, int64(max(64<<10, 2*need)))
	}
	u.buf = append(make([]byte, 0, room), u.buf...)
}

// sendPart sends what is in the buffer on its way, and waits until there is room
// in flight for one more.
func (u *upload) sendPart() error {
	if u.id == nil {
		if err := u.create(); err != nil {
			return err
		}
	}
	if u.begun == maxParts {
		return fmt.Errorf("s3crypto: %w: %d parts are not enough for this stream; give its ContentLength, or a larger PartSize", ErrTooLarge, maxParts)
	}
	part := u.buf
	u.begun++
	u.sent += int64(len(part))
	number := u.begun
	u.launch(func() { u.land(part, u.uploadPart(number, part)) })
	u.buf = nil
	// With the part that is filled next, no more parts are held than may be in flight.
	if err := u.wait(u.plan.inFlight(u.concurrency, int64(len(part)))); err != nil {
		return err
	}
	u.buf = u.takeFree(u.plan.next(u.sent))
	return nil
}

// launch runs the request for a part, which ends with land.
func (u *upload) launch(request func()) {
	u.mu.Lock()
	u.inFlight++
	u.mu.Unlock()
	u.flight.Go(request)
}

// create begins the multipart upload.
func (u *upload) create() error {
	in := &s3.CreateMultipartUploadInput{}
	copyFields(in, u.in)
	optFns := u.optFns
	if !u.copying && in.ChecksumAlgorithm == "" {
		optFns = append(slices.Clone(optFns), u.announceChecksums)
	}
	out, err := u.api.CreateMultipartUpload(u.ctx, in, optFns...)
	if err != nil {
		return err
	}
	if out.UploadId == nil {
		return errors.New("S3 gave no upload id")
	}
	u.id = out.UploadId
	return nil
}

// announceChecksums has an upload begin with the algorithm of the checksums that
// its parts will carry. The SDK gives parts a CRC32 by default but does not say so
// beforehand, and S3 takes such parts to be of another upload. How the SDK is set is
// known only once the options of the request are made.
func (u *upload) announceChecksums(o *s3.Options) {
	if o.RequestChecksumCalculation != aws.RequestChecksumCalculationWhenSupported {
		return
	}
	const algorithm = types.ChecksumAlgorithmCrc32
	u.in.ChecksumAlgorithm = algorithm
	announce := func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		if given, ok := in.Parameters.(*s3.CreateMultipartUploadInput); ok {
			announced := *given
			announced.ChecksumAlgorithm = algorithm
			in.Parameters = &announced
		}
		return next.HandleInitialize(ctx, in)
	}
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("AnnounceChecksums", announce), middleware.After)
	})
}

// wait waits until fewer than most parts are in flight, or none should be sent
// any more.
func (u *upload) wait(most int) error {
	stop := context.AfterFunc(u.ctx, func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.landed.Broadcast()
	})
	defer stop()
	u.mu.Lock()
	defer u.mu.Unlock()
	for u.inFlight >= most && u.ctx.Err() == nil && u.err == nil {
		u.landed.Wait()
	}
	if u.err != nil {
		return u.err
	}
	return u.ctx.Err()
}

// land is the end of a part's flight.
func (u *upload) land(part []byte, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.inFlight--
	u.free = append(u.free, part[:0])
	if err != nil {
		u.unanswered = u.unanswered || errorCode(err) == ""
		u.err = cmp.Or(u.err, err)
	}
	u.landed.Broadcast()
}

// takeFree returns an empty buffer for a part of size bytes, nil if there is none.
func (u *upload) takeFree(size int64) []byte {
	u.mu.Lock()
	defer u.mu.Unlock()
	for len(u.free) > 0 {
		last := len(u.free) - 1
		buf := u.free[last]
		u.free = u.free[:last]
		if int64(cap(buf)) >= size {
			return buf
		}
	}
	return nil
}

func (u *upload) uploadPart(number int32, part []byte) error {
	in := &s3.UploadPartInput{}
	copyFields(in, u.in)
	in.Body, in.ContentLength = bytes.NewReader(part), new(int64(len(part)))
	in.PartNumber, in.UploadId = &number, u.id
	out, err := u.api.UploadPart(u.ctx, in, u.optFns...)
	if err != nil {
		return err
	}
	if out.ETag == nil {
		return fmt.Errorf("S3 gave no ETag for part %d", number)
	}
	done := types.CompletedPart{PartNumber: &number}
	copyFields(&done, out)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.parts = append(u.parts, done)
	return nil
}

// finish sends what is left, after the message's end.
func (u *upload) finish() (*s3.PutObjectOutput, error) {
	if u.id == nil {
		return u.putWhole()
	}
	if len(u.buf) > 0 {
		if err := u.sendPart(); err != nil {
			return nil, u.fail(err)
		}
	}
	u.flight.Wait()
	if u.err != nil {
		return nil, u.fail(u.err)
	}
	return u.complete()
}

// putWhole sends a message that fits one request.
func (u *upload) putWhole() (*s3.PutObjectOutput, error) {
	in := *u.in
	in.Body, in.ContentLength = bytes.NewReader(u.buf), new(int64(len(u.buf)))
	out, err := u.api.PutObject(u.ctx, &in, u.optFns...)
	if err == nil {
		return out, nil
	}
	return u.settle(err)
}

// complete makes an object of the parts.
func (u *upload) complete() (*s3.PutObjectOutput, error) {
	slices.SortFunc(u.parts, func(a, b types.CompletedPart) int { return int(*a.PartNumber - *b.PartNumber) })
	in := &s3.CompleteMultipartUploadInput{}
	copyFields(in, u.in)
	in.UploadId = u.id
	in.MultipartUpload = &types.CompletedMultipartUpload{Parts: u.parts}
	done, err := u.api.CompleteMultipartUpload(u.ctx, in, u.optFns...)
	if err != nil {
		return u.settle(err)
	}
	out := &s3.PutObjectOutput{ResultMetadata: done.ResultMetadata}
	copyFields(out, done)
	return out, nil
}

// fail ends an upload that is not complete: no part is left behind. Parts in
// flight come to their end first, since one that lands after the abort may stay.
func (u *upload) fail(err error) error {
	u.flight.Wait()
	err = cmp.Or(u.err, err) // the reason, where err may be what followed from it
	failed := u.failed(err)
	if u.id != nil {
		failed.AbortErr = u.abort()
	}
	return failed
}

func (u *upload) failed(err error) *UploadError {
	failed := &UploadError{Bucket: *u.in.Bucket, Key: *u.in.Key, Err: err}
	if u.id != nil {
		failed.UploadID = *u.id
	}
	return failed
}

// after returns a context for requests that must be tried even if the upload's
// is done.
func (u *upload) after() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(u.ctx), afterTimeout)
}

const noSuchUpload = "NoSuchUpload"

// abort discards the parts. A part that the server is still at work on may land
// after the abort, and stay: then it is aborted again, until it is gone.
func (u *upload) abort() error {
	err := u.abortOnce()
	for i := range lateAborts {
		if err != nil || !u.unanswered {
			break
		}
		time.Sleep(lateAbortPause << i)
		err = u.abortOnce()
	}
	if errorCode(err) == noSuchUpload {
		return nil
	}
	return err
}

// How often, and how long after the first, an upload is aborted again.
const (
	lateAborts     = 3
	lateAbortPause = 100 * time.Millisecond
)

func (u *upload) abortOnce() error {
	ctx, cancel := u.after()
	defer cancel()
	in := &s3.AbortMultipartUploadInput{}
	copyFields(in, u.in)
	in.UploadId = u.id
	_, err := u.api.AbortMultipartUpload(ctx, in, u.optFns...)
	return err
}

// settle finds out what became of the object when the request that was to make
// it has failed: the request may have been carried out and its answer lost, and
// a retry of the SDK's then finds the upload gone, or a condition broken by the
// object itself.
func (u *upload) settle(err error) (*s3.PutObjectOutput, error) {
	failed := u.failed(err)
	if u.id == nil && u.ctx.Err() != nil {
		failed.Unknown = true
		return nil, failed
	}
	if !ambiguous(err) {
		if u.id != nil {
			failed.AbortErr = u.abort()
		}
		return nil, failed
	}
	out, lookErr := u.lookFor()
	if out != nil {
		return out, nil
	}
	if u.id == nil {
		// Without an answer the server may be at work on it yet, or the object have
		// been replaced since.
		failed.Unknown = lookErr != nil || errorCode(err) == ""
		return nil, failed
	}
	// What is aborted cannot be completed any more, and some servers call an abort
	// of what is complete already a success: the second look decides.
	abortErr := u.abortOnce()
	gone := errorCode(abortErr) == noSuchUpload
	if out, lookErr = u.lookFor(); out != nil {
		return out, nil
	}
	failed.Unknown = lookErr != nil || gone
	if !gone {
		failed.AbortErr = abortErr
	}
	return nil, failed
}

// ambiguous reports whether a request that failed may have been carried out.
func ambiguous(err error) bool {
	switch errorCode(err) {
	case "AccessDenied", "BadDigest", "EntityTooSmall", "EntityTooLarge", "InvalidArgument", "InvalidDigest",
		"InvalidPart", "InvalidPartOrder", "InvalidRequest", "KMS.DisabledException", "MetadataTooLarge",
		"NoSuchBucket", "QuotaExceeded", "XAmzContentChecksumMismatch":
		return false
	}
	return true
}

var errSameMessage = errors.New("a copy looks like its original")

// lookFor returns the output of the upload if the object is there and is this
// message: the message's id is unlike any other. It returns an error if it
// cannot be told.
func (u *upload) lookFor() (*s3.PutObjectOutput, error) {
	if u.copying {
		return nil, errSameMessage
	}
	ctx, cancel := u.after()
	defer cancel()
	in := &s3.HeadObjectInput{}
	copyFields(in, u.in)
	in.IfMatch, in.IfNoneMatch = nil, nil // they were for the old object
	head, err := u.api.HeadObject(ctx, in, u.optFns...)
	if code := errorCode(err); code == "NotFound" || code == "NoSuchKey" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for name, value := range head.Metadata {
		if strings.EqualFold(name, messageKey) && value == u.in.Metadata[messageKey] {
			out := &s3.PutObjectOutput{ResultMetadata: head.ResultMetadata}
			copyFields(out, head)
			return out, nil
		}
	}
	return nil, nil
}
