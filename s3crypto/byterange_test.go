package s3crypto

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestContentRanges(t *testing.T) {
	start, size, ok := parseContentRange("bytes 5-9/100")
	require.True(t, ok)
	require.EqualValues(t, 5, start)
	require.EqualValues(t, 100, size)
	require.Equal(t, "bytes 5-9/100", contentRange(5, 10, 100))
	for _, s := range []string{"", "bytes", "bytes */100", "bytes 5-9/*", "bytes 9-5/100", "bytes 5-100/100", "bytes -1-5/100", "5-9/100"} {
		_, _, ok := parseContentRange(s)
		require.False(t, ok, s)
	}
}

// No range makes a length that is negative, or beyond the object.
func FuzzRange(f *testing.F) {
	for _, s := range []string{"bytes=0-", "bytes=-1", "bytes=1-2", "bytes=9223372036854775807-", "bytes=-9223372036854775807", "bytes=0-0,1-1"} {
		f.Add(s, int64(10))
		f.Add(s, int64(0))
	}
	f.Fuzz(func(t *testing.T, s string, size int64) {
		if size < 0 {
			return
		}
		r, err := parseRange(s)
		if err != nil {
			return
		}
		start, end, err := r.within(size)
		if err != nil {
			return
		}
		require.GreaterOrEqual(t, start, int64(0))
		require.Less(t, start, end)
		require.LessOrEqual(t, end, size)
	})
}

func TestCopySources(t *testing.T) {
	for s, want := range map[string][3]string{
		"b/k":                   {"b", "k", ""},
		"/b/k":                  {"b", "k", ""},
		"b/a/b/c":               {"b", "a/b/c", ""},
		"b/a%20b%2Bc%3Fd":       {"b", "a b+c?d", ""},
		"b/a+b":                 {"b", "a+b", ""},
		"b/k?versionId=v.1_2-3": {"b", "k", "v.1_2-3"},
		"arn:aws:s3:eu-west-1:111122223333:accesspoint/ap/object/a/b": {"arn:aws:s3:eu-west-1:111122223333:accesspoint/ap", "a/b", ""},
	} {
		in, err := parseCopySource(s)
		require.NoError(t, err, s)
		version := ""
		if in.VersionId != nil {
			version = *in.VersionId
		}
		require.Equal(t, want, [3]string{*in.Bucket, *in.Key, version})
	}
	for _, s := range []string{"", "/", "b", "b/", "/b/", "b/k?x=1", "b/k?versionId=", "b/%zz", "arn:aws:s3:::accesspoint/ap"} {
		_, err := parseCopySource(s)
		require.Error(t, err, s)
	}
}
