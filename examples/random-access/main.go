// Command random-access opens parts of large messages without the rest of them: a file out of an encrypted zip
// archive, and ranges of an encrypted video over HTTP. It runs without an AWS account, and ends by itself.
//
//	go run ./examples/random-access [-size MiB] [-serve ADDR]
//
// With -serve it then serves the video at ADDR until it is interrupted, for a player or curl -r to try.
package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring/awskms"
	"github.com/sealwax/sealwax/keyring/localkms"
)

func main() {
	size := flag.Int64("size", 256, "length of the video in MiB")
	serve := flag.String("serve", "", "address to serve the video at, until interrupted")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *size<<20, *serve, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "random-access:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, videoSize int64, addr string, out io.Writer) error {
	kms, err := localkms.New(nil)
	if err != nil {
		return err
	}
	defer kms.Close()
	keyARN, err := kms.NewKey("alias/media")
	if err != nil {
		return err
	}
	keys, err := awskms.NewKeyring(kms, keyARN)
	if err != nil {
		return err
	}
	client, err := envelope.New(keys, nil)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "random-access-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	if err := extract(ctx, client, filepath.Join(dir, "archive.zip.sealed"), out); err != nil {
		return fmt.Errorf("zip: %w", err)
	}
	if err := stream(ctx, client, filepath.Join(dir, "video.sealed"), videoSize, addr, out); err != nil {
		return fmt.Errorf("video: %w", err)
	}
	return nil
}

// sealFile seals what write writes as one message in the file at path.
func sealFile(ctx context.Context, client *envelope.Client, path string, ec envelope.Context, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w, err := client.NewWriter(ctx, f, ec)
	if err != nil {
		return err
	}
	if err := write(w); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return f.Close()
}

// sealed is a message in a file, open for reading any part of it.
type sealed struct {
	*envelope.ReaderAt
	file *os.File
	size int64        // of the file
	read atomic.Int64 // bytes read from the file
}

func openFile(ctx context.Context, client *envelope.Client, path string, ec envelope.Context) (*sealed, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s := &sealed{file: f, size: info.Size()}
	if s.ReaderAt, err = client.NewReaderAt(ctx, counting{f, &s.read}, s.size, ec); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

func (s *sealed) Close() error { return errors.Join(s.ReaderAt.Close(), s.file.Close()) }

// counting counts what is really read of a message.
type counting struct {
	src io.ReaderAt
	n   *atomic.Int64
}

func (c counting) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.src.ReadAt(p, off)
	c.n.Add(int64(n))
	return n, err
}

// extract lists a sealed zip archive and extracts one file of it.
func extract(ctx context.Context, client *envelope.Client, path string, out io.Writer) error {
	ec := envelope.Context{"kind": "archive"}
	err := sealFile(ctx, client, path, ec, func(w io.Writer) error {
		archive := zip.NewWriter(w)
		for i := range 40 {
			entry, err := archive.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("scan-%02d.raw", i), Method: zip.Store})
			if err != nil {
				return err
			}
			if _, err := io.Copy(entry, io.NewSectionReader(footage(i), 0, 1<<20)); err != nil {
				return err
			}
		}
		return archive.Close()
	})
	if err != nil {
		return err
	}
	s, err := openFile(ctx, client, path, ec)
	if err != nil {
		return err
	}
	defer s.Close()
	archive, err := zip.NewReader(s, s.Size())
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "zip: %d files listed, having read %s of a message of %s\n", len(archive.File), mib(s.read.Load()), mib(s.size))

	file, err := archive.Open("scan-17.raw")
	if err != nil {
		return err
	}
	defer file.Close()
	got, err := io.ReadAll(file) // checks zip's checksum too
	if err != nil {
		return err
	}
	want := make([]byte, 1<<20)
	if _, err := footage(17).ReadAt(want, 0); err != nil || !bytes.Equal(got, want) {
		return errors.New("scan-17.raw is not what was archived")
	}
	fmt.Fprintf(out, "zip: scan-17.raw extracted (%s), having read %s in all\n", mib(int64(len(got))), mib(s.read.Load()))
	return nil
}

// stream serves a sealed video and asks for parts of it.
func stream(ctx context.Context, client *envelope.Client, path string, size int64, addr string, out io.Writer) error {
	ec := envelope.Context{"kind": "video"}
	err := sealFile(ctx, client, path, ec, func(w io.Writer) error {
		_, err := io.Copy(w, io.NewSectionReader(footage(0), 0, size))
		return err
	})
	if err != nil {
		return err
	}
	s, err := openFile(ctx, client, path, ec)
	if err != nil {
		return err
	}
	defer s.Close()

	// ServeContent wants an io.ReadSeeker; each request has one of its own over the same ReaderAt.
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "video/mp4")
		http.ServeContent(w, r, "video.mp4", time.Time{}, io.NewSectionReader(s, 0, s.Size()))
	})
	listenAt := addr
	if listenAt == "" {
		listenAt = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", listenAt)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() { server.Close(); <-served }()

	url := "http://" + listener.Addr().String() + "/video.mp4"
	for _, part := range []struct{ off, length int64 }{{0, 4096}, {size / 2, 1 << 20}, {size - 1000, 1000}} {
		if err := requestRange(ctx, url, part.off, part.length, size); err != nil {
			return err
		}
		fmt.Fprintf(out, "video: bytes %d to %d of %d over HTTP, having read %s of a message of %s\n",
			part.off, part.off+part.length-1, size, mib(s.read.Load()), mib(s.size))
	}
	if addr != "" {
		fmt.Fprintf(out, "video: serving %s until interrupted\n", url)
		<-ctx.Done()
	}
	return nil
}

// requestRange asks for part of the video and compares what comes.
func requestRange(ctx context.Context, url string, off, length, size int64) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", off, off+length-1))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if want := fmt.Sprintf("bytes %d-%d/%d", off, off+length-1, size); resp.StatusCode != http.StatusPartialContent || resp.Header.Get("Content-Range") != want {
		return fmt.Errorf("got status %s, Content-Range %q, want %q", resp.Status, resp.Header.Get("Content-Range"), want)
	}
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	want := make([]byte, length)
	if _, err := footage(0).ReadAt(want, off); err != nil || !bytes.Equal(got, want) {
		return errors.New("the part is not what was sealed")
	}
	return nil
}

// footage is content without end that can be computed at any place.
type footage uint64

func (f footage) ReadAt(p []byte, off int64) (int, error) {
	var word [8]byte
	for i := 0; i < len(p); {
		at := uint64(off) + uint64(i)
		binary.LittleEndian.PutUint64(word[:], (at/8+uint64(f)<<40)*0x9E3779B97F4A7C15)
		i += copy(p[i:], word[at%8:])
	}
	return len(p), nil
}

func mib(n int64) string { return fmt.Sprintf("%.2f MiB", float64(n)/(1<<20)) }
