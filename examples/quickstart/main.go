// Command quickstart seals a file through a KMS, opens it again, and shows what is refused. It runs without an AWS
// account: the KMS is package localkms, in this process.
//
//	go run ./examples/quickstart [file]
//
// The file may have any size: nothing here holds more than a few frames of it. The message stands in a temporary file
// meanwhile. Without a file, this very source is sealed.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring/awskms"
	"github.com/sealwax/sealwax/keyring/localkms"
)

//go:embed main.go
var ownSource []byte

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 1 {
		return errors.New("usage: quickstart [file]")
	}
	source, name, err := openSource(args)
	if err != nil {
		return err
	}
	defer source.Close()

	// In production: kmsAPI := kms.NewFromConfig(cfg), and the ARN of a key of yours. All the rest stays.
	kmsAPI, err := localkms.New(nil)
	if err != nil {
		return err
	}
	defer kmsAPI.Close()
	keyARN, err := kmsAPI.NewKey("alias/quickstart")
	if err != nil {
		return err
	}
	keys, err := awskms.NewKeyring(kmsAPI, keyARN)
	if err != nil {
		return err
	}
	client, err := envelope.New(keys, nil)
	if err != nil {
		return err
	}

	sealed, err := os.CreateTemp("", "quickstart-*.sealed")
	if err != nil {
		return err
	}
	defer os.Remove(sealed.Name())
	defer sealed.Close()
	d := demo{client: client, kms: kmsAPI, sealed: sealed, out: out, ec: envelope.Context{"tenant": "4711", "purpose": "quickstart"}}
	d.line("plaintext", "%s", name)
	if err := d.seal(ctx, source); err != nil {
		return err
	}
	if err := d.open(ctx); err != nil {
		return err
	}
	return d.refuse(ctx)
}

// openSource opens the file named in args, or what stands in for it.
func openSource(args []string) (io.ReadCloser, string, error) {
	if len(args) == 0 {
		return io.NopCloser(bytes.NewReader(ownSource)), "examples/quickstart/main.go, as embedded in this program (no file was named)", nil
	}
	f, err := os.Open(args[0])
	return f, args[0], err
}

type demo struct {
	client *envelope.Client
	kms    *localkms.KMS
	ec     envelope.Context
	sealed *os.File
	out    io.Writer

	digest []byte // SHA-256 of the plaintext
}

func (d *demo) seal(ctx context.Context, source io.Reader) error {
	w, err := d.client.NewWriter(ctx, d.sealed, d.ec)
	if err != nil {
		return err
	}
	digest := sha256.New()
	n, err := io.Copy(w, io.TeeReader(source, digest))
	if err != nil {
		return err
	}
	if err := w.Close(); err != nil { // only now is the message complete
		return err
	}
	d.digest = digest.Sum(nil)

	h := w.Header()
	size, err := h.SealedSize(n)
	if err != nil {
		return err
	}
	d.line("sealed", "%d bytes became %d", n, size)
	d.line("  suite", "%v, message version %d", h.Suite, h.Version)
	for _, edk := range h.EncryptedDataKeys {
		d.line("  data key", "wrapped by %s %s", edk.ProviderID, edk.ProviderInfo)
	}
	d.line("  context", "%s", pairs(h.Context))
	d.line("  size", "header %d bytes, then frames of %d bytes: %d", h.Length, h.FrameLength, frames(n, int64(h.FrameLength)))
	d.kmsCalls()
	return nil
}

func (d *demo) open(ctx context.Context) error {
	r, err := d.client.NewReader(ctx, d.message(), d.ec)
	if err != nil {
		return err
	}
	digest := sha256.New()
	n, err := io.Copy(digest, r) // nil only after everything verified
	if err != nil {
		return err
	}
	opened := digest.Sum(nil)
	if !bytes.Equal(opened, d.digest) {
		return errors.New("what was opened is not what was sealed")
	}
	d.line("opened", "%d bytes, SHA-256 %x… as before", n, opened[:8])
	d.kmsCalls()
	return nil
}

// refuse shows attempts that must fail. Verify opens a message and releases nothing of it.
func (d *demo) refuse(ctx context.Context) error {
	length, err := d.sealed.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	wrong := maps.Clone(d.ec)
	wrong["tenant"] = "4712"
	attempts := []struct {
		what string
		src  io.Reader
		ec   envelope.Context
	}{
		{"another tenant", d.message(), wrong},
		{"a bit flipped", &flipping{src: d.message(), at: length - 1}, d.ec},
		{"a byte cut off", io.LimitReader(d.message(), length-1), d.ec},
	}
	for _, a := range attempts {
		_, err := d.client.Verify(ctx, a.src, a.ec)
		if err == nil {
			return fmt.Errorf("%s: was not refused", a.what)
		}
		d.line("refused", "%s: %s: %v", a.what, category(err), err)
	}
	d.kmsCalls()
	return nil
}

// message reads the sealed file from its start.
func (d *demo) message() io.Reader {
	return io.NewSectionReader(d.sealed, 0, math.MaxInt64)
}

func (d *demo) kmsCalls() {
	d.line("  KMS calls", "GenerateDataKey %d, Decrypt %d", d.kms.Calls("GenerateDataKey"), d.kms.Calls("Decrypt"))
}

func (d *demo) line(title, format string, args ...any) {
	fmt.Fprintf(d.out, "%-12s %s\n", title, fmt.Sprintf(format, args...))
}

// category names the category of an error as a program would find it.
func category(err error) string {
	categories := []struct {
		name string
		err  error
	}{
		{"ErrContext", envelope.ErrContext},
		{"ErrAuthentication", envelope.ErrAuthentication},
		{"ErrTruncated", envelope.ErrTruncated},
		{"ErrFormat", envelope.ErrFormat},
		{"ErrPolicy", envelope.ErrPolicy},
	}
	for _, c := range categories {
		if errors.Is(err, c.err) {
			return c.name
		}
	}
	return "no category"
}

// flipping flips a bit of the byte at an offset.
type flipping struct {
	src io.Reader
	at  int64 // counted from where src stands
}

func (f *flipping) Read(p []byte) (int, error) {
	n, err := f.src.Read(p)
	if f.at >= 0 && f.at < int64(n) {
		p[f.at] ^= 1
	}
	f.at -= int64(n)
	return n, err
}

func frames(n, frameLength int64) int64 { return max(1, (n+frameLength-1)/frameLength) }

func pairs(ec envelope.Context) string {
	var text []string
	for _, name := range slices.Sorted(maps.Keys(ec)) {
		text = append(text, name+"="+ec[name])
	}
	return strings.Join(text, ", ")
}
