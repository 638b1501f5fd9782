package envelope_test

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/vectors"
	"github.com/sealwax/sealwax/keyring"
)

// FuzzOpen: whatever the bytes, all ways of opening agree, refuse with a
// category, and never panic.
func FuzzOpen(f *testing.F) {
	for _, v := range vectors.Corpus() {
		if len(v.Message) < 1000 {
			f.Add(v.Message)
		}
	}
	// A data key for every suite: the one that the vectors are sealed with.
	keys := keyringFuncs{open: func(req *keyring.DecryptionRequest) (*keyring.DecryptionMaterials, error) {
		return &keyring.DecryptionMaterials{DataKey: keyring.NewDataKey(vectors.Bytes("data key", req.Suite.KeyLength()))}, nil
	}}
	var clients []*envelope.Client
	for _, workers := range []int{1, 3} {
		c, err := envelope.New(keys, &envelope.Options{
			Commitment: envelope.RequireEncryptAllowDecrypt, ContextMatch: envelope.MatchAny, Workers: workers,
			AllowUnverifiedSignature: true, MaxFrameLength: 1 << 20, MaxHeaderSize: 1 << 16,
		})
		if err != nil {
			f.Fatal(err)
		}
		clients = append(clients, c)
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		want, wantErr := clients[0].Open(context.Background(), msg, nil)
		if wantErr != nil && (want != nil || !isRefusal(wantErr)) {
			t.Fatalf("Open: %q, error %v", want, wantErr)
		}
		for i, way := range openingWays() {
			got, err := way.open(context.Background(), clients[i%2], msg, nil)
			switch {
			case err != nil && !isRefusal(err):
				t.Fatalf("%s: error %v", way.name, err)
			case way.random && err == nil && wantErr != nil:
				// Random access sees neither signature nor, without it, the rest.
				h, _ := envelope.ReadHeader(bytes.NewReader(msg))
				if !h.Suite.Signed() {
					t.Fatalf("%s opens what Open does not: %v", way.name, wantErr)
				}
			case !way.random && (err == nil) != (wantErr == nil):
				t.Fatalf("%s: error %v, Open's: %v", way.name, err, wantErr)
			case err == nil && wantErr == nil && !way.silent && !bytes.Equal(got, want):
				t.Fatalf("%s: %q, Open's: %q", way.name, got, want)
			case err != nil && wantErr == nil && !way.random:
				t.Fatalf("%s: error %v, and Open opens it", way.name, err)
			}
		}
	})
}

// FuzzReaderAt: any ranges of any message give the plaintext.
func FuzzReaderAt(f *testing.F) {
	f.Add(uint16(100), uint16(7), []byte{0, 0, 10, 50, 99, 200})
	f.Add(uint16(0), uint16(1), []byte{0, 1})
	f.Add(uint16(64), uint16(64), []byte{0, 64, 63, 2, 64, 1})
	keys := newTestKeys()
	f.Fuzz(func(t *testing.T, size, frameLength uint16, ranges []byte) {
		size %= 5000
		ranges = ranges[:min(len(ranges), 60)]
		frameLength = max(1, frameLength%600)
		client := newClient(t, keys, optionsOf(envelope.AES256GCMHKDFSHA512Commit, int(frameLength), 2))
		plaintext := patternBytes(int(size))
		msg, err := client.Seal(context.Background(), plaintext, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := client.NewReaderAt(context.Background(), bytes.NewReader(msg), int64(len(msg)), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for len(ranges) >= 2 {
			off, n := int(ranges[0])*int(size)/200, int(ranges[1])*int(size)/200
			ranges = ranges[2:]
			checkRange(t, r, plaintext, off, n)
		}
		if got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size())); err != nil || !bytes.Equal(got, plaintext) {
			t.Fatalf("%d bytes, error %v", len(got), err)
		}
	})
}
