package integration

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/s3crypto"
)

func TestRangesCountPlaintext(t *testing.T) { onServers(t, testRangesCountPlaintext) }

func testRangesCountPlaintext(t *testing.T, s *server) {
	api, k := s.client(s.url), newKeys(t)
	name := bucket(t, api)
	c := k.crypto(t, api, nil)
	for _, size := range []int{0, 1, frame, 10*frame + 17} {
		want, key := content(size), fmt.Sprint(size)
		put(t, c, name, key, want)
		for _, r := range []struct {
			text       string
			start, end int // end 0: InvalidRange
		}{
			{"bytes=0-0", 0, 1},
			{"bytes=0-", 0, size},
			{fmt.Sprintf("bytes=0-%d", size), 0, size},
			{"bytes=0-9223372036854775807", 0, size},
			{"bytes=-1", size - 1, size},
			{"bytes=-0", 0, 0},
			{fmt.Sprintf("bytes=-%d", size+1), 0, size},
			{fmt.Sprintf("bytes=%d-", size), 0, 0},
			{fmt.Sprintf("bytes=%d-%d", size+5, size+9), 0, 0},
			{fmt.Sprintf("bytes=%d-", size-1), size - 1, size},
			{fmt.Sprintf("bytes=%d-%d", frame-1, frame), frame - 1, frame + 1},
			{fmt.Sprintf("bytes=%d-%d", frame, 2*frame-1), frame, 2 * frame},
			{fmt.Sprintf("bytes=%d-%d", 5*frame-3, 9*frame+3), 5*frame - 3, 9*frame + 4},
		} {
			t.Run(fmt.Sprintf("%s of %d", r.text, size), func(t *testing.T) {
				if size == 0 && r.text == "bytes=-1" || r.text == fmt.Sprintf("bytes=%d-", size-1) && size == 0 {
					r.start, r.end = 0, 0 // there is no last byte
				}
				start, end := r.start, min(r.end, size)
				in := &s3.GetObjectInput{Bucket: &name, Key: &key, Range: &r.text}
				if start >= end {
					_, err := c.GetObject(t.Context(), in)
					var refused *s3crypto.RangeError
					require.ErrorAs(t, err, &refused)
					var api smithy.APIError
					require.ErrorAs(t, err, &api)
					require.Equal(t, "InvalidRange", api.ErrorCode())
					return
				}
				out, got := get(t, c, in)
				require.True(t, bytes.Equal(want[start:end], got))
				require.EqualValues(t, end-start, *out.ContentLength)
				require.Equal(t, fmt.Sprintf("bytes %d-%d/%d", start, end-1, size), *out.ContentRange)

				var w writerAt
				_, err := c.Download(t.Context(), in, &w)
				require.NoError(t, err)
				require.True(t, bytes.Equal(want[start:end], w.b))
			})
		}
	}
}

func TestWhatIsNotOneRangeIsRefusedBeforeAnythingIsAsked(t *testing.T) {
	s := fake(t)
	p := newProxy(t, s, false)
	c := newKeys(t).crypto(t, p.behind(s).client(p.url), nil)
	for _, text := range []string{"", "bytes", "bytes=", "bytes=-", "bytes=0-1,4-5", "bytes=2-1", "bytes=a-b", "bytes=+1-2", "bytes= 1-2", "bits=0-1", "bytes=--1", "bytes=1-99999999999999999999"} {
		_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: new("b"), Key: new("k"), Range: &text})
		var refused *s3crypto.RangeError
		require.ErrorAs(t, err, &refused, text)
	}
	require.Empty(t, p.seen(""))
}

func TestPartNumberIsRefused(t *testing.T) {
	s := fake(t)
	c := newKeys(t).crypto(t, s.client(s.url), nil)
	var refused *s3crypto.UnsupportedError
	_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: new("b"), Key: new("k"), PartNumber: new(int32(1))})
	require.ErrorAs(t, err, &refused)
	_, err = c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: new("b"), Key: new("k"), PartNumber: new(int32(1))})
	require.ErrorAs(t, err, &refused)
	_, err = c.Download(t.Context(), &s3.GetObjectInput{Bucket: new("b"), Key: new("k"), PartNumber: new(int32(1))}, &writerAt{})
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "PartNumber", refused.Field)
}

func TestRequestsAndBytesAreFew(t *testing.T) {
	s := fake(t)
	p := newProxy(t, s, false)
	k := newKeys(t)
	api := p.behind(s).client(p.url)
	name := bucket(t, api)
	c := k.crypto(t, api, nil)
	const size = 64 << 20
	want := content(size)
	put(t, c, name, "large", want)
	put(t, c, name, "small", want[:1<<19])
	kmsCalls := k.kms.Calls("Decrypt")

	t.Run("a small object takes one request", func(t *testing.T) {
		p.do(nil)
		_, got := get(t, c, &s3.GetObjectInput{Bucket: &name, Key: new("small")})
		require.True(t, bytes.Equal(want[:1<<19], got))
		require.Len(t, p.seen(""), 1)
	})
	t.Run("a large object takes two", func(t *testing.T) {
		p.do(nil)
		_, got := get(t, c, &s3.GetObjectInput{Bucket: &name, Key: new("large")})
		require.True(t, bytes.Equal(want, got))
		require.Len(t, p.seen(""), 2)
	})
	t.Run("a range takes one after opening, and no more bytes than its frames", func(t *testing.T) {
		p.do(nil)
		_, got := get(t, c, &s3.GetObjectInput{Bucket: &name, Key: new("large"), Range: new("bytes=20000000-21048575")})
		require.True(t, bytes.Equal(want[20000000:21048576], got))
		require.Len(t, p.seen("GetObject"), 3) // two to open: the first bytes and the last
		require.LessOrEqual(t, p.seen("GetObject")[2].received, int64(1<<20+2*(frame+32)))
	})
	t.Run("so does a read from an Object", func(t *testing.T) {
		o, err := c.Open(t.Context(), name, "large")
		require.NoError(t, err)
		defer o.Close()
		p.do(nil)
		b := make([]byte, 1<<20)
		for i, off := range []int64{20_000_001, 3_000_000, 50_000_000} {
			_, err = o.ReadAt(b, off)
			require.NoError(t, err)
			require.True(t, bytes.Equal(want[off:off+1<<20], b))
			require.Len(t, p.seen(""), i+1)
			require.LessOrEqual(t, p.seen("")[i].received, int64(1<<20+2*(frame+32)))
		}
	})
	t.Run("the end of an Object is at hand", func(t *testing.T) {
		o, err := c.Open(t.Context(), name, "large")
		require.NoError(t, err)
		defer o.Close()
		p.do(nil)
		b := make([]byte, 60_000)
		_, err = o.ReadAt(b, size-60_000)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want[size-60_000:], b))
		require.Empty(t, p.seen(""))
	})
	t.Run("a range at the end needs no third", func(t *testing.T) {
		p.do(nil)
		_, got := get(t, c, &s3.GetObjectInput{Bucket: &name, Key: new("large"), Range: new("bytes=-60000")})
		require.True(t, bytes.Equal(want[size-60_000:], got))
		require.Len(t, p.seen("GetObject"), 2)
	})
	t.Run("HEAD takes one request and no key", func(t *testing.T) {
		p.do(nil)
		calls := k.kms.Calls("Decrypt")
		_, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &name, Key: new("large")})
		require.NoError(t, err)
		require.Len(t, p.seen(""), 1)
		require.Equal(t, calls, k.kms.Calls("Decrypt"))
	})
	t.Run("an Object that is read in order fetches ahead", func(t *testing.T) {
		o, err := c.Open(t.Context(), name, "large")
		require.NoError(t, err)
		defer o.Close()
		p.do(nil)
		got, err := io.ReadAll(onlyReader{o})
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got))
		require.LessOrEqual(t, len(p.seen("")), 10+2*size/(4<<20), "for each 4 MiB, one for what is wanted and one ahead of it")
		require.LessOrEqual(t, p.received("GetObject"), int64(size+size/frame*32+1<<10), "nothing is fetched twice")
	})
	require.Equal(t, kmsCalls+7, k.kms.Calls("Decrypt"), "one call of KMS for each object opened")
	p.requireIdle(t)
}

func TestObjectReadsInPlacesAndInOrder(t *testing.T) { onServers(t, testObjectReadsInPlacesAndInOrder) }

func testObjectReadsInPlacesAndInOrder(t *testing.T, s *server) {
	api, k := s.client(s.url), newKeys(t)
	name := bucket(t, api)
	c := k.crypto(t, api, nil)
	want := content(6<<20 + 333)
	put(t, c, name, "k", want)
	o, err := c.Open(t.Context(), name, "k")
	require.NoError(t, err)
	defer o.Close()
	require.EqualValues(t, envelope.AES256GCMHKDFSHA512Commit, o.Header().Suite)
	o.Header().FrameLength, o.Header().Length = 1, 1 // a copy
	require.Equal(t, frame, o.Header().FrameLength)

	got, err := io.ReadAll(o)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got))
	for _, at := range []struct {
		offset int64
		whence int
		pos    int64
	}{{5, io.SeekStart, 5}, {100, io.SeekCurrent, 1105}, {-777, io.SeekEnd, int64(len(want)) - 777}, {0, io.SeekEnd, int64(len(want))}} {
		pos, err := o.Seek(at.offset, at.whence)
		require.NoError(t, err)
		require.Equal(t, at.pos, pos)
		b := make([]byte, 1000)
		n, err := io.ReadFull(o, b)
		require.Equal(t, min(1000, len(want)-int(pos)), n)
		if n < 1000 {
			require.Error(t, err)
		}
		require.True(t, bytes.Equal(want[pos:int(pos)+n], b[:n]))
	}
	_, err = o.Seek(-1, io.SeekStart)
	require.Error(t, err)

	// In parallel, overlapping.
	errs := make(chan error, 8)
	for i := range 8 {
		go func() {
			b := make([]byte, 1<<20)
			off := int64(i) * 700_000
			_, err := o.ReadAt(b, off)
			if err == nil && !bytes.Equal(b, want[off:off+1<<20]) {
				err = fmt.Errorf("wrong bytes at %d", off)
			}
			errs <- err
		}()
	}
	for range 8 {
		require.NoError(t, <-errs)
	}
	n, err := o.ReadAt(make([]byte, 10), int64(len(want))-4)
	require.Equal(t, 4, n)
	require.Equal(t, io.EOF, err)
	_, err = o.ReadAt(make([]byte, 1), int64(len(want)))
	require.Equal(t, io.EOF, err)
	_, err = o.ReadAt(make([]byte, 1), -1)
	require.Error(t, err)

	require.NoError(t, o.Close())
	require.NoError(t, o.Close())
	_, err = o.ReadAt(make([]byte, 1), 3_000_000)
	require.Error(t, err)
	_, err = o.Read(make([]byte, 1))
	require.Error(t, err)
}
