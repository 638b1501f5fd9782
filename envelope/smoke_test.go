package envelope_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring"
	"github.com/stretchr/testify/require"
)

func TestSmoke(t *testing.T) {
	k, err := keyring.NewRawAES("ns", "n", make([]byte, 32))
	require.NoError(t, err)
	ring, err := keyring.New(k)
	require.NoError(t, err)
	for _, suite := range []envelope.Suite{0x0478, 0x0578} {
		for _, workers := range []int{1, 2, 8} {
			for _, size := range []int{0, 1, 65535, 65536, 65537, 1 << 20, 5<<20 + 17} {
				c, err := envelope.New(ring, &envelope.Options{Suite: suite, Workers: workers})
				require.NoError(t, err)
				pt := make([]byte, size)
				rand.NewChaCha8([32]byte{}).Read(pt)
				ec := envelope.Context{"a": "b"}
				m, err := c.Seal(t.Context(), pt, ec)
				require.NoError(t, err)
				got, err := c.Open(t.Context(), m, ec)
				require.NoError(t, err)
				require.True(t, bytes.Equal(pt, got))
				var b bytes.Buffer
				w, err := c.NewWriter(t.Context(), &b, ec)
				require.NoError(t, err)
				_, err = io.Copy(w, struct{ io.Reader }{bytes.NewReader(pt)})
				require.NoError(t, err)
				require.NoError(t, w.Close())
				require.Equal(t, len(m), b.Len())
				r, err := c.NewReader(t.Context(), bytes.NewReader(b.Bytes()), ec)
				require.NoError(t, err)
				got, err = io.ReadAll(r)
				require.NoError(t, err)
				require.True(t, bytes.Equal(pt, got))
				r, err = c.NewReader(t.Context(), bytes.NewReader(m), ec)
				require.NoError(t, err)
				var out bytes.Buffer
				_, err = io.Copy(&out, r)
				require.NoError(t, err)
				require.True(t, bytes.Equal(pt, out.Bytes()))
				sr, err := c.NewSealingReader(t.Context(), bytes.NewReader(pt), ec)
				require.NoError(t, err)
				m2, err := io.ReadAll(sr)
				require.NoError(t, err)
				require.Equal(t, len(m), len(m2))
				require.Equal(t, int64(len(m2)), sr.Size())
				got, err = c.Open(t.Context(), m2, ec)
				require.NoError(t, err)
				require.True(t, bytes.Equal(pt, got))
			}
		}
	}
}
