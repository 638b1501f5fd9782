package interop

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sealwax/sealwax/envelope"
)

// sealForms are all ways to seal. Each returns the message of plaintext.
var sealForms = []struct {
	name string
	seal func(t *testing.T, c *envelope.Client, req *request, plaintext []byte) ([]byte, error)
}{
	{"AppendSeal", func(t *testing.T, c *envelope.Client, req *request, plaintext []byte) ([]byte, error) {
		b, err := c.AppendSeal(t.Context(), []byte("front"), plaintext, req.Context)
		return bytes.TrimPrefix(b, []byte("front")), err
	}},
	{"Writer, 7 bytes at a time", writeChunks(7)},
	{"Writer, 513 bytes at a time", writeChunks(513)},
	{"Writer, length announced", func(t *testing.T, c *envelope.Client, req *request, plaintext []byte) ([]byte, error) {
		return write(t, c, req, bytes.NewReader(plaintext), envelope.WithLength(int64(len(plaintext))))
	}},
	{"Writer.ReadFrom, a byte at a time", func(t *testing.T, c *envelope.Client, req *request, plaintext []byte) ([]byte, error) {
		return write(t, c, req, iotest.OneByteReader(bytes.NewReader(plaintext)))
	}},
	{"SealingReader", func(t *testing.T, c *envelope.Client, req *request, plaintext []byte) ([]byte, error) {
		r, err := c.NewSealingReader(t.Context(), bytes.NewReader(plaintext), req.Context)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(iotest.HalfReader(r))
	}},
	{"SealingReader, length unknown", func(t *testing.T, c *envelope.Client, req *request, plaintext []byte) ([]byte, error) {
		r, err := c.NewSealingReader(t.Context(), iotest.DataErrReader(iotest.HalfReader(bytes.NewReader(plaintext))), req.Context)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(iotest.OneByteReader(r))
	}},
	{"Reseal", func(t *testing.T, c *envelope.Client, req *request, plaintext []byte) ([]byte, error) {
		first, err := c.Seal(t.Context(), plaintext, req.Context)
		if err != nil {
			return nil, err
		}
		var second bytes.Buffer
		err = c.Reseal(t.Context(), &second, bytes.NewReader(first), req.Context, c, req.Context)
		return second.Bytes(), err
	}},
}

func write(t *testing.T, c *envelope.Client, req *request, src io.Reader, opts ...envelope.MessageOption) ([]byte, error) {
	var message bytes.Buffer
	w, err := c.NewWriter(t.Context(), &message, req.Context, opts...)
	if err != nil {
		return nil, err
	}
	if _, err := w.ReadFrom(src); err != nil {
		return nil, err
	}
	err = w.Close()
	return message.Bytes(), err
}

func writeChunks(n int) func(*testing.T, *envelope.Client, *request, []byte) ([]byte, error) {
	return func(t *testing.T, c *envelope.Client, req *request, plaintext []byte) ([]byte, error) {
		var message bytes.Buffer
		w, err := c.NewWriter(t.Context(), &message, req.Context)
		if err != nil {
			return nil, err
		}
		for len(plaintext) > 0 {
			chunk := plaintext[:min(n, len(plaintext))]
			if _, err := w.Write(chunk); err != nil {
				return nil, err
			}
			plaintext = plaintext[len(chunk):]
		}
		err = w.Close()
		return message.Bytes(), err
	}
}

type openForm struct {
	name string
	open func(t *testing.T, c *envelope.Client, req *request, message []byte) ([]byte, error)
}

// isRandomAccess reports whether the form leaves signatures unverified.
func (f openForm) isRandomAccess() bool { return strings.HasPrefix(f.name, "ReaderAt") }

// openForms are all ways to open. Each returns the whole content.
var openForms = []openForm{
	{"AppendOpen", func(t *testing.T, c *envelope.Client, req *request, message []byte) ([]byte, error) {
		b, err := c.AppendOpen(t.Context(), []byte("front"), message, req.Context)
		return bytes.TrimPrefix(b, []byte("front")), err
	}},
	{"Reader", func(t *testing.T, c *envelope.Client, req *request, message []byte) ([]byte, error) {
		r, err := c.NewReader(t.Context(), bytes.NewReader(message), req.Context)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	}},
	{"Reader, a byte at a time on both sides", func(t *testing.T, c *envelope.Client, req *request, message []byte) ([]byte, error) {
		r, err := c.NewReader(t.Context(), iotest.OneByteReader(bytes.NewReader(message)), req.Context)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(iotest.OneByteReader(r))
	}},
	{"Reader.WriteTo", func(t *testing.T, c *envelope.Client, req *request, message []byte) ([]byte, error) {
		r, err := c.NewReader(t.Context(), iotest.HalfReader(bytes.NewReader(message)), req.Context)
		if err != nil {
			return nil, err
		}
		var plaintext bytes.Buffer
		_, err = r.WriteTo(&plaintext)
		return plaintext.Bytes(), err
	}},
	{"ReaderAt, all at once", func(t *testing.T, c *envelope.Client, req *request, message []byte) ([]byte, error) {
		return readAt(t, c, req, message, func(r *envelope.ReaderAt) ([]byte, error) {
			return io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
		})
	}},
	{"ReaderAt, from the end, piece by piece", func(t *testing.T, c *envelope.Client, req *request, message []byte) ([]byte, error) {
		return readAt(t, c, req, message, func(r *envelope.ReaderAt) ([]byte, error) {
			const piece = 101
			plaintext := make([]byte, r.Size())
			for end := len(plaintext); end > 0; end -= piece {
				at := max(0, end-piece)
				if n, err := r.ReadAt(plaintext[at:end], int64(at)); n < end-at {
					return nil, err
				}
			}
			return plaintext, nil
		})
	}},
}

func readAt(t *testing.T, c *envelope.Client, req *request, message []byte, read func(*envelope.ReaderAt) ([]byte, error)) ([]byte, error) {
	r, err := c.NewReaderAt(t.Context(), bytes.NewReader(message), int64(len(message)), req.Context)
	if err != nil {
		return nil, err
	}
	plaintext, err := read(r)
	return plaintext, errors.Join(err, r.Close())
}

// formSuites: one without and one with a signature, in both versions of the format.
var formSuites = []envelope.Suite{
	envelope.AES256GCMHKDFSHA256, envelope.AES256GCMHKDFSHA384ECDSAP384,
	envelope.AES256GCMHKDFSHA512Commit, envelope.AES256GCMHKDFSHA512CommitECDSAP384,
}

// formSizes are sizes around the edges of frames of 512 bytes, and one of more
// frames than a batch holds.
var formSizes = []int{0, 1, 511, 512, 513, 1024, 1025, 30_000}

// However we seal, the peers open it.
func TestFormsOfSealing(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		for _, form := range sealForms {
			t.Run(form.name, func(t *testing.T) {
				for _, suite := range formSuites {
					for _, size := range formSizes {
						for _, workers := range []int{1, 4} {
							req := newRequest(suite, 512)
							message, err := form.seal(t, newFormClient(t, req, workers), req, content(size))
							if err != nil {
								t.Fatalf("%d bytes (%s): %v", size, req, err)
							}
							checkMessage(t, sealwax{}, req, message, size)
							mustOpen(t, p, req, message, content(size))
							p.sealedByUs.Add(1)
						}
					}
				}
			})
		}
	})
}

// However we open, we find what the peers sealed.
func TestFormsOfOpening(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		for _, suite := range formSuites {
			for _, size := range formSizes {
				req := newRequest(suite, 512)
				checkOpenForms(t, p, req, size)
				if p.nonFramed {
					checkOpenForms(t, p, newRequest(suite, 0), size)
				}
			}
		}
	})
}

func checkOpenForms(t *testing.T, p *peer, req *request, size int) {
	t.Helper()
	message := mustSeal(t, p, req, content(size))
	for _, form := range openForms {
		for _, workers := range []int{1, 4} {
			plaintext, err := form.open(t, newFormClient(t, req, workers), req, message)
			if err != nil || !bytes.Equal(plaintext, content(size)) {
				t.Errorf("%s, %d workers, %d bytes (%s): %d bytes, %v", form.name, workers, size, req, len(plaintext), err)
			}
		}
	}
	h, err := newFormClient(t, req, 1).Verify(t.Context(), bytes.NewReader(message), req.Context)
	if err != nil || h.Suite != req.Suite {
		t.Errorf("Verify (%s): %v", req, err)
	}
	p.sealedByPeer.Add(1)
}

// newFormClient returns a client for every form, random access to signed
// messages included.
func newFormClient(t *testing.T, req *request, workers int) *envelope.Client {
	t.Helper()
	ring, err := newRing(req)
	if err != nil {
		t.Fatal(err)
	}
	c, err := envelope.New(ring, &envelope.Options{
		Suite:                    req.Suite,
		FrameLength:              req.FrameLength,
		Commitment:               commitments[req.Policy],
		Workers:                  workers,
		AllowUnverifiedSignature: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What a peer's tampered message gives before the fault is a prefix of its
// content, and never the whole.
func TestFormsOfOpeningTamperedMessages(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		for _, suite := range formSuites {
			req := newRequest(suite, 128)
			message := mustSeal(t, p, req, threeFrames(req))
			for _, bad := range tampered(t, message) {
				checkOpenFormsRefuse(t, req, bad, threeFrames(req))
			}
		}
	})
}

func checkOpenFormsRefuse(t *testing.T, req *request, bad tampering, plaintext []byte) {
	t.Helper()
	for _, form := range openForms {
		c := newFormClient(t, req, 1)
		got, err := form.open(t, c, req, bad.message)
		if err != nil && isTyped(err) && bytes.HasPrefix(plaintext, got) {
			continue
		}
		if err == nil && form.isRandomAccess() && req.Suite.Signed() && bytes.Equal(got, plaintext) {
			continue // the signature, or what follows it, is what was tampered with
		}
		t.Errorf("%s (%s, %s): %d bytes, %v", form.name, bad.what, req, len(got), err)
	}
}
