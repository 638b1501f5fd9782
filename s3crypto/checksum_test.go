package s3crypto

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
)

// The checksums of "123456789", from the catalogues of their algorithms.
func checkSums() map[string]*s3.PutObjectInput {
	return map[string]*s3.PutObjectInput{
		"ChecksumCRC32":     {ChecksumCRC32: new("y/Q5Jg==")},
		"ChecksumCRC32C":    {ChecksumCRC32C: new("4waSgw==")},
		"ChecksumCRC64NVME": {ChecksumCRC64NVME: new("rosUhgp5mIg=")},
		"ChecksumMD5":       {ChecksumMD5: new("JfnnlDI7RTiF9RgfG2JNCw==")},
		"ContentMD5":        {ContentMD5: new("JfnnlDI7RTiF9RgfG2JNCw==")},
		"ChecksumSHA1":      {ChecksumSHA1: new("98O8HYCOBHMq32eZZczDTKeuNEE=")},
		"ChecksumSHA256":    {ChecksumSHA256: new("FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=")},
		"ChecksumSHA512":    {ChecksumSHA512: new("2eZ2LdHI6vbWGzxhkvxAjU1tXxF20MKRabwk5xw/J0rSf81YEbMT1oH35V7ALXPUmclUVba1u1A6z1dPuo/+hQ==")},
	}
}

func TestChecksumsOfThePlaintext(t *testing.T) {
	for field, in := range checkSums() {
		for content, want := range map[string]error{"123456789": nil, "123456780": ErrChecksum, "12345678": ErrChecksum, "": ErrChecksum} {
			t.Run(field+" of "+content, func(t *testing.T) {
				sums, err := checksumsOf(in)
				require.NoError(t, err)
				require.Len(t, sums, 1)
				require.Equal(t, field, sums[0].field)
				_, err = io.ReadAll(&plaintext{ctx: t.Context(), src: strings.NewReader(content), sums: sums})
				require.ErrorIs(t, err, want)
			})
		}
	}
}

func TestAPlaintextWhoseContextIsDoneEndsNowhere(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := io.ReadAll(&plaintext{ctx: ctx, src: strings.NewReader("x")})
	require.ErrorIs(t, err, context.Canceled)
}

// impossible is a reader that counts wrong.
type impossible int

func (n impossible) Read([]byte) (int, error) { return int(n), nil }

func TestImpossibleCountsReachWhoRefusesThem(t *testing.T) {
	for _, n := range []int{-1, 11} {
		sums, err := checksumsOf(&s3.PutObjectInput{ChecksumCRC32: new("AAAAAA==")})
		require.NoError(t, err)
		got, err := (&plaintext{ctx: t.Context(), src: impossible(n), sums: sums}).Read(make([]byte, 10))
		require.NoError(t, err)
		require.Equal(t, n, got)
	}
}

func TestLengthOfThePlaintext(t *testing.T) {
	at := strings.NewReader("123456789")
	_, err := at.Seek(4, io.SeekStart)
	require.NoError(t, err)
	past := strings.NewReader("123")
	_, err = past.Seek(8, io.SeekStart)
	require.NoError(t, err)
	for name, row := range map[string]struct {
		in   s3.PutObjectInput
		want int64
	}{
		"none":                 {s3.PutObjectInput{}, 0},
		"given":                {s3.PutObjectInput{ContentLength: new(int64(7)), Body: strings.NewReader("x")}, 7},
		"of what is left":      {s3.PutObjectInput{Body: at}, 5},
		"by seeking":           {s3.PutObjectInput{Body: struct{ io.ReadSeeker }{at}}, 5},
		"beyond the end":       {s3.PutObjectInput{Body: struct{ io.ReadSeeker }{past}}, 0},
		"of a pipe, not known": {s3.PutObjectInput{Body: struct{ io.Reader }{at}}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := plaintextLength(&row.in)
			require.NoError(t, err)
			require.Equal(t, row.want, n)
		})
	}
	rest, err := io.ReadAll(at)
	require.NoError(t, err)
	require.Equal(t, "56789", string(rest), "it stands where it stood")
}
