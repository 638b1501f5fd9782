package integration

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/s3crypto"
)

// streamLength is the length in bytes of the streams through real servers:
// SEALWAX_STREAM_GIB, or 1 GiB.
func streamLength(t *testing.T) int64 {
	gib := 1
	if s := os.Getenv("SEALWAX_STREAM_GIB"); s != "" {
		var err error
		gib, err = strconv.Atoi(s)
		require.NoError(t, err)
	}
	return int64(gib) << 30
}

// stream yields n bytes that are the same in every run.
func stream(n int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{2}), n)
}

// peakHeap returns the most bytes of live and dead objects on the heap while f
// runs, beyond those before it.
func peakHeap(f func()) uint64 {
	heap := func() uint64 {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	runtime.GC()
	before, peak := heap(), uint64(0)
	done, sampled := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sampled)
		ticker := time.NewTicker(2 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				peak = max(peak, heap())
			case <-done:
				return
			}
		}
	}()
	f()
	close(done)
	<-sampled
	return max(peak, before) - before
}

// sink is as much of an S3 server as an upload needs. It keeps nothing.
type sink struct {
	mu    sync.Mutex
	parts map[string]int64
	total int64 // of the object completed
	most  int64 // longest part
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	switch operationOf(r, query) {
	case "CreateMultipartUpload":
		fmt.Fprint(w, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
	case "UploadPart":
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil || n != r.ContentLength {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		s.parts[query.Get("partNumber")] = n
		s.most = max(s.most, n)
		s.mu.Unlock()
		w.Header().Set("ETag", `"p"`)
	case "CompleteMultipartUpload":
		s.mu.Lock()
		for _, n := range s.parts {
			s.total += n
		}
		s.mu.Unlock()
		fmt.Fprint(w, `<CompleteMultipartUploadResult><ETag>"o"</ETag></CompleteMultipartUploadResult>`)
	default:
		w.WriteHeader(http.StatusNotImplemented)
	}
}

// Bounds on the heap of an upload with the default options, in bytes: five parts of
// 8 MiB are alive, and the garbage collector lets as much die before it looks. A
// short upload makes little that dies.
const (
	mostStreamHeap = 2*5*(8<<20) + 16<<20
	mostShortHeap  = 64 << 20
)

func TestStreamOfUnknownLengthTakesBoundedMemory(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's memory is not the program's")
	}
	for _, row := range []struct {
		n    int64
		most uint64
	}{{256 << 20, mostShortHeap}, {5 << 30, mostStreamHeap}} {
		s := &sink{parts: map[string]int64{}}
		listener := httptest.NewServer(s)
		defer listener.Close()
		remote := &server{url: listener.URL, http: listener.Client()}
		c := newKeys(t).crypto(t, remote.client(remote.url), nil)
		heap := peakHeap(func() {
			_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: new("b"), Key: new("k"), Body: stream(row.n)})
			require.NoError(t, err)
		})
		t.Logf("%d MiB in %d parts, peak heap %d MiB", row.n>>20, len(s.parts), heap>>20)
		require.Greater(t, s.total, row.n)
		require.EqualValues(t, 8<<20, s.most)
		require.Less(t, heap, row.most)
	}
}

func TestStreamComesBackFromRealServers(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's memory is not the program's")
	}
	onServers(t, func(t *testing.T, s *server) {
		if s.name == "gofakes3" {
			t.Skip("it keeps objects in this process's memory")
		}
		api := s.client(s.url)
		name, n := bucket(t, api), streamLength(t)
		c := newKeys(t).crypto(t, api, &s3crypto.Options{})
		defer func() {
			_, err := api.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &name, Key: new("k")})
			require.NoError(t, err)
		}()
		up := peakHeap(func() {
			_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &name, Key: new("k"), Body: stream(n)})
			require.NoError(t, err)
		})
		down := peakHeap(func() {
			out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &name, Key: new("k")})
			require.NoError(t, err)
			defer out.Body.Close()
			require.Equal(t, n, *out.ContentLength)
			requireSame(t, stream(n), out.Body)
		})
		parallel := peakHeap(func() {
			var w countingWriterAt
			_, err := c.Download(t.Context(), &s3.GetObjectInput{Bucket: &name, Key: new("k")}, &w)
			require.NoError(t, err)
			require.Equal(t, n, w.n.Load())
		})
		t.Logf("%d GiB, peak heap up %d MiB, down %d MiB, down in parallel %d MiB", n>>30, up>>20, down>>20, parallel>>20)
		if s.url[:5] == "http:" { // the TLS proxy in this process takes memory of its own
			require.Less(t, up, uint64(mostStreamHeap))
			require.Less(t, down, uint64(16<<20))
			require.Less(t, parallel, uint64(mostStreamHeap))
		}
	})
}

// countingWriterAt counts what is written to it.
type countingWriterAt struct{ n atomic.Int64 }

func (w *countingWriterAt) WriteAt(p []byte, _ int64) (int, error) {
	w.n.Add(int64(len(p)))
	return len(p), nil
}

// requireSame compares two streams.
func requireSame(t *testing.T, want, got io.Reader) {
	t.Helper()
	a, b := make([]byte, 256<<10), make([]byte, 256<<10)
	for {
		n, wantErr := io.ReadFull(want, a)
		m, gotErr := io.ReadFull(got, b)
		require.Equal(t, n, m)
		require.Equal(t, wantErr, gotErr)
		require.True(t, string(a[:n]) == string(b[:m]), "other bytes")
		if wantErr != nil {
			return
		}
	}
}
