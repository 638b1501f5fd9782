package envelope_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring"
	"github.com/stretchr/testify/require"
)

func TestSmokeAt(t *testing.T) {
	k, err := keyring.NewRawAES("ns", "n", make([]byte, 32))
	require.NoError(t, err)
	ring, err := keyring.New(k)
	require.NoError(t, err)
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, suite := range []envelope.Suite{0x0478, 0x0578} {
		for _, workers := range []int{1, 2, 8} {
			for _, fl := range []int{1, 7, 4096, 65536} {
				for _, size := range []int{0, 1, fl - 1, fl, fl + 1, 10 * fl, 20*fl + 17} {
					c, err := envelope.New(ring, &envelope.Options{Suite: suite, Workers: workers, FrameLength: fl, AllowUnverifiedSignature: true})
					require.NoError(t, err)
					pt := make([]byte, size)
					rand.NewChaCha8([32]byte{}).Read(pt)
					m, err := c.Seal(t.Context(), pt, nil)
					require.NoError(t, err)
					r, err := c.NewReaderAt(t.Context(), bytes.NewReader(m), int64(len(m)), nil)
					require.NoError(t, err, "%d %d", fl, size)
					require.EqualValues(t, size, r.Size())
					if size < 70000 {
						require.NoError(t, iotest.TestReader(io.NewSectionReader(r, 0, r.Size()), pt))
					}
					for range 100 {
						off := rnd.IntN(size + 1)
						n := rnd.IntN(size - off + 10)
						b := make([]byte, n)
						got, err := r.ReadAt(b, int64(off))
						if off+n > size || off == size {
							if n > 0 {
								require.Equal(t, io.EOF, err)
							}
						} else {
							require.NoError(t, err)
						}
						require.True(t, bytes.Equal(pt[off:off+got], b[:got]))
						require.Equal(t, min(n, size-off), got)
					}
					require.NoError(t, r.Close())
				}
			}
		}
	}
}
