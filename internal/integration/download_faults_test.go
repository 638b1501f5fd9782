package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/s3crypto"
)

// downloadRig is an object behind a proxy.
type downloadRig struct {
	*keys
	p         *proxy
	direct    *s3.Client
	name, key string
	c         *s3crypto.Client
	want      []byte
}

func newDownloadRig(t *testing.T, s *server, size int) *downloadRig {
	r := &downloadRig{keys: newKeys(t), p: newProxy(t, s, false), direct: s.client(s.url), key: "object", want: content(size)}
	r.name = bucket(t, r.direct)
	r.c = r.crypto(t, r.p.behind(s).client(r.p.url), &s3crypto.Options{PartSize: part, Concurrency: 3})
	put(t, r.c, r.name, r.key, r.want)
	r.p.do(nil)
	return r
}

func (r *downloadRig) input() *s3.GetObjectInput {
	return &s3.GetObjectInput{Bucket: &r.name, Key: &r.key}
}

// ways are all ways to read an object whole. Each returns what was released,
// beside the error.
func (r *downloadRig) ways() map[string]func(context.Context) ([]byte, error) {
	return map[string]func(context.Context) ([]byte, error){
		"GetObject": func(ctx context.Context) ([]byte, error) { return r.body(ctx, r.input()) },
		"GetObject with a range": func(ctx context.Context) ([]byte, error) {
			in := r.input()
			in.Range = new("bytes=0-")
			return r.body(ctx, in)
		},
		"Download": func(ctx context.Context) ([]byte, error) {
			var w writerAt
			_, err := r.c.Download(ctx, r.input(), &w)
			if err != nil {
				return nil, err // pieces, in any order
			}
			return w.b, nil
		},
		"Open": func(ctx context.Context) ([]byte, error) {
			o, err := r.c.Open(ctx, r.name, r.key)
			if err != nil {
				return nil, err
			}
			defer o.Close()
			return io.ReadAll(o)
		},
		"ReadAt": func(ctx context.Context) ([]byte, error) {
			o, err := r.c.Open(ctx, r.name, r.key)
			if err != nil {
				return nil, err
			}
			defer o.Close()
			return io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
		},
	}
}

func (r *downloadRig) body(ctx context.Context, in *s3.GetObjectInput) ([]byte, error) {
	out, err := r.c.GetObject(ctx, in)
	if err != nil {
		return nil, err
	}
	defer out.Body.Close()
	return io.ReadAll(out.Body)
}

func TestDownloadOutlivesFaults(t *testing.T) {
	r := newDownloadRig(t, fake(t), 5<<20)
	for name, rule := range map[string]func(*request) fault{
		"cut after the first byte, once":          once(on("GetObject", 0, fault{cutResponse: 1})),
		"cut within the header, once":             once(on("GetObject", 0, fault{cutResponse: 100})),
		"cut in the middle, once":                 once(on("GetObject", 0, fault{cutResponse: 2_500_000})),
		"cut again and again, with some progress": on("GetObject", 0, fault{cutResponse: 150_000}),
		"cut with less than a frame of progress":  on("GetObject", 0, fault{cutResponse: 50_001}),
		"short by a byte, once":                   once(on("GetObject", 0, fault{shorten: 1})),
		"short by much, once":                     once(on("GetObject", 0, fault{shorten: 1_000_000})),
		"SlowDown":                                once(on("GetObject", 0, fault{status: 503, code: "SlowDown"})),
		"no byte of the body, once":               once(on("GetObject", 0, fault{dropResponse: true})),
		"no byte of later bodies, every other time": func(q *request) fault {
			if q.attempt%2 == 0 {
				return fault{dropResponse: true}
			}
			return fault{}
		},
		"slow, in small pieces": on("GetObject", 0, fault{pieces: 100_000, pause: time.Millisecond}),
	} {
		for way, read := range r.ways() {
			t.Run(name+", "+way, func(t *testing.T) {
				if name == "short by a byte, once" || name == "short by much, once" {
					// A first response that is short and says so is a shorter object,
					// if it is not a range.
					if way == "GetObject" {
						r.p.do(func(q *request) fault {
							if q.attempt == 2 {
								return fault{shorten: 1}
							}
							return fault{}
						})
					} else {
						r.p.do(rule)
					}
				} else {
					r.p.do(rule)
				}
				got, err := read(t.Context())
				require.NoError(t, err)
				require.True(t, bytes.Equal(r.want, got))
			})
		}
	}
	r.p.requireIdle(t)
}

func TestDownloadGivesUp(t *testing.T) {
	r := newDownloadRig(t, fake(t), 3<<20)
	for way, read := range r.ways() {
		t.Run("no body after the first, "+way, func(t *testing.T) {
			r.p.do(func(q *request) fault { return fault{dropResponse: q.attempt > 1} })
			got, err := read(t.Context())
			require.Error(t, err)
			require.True(t, bytes.HasPrefix(r.want, got))
			require.Less(t, len(r.p.seen("")), 30)
		})
		t.Run("denied after the first, "+way, func(t *testing.T) {
			r.p.do(func(q *request) fault {
				if q.attempt > 1 {
					return fault{status: 403, code: "AccessDenied"}
				}
				return fault{}
			})
			_, err := read(t.Context())
			requireCode(t, err, "AccessDenied")
			require.NotErrorIs(t, err, envelope.ErrAuthentication)
		})
		t.Run("cancelled, "+way, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r.p.do(func(q *request) fault {
				if q.attempt > 1 {
					return fault{before: cancel, pieces: 1000, pause: time.Millisecond}
				}
				return fault{}
			})
			_, err := read(ctx)
			require.ErrorIs(t, err, context.Canceled)
		})
	}
	r.p.requireIdle(t)
}

func TestWrongBytesAreRefused(t *testing.T) {
	r := newDownloadRig(t, fake(t), 3<<20)
	for _, at := range []int64{1, 3, 40, 300, 500, 70_000, 130_000, 1_000_000, 3 << 20} {
		for way, read := range r.ways() {
			t.Run(fmt.Sprintf("at %d, %s", at, way), func(t *testing.T) {
				r.p.do(on("GetObject", 0, fault{corruptAt: at}))
				got, err := read(t.Context())
				if err == nil { // no response was long enough, or the bytes came from another one
					require.True(t, bytes.Equal(r.want, got))
					require.True(t, way != "GetObject" || at > 3<<20-frame)
					return
				}
				require.True(t, errors.Is(err, envelope.ErrAuthentication) || errors.Is(err, envelope.ErrFormat) ||
					errors.Is(err, envelope.ErrPolicy) || errors.Is(err, envelope.ErrTruncated) ||
					errors.Is(err, envelope.ErrContext) || errors.Is(err, s3crypto.ErrNotEncrypted), "%v", err)
				require.True(t, bytes.HasPrefix(r.want, got), "wrong bytes were released")
			})
		}
	}
	r.p.requireIdle(t)
}

func TestObjectReplacedWhileItIsRead(t *testing.T) { onServers(t, testObjectReplacedWhileItIsRead) }

func testObjectReplacedWhileItIsRead(t *testing.T, s *server) {
	r := newDownloadRig(t, s, 9<<20)
	direct := r.crypto(t, r.direct, nil)
	for way, read := range r.ways() {
		for replaced, f := range map[string]func(){
			"by another object": func() { put(t, direct, r.name, r.key, content(9<<20)) },
			"by a shorter one":  func() { put(t, direct, r.name, r.key, content(10)) },
			"by none": func() {
				_, err := r.direct.DeleteObject(context.Background(), &s3.DeleteObjectInput{Bucket: &r.name, Key: &r.key})
				require.NoError(t, err)
			},
		} {
			t.Run(way+", "+replaced, func(t *testing.T) {
				put(t, direct, r.name, r.key, r.want)
				r.p.do(func(q *request) fault {
					if q.operation == "GetObject" && q.attempt == 2 {
						return fault{before: f}
					}
					return fault{}
				})
				_, err := read(t.Context())
				require.ErrorIs(t, err, s3crypto.ErrChanged)
			})
		}
	}
	r.p.requireIdle(t)
}

func TestReplacedObjectIsReadOnInItsOldVersion(t *testing.T) {
	onServers(t, testReplacedObjectIsReadOnInItsOldVersion)
}

func testReplacedObjectIsReadOnInItsOldVersion(t *testing.T, s *server) {
	r := newDownloadRig(t, s, 9<<20)
	direct := r.crypto(t, r.direct, nil)
	_, err := r.direct.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: &r.name, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	require.NoError(t, err)
	for way, read := range r.ways() {
		t.Run(way, func(t *testing.T) {
			put(t, direct, r.name, r.key, r.want)
			r.p.do(func(q *request) fault {
				if q.operation == "GetObject" && q.attempt == 2 {
					return fault{before: func() { put(t, direct, r.name, r.key, content(10)) }}
				}
				return fault{}
			})
			got, err := read(t.Context())
			require.NoError(t, err)
			require.True(t, bytes.Equal(r.want, got))
		})
	}
}

func TestClosingABodyEndsItsRequests(t *testing.T) {
	r := newDownloadRig(t, fake(t), 9<<20)
	out, err := r.c.GetObject(t.Context(), r.input())
	require.NoError(t, err)
	_, err = io.ReadFull(out.Body, make([]byte, 100_000))
	require.NoError(t, err)
	require.NoError(t, out.Body.Close())
	require.NoError(t, out.Body.Close())
	_, err = out.Body.Read(make([]byte, 1))
	require.ErrorIs(t, err, fs.ErrClosed)
	r.p.requireIdle(t)

	t.Run("also while a Read waits", func(t *testing.T) {
		r.p.do(func(q *request) fault { return fault{pieces: 1000, pause: 10 * time.Millisecond} })
		out, err := r.c.GetObject(t.Context(), r.input())
		require.NoError(t, err)
		read := make(chan error)
		go func() {
			_, err := io.Copy(io.Discard, out.Body)
			read <- err
		}()
		require.NoError(t, out.Body.Close())
		require.Error(t, <-read)
	})
	r.p.requireIdle(t)
}

func TestCallersMayReuseTheirVariables(t *testing.T) {
	r := newDownloadRig(t, fake(t), 9<<20)
	key := r.key
	out, err := r.c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &r.name, Key: &key, Range: new("bytes=1-")})
	require.NoError(t, err)
	defer out.Body.Close()
	r.p.do(once(on("GetObject", 0, fault{cutResponse: 1_000_000})))
	key = "another"
	got, err := io.ReadAll(out.Body)
	require.NoError(t, err)
	require.True(t, bytes.Equal(r.want[1:], got))
}

func TestACutResponseIsTakenUpWhereItBroke(t *testing.T) {
	const size = 16 << 20
	r := newDownloadRig(t, fake(t), size)
	for way, read := range r.ways() {
		t.Run(way, func(t *testing.T) {
			r.p.do(once(on("GetObject", 0, fault{cutResponse: 3_000_001})))
			got, err := read(t.Context())
			require.NoError(t, err)
			require.True(t, bytes.Equal(r.want, got))
			// All of it, the front and the end that opening reads, frames at the edges
			// of pieces, and what the broken connection still had on its way.
			require.LessOrEqual(t, r.p.received("GetObject"), int64(size+2<<20))
		})
	}
	r.p.requireIdle(t)
}

func TestADestinationThatFailsEndsTheDownload(t *testing.T) {
	r := newDownloadRig(t, fake(t), 40<<20)
	full := errors.New("disk full")
	for name, w := range map[string]io.WriterAt{
		"at once": writerAtFunc(func([]byte, int64) (int, error) { return 0, full }),
		"later": writerAtFunc(func(p []byte, off int64) (int, error) {
			if off > 16<<20 {
				return 0, full
			}
			return len(p), nil
		}),
		"by writing less": writerAtFunc(func(p []byte, _ int64) (int, error) { return len(p) - 1, nil }),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := r.c.Download(t.Context(), r.input(), w)
			require.True(t, errors.Is(err, full) || errors.Is(err, io.ErrShortWrite), "%v", err)
			r.p.requireIdle(t)
		})
	}
}

type writerAtFunc func([]byte, int64) (int, error)

func (f writerAtFunc) WriteAt(p []byte, off int64) (int, error) { return f(p, off) }

func TestAnObjectMayBeClosedWhileItIsRead(t *testing.T) {
	r := newDownloadRig(t, fake(t), 9<<20)
	r.p.do(on("GetObject", 0, fault{pieces: 10_000, pause: time.Millisecond}))
	o, err := r.c.Open(t.Context(), r.name, r.key)
	require.NoError(t, err)
	errs := make(chan error)
	for i := range 4 {
		go func() {
			_, err := o.ReadAt(make([]byte, 4<<20), int64(i)<<20)
			errs <- err
		}()
	}
	require.NoError(t, o.Close())
	for range 4 {
		require.Error(t, <-errs)
	}
	_, err = o.ReadAt(make([]byte, 1), 0)
	require.ErrorIs(t, err, fs.ErrClosed)
	_, err = o.Read(make([]byte, 1))
	require.ErrorIs(t, err, fs.ErrClosed)
	r.p.requireIdle(t)
}
