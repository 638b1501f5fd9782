package envelope_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing/iotest"

	"github.com/sealwax/sealwax/envelope"
)

// sealingWay is one way of sealing plaintext.
type sealingWay struct {
	name string
	seal func(ctx context.Context, c *envelope.Client, plaintext []byte, ec envelope.Context) ([]byte, error)
}

// sealingWays returns all ways of sealing, with writes of sizes around that of
// frames.
func sealingWays(frameLength int) []sealingWay {
	ways := []sealingWay{
		{"Seal", func(ctx context.Context, c *envelope.Client, plaintext []byte, ec envelope.Context) ([]byte, error) {
			return c.Seal(ctx, plaintext, ec)
		}},
		{"AppendSeal", func(ctx context.Context, c *envelope.Client, plaintext []byte, ec envelope.Context) ([]byte, error) {
			out, err := c.AppendSeal(ctx, []byte("prefix"), plaintext, ec)
			if err == nil && !bytes.HasPrefix(out, []byte("prefix")) {
				return nil, errors.New("AppendSeal changed dst")
			}
			return bytes.TrimPrefix(out, []byte("prefix")), err
		}},
		{"ReadFrom", throughWriter(func(w *envelope.Writer, plaintext []byte) error {
			n, err := w.ReadFrom(bareReader{bytes.NewReader(plaintext)})
			return checkCount(n, len(plaintext), err)
		})},
		{"ReadFrom in halves", throughWriter(func(w *envelope.Writer, plaintext []byte) error {
			n, err := w.ReadFrom(iotest.HalfReader(iotest.DataErrReader(bytes.NewReader(plaintext))))
			return checkCount(n, len(plaintext), err)
		})},
		{"Write, ReadFrom, Write", throughWriter(func(w *envelope.Writer, plaintext []byte) error {
			third := len(plaintext) / 3
			_, err1 := w.Write(plaintext[:third])
			n, err2 := w.ReadFrom(bareReader{bytes.NewReader(plaintext[third : 2*third])})
			_, err3 := w.Write(plaintext[2*third:])
			return errors.Join(err1, checkCount(n, third, err2), err3)
		})},
		{"SealingReader", func(ctx context.Context, c *envelope.Client, plaintext []byte, ec envelope.Context) ([]byte, error) {
			r, err := c.NewSealingReader(ctx, bareReader{bytes.NewReader(plaintext)}, ec)
			if err != nil {
				return nil, err
			}
			return io.ReadAll(r)
		}},
		{"SealingReader of known length", func(ctx context.Context, c *envelope.Client, plaintext []byte, ec envelope.Context) ([]byte, error) {
			r, err := c.NewSealingReader(ctx, bytes.NewReader(plaintext), ec)
			if err != nil {
				return nil, err
			}
			out, err := io.ReadAll(iotest.HalfReader(r))
			return out, checkCount(r.Size(), len(out), err)
		}},
		{"SealingReader.WriteTo", func(ctx context.Context, c *envelope.Client, plaintext []byte, ec envelope.Context) ([]byte, error) {
			r, err := c.NewSealingReader(ctx, bareReader{bytes.NewReader(plaintext)}, ec)
			if err != nil {
				return nil, err
			}
			var out bytes.Buffer
			n, err := r.WriteTo(&out)
			err = checkCount(n, out.Len(), err)
			return out.Bytes(), err
		}},
		{"SealingReader, then WriteTo", func(ctx context.Context, c *envelope.Client, plaintext []byte, ec envelope.Context) ([]byte, error) {
			r, err := c.NewSealingReader(ctx, bareReader{bytes.NewReader(plaintext)}, ec)
			if err != nil {
				return nil, err
			}
			var out bytes.Buffer
			if _, err := io.CopyN(&out, r, 100); err != nil {
				return nil, err
			}
			_, err = r.WriteTo(&out)
			return out.Bytes(), err
		}},
	}
	for _, size := range slices.Compact([]int{1, max(1, frameLength-1), frameLength, frameLength + 1, 300 << 10, 1 << 30}) {
		if frameLength > 1000 && size == 1 {
			size = 1000
		}
		ways = append(ways, sealingWay{fmt.Sprintf("Writes of %d", size), throughWriter(func(w *envelope.Writer, plaintext []byte) error {
			for chunk := range slices.Chunk(plaintext, size) {
				n, err := w.Write(chunk)
				if err := checkCount(int64(n), len(chunk), err); err != nil {
					return err
				}
			}
			return nil
		})})
	}
	return ways
}

// throughWriter seals with a Writer of unannounced length.
func throughWriter(write func(w *envelope.Writer, plaintext []byte) error) func(context.Context, *envelope.Client, []byte, envelope.Context) ([]byte, error) {
	return func(ctx context.Context, c *envelope.Client, plaintext []byte, ec envelope.Context) ([]byte, error) {
		var out bytes.Buffer
		w, err := c.NewWriter(ctx, &out, ec)
		if err != nil {
			return nil, err
		}
		if err := write(w, plaintext); err != nil {
			return nil, err
		}
		err = closeTwice(w, &out)
		return out.Bytes(), err
	}
}

// closeTwice closes a Writer: a second Close changes nothing.
func closeTwice(w *envelope.Writer, out *bytes.Buffer) error {
	if err := w.Close(); err != nil {
		return err
	}
	n := out.Len()
	if err := w.Close(); err != nil || out.Len() != n {
		return fmt.Errorf("second Close: %d bytes more, error %v", out.Len()-n, err)
	}
	return nil
}

func checkCount(got int64, want int, err error) error {
	if err == nil && got != int64(want) {
		return fmt.Errorf("count is %d, want %d", got, want)
	}
	return err
}

// bareReader hides what else a reader can do.
type bareReader struct{ io.Reader }

// openingWay is one way of opening a message. open returns the content that was
// released, also beside an error.
type openingWay struct {
	name string
	open func(ctx context.Context, c *envelope.Client, msg []byte, ec envelope.Context) ([]byte, error)

	silent bool // releases nothing, whatever it is given
	whole  bool // releases nothing unless everything verified
	random bool // does not look at signatures
}

// Ways of opening; openingWays returns all.
var (
	wayOpen = openingWay{name: "Open", whole: true, open: func(ctx context.Context, c *envelope.Client, msg []byte, ec envelope.Context) ([]byte, error) {
		return c.Open(ctx, msg, ec)
	}}
	wayAppendOpen = openingWay{name: "AppendOpen", whole: true, open: appendOpen}
	wayReader     = openingWay{name: "Reader", open: throughReader(func(r *envelope.Reader) ([]byte, error) {
		return io.ReadAll(r)
	}, bareSource)}
	wayTinyReads = openingWay{name: "Reader, reads of 3 bytes from a source of 5", open: throughReader(func(r *envelope.Reader) ([]byte, error) {
		return readAll(r, 3)
	}, func(r io.Reader) io.Reader { return &chunkReader{r, 5} })}
	wayHugeReads = openingWay{name: "Reader, reads of 1 MiB", open: throughReader(func(r *envelope.Reader) ([]byte, error) {
		return readAll(r, 1<<20)
	}, iotest.DataErrReader)}
	wayWriteTo         = openingWay{name: "WriteTo", open: throughReader(writeTo, bareSource)}
	wayReadThenWriteTo = openingWay{name: "Read, then WriteTo from a source in halves", open: throughReader(readThenWriteTo, iotest.HalfReader)}
	wayMemory          = openingWay{name: "WriteTo from memory", open: fromMemory(writeTo)}
	wayMemoryReads     = openingWay{name: "Reader, reads of 100,000 bytes from memory", open: fromMemory(func(r *envelope.Reader) ([]byte, error) {
		return readAll(r, 100_000)
	})}
	wayMemoryReadThenWriteTo = openingWay{name: "Read, then WriteTo from memory", open: fromMemory(readThenWriteTo)}
	wayVerify                = openingWay{name: "Verify", silent: true, open: func(ctx context.Context, c *envelope.Client, msg []byte, ec envelope.Context) ([]byte, error) {
		_, err := c.Verify(ctx, bytes.NewReader(msg), ec)
		return nil, err
	}}
	wayReseal   = openingWay{name: "Reseal", whole: true, open: reseal}
	wayReaderAt = openingWay{name: "ReaderAt", random: true, open: func(ctx context.Context, c *envelope.Client, msg []byte, ec envelope.Context) ([]byte, error) {
		r, err := c.NewReaderAt(ctx, bytes.NewReader(msg), int64(len(msg)), ec)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	}}
)

func openingWays() []openingWay {
	return []openingWay{wayOpen, wayAppendOpen, wayReader, wayTinyReads, wayHugeReads, wayWriteTo, wayReadThenWriteTo, wayMemory, wayMemoryReads, wayMemoryReadThenWriteTo, wayVerify, wayReseal, wayReaderAt}
}

func bareSource(r io.Reader) io.Reader { return bareReader{r} }

func writeTo(r *envelope.Reader) ([]byte, error) {
	var out bytes.Buffer
	n, err := r.WriteTo(&out)
	err = checkCount(n, out.Len(), err)
	return out.Bytes(), err
}

func readThenWriteTo(r *envelope.Reader) ([]byte, error) {
	var out bytes.Buffer
	first := make([]byte, 1)
	n, err := r.Read(first)
	out.Write(first[:n])
	if err == nil {
		_, err = r.WriteTo(&out)
	}
	if err == io.EOF {
		err = nil
	}
	return out.Bytes(), err
}

// fromMemory opens a message from where it lies, and looks at what is left of it.
func fromMemory(read func(*envelope.Reader) ([]byte, error)) func(context.Context, *envelope.Client, []byte, envelope.Context) ([]byte, error) {
	return func(ctx context.Context, c *envelope.Client, msg []byte, ec envelope.Context) ([]byte, error) {
		kept := bytes.Clone(msg)
		out, err := throughReader(read, func(r io.Reader) io.Reader { return r })(ctx, c, msg, ec)
		if !bytes.Equal(msg, kept) {
			return out, errors.New("the Reader changed the message in the caller's memory")
		}
		return out, err
	}
}

func throughReader(read func(*envelope.Reader) ([]byte, error), source func(io.Reader) io.Reader) func(context.Context, *envelope.Client, []byte, envelope.Context) ([]byte, error) {
	return func(ctx context.Context, c *envelope.Client, msg []byte, ec envelope.Context) ([]byte, error) {
		r, err := c.NewReader(ctx, source(bytes.NewReader(msg)), ec)
		if err != nil {
			return nil, err
		}
		out, err := read(r)
		want := err
		if err == nil {
			want = io.EOF
		}
		// What Read said last, it says for ever.
		if n, again := r.Read(make([]byte, 10)); n != 0 || again != want {
			return out, fmt.Errorf("after the end, Read gave %d bytes and %v, want %v", n, again, want)
		}
		return out, err
	}
}

// readAll reads pieces of n bytes.
func readAll(r io.Reader, n int) ([]byte, error) {
	var out []byte
	buf := make([]byte, n)
	for {
		got, err := r.Read(buf)
		out = append(out, buf[:got]...)
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
	}
}

// chunkReader gives n bytes at most.
type chunkReader struct {
	r io.Reader
	n int
}

func (c *chunkReader) Read(p []byte) (int, error) { return c.r.Read(p[:min(len(p), c.n)]) }

// appendOpen appends to a buffer with room behind, and looks at that room.
func appendOpen(ctx context.Context, c *envelope.Client, msg []byte, ec envelope.Context) ([]byte, error) {
	dst := make([]byte, 3, 3+len(msg))
	copy(dst, "dst")
	out, err := c.AppendOpen(ctx, dst, msg, ec)
	if err == nil {
		if !bytes.HasPrefix(out, []byte("dst")) {
			return nil, errors.New("AppendOpen changed dst")
		}
		return out[3:], nil
	}
	if out != nil {
		return out, err
	}
	if written := bytes.Trim(dst[3:cap(dst)], "\x00"); len(written) > 0 {
		return written, err
	}
	return nil, err
}

// reseal seals the content again and opens that. If it fails, what it wrote
// must not open.
func reseal(ctx context.Context, c *envelope.Client, msg []byte, ec envelope.Context) ([]byte, error) {
	opts := &envelope.Options{Workers: 1}
	if len(msg) < 10000 {
		opts.FrameLength = 5
	}
	to, err := envelope.New(newTestKeys(), opts)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := c.Reseal(ctx, &out, bytes.NewReader(msg), ec, to, nil); err != nil {
		content, openErr := to.Open(ctx, out.Bytes(), nil)
		if openErr == nil {
			return append(content, "and what Reseal left behind opens"...), err
		}
		return nil, err
	}
	return to.Open(ctx, out.Bytes(), nil)
}
