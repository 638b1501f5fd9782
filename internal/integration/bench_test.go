package integration

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
)

// The same transfer with this package, and with the SDK's transfer manager
// without encryption. The server is versitygw if run.sh started it, else
// gofakes3 in this process, which takes its share of the processors.
const benchmarkSize = 256 << 20

func benchmarkServer(b *testing.B) (*server, string) {
	s := &server{name: "versitygw", url: os.Getenv("SEALWAX_VERSITYGW_URL"), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
	if s.url == "" {
		s = fake(b)
	}
	b.Cleanup(s.http.CloseIdleConnections)
	return s, bucket(b, s.client(s.url))
}

func BenchmarkPut256MiB(b *testing.B) {
	s, name := benchmarkServer(b)
	api := s.client(s.url)
	body := content(benchmarkSize)
	b.Run("s3crypto", func(b *testing.B) {
		c := newKeys(b).crypto(b, api, nil)
		measure(b, func() {
			_, err := c.PutObject(b.Context(), &s3.PutObjectInput{Bucket: &name, Key: new("k"), Body: bytes.NewReader(body)})
			require.NoError(b, err)
		})
	})
	b.Run("transfermanager, not encrypted", func(b *testing.B) {
		manager := transfermanager.New(api)
		measure(b, func() {
			_, err := manager.UploadObject(b.Context(), &transfermanager.UploadObjectInput{Bucket: &name, Key: new("p"), Body: bytes.NewReader(body)})
			require.NoError(b, err)
		})
	})
	b.Run("transfermanager, stream not encrypted", func(b *testing.B) {
		manager := transfermanager.New(api)
		measure(b, func() {
			_, err := manager.UploadObject(b.Context(), &transfermanager.UploadObjectInput{Bucket: &name, Key: new("p"), Body: onlyReader{bytes.NewReader(body)}})
			require.NoError(b, err)
		})
	})
}

func BenchmarkGet256MiB(b *testing.B) {
	s, name := benchmarkServer(b)
	api := s.client(s.url)
	body := content(benchmarkSize)
	c := newKeys(b).crypto(b, api, nil)
	manager := transfermanager.New(api)
	put(b, c, name, "k", body)
	_, err := manager.UploadObject(b.Context(), &transfermanager.UploadObjectInput{Bucket: &name, Key: new("p"), Body: bytes.NewReader(body)})
	require.NoError(b, err)
	b.Run("s3crypto, GetObject", func(b *testing.B) {
		measure(b, func() {
			out, err := c.GetObject(b.Context(), &s3.GetObjectInput{Bucket: &name, Key: new("k")})
			require.NoError(b, err)
			drain(b, out.Body)
		})
	})
	b.Run("s3.Client, GetObject, not encrypted", func(b *testing.B) {
		measure(b, func() {
			out, err := api.GetObject(b.Context(), &s3.GetObjectInput{Bucket: &name, Key: new("p")})
			require.NoError(b, err)
			drain(b, out.Body)
		})
	})
	b.Run("transfermanager, GetObject, not encrypted", func(b *testing.B) {
		measure(b, func() {
			out, err := manager.GetObject(b.Context(), &transfermanager.GetObjectInput{Bucket: &name, Key: new("p")})
			require.NoError(b, err)
			n, err := io.Copy(io.Discard, out.Body)
			require.NoError(b, err)
			require.EqualValues(b, benchmarkSize, n)
		})
	})
	b.Run("s3crypto, Download", func(b *testing.B) {
		w := &writerAt{b: make([]byte, benchmarkSize)}
		measure(b, func() {
			_, err := c.Download(b.Context(), &s3.GetObjectInput{Bucket: &name, Key: new("k")}, fixedWriterAt(w.b))
			require.NoError(b, err)
		})
	})
	b.Run("transfermanager, DownloadObject, not encrypted", func(b *testing.B) {
		w := make(fixedWriterAt, benchmarkSize)
		measure(b, func() {
			_, err := manager.DownloadObject(b.Context(), &transfermanager.DownloadObjectInput{Bucket: &name, Key: new("p"), WriterAt: w})
			require.NoError(b, err)
		})
	})
}

// measure times f, and reports the peak of the heap.
func measure(b *testing.B, f func()) {
	b.SetBytes(benchmarkSize)
	heap := peakHeap(func() {
		for b.Loop() {
			f()
		}
	})
	b.ReportMetric(float64(heap>>20), "peak-MiB")
}

func drain(b *testing.B, body io.ReadCloser) {
	defer body.Close()
	n, err := io.Copy(io.Discard, body)
	require.NoError(b, err)
	require.EqualValues(b, benchmarkSize, n)
}

// fixedWriterAt takes writes that do not overlap, without a lock.
type fixedWriterAt []byte

func (w fixedWriterAt) WriteAt(p []byte, off int64) (int, error) { return copy(w[off:], p), nil }
