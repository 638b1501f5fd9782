package envelope_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring"
)

// exampleKeys stands for a keyring of KMS keys, so that the examples run
// anywhere: awskms.NewKeyring(kmsClient, keyARN) takes its place.
func exampleKeys() keyring.Keyring {
	key, err := keyring.NewRawAES("example", "key-1", make([]byte, 32))
	if err != nil {
		log.Fatal(err)
	}
	keys, err := keyring.New(key)
	if err != nil {
		log.Fatal(err)
	}
	return keys
}

// exampleClient panics rather than return an error.
func exampleClient(opts *envelope.Options) *envelope.Client {
	client, err := envelope.New(exampleKeys(), opts)
	if err != nil {
		log.Fatal(err)
	}
	return client
}

// Seal a value and open it again. The encryption context is bound to it, and is
// not secret.
func Example() {
	ctx := context.Background()
	client, err := envelope.New(exampleKeys(), nil)
	if err != nil {
		log.Fatal(err)
	}
	message, err := client.Seal(ctx, []byte("attack at dawn"), envelope.Context{"tenant": "42"})
	if err != nil {
		log.Fatal(err)
	}

	plaintext, err := client.Open(ctx, message, envelope.Context{"tenant": "42"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", plaintext)

	_, err = client.Open(ctx, message, envelope.Context{"tenant": "43"})
	fmt.Println("another tenant:", errors.Is(err, envelope.ErrContext))

	message[len(message)-1] ^= 1
	_, err = client.Open(ctx, message, envelope.Context{"tenant": "42"})
	fmt.Println("a changed bit:", errors.Is(err, envelope.ErrAuthentication))
	// Output:
	// attack at dawn
	// another tenant: true
	// a changed bit: true
}

// Stream a file into a message. Only Close makes it whole.
func ExampleClient_NewWriter() {
	ctx := context.Background()
	client := exampleClient(nil)
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	file, err := os.Create(filepath.Join(dir, "report.sealed"))
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	w, err := client.NewWriter(ctx, file, envelope.Context{"file": "report"})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := io.Copy(w, strings.NewReader(strings.Repeat("a line of the report\n", 10_000))); err != nil {
		log.Fatal(err) // what was written is no message: nobody opens it
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}

	// And out of it again.
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		log.Fatal(err)
	}
	r, err := client.NewReader(ctx, file, envelope.Context{"file": "report"})
	if err != nil {
		log.Fatal(err)
	}
	n, err := io.Copy(io.Discard, r)
	if err != nil {
		log.Fatal(err) // what was read before is authentic, and not all of it
	}
	fmt.Println(n, "bytes")
	// Output:
	// 210000 bytes
}

// Read one file out of an encrypted zip without opening the rest.
func ExampleClient_NewReaderAt() {
	ctx := context.Background()
	client := exampleClient(nil)
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for _, name := range []string{"a.txt", "b.txt"} {
		f, err := z.Create(name)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Fprintf(f, "this is %s", name)
	}
	if err := z.Close(); err != nil {
		log.Fatal(err)
	}
	message, err := client.Seal(ctx, archive.Bytes(), nil)
	if err != nil {
		log.Fatal(err)
	}

	// An *os.File or an object in a store does as well as bytes.
	r, err := client.NewReaderAt(ctx, bytes.NewReader(message), int64(len(message)), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	files, err := zip.NewReader(r, r.Size())
	if err != nil {
		log.Fatal(err)
	}
	f, err := files.Open("b.txt")
	if err != nil {
		log.Fatal(err)
	}
	content, err := io.ReadAll(f)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", content)
	// Output:
	// this is b.txt
}

// Seal for an API that wants an io.Reader and the size of what it uploads.
func ExampleClient_NewSealingReader() {
	client := exampleClient(nil)
	body, err := client.NewSealingReader(context.Background(), strings.NewReader("what is uploaded"), nil)
	if err != nil {
		log.Fatal(err)
	}
	size := body.Size()
	n, err := io.Copy(io.Discard, body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("as announced:", n == size)
	// Output:
	// as announced: true
}

// Move a message to other keys, or to another context, for good. Plaintext is
// never at rest, and memory is constant.
func ExampleClient_Reseal() {
	ctx := context.Background()
	from := exampleClient(nil)
	to := exampleClient(&envelope.Options{Suite: envelope.AES256GCMHKDFSHA512CommitECDSAP384})
	old, err := from.Seal(ctx, []byte("kept"), envelope.Context{"owner": "alice"})
	if err != nil {
		log.Fatal(err)
	}

	var renewed bytes.Buffer
	err = from.Reseal(ctx, &renewed, bytes.NewReader(old), envelope.Context{"owner": "alice"}, to, envelope.Context{"owner": "bob"})
	if err != nil {
		log.Fatal(err)
	}
	plaintext, err := to.Open(ctx, renewed.Bytes(), envelope.Context{"owner": "bob"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", plaintext)
	// Output:
	// kept
}

// See what a message says of itself. It takes no keys, and so nothing of it is
// authenticated.
func ExampleReadHeader() {
	message, err := exampleClient(nil).Seal(context.Background(), make([]byte, 1000), envelope.Context{"tenant": "42"})
	if err != nil {
		log.Fatal(err)
	}

	h, err := envelope.ReadHeader(bytes.NewReader(message))
	if err != nil {
		log.Fatal(err)
	}
	size, err := h.PlaintextSize(int64(len(message)))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("suite:", h.Suite)
	fmt.Println("context:", h.Context)
	fmt.Println("key:", h.EncryptedDataKeys[0].ProviderID)
	fmt.Println("content:", size, "bytes")
	// Output:
	// suite: AES-256-GCM HKDF-SHA-512 key commitment (0x0478)
	// context: map[tenant:42]
	// key: example
	// content: 1000 bytes
}

// Check that a message is whole and authentic, without its content going
// anywhere.
func ExampleClient_Verify() {
	ctx := context.Background()
	client := exampleClient(nil)
	message, err := client.Seal(ctx, []byte("backup"), nil)
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Verify(ctx, bytes.NewReader(message), nil)
	fmt.Println("whole:", err == nil)
	_, err = client.Verify(ctx, bytes.NewReader(message[:len(message)-1]), nil)
	fmt.Println("cut off:", errors.Is(err, envelope.ErrTruncated))
	// Output:
	// whole: true
	// cut off: true
}

// Bind a message to a pair that is not written into it. Opening needs it again.
func ExampleOptions_unstoredContext() {
	ctx := context.Background()
	client := exampleClient(&envelope.Options{UnstoredContext: []string{"patient"}})
	ec := envelope.Context{"clinic": "7", "patient": "Ada"}
	message, err := client.Seal(ctx, []byte("findings"), ec)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("in the message:", bytes.Contains(message, []byte("Ada")))

	plaintext, err := client.Open(ctx, message, ec)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("with it: %s\n", plaintext)

	ec["patient"] = "Eve"
	_, err = client.Open(ctx, message, ec)
	fmt.Println("with another:", errors.Is(err, envelope.ErrContext))
	// Output:
	// in the message: false
	// with it: findings
	// with another: true
}

// Append to buffers that are there already, as a hot path does.
func ExampleClient_AppendOpen() {
	ctx := context.Background()
	client := exampleClient(nil)
	message, err := client.AppendSeal(ctx, make([]byte, 0, 512), []byte("value"), nil)
	if err != nil {
		log.Fatal(err)
	}
	out, err := client.AppendOpen(ctx, []byte("the value is: "), message, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", out)
	// Output:
	// the value is: value
}
