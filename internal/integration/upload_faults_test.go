package integration

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"testing"
	"testing/iotest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/s3crypto"
)

// uploadRig is a bucket behind a proxy, with an old object in it.
type uploadRig struct {
	*keys
	s      *server
	p      *proxy
	direct *s3.Client // past the proxy
	name   string
	c      *s3crypto.Client
	old    []byte
}

const uploadKey = "dir/object"

func newUploadRig(t *testing.T, s *server) *uploadRig {
	r := &uploadRig{keys: newKeys(t), s: s, p: newProxy(t, s, false), direct: s.client(s.url), old: content(1000)}
	r.name = bucket(t, r.direct)
	r.c = r.crypto(t, r.p.behind(s).client(r.p.url), &s3crypto.Options{PartSize: part, Concurrency: 3})
	put(t, r.c, r.name, uploadKey, r.old)
	r.p.do(nil)
	return r
}

func (r *uploadRig) input(body io.Reader) *s3.PutObjectInput {
	return &s3.PutObjectInput{Bucket: &r.name, Key: new(uploadKey), Body: body}
}

func (r *uploadRig) get() *s3.GetObjectInput {
	return &s3.GetObjectInput{Bucket: &r.name, Key: new(uploadKey)}
}

// requireContent fails unless the object has this content.
func (r *uploadRig) requireContent(t *testing.T, want []byte) {
	t.Helper()
	_, got := get(t, r.crypto(t, r.direct, nil), &s3.GetObjectInput{Bucket: &r.name, Key: new(uploadKey)})
	require.True(t, bytes.Equal(want, got), "another content")
}

// requireNoParts fails if a multipart upload is left.
func (r *uploadRig) requireNoParts(t *testing.T) {
	t.Helper()
	require.Empty(t, r.uploads(t))
}

// uploads returns the multipart uploads that are not complete.
func (r *uploadRig) uploads(t *testing.T) []types.MultipartUpload {
	t.Helper()
	out, err := r.direct.ListMultipartUploads(context.Background(), &s3.ListMultipartUploadsInput{Bucket: &r.name})
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "NoSuchUpload" {
		return nil // gofakes3's answer where none was ever begun
	}
	require.NoError(t, err)
	return out.Uploads
}

// requireUntouched fails unless everything is as before the upload.
func (r *uploadRig) requireUntouched(t *testing.T) {
	t.Helper()
	r.requireNoParts(t)
	r.requireContent(t, r.old)
	r.p.requireIdle(t)
}

func on(operation string, part int, f fault) func(*request) fault {
	return func(r *request) fault {
		if r.operation == operation && (part == 0 || r.part == part) {
			return f
		}
		return fault{}
	}
}

func once(rule func(*request) fault) func(*request) fault {
	return func(r *request) fault {
		if r.attempt > 1 {
			return fault{}
		}
		return rule(r)
	}
}

var passingFaults = map[string]fault{
	"cut":      {cutRequest: true},
	"SlowDown": {status: 503, code: "SlowDown"},
	"error":    {status: 500, code: "InternalError"},
	"lost":     {loseAnswer: true},
	"slow":     {pieces: 100_000, pause: time.Millisecond},
}

func TestUploadOutlivesAFaultInAnyRequest(t *testing.T) {
	onServers(t, testUploadOutlivesAFaultInAnyRequest)
}

func testUploadOutlivesAFaultInAnyRequest(t *testing.T, s *server) {
	r := newUploadRig(t, s)
	want := content(2*part + 100)
	for name, f := range passingFaults {
		for _, at := range []struct {
			operation string
			part      int
		}{{"CreateMultipartUpload", 0}, {"UploadPart", 1}, {"UploadPart", 2}, {"UploadPart", 3}, {"CompleteMultipartUpload", 0}} {
			t.Run(fmt.Sprintf("%s in %s %d", name, at.operation, at.part), func(t *testing.T) {
				r.p.do(once(on(at.operation, at.part, f)))
				_, err := r.c.PutObject(t.Context(), r.input(onlyReader{bytes.NewReader(want)}))
				require.NoError(t, err)
				r.requireContent(t, want)
				if at.operation == "UploadPart" && name != "cut" && name != "slow" {
					var hashes [][32]byte
					for _, p := range r.p.seen("UploadPart") {
						if p.part == at.part {
							hashes = append(hashes, p.bodyHash)
						}
					}
					require.Len(t, hashes, 2)
					if s.name == "gofakes3" { // over plain HTTP the body is the part itself
						require.Equal(t, hashes[0], hashes[1], "a retry sends the same ciphertext")
					}
				}
				if at.operation == "CreateMultipartUpload" && name == "lost" {
					// Nobody knows the upload that was begun: only a lifecycle rule ends it.
					for _, left := range r.uploads(t) {
						_, err := r.direct.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: &r.name, Key: left.Key, UploadId: left.UploadId})
						require.NoError(t, err)
					}
				}
				r.requireNoParts(t)
			})
		}
		t.Run(name+" in PutObject", func(t *testing.T) {
			r.p.do(once(on("PutObject", 0, f)))
			_, err := r.c.PutObject(t.Context(), r.input(bytes.NewReader(want[:frame])))
			require.NoError(t, err)
			r.requireContent(t, want[:frame])
		})
	}
	r.p.requireIdle(t)
}

func TestUploadThatFailsLeavesNothing(t *testing.T) { onServers(t, testUploadThatFailsLeavesNothing) }

func testUploadThatFailsLeavesNothing(t *testing.T, s *server) {
	r := newUploadRig(t, s)
	body := content(3 * part)
	for name, f := range map[string]fault{
		"cut":      {cutRequest: true},
		"SlowDown": {status: 503, code: "SlowDown"},
		"denied":   {status: 403, code: "AccessDenied"},
	} {
		for _, at := range []struct {
			operation string
			part      int
		}{{"CreateMultipartUpload", 0}, {"UploadPart", 1}, {"UploadPart", 2}, {"UploadPart", 4}, {"CompleteMultipartUpload", 0}} {
			t.Run(fmt.Sprintf("%s in %s %d", name, at.operation, at.part), func(t *testing.T) {
				r.p.do(on(at.operation, at.part, f))
				_, err := r.c.PutObject(t.Context(), r.input(bytes.NewReader(body)))
				failed, ok := errors.AsType[*s3crypto.UploadError](err)
				require.True(t, ok, "%v", err)
				require.NoError(t, failed.AbortErr)
				require.False(t, failed.Unknown)
				require.Equal(t, at.operation != "CreateMultipartUpload", failed.UploadID != "")
				if f.code != "" {
					api, ok := errors.AsType[smithy.APIError](err)
					require.True(t, ok)
					require.Equal(t, f.code, api.ErrorCode())
				}
				r.p.do(nil)
				r.requireUntouched(t)
			})
		}
		t.Run(name+" in PutObject", func(t *testing.T) {
			r.p.do(on("PutObject", 0, f))
			_, err := r.c.PutObject(t.Context(), r.input(bytes.NewReader(body[:frame])))
			failed, ok := errors.AsType[*s3crypto.UploadError](err)
			require.True(t, ok, "%v", err)
			require.Empty(t, failed.UploadID)
			require.Equal(t, name == "cut", failed.Unknown, "without an answer nobody knows")
			r.p.do(nil)
			r.requireUntouched(t)
		})
	}
}

// S3 answers 200 when it begins to complete an upload, and may send an error then.
func TestAnErrorBehindAStatusOf200IsOne(t *testing.T) { onServers(t, testAnErrorBehindAStatusOf200) }

func testAnErrorBehindAStatusOf200(t *testing.T, s *server) {
	r := newUploadRig(t, s)
	body := content(part + 10)
	failure := on("CompleteMultipartUpload", 0, fault{status: 200, code: "InternalError"})
	r.p.do(failure)
	_, err := r.c.PutObject(t.Context(), r.input(bytes.NewReader(body)))
	requireCode(t, err, "InternalError")
	r.p.do(nil)
	r.requireUntouched(t)

	r.p.do(once(failure))
	_, err = r.c.PutObject(t.Context(), r.input(bytes.NewReader(body)))
	require.NoError(t, err)
	r.requireContent(t, body)
	r.requireNoParts(t)
}

// The server compares what arrives with the SDK's checksums, which are those of
// the ciphertext.
func TestCiphertextThatChangesOnItsWayIsRefused(t *testing.T) {
	onServers(t, testCiphertextThatChangesOnItsWay)
}

func testCiphertextThatChangesOnItsWay(t *testing.T, s *server) {
	r := newUploadRig(t, s)
	body := content(2*part + 100)
	for _, at := range []struct {
		operation string
		part      int
		n         int
	}{{"PutObject", 0, frame}, {"UploadPart", 1, len(body)}, {"UploadPart", 2, len(body)}, {"UploadPart", 3, len(body)}} {
		if at.part > 0 && s.name == "gofakes3" {
			continue // it believes parts
		}
		for _, place := range []int64{1, 1000} {
			t.Run(fmt.Sprintf("byte %d of %s %d", place, at.operation, at.part), func(t *testing.T) {
				r.p.do(on(at.operation, at.part, fault{corrupt: place}))
				_, err := r.c.PutObject(t.Context(), r.input(bytes.NewReader(body[:at.n])))
				require.Error(t, err)
				r.p.do(nil)
				r.requireUntouched(t)
			})
		}
	}
	t.Run("each request has a checksum of what it carries", func(t *testing.T) {
		for _, n := range []int{frame, len(body)} {
			r.p.do(nil)
			_, err := r.c.PutObject(t.Context(), r.input(bytes.NewReader(body[:n])))
			require.NoError(t, err)
			sent := append(r.p.seen("PutObject"), r.p.seen("UploadPart")...)
			require.Len(t, sent, 1+2*(n/len(body)))
			for _, q := range sent {
				var sum [4]byte
				binary.BigEndian.PutUint32(sum[:], q.bodyCRC32)
				require.Equal(t, base64.StdEncoding.EncodeToString(sum[:]), q.header.Get("X-Amz-Checksum-Crc32"))
			}
		}
		put(t, r.c, r.name, uploadKey, r.old)
	})
	t.Run("a multipart upload begins with its algorithm", func(t *testing.T) {
		r.p.do(nil)
		c := r.crypto(t, copying{r.p.behind(s).client(r.p.url)}, &s3crypto.Options{PartSize: part})
		_, err := c.PutObject(t.Context(), r.input(bytes.NewReader(body)))
		require.NoError(t, err)
		require.Equal(t, "CRC32", r.p.seen("CreateMultipartUpload")[0].header.Get("X-Amz-Checksum-Algorithm"))
		r.requireContent(t, body)
		put(t, r.c, r.name, uploadKey, r.old)
	})
	t.Run("and S3 keeps it", func(t *testing.T) {
		if s.name == "gofakes3" {
			t.Skip("it does not report checksums")
		}
		_, stored := getPlain(t, r.direct, r.name, uploadKey)
		head, err := r.direct.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &r.name, Key: new(uploadKey), ChecksumMode: types.ChecksumModeEnabled})
		require.NoError(t, err)
		var sum [4]byte
		binary.BigEndian.PutUint32(sum[:], crc32.ChecksumIEEE(stored))
		require.Equal(t, base64.StdEncoding.EncodeToString(sum[:]), *head.ChecksumCRC32)
	})
}

func TestUploadOfABodyThatFailsLeavesNothing(t *testing.T) {
	r := newUploadRig(t, fake(t))
	body := content(3 * part)
	broken := errors.New("broken pipe")
	for _, n := range []int{0, 1, frame, part, 2*part + 7} {
		r.p.do(nil)
		_, err := r.c.PutObject(t.Context(), r.input(io.MultiReader(bytes.NewReader(body[:n]), iotest.ErrReader(broken))))
		require.ErrorIs(t, err, broken)
		r.requireUntouched(t)
	}
	for _, claimed := range []int64{0, 1, int64(len(body)) - 1, int64(len(body)) + 1, 1 << 40} {
		in := r.input(onlyReader{bytes.NewReader(body)})
		in.ContentLength = &claimed
		_, err := r.c.PutObject(t.Context(), in)
		require.ErrorIs(t, err, envelope.ErrLength)
		r.requireUntouched(t)
	}
	require.Empty(t, r.p.seen("CompleteMultipartUpload"))
	require.Empty(t, r.p.seen("PutObject"))
}

// stopping is a body of n bytes that then does something else than to end.
type stopping struct {
	n    int
	then func()
}

func (s *stopping) Read(p []byte) (int, error) {
	if s.n == 0 {
		s.then()
	}
	n := min(len(p), s.n)
	s.n -= n
	return n, nil
}

func TestUploadOfABodyThatPanicsLeavesNothing(t *testing.T) {
	r := newUploadRig(t, fake(t))
	for _, n := range []int{0, frame, part, 2*part + 7} {
		require.PanicsWithValue(t, "body", func() {
			_, _ = r.c.PutObject(t.Context(), r.input(&stopping{n, func() { panic("body") }}))
		})
		r.requireUntouched(t)

		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = r.c.PutObject(t.Context(), r.input(&stopping{n, runtime.Goexit}))
		}()
		<-ended
		r.requireUntouched(t)
	}
}

func TestUploadThatIsCancelledLeavesNothing(t *testing.T) {
	onServers(t, testUploadThatIsCancelledLeavesNothing)
}

func testUploadThatIsCancelledLeavesNothing(t *testing.T, s *server) {
	r := newUploadRig(t, s)
	body := content(3 * part)
	for _, at := range []struct {
		operation string
		part      int
	}{{"CreateMultipartUpload", 0}, {"UploadPart", 1}, {"UploadPart", 3}, {"CompleteMultipartUpload", 0}, {"PutObject", 0}} {
		t.Run(fmt.Sprintf("in %s %d", at.operation, at.part), func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r.p.do(on(at.operation, at.part, fault{before: cancel, status: 503, code: "SlowDown"}))
			in := r.input(bytes.NewReader(body))
			if at.operation == "PutObject" {
				in.Body = bytes.NewReader(body[:10])
			}
			_, err := r.c.PutObject(ctx, in)
			require.ErrorIs(t, err, context.Canceled)
			r.p.do(nil)
			if at.operation != "CreateMultipartUpload" {
				r.requireNoParts(t)
			}
			r.requireContent(t, r.old)
		})
	}
	t.Run("before it begins", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := r.c.PutObject(ctx, r.input(bytes.NewReader(body)))
		require.ErrorIs(t, err, context.Canceled)
		r.requireContent(t, r.old)
	})
}

func TestLostAnswersAreCleared(t *testing.T) { onServers(t, testLostAnswersAreCleared) }

func testLostAnswersAreCleared(t *testing.T, s *server) {
	r := newUploadRig(t, s)
	large, small := content(part+1000), content(77)

	t.Run("every answer to Complete is lost, and the object is there", func(t *testing.T) {
		r.p.do(on("CompleteMultipartUpload", 0, fault{loseAnswer: true}))
		out, err := r.c.PutObject(t.Context(), r.input(bytes.NewReader(large)))
		require.NoError(t, err)
		require.NotEmpty(t, out.ETag)
		r.requireContent(t, large)
		r.requireNoParts(t)
	})
	t.Run("every answer to a PutObject is lost, and the object is there", func(t *testing.T) {
		r.p.do(on("PutObject", 0, fault{loseAnswer: true}))
		out, err := r.c.PutObject(t.Context(), r.input(bytes.NewReader(small)))
		require.NoError(t, err)
		require.NotEmpty(t, out.ETag)
		r.requireContent(t, small)
	})
	t.Run("the answer to a create-only write is lost, and its retry meets its own object", func(t *testing.T) {
		for _, body := range [][]byte{small, large} {
			_, err := r.direct.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &r.name, Key: new(uploadKey)})
			require.NoError(t, err)
			r.p.do(func(q *request) fault {
				if (q.operation == "PutObject" || q.operation == "CompleteMultipartUpload") && q.attempt == 1 {
					return fault{loseAnswer: true}
				}
				return fault{}
			})
			in := r.input(bytes.NewReader(body))
			in.IfNoneMatch = new("*")
			_, err = r.c.PutObject(t.Context(), in)
			require.NoError(t, err)
			r.requireContent(t, body)
		}
	})
	t.Run("Complete never arrives: the upload is aborted", func(t *testing.T) {
		put(t, r.crypto(t, r.direct, nil), r.name, uploadKey, r.old)
		r.p.do(on("CompleteMultipartUpload", 0, fault{status: 500, code: "InternalError"}))
		_, err := r.c.PutObject(t.Context(), r.input(bytes.NewReader(large)))
		failed, ok := errors.AsType[*s3crypto.UploadError](err)
		require.True(t, ok)
		require.False(t, failed.Unknown)
		r.p.do(nil)
		r.requireUntouched(t)
	})
	t.Run("neither the answer nor a look at the object can be had: the error says so", func(t *testing.T) {
		r.p.do(func(q *request) fault {
			switch q.operation {
			case "CompleteMultipartUpload", "PutObject":
				return fault{loseAnswer: true}
			case "HeadObject":
				return fault{status: 403, code: "AccessDenied"}
			}
			return fault{}
		})
		for _, body := range [][]byte{small, large} {
			_, err := r.c.PutObject(t.Context(), r.input(bytes.NewReader(body)))
			failed, ok := errors.AsType[*s3crypto.UploadError](err)
			require.True(t, ok)
			require.True(t, failed.Unknown)
		}
	})
}

func TestAnAbortThatFailsNamesTheUpload(t *testing.T) {
	r := newUploadRig(t, fake(t))
	r.p.do(func(q *request) fault {
		switch {
		case q.operation == "UploadPart" && q.part == 2:
			return fault{status: 403, code: "AccessDenied"}
		case q.operation == "AbortMultipartUpload":
			return fault{status: 503, code: "SlowDown"}
		}
		return fault{}
	})
	_, err := r.c.PutObject(t.Context(), r.input(bytes.NewReader(content(3*part))))
	failed, ok := errors.AsType[*s3crypto.UploadError](err)
	require.True(t, ok)
	require.Error(t, failed.AbortErr)
	r.p.do(nil)
	r.requireContent(t, r.old)
	left := r.uploads(t)
	require.Len(t, left, 1)
	require.Equal(t, failed.UploadID, *left[0].UploadId)
}

func TestConditionalWrites(t *testing.T) { onServers(t, testConditionalWrites) }

func testConditionalWrites(t *testing.T, s *server) {
	r := newUploadRig(t, s)
	etag := func() *string {
		head, err := r.direct.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &r.name, Key: new(uploadKey)})
		require.NoError(t, err)
		return head.ETag
	}
	for _, n := range []int{100, part + 100} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			in := r.input(bytes.NewReader(content(n)))
			in.IfNoneMatch = new("*")
			_, err := r.c.PutObject(t.Context(), in)
			requireCode(t, err, "PreconditionFailed")
			r.requireUntouched(t)

			stale := etag()
			put(t, r.c, r.name, uploadKey, r.old)
			in = r.input(bytes.NewReader(content(n)))
			in.IfMatch = stale
			_, err = r.c.PutObject(t.Context(), in)
			requireCode(t, err, "PreconditionFailed")
			r.requireUntouched(t)

			in = r.input(bytes.NewReader(content(n)))
			in.IfMatch = etag()
			_, err = r.c.PutObject(t.Context(), in)
			require.NoError(t, err)
			r.requireContent(t, content(n))
			put(t, r.c, r.name, uploadKey, r.old)
		})
	}
}

func requireCode(t *testing.T, err error, code string) {
	t.Helper()
	api, ok := errors.AsType[smithy.APIError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, code, api.ErrorCode())
}

func TestChecksumsOfThePlaintextAreVerifiedAndGoNoFurther(t *testing.T) {
	onServers(t, testChecksumsOfThePlaintext)
}

func testChecksumsOfThePlaintext(t *testing.T, s *server) {
	r := newUploadRig(t, s)
	for _, n := range []int{100, part + 100} {
		body := content(n)
		sum := sha256.Sum256(body)
		right := base64.StdEncoding.EncodeToString(sum[:])
		sum[0] ^= 1
		wrong := base64.StdEncoding.EncodeToString(sum[:])

		in := r.input(bytes.NewReader(body))
		in.ChecksumSHA256 = &wrong
		_, err := r.c.PutObject(t.Context(), in)
		require.ErrorIs(t, err, s3crypto.ErrChecksum)
		r.requireUntouched(t)

		r.p.do(nil)
		in = r.input(bytes.NewReader(body))
		in.ChecksumSHA256 = &right
		_, err = r.c.PutObject(t.Context(), in)
		require.NoError(t, err)
		require.Equal(t, right, *in.ChecksumSHA256, "the input is as it was")
		for _, q := range r.p.seen("") {
			for name, values := range q.header {
				require.NotContains(t, values, right, name)
			}
		}
		put(t, r.c, r.name, uploadKey, r.old)
	}
}

// copying is an API that passes copies of inputs on, as those that trace calls may.
type copying struct{ *s3.Client }

func (c copying) CreateMultipartUpload(ctx context.Context, in *s3.CreateMultipartUploadInput, optFns ...func(*s3.Options)) (*s3.CreateMultipartUploadOutput, error) {
	copied := *in
	return c.Client.CreateMultipartUpload(ctx, &copied, optFns...)
}

// Checksums of the ciphertext are the SDK's affair: as its client is set, or as the
// input says.
func TestChecksumsOfTheCiphertextAreTheSDKs(t *testing.T) { onServers(t, testChecksumsOfTheCiphertext) }

func testChecksumsOfTheCiphertext(t *testing.T, s *server) {
	api, k := s.client(s.url), newKeys(t)
	name := bucket(t, api)
	for setting, calculation := range map[string]aws.RequestChecksumCalculation{
		"by default": aws.RequestChecksumCalculationWhenSupported, "if required": aws.RequestChecksumCalculationWhenRequired, "not set": 0,
	} {
		for _, algorithm := range []types.ChecksumAlgorithm{
			"", types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme, types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256,
		} {
			if s.name == "gofakes3" && algorithm == types.ChecksumAlgorithmCrc64nvme {
				continue // it does not know it
			}
			for _, n := range []int{100, part + 100} {
				t.Run(fmt.Sprintf("%s, %s, %d bytes", setting, algorithm, n), func(t *testing.T) {
					sdk := s.client(s.url, func(o *s3.Options) { o.RequestChecksumCalculation = calculation })
					c := k.crypto(t, sdk, &s3crypto.Options{PartSize: part})
					in := &s3.PutObjectInput{Bucket: &name, Key: new("k"), Body: bytes.NewReader(content(n)), ChecksumAlgorithm: algorithm}
					_, err := c.PutObject(t.Context(), in)
					require.NoError(t, err)
					require.Equal(t, algorithm, in.ChecksumAlgorithm)
					_, got := get(t, c, &s3.GetObjectInput{Bucket: &name, Key: new("k"), ChecksumMode: types.ChecksumModeEnabled})
					require.True(t, bytes.Equal(content(n), got))
				})
			}
		}
	}
}
