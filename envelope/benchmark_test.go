package envelope_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring"
)

// staticKeyring hands out copies of one data key, as a cache does on a hit, so
// that what is timed is the envelope.
type staticKeyring struct {
	key *keyring.DataKey
	enc keyring.EncryptionMaterials
}

func newStaticKeyring(tb testing.TB, suite envelope.Suite, ec envelope.Context) *staticKeyring {
	tb.Helper()
	wrapping, err := keyring.NewRawAES("bench", "key", make([]byte, 32))
	if err != nil {
		tb.Fatal(err)
	}
	ring, err := keyring.New(wrapping)
	if err != nil {
		tb.Fatal(err)
	}
	m, err := ring.EncryptionMaterials(context.Background(), &keyring.EncryptionRequest{Suite: suite, PlaintextLength: -1, EncryptionContext: ec})
	if err != nil {
		tb.Fatal(err)
	}
	return &staticKeyring{key: m.DataKey, enc: *m}
}

func (k *staticKeyring) EncryptionMaterials(context.Context, *keyring.EncryptionRequest) (*keyring.EncryptionMaterials, error) {
	m := k.enc
	m.DataKey = k.key.Clone()
	return &m, nil
}

func (k *staticKeyring) DecryptionMaterials(context.Context, *keyring.DecryptionRequest) (*keyring.DecryptionMaterials, error) {
	return &keyring.DecryptionMaterials{DataKey: k.key.Clone()}, nil
}

func benchClient(b *testing.B, o envelope.Options, ec envelope.Context) *envelope.Client {
	b.Helper()
	if o.Suite == 0 {
		o.Suite = envelope.AES256GCMHKDFSHA512Commit
	}
	c, err := envelope.New(newStaticKeyring(b, o.Suite, ec), &o)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func label(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%dMiB", n>>20)
	case n >= 1<<10:
		return fmt.Sprintf("%dKiB", n>>10)
	}
	return fmt.Sprintf("%dB", n)
}

func must[T any](b *testing.B) func(T, error) T {
	return func(v T, err error) T {
		if err != nil {
			b.Helper()
			b.Fatal(err)
		}
		return v
	}
}

func BenchmarkAppendSeal(b *testing.B) {
	for _, suite := range []envelope.Suite{envelope.AES256GCMHKDFSHA512Commit, envelope.AES256GCMHKDFSHA512CommitECDSAP384} {
		for _, size := range []int{64, 64 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("suite=%#04x/size=%s", uint16(suite), label(size)), func(b *testing.B) {
				c := benchClient(b, envelope.Options{Suite: suite, Workers: 1}, nil)
				plaintext, dst := make([]byte, size), []byte(nil)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					dst = must[[]byte](b)(c.AppendSeal(b.Context(), dst[:0], plaintext, nil))
				}
			})
		}
	}
}

func BenchmarkAppendOpen(b *testing.B) {
	for _, suite := range []envelope.Suite{envelope.AES256GCMHKDFSHA512Commit, envelope.AES256GCMHKDFSHA512CommitECDSAP384} {
		for _, size := range []int{64, 64 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("suite=%#04x/size=%s", uint16(suite), label(size)), func(b *testing.B) {
				c := benchClient(b, envelope.Options{Suite: suite, Workers: 1}, nil)
				message := must[[]byte](b)(c.Seal(b.Context(), make([]byte, size), nil))
				var dst []byte
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					dst = must[[]byte](b)(c.AppendOpen(b.Context(), dst[:0], message, nil))
				}
			})
		}
	}
}

// onlyReader hides WriteTo, so that io.Copy goes the way of files and sockets.
type onlyReader struct{ io.Reader }

func BenchmarkStream(b *testing.B) {
	const size = 64 << 20
	plaintext := make([]byte, size)
	for _, frameLength := range []int{4 << 10, 64 << 10} {
		for _, workers := range []int{1, 2} {
			o := envelope.Options{FrameLength: frameLength, Workers: workers}
			name := fmt.Sprintf("frame=%s/workers=%d", label(frameLength), workers)
			b.Run("seal/"+name, func(b *testing.B) {
				c := benchClient(b, o, nil)
				b.SetBytes(size)
				for b.Loop() {
					w := must[*envelope.Writer](b)(c.NewWriter(b.Context(), io.Discard, nil))
					must[int64](b)(io.Copy(w, onlyReader{bytes.NewReader(plaintext)}))
					if err := w.Close(); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("open/"+name, func(b *testing.B) {
				c := benchClient(b, o, nil)
				message := must[[]byte](b)(c.Seal(b.Context(), plaintext, nil))
				b.SetBytes(size)
				for b.Loop() {
					r := must[*envelope.Reader](b)(c.NewReader(b.Context(), bytes.NewReader(message), nil))
					must[int64](b)(io.Copy(io.Discard, r))
				}
			})
			b.Run("read/"+name, func(b *testing.B) {
				c := benchClient(b, o, nil)
				message := must[[]byte](b)(c.Seal(b.Context(), plaintext, nil))
				buf := make([]byte, 1<<20)
				b.SetBytes(size)
				for b.Loop() {
					r := must[*envelope.Reader](b)(c.NewReader(b.Context(), bytes.NewReader(message), nil))
					must[int64](b)(io.CopyBuffer(struct{ io.Writer }{io.Discard}, onlyReader{r}, buf))
				}
			})
			b.Run("pull/"+name, func(b *testing.B) {
				c := benchClient(b, o, nil)
				buf := make([]byte, 1<<20)
				b.SetBytes(size)
				for b.Loop() {
					r := must[*envelope.SealingReader](b)(c.NewSealingReader(b.Context(), onlyReader{bytes.NewReader(plaintext)}, nil))
					must[int64](b)(io.CopyBuffer(struct{ io.Writer }{io.Discard}, onlyReader{r}, buf))
				}
			})
		}
	}
}

func BenchmarkReaderAt(b *testing.B) {
	const size = 64 << 20
	c := benchClient(b, envelope.Options{Workers: 1}, nil)
	message := must[[]byte](b)(c.Seal(b.Context(), make([]byte, size), nil))
	r := must[*envelope.ReaderAt](b)(c.NewReaderAt(b.Context(), bytes.NewReader(message), int64(len(message)), nil))
	b.Run("random/4KiB", func(b *testing.B) {
		p := make([]byte, 4<<10)
		var i int64
		for b.Loop() {
			i = (i*1664525 + 1013904223) & (1<<32 - 1)
			must[int](b)(r.ReadAt(p, i%(size-4096)))
		}
	})
	b.Run("sequential/4KiB", func(b *testing.B) {
		p := make([]byte, 4<<10)
		b.SetBytes(4 << 10)
		var off int64
		for b.Loop() {
			must[int](b)(r.ReadAt(p, off))
			off = (off + 4096) % size
		}
	})
}

func BenchmarkReadHeader(b *testing.B) {
	ec := envelope.Context{"tenant": "acme", "purpose": "invoices"}
	c := benchClient(b, envelope.Options{}, ec)
	message := must[[]byte](b)(c.Seal(b.Context(), nil, ec))
	r := bytes.NewReader(message)
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(message)
		must[*envelope.Header](b)(envelope.ReadHeader(r))
	}
}
