package integration

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/s3crypto"
)

const (
	frame = 64 << 10
	part  = 5 << 20
)

// overhead is what sealing adds, beyond the header, to n bytes.
func overhead(n int) int { return max(1, (n+frame-1)/frame)*32 + 8 }

func TestObjectsOfEverySizeComeBack(t *testing.T) { onServers(t, testObjectsOfEverySizeComeBack) }

func testObjectsOfEverySizeComeBack(t *testing.T, s *server) {
	api, k := s.client(s.url), newKeys(t)
	name := bucket(t, api)
	c := k.crypto(t, api, &s3crypto.Options{PartSize: part, Concurrency: 3})
	for _, n := range []int{0, 1, frame - 1, frame, frame + 1, 3 * frame, 1 << 20, part - 5000, part, 2*part + 1, 3 * part} {
		for _, length := range []string{"known", "unknown"} {
			t.Run(fmt.Sprintf("%d bytes, length %s", n, length), func(t *testing.T) {
				want, key := content(n), fmt.Sprintf("%d/%s", n, length)
				in := &s3.PutObjectInput{Bucket: &name, Key: &key, Body: bytes.NewReader(want), Metadata: map[string]string{"color": "green"}}
				if length == "unknown" {
					in.Body = onlyReader{in.Body}
				}
				out, err := c.PutObject(t.Context(), in)
				require.NoError(t, err)
				require.NotEmpty(t, aws.ToString(out.ETag))

				got, b := get(t, c, &s3.GetObjectInput{Bucket: &name, Key: &key})
				require.True(t, bytes.Equal(want, b))
				require.EqualValues(t, n, *got.ContentLength)
				require.Equal(t, map[string]string{"color": "green"}, got.Metadata)
				info, ok := s3crypto.InfoOf(got.ResultMetadata)
				require.True(t, ok)
				require.True(t, info.Encrypted)
				require.EqualValues(t, info.Header.Length+n+overhead(n), info.StoredSize)

				head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &name, Key: &key})
				require.NoError(t, err)
				require.EqualValues(t, n, *head.ContentLength)
				require.Equal(t, map[string]string{"color": "green"}, head.Metadata)

				var w writerAt
				down, err := c.Download(t.Context(), &s3.GetObjectInput{Bucket: &name, Key: &key}, &w)
				require.NoError(t, err)
				require.EqualValues(t, n, *down.ContentLength)
				require.True(t, bytes.Equal(want, w.b))

				o, err := c.Open(t.Context(), name, key)
				require.NoError(t, err)
				defer o.Close()
				require.EqualValues(t, n, o.Size())
				b, err = io.ReadAll(o)
				require.NoError(t, err)
				require.True(t, bytes.Equal(want, b))

				_, stored := getPlain(t, api, name, key)
				require.EqualValues(t, info.StoredSize, len(stored))
				opened, err := k.envelope(t, nil).Open(t.Context(), stored, nil)
				require.NoError(t, err)
				require.True(t, bytes.Equal(want, opened))
			})
		}
	}
}

// getPlain fetches what is stored.
func getPlain(t testing.TB, api *s3.Client, bucket, key string) (*s3.GetObjectOutput, []byte) {
	t.Helper()
	out, err := api.GetObject(context.Background(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	require.NoError(t, err)
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	require.NoError(t, err)
	return out, b
}
