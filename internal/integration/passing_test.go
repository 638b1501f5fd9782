package integration

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/s3crypto"
)

// What is the caller's passes through, in one request and in many.
func TestPropertiesPassThrough(t *testing.T) { onServers(t, testPropertiesPassThrough) }

func testPropertiesPassThrough(t *testing.T, s *server) {
	r := newUploadRig(t, s)
	for _, n := range []int{10, part + 10} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r.p.do(nil)
			in := r.input(bytes.NewReader(content(n)))
			in.ContentType, in.CacheControl = new("image/png"), new("no-store")
			in.ContentDisposition, in.ContentLanguage = new("attachment"), new("de")
			in.Metadata = map[string]string{"Color": "green", "empty": ""}
			in.Tagging = new("team=red&cost=7")
			in.StorageClass = types.StorageClassStandard
			in.ChecksumAlgorithm = types.ChecksumAlgorithmSha256
			before := fmt.Sprintf("%+v", *in)
			_, err := r.c.PutObject(t.Context(), in)
			require.NoError(t, err)
			require.Equal(t, before, fmt.Sprintf("%+v", *in), "the input is as it was")

			out, got := get(t, r.c, &s3.GetObjectInput{Bucket: &r.name, Key: new(uploadKey), ChecksumMode: types.ChecksumModeEnabled})
			require.True(t, bytes.Equal(content(n), got))
			require.Equal(t, "image/png", aws.ToString(out.ContentType))
			require.Equal(t, "no-store", aws.ToString(out.CacheControl))
			require.Equal(t, "attachment", aws.ToString(out.ContentDisposition))
			require.Equal(t, "de", aws.ToString(out.ContentLanguage))
			require.Equal(t, "green", out.Metadata["color"])
			require.Nil(t, out.ChecksumSHA256, "it is of the ciphertext")
			require.NotContains(t, out.Metadata, "sealwax-message")
			tags, err := r.direct.GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: &r.name, Key: new(uploadKey)})
			require.NoError(t, err)
			require.Len(t, tags.TagSet, 2)
		})
	}
}

func TestServerSideEncryptionIsAskedFor(t *testing.T) {
	r := newUploadRig(t, fake(t))
	for _, n := range []int{10, part + 10} {
		// gofakes3 does not know the headers: the fault stands for an answer.
		r.p.do(func(q *request) fault { return fault{status: 403, code: "AccessDenied"} })
		in := r.input(bytes.NewReader(content(n)))
		in.ServerSideEncryption = types.ServerSideEncryptionAes256
		_, err := r.c.PutObject(t.Context(), in)
		requireCode(t, err, "AccessDenied")
		require.Equal(t, "AES256", r.p.seen("")[0].header.Get("X-Amz-Server-Side-Encryption"))

		r.p.do(func(q *request) fault { return fault{status: 403, code: "AccessDenied"} })
		in = r.input(bytes.NewReader(content(n)))
		in.ServerSideEncryption, in.SSEKMSKeyId = types.ServerSideEncryptionAwsKms, new("alias/bucket")
		in.BucketKeyEnabled = new(true)
		_, err = r.c.PutObject(t.Context(), in)
		requireCode(t, err, "AccessDenied")
		sent := r.p.seen("")[0].header
		require.Equal(t, "aws:kms", sent.Get("X-Amz-Server-Side-Encryption"))
		require.Equal(t, "alias/bucket", sent.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"))
		require.Equal(t, "true", sent.Get("X-Amz-Server-Side-Encryption-Bucket-Key-Enabled"))
	}
}

func TestServerSideEncryptionBesideOurs(t *testing.T) {
	onServers(t, testServerSideEncryptionBesideOurs)
}

func testServerSideEncryptionBesideOurs(t *testing.T, s *server) {
	if s.noSSE {
		t.Skip("gofakes3 does not know server-side encryption")
	}
	r := newUploadRig(t, s)
	for _, n := range []int{10, part + 10} {
		in := r.input(bytes.NewReader(content(n)))
		in.ServerSideEncryption, in.SSEKMSKeyId = types.ServerSideEncryptionAwsKms, new("arn:aws:kms:my-key")
		_, err := r.c.PutObject(t.Context(), in)
		require.NoError(t, err)
		r.requireContent(t, content(n))
	}
}

func TestMetadataThatDoesNotFitIsRefusedBeforeTheUpload(t *testing.T) {
	r := newUploadRig(t, fake(t))
	for _, user := range []map[string]string{
		{"sealwax-message": "x"}, {"Sealwax-Other": "x"}, {"x-amz-key-v2": "x"}, {"X-Amz-3": "x"},
		{"long": strings.Repeat("x", 2048)}, {"just": strings.Repeat("x", 1960)},
	} {
		in := r.input(bytes.NewReader(content(part + 1)))
		in.Metadata = user
		_, err := r.c.PutObject(t.Context(), in)
		require.ErrorIs(t, err, s3crypto.ErrMetadata)
	}
	require.Empty(t, r.p.seen(""))

	// Where the EDKs do not fit, they stay out: the header has them.
	in := r.input(bytes.NewReader(content(100)))
	in.Metadata = map[string]string{"x": strings.Repeat("x", 1850)}
	_, err := r.c.PutObject(t.Context(), in)
	require.NoError(t, err)
	out, _ := getPlain(t, r.direct, r.name, uploadKey)
	require.Contains(t, out.Metadata, "sealwax-message")
	require.NotContains(t, out.Metadata, "sealwax-edks")
	r.requireContent(t, content(100))
}

func TestWhatCannotBeHonouredIsRefused(t *testing.T) {
	r := newUploadRig(t, fake(t))
	var refused *s3crypto.UnsupportedError
	in := r.input(nil)
	in.WriteOffsetBytes = new(int64(7))
	_, err := r.c.PutObject(t.Context(), in)
	require.ErrorAs(t, err, &refused)
	in = r.input(nil)
	in.ChecksumXXHASH3 = new("x")
	_, err = r.c.PutObject(t.Context(), in)
	require.ErrorAs(t, err, &refused)
	require.Empty(t, r.p.seen(""))
	for _, in := range []*s3.PutObjectInput{nil, {}, {Bucket: new("b")}, {Key: new("k")}} {
		_, err := r.c.PutObject(t.Context(), in)
		require.Error(t, err)
	}
	for _, in := range []*s3.GetObjectInput{nil, {}, {Bucket: new("b")}, {Key: new("k")}} {
		_, err := r.c.GetObject(t.Context(), in)
		require.Error(t, err)
		_, err = r.c.Download(t.Context(), in, &writerAt{})
		require.Error(t, err)
		_, err = r.c.OpenVersion(t.Context(), in)
		require.Error(t, err)
	}
}

func TestErrorsOfS3StayReachable(t *testing.T) {
	r := newUploadRig(t, fake(t))
	var missing *types.NoSuchKey
	_, err := r.c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &r.name, Key: new("missing")})
	require.ErrorAs(t, err, &missing)
	_, err = r.c.Open(t.Context(), r.name, "missing")
	require.ErrorAs(t, err, &missing)
	var notFound *types.NotFound
	_, err = r.c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &r.name, Key: new("missing")})
	require.ErrorAs(t, err, &notFound)

	etag := put(t, r.c, r.name, "there", content(10)).ETag
	_, err = r.c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &r.name, Key: new("there"), IfNoneMatch: etag})
	requireCode(t, err, "NotModified")
	_, err = r.c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &r.name, Key: new("there"), IfMatch: new(`"x"`)})
	requireCode(t, err, "PreconditionFailed")
	_, err = r.c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &r.name, Key: new("there")})
	require.NoError(t, err)
	_, err = r.c.Open(t.Context(), r.name, "there")
	require.ErrorAs(t, err, &missing)
}

// A transfer manager on top of a Client would send parts past it. It must not be
// possible to build one.
func TestClientIsNoTransferManagersClient(t *testing.T) {
	managers := reflect.TypeFor[transfermanager.S3APIClient]()
	require.False(t, reflect.TypeFor[*s3crypto.Client]().Implements(managers))
	require.True(t, reflect.TypeFor[*s3.Client]().Implements(managers))
	for _, method := range []string{"UploadPart", "CreateMultipartUpload", "CompleteMultipartUpload"} {
		_, reachable := reflect.TypeFor[*s3crypto.Client]().MethodByName(method)
		require.False(t, reachable, method)
	}
	// Nothing is embedded that would bring methods along.
	for i := range reflect.TypeFor[s3crypto.Client]().NumField() {
		require.False(t, reflect.TypeFor[s3crypto.Client]().Field(i).Anonymous)
	}
}

func TestWithLeavesTheClientAsItIs(t *testing.T) {
	r := newStoreRig(t, nil)
	ec := map[string]string{"tenant": "7"}
	tenant := r.c.With(s3crypto.WithContext(ec))
	ec["tenant"] = "8"
	put(t, r.c, r.name, "a", content(10))
	put(t, tenant, r.name, "b", content(10))
	_, stored := getPlain(t, r.api, r.name, "b")
	_, err := r.envelope(t, nil).Open(t.Context(), stored, map[string]string{"tenant": "7"})
	require.NoError(t, err)
	_, stored = getPlain(t, r.api, r.name, "a")
	_, err = r.envelope(t, nil).Open(t.Context(), stored, nil)
	require.NoError(t, err)
}

func TestCopies(t *testing.T) { onServers(t, testCopies) }

func testCopies(t *testing.T, s *server) {
	api, k := s.client(s.url), newKeys(t)
	name := bucket(t, api)
	p := newProxy(t, s, false)
	c := k.crypto(t, p.behind(s).client(p.url), &s3crypto.Options{PartSize: part, CopyPartSize: part})
	for _, n := range []int{100, 2*part + 9} {
		want := content(n)
		key := fmt.Sprintf("größe %d+ä.bin", n)
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: &name, Key: &key, Body: bytes.NewReader(want), Metadata: map[string]string{"color": "green"},
			ContentType: new("image/png"), Tagging: new("a=1"),
		})
		require.NoError(t, err)
		source := name + "/" + strings.ReplaceAll(strings.ReplaceAll(key, " ", "%20"), "+", "%2B")
		for _, directive := range []types.MetadataDirective{"", types.MetadataDirectiveCopy, types.MetadataDirectiveReplace} {
			t.Run(fmt.Sprintf("%d bytes, %s", n, directive), func(t *testing.T) {
				target := fmt.Sprintf("copy%d%s", n, directive)
				calls := k.kms.Calls("Decrypt")
				p.do(nil)
				in := &s3.CopyObjectInput{Bucket: &name, Key: &target, CopySource: &source, MetadataDirective: directive}
				if directive == types.MetadataDirectiveReplace {
					in.Metadata, in.ContentType = map[string]string{"color": "red"}, new("text/plain")
				}
				out, err := c.CopyObject(t.Context(), in)
				require.NoError(t, err)
				require.NotEmpty(t, aws.ToString(out.CopyObjectResult.ETag))
				require.Zero(t, p.received("GetObject"), "no byte passes here")
				require.Equal(t, calls, k.kms.Calls("Decrypt"))
				got, b := get(t, c, &s3.GetObjectInput{Bucket: &name, Key: &target})
				require.True(t, bytes.Equal(want, b))
				color, kind := "green", "image/png"
				if directive == types.MetadataDirectiveReplace {
					color, kind = "red", "text/plain"
				}
				require.Equal(t, color, got.Metadata["color"])
				require.Equal(t, kind, aws.ToString(got.ContentType))
				stored, _ := getPlain(t, api, name, target)
				require.Contains(t, stored.Metadata, "sealwax-message")
				require.Contains(t, stored.Metadata, "sealwax-edks")
				tags, err := api.GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: &name, Key: &target})
				require.NoError(t, err)
				if s.name != "gofakes3" || n > part { // its CopyObject drops tags
					require.Len(t, tags.TagSet, 1)
				}
			})
		}
		t.Run(fmt.Sprintf("%d bytes, a source that changes", n), func(t *testing.T) {
			p.do(func(q *request) fault {
				if q.operation == "CopyObject" || q.operation == "CreateMultipartUpload" {
					return fault{before: func() { put(t, k.crypto(t, api, nil), name, key, content(n)) }}
				}
				return fault{}
			})
			_, err := c.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: &name, Key: new("z"), CopySource: &source})
			requireCode(t, err, "PreconditionFailed")
			p.do(nil)
		})
	}
	t.Run("parts that cannot be copied leave nothing", func(t *testing.T) {
		put(t, c, name, "source", content(2*part+9))
		for fails, rule := range map[string]func(*request) fault{
			"denied":                  on("UploadPartCopy", 2, fault{status: 403, code: "AccessDenied"}),
			"an error behind a 200":   on("UploadPartCopy", 3, fault{status: 200, code: "InternalError"}),
			"denied at the end":       on("CompleteMultipartUpload", 0, fault{status: 403, code: "AccessDenied"}),
			"no answer, ever":         on("UploadPartCopy", 1, fault{loseAnswer: true}),
			"an upload cannot be had": on("CreateMultipartUpload", 0, fault{status: 503, code: "SlowDown"}),
		} {
			p.do(rule)
			_, err := c.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: &name, Key: new("z"), CopySource: new(name + "/source")})
			failed, ok := errors.AsType[*s3crypto.UploadError](err)
			require.True(t, ok, "%s: %v", fails, err)
			require.NoError(t, failed.AbortErr, fails)
			p.do(nil)
			r := &uploadRig{direct: api, name: name}
			r.requireNoParts(t)
			_, err = api.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &name, Key: new("z")})
			requireCode(t, err, "NotFound")
		}
	})
	t.Run("tags are the source's, unless they are to be replaced", func(t *testing.T) {
		for directive, want := range map[types.TaggingDirective]int{"": 0, types.TaggingDirectiveCopy: 0, types.TaggingDirectiveReplace: 1} {
			_, err := c.CopyObject(t.Context(), &s3.CopyObjectInput{
				Bucket: &name, Key: new("tagged"), CopySource: new(name + "/source"), Tagging: new("a=1"), TaggingDirective: directive,
			})
			require.NoError(t, err)
			tags, err := api.GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: &name, Key: new("tagged")})
			require.NoError(t, err)
			require.Len(t, tags.TagSet, want, directive)
		}
	})
	for _, source := range []string{"", "bucket", "/", "b/", "b/k?version=1", "b/k?versionId=", "b/%zz"} {
		_, err := c.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: &name, Key: new("z"), CopySource: &source})
		require.Error(t, err)
	}
	_, err := c.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: &name, Key: new("z"), CopySource: new(name + "/missing")})
	require.Error(t, err)
}

// No plaintext passes: not through the transfer manager, not through a presigned
// URL, not through the Client.
func TestNoPlaintextPasses(t *testing.T) { onServers(t, testNoPlaintextPasses) }

func testNoPlaintextPasses(t *testing.T, s *server) {
	const secret = "this text is secret, and easily found. "
	api, k := s.client(s.url), newKeys(t)
	name := bucket(t, api)
	spied := &spy{RoundTripper: s.http.Transport, secret: []byte(secret)}
	watched := *s
	client := *s.http
	client.Transport = spied
	watched.http = &client
	sdk := watched.client(s.url)
	c := k.crypto(t, sdk, &s3crypto.Options{PartSize: part})
	want := bytes.Repeat([]byte(secret), 18<<20/len(secret))

	check := func(t *testing.T, key string, n int) {
		t.Helper()
		_, got := get(t, c, &s3.GetObjectInput{Bucket: &name, Key: &key})
		require.True(t, bytes.Equal(want[:n], got))
		require.Positive(t, spied.requests.Load())
		require.Zero(t, spied.leaks.Load(), "plaintext was sent")
	}
	for _, n := range []int{1000, len(want)} {
		for _, length := range []string{"known", "unknown"} {
			t.Run(fmt.Sprintf("transfer manager, %d bytes, length %s", n, length), func(t *testing.T) {
				var body io.Reader = bytes.NewReader(want[:n])
				if length == "unknown" {
					body = onlyReader{body}
				}
				sealed, err := c.SealInput(t.Context(), &s3.PutObjectInput{Bucket: &name, Key: new("tm"), Body: body})
				require.NoError(t, err)
				_, err = transfermanager.New(sdk).UploadObject(t.Context(), &transfermanager.UploadObjectInput{
					Bucket: sealed.Bucket, Key: sealed.Key, Body: sealed.Body, Metadata: sealed.Metadata,
				})
				require.NoError(t, err)
				check(t, "tm", n)
			})
		}
		t.Run(fmt.Sprintf("presigned, %d bytes", n), func(t *testing.T) {
			presigned, err := c.PresignPutObject(t.Context(), s3.NewPresignClient(sdk), &s3.PutObjectInput{
				Bucket: &name, Key: new("presigned"), Body: bytes.NewReader(want[:n]), Metadata: map[string]string{"color": "green"}, ContentType: new("text/plain"),
			})
			require.NoError(t, err)
			req, err := presigned.Request(t.Context())
			require.NoError(t, err)
			resp, err := watched.http.Do(req)
			require.NoError(t, err)
			defer resp.Body.Close()
			answer, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, 200, resp.StatusCode, "%s", answer)
			check(t, "presigned", n)
			head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &name, Key: new("presigned")})
			require.NoError(t, err)
			require.EqualValues(t, n, *head.ContentLength)
			require.Equal(t, "green", head.Metadata["color"])
		})
		t.Run(fmt.Sprintf("PutObject, %d bytes", n), func(t *testing.T) {
			put(t, c, name, "put", want[:n])
			check(t, "put", n)
		})
	}
	t.Run("presigned, with a length that is not known", func(t *testing.T) {
		_, err := c.PresignPutObject(t.Context(), s3.NewPresignClient(sdk), &s3.PutObjectInput{Bucket: &name, Key: new("k"), Body: onlyReader{bytes.NewReader(want)}})
		var refused *s3crypto.UnsupportedError
		require.ErrorAs(t, err, &refused)
	})
	t.Run("the watch itself notices plaintext", func(t *testing.T) {
		_, err := sdk.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &name, Key: new("k"), Body: bytes.NewReader(want[:1000])})
		require.NoError(t, err)
		require.Positive(t, spied.leaks.Load())
	})
}

func TestPresignedURLsBindWhatIsSigned(t *testing.T) { onServers(t, testPresignedURLsBindWhatIsSigned) }

func testPresignedURLsBindWhatIsSigned(t *testing.T, s *server) {
	r := newUploadRig(t, s)
	presign := func(t *testing.T) *s3crypto.PresignedPut {
		in := r.input(bytes.NewReader(content(1000)))
		in.Metadata = map[string]string{"color": "green"}
		presigned, err := r.c.PresignPutObject(t.Context(), s3.NewPresignClient(r.direct), in)
		require.NoError(t, err)
		return presigned
	}
	send := func(t *testing.T, p *s3crypto.PresignedPut, change func(*http.Request)) int {
		req, err := p.Request(t.Context())
		require.NoError(t, err)
		change(req)
		resp, err := s.http.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		return resp.StatusCode
	}
	plain := func(n int) func(*http.Request) {
		return func(req *http.Request) {
			req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(content(n))), int64(n)
		}
	}
	for name, change := range map[string]func(*http.Request){
		"another length":   plain(1000),
		"another key":      func(req *http.Request) { req.URL.Path += "2" },
		"another metadata": func(req *http.Request) { req.Header.Set("X-Amz-Meta-Sealwax-Message", "v=2") },
		"no metadata":      func(req *http.Request) { req.Header.Del("X-Amz-Meta-Color") },
		"another method":   func(req *http.Request) { req.Method = http.MethodDelete },
	} {
		t.Run(name, func(t *testing.T) {
			require.GreaterOrEqual(t, send(t, presign(t), change), 400)
			r.requireContent(t, r.old)
		})
	}
	t.Run("another body of the same length does not open", func(t *testing.T) {
		p := presign(t)
		require.Equal(t, 200, send(t, p, plain(int(p.ContentLength))))
		_, err := r.c.GetObject(t.Context(), r.get())
		require.ErrorIs(t, err, envelope.ErrFormat)
	})
	t.Run("as it is", func(t *testing.T) {
		require.Equal(t, 200, send(t, presign(t), func(*http.Request) {}))
		r.requireContent(t, content(1000))
	})
	t.Run("a checksum of what is not sealed yet", func(t *testing.T) {
		in := r.input(bytes.NewReader(content(10)))
		in.ChecksumAlgorithm = types.ChecksumAlgorithmSha256
		_, err := r.c.PresignPutObject(t.Context(), s3.NewPresignClient(r.direct), in)
		var refused *s3crypto.UnsupportedError
		require.ErrorAs(t, err, &refused)
	})
	t.Run("more than one request carries", func(t *testing.T) {
		in := r.input(onlyReader{bytes.NewReader(nil)})
		in.ContentLength = new(int64(5 << 30))
		_, err := r.c.PresignPutObject(t.Context(), s3.NewPresignClient(r.direct), in)
		require.ErrorIs(t, err, s3crypto.ErrTooLarge)
	})
}

// A transfer manager that seals as it reads stores nothing of a body that fails,
// whatever the error, and nothing of one that is not what its input says.
func TestTransferManagerStoresNothingOfABodyThatFails(t *testing.T) {
	r := newUploadRig(t, fake(t))
	manager := transfermanager.New(r.direct)
	for _, n := range []int{0, 1000, 20 << 20} {
		for name, in := range map[string]*s3.PutObjectInput{
			"cut":           r.input(io.MultiReader(bytes.NewReader(content(n)), iotest.ErrReader(io.ErrUnexpectedEOF))),
			"wrong length":  r.input(onlyReader{bytes.NewReader(content(n))}),
			"wrong content": r.input(bytes.NewReader(content(n))),
		} {
			t.Run(fmt.Sprintf("%s, %d bytes", name, n), func(t *testing.T) {
				want := map[string]error{"cut": io.ErrUnexpectedEOF, "wrong length": envelope.ErrLength, "wrong content": s3crypto.ErrChecksum}[name]
				switch name {
				case "wrong length":
					in.ContentLength = new(int64(n + 1))
				case "wrong content":
					in.ChecksumCRC32 = new("AAAAAQ==")
				}
				sealed, err := r.c.SealInput(t.Context(), in)
				require.NoError(t, err)
				_, err = manager.UploadObject(t.Context(), &transfermanager.UploadObjectInput{
					Bucket: sealed.Bucket, Key: sealed.Key, Body: sealed.Body, Metadata: sealed.Metadata,
				})
				require.ErrorIs(t, err, want)
				r.requireUntouched(t)
			})
		}
	}
}

func TestSealedInputsAreOfTheirOwn(t *testing.T) {
	r := newUploadRig(t, fake(t))
	key := uploadKey
	in := r.input(bytes.NewReader(content(10)))
	in.Key, in.Metadata = &key, map[string]string{"color": "green"}
	sealed, err := r.c.SealInput(t.Context(), in)
	require.NoError(t, err)
	key, in.Metadata["color"] = "another", "red"
	require.Equal(t, uploadKey, *sealed.Key)
	require.Equal(t, "green", sealed.Metadata["color"])
	_, seeks := sealed.Body.(io.Seeker)
	require.False(t, seeks, "what would read it twice must know that it cannot")
}

// What passes here is kept in memory alone.
func TestNothingIsWrittenToFiles(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	r := newUploadRig(t, fake(t))
	before := openFiles(t)
	body := content(3*part + 100)
	during := 0
	r.p.do(func(*request) fault {
		return fault{before: func() { during = max(during, openFiles(t)) }}
	})
	put(t, r.c, r.name, uploadKey, body)
	r.requireContent(t, body)
	var w writerAt
	_, err := r.c.Download(t.Context(), r.get(), &w)
	require.NoError(t, err)
	require.LessOrEqual(t, during, before)
	require.LessOrEqual(t, openFiles(t), before)
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	require.Empty(t, left)
}

// openFiles counts the files that this process has open, where the system tells:
// not its sockets, pipes and devices.
func openFiles(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0 // another system
	}
	n := 0
	for _, entry := range entries {
		target, err := os.Readlink("/proc/self/fd/" + entry.Name())
		if err == nil && strings.HasPrefix(target, "/") && !strings.HasPrefix(target, "/dev/") && !strings.HasPrefix(target, "/proc/") {
			n++
		}
	}
	return n
}
