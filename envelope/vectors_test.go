package envelope_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/vectors"
)

// Our own vectors: what nobody publishes. docs/vectors.md describes them.
func TestVectors(t *testing.T) {
	corpus := committedVectors(t)
	refusals := map[string]error{
		"format": envelope.ErrFormat, "authentication": envelope.ErrAuthentication, "context": envelope.ErrContext,
		"policy": envelope.ErrPolicy, "truncated": envelope.ErrTruncated,
	}
	seen := map[string]bool{}
	for _, v := range corpus {
		if seen[v.Name] {
			t.Errorf("two vectors have the name %q", v.Name)
		}
		seen[v.Name] = true
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			key, err := hex.DecodeString(v.DataKey)
			if err != nil {
				t.Fatal(err)
			}
			want := refusals[v.Refused]
			if want == nil && v.Refused != "" {
				t.Fatalf("unknown refusal %q", v.Refused)
			}
			for _, workers := range []int{1, 2} {
				c := newClient(t, holding(key), &envelope.Options{
					Commitment: envelope.RequireEncryptAllowDecrypt, Workers: workers,
					AllowUnverifiedSignature: true, MaxEncryptedDataKeys: 1000,
				})
				for _, way := range openingWays() {
					runVector(t, way, c, v, want)
				}
			}
		})
	}
}

func runVector(t *testing.T, way openingWay, c *envelope.Client, v vectors.Vector, want error) {
	t.Helper()
	var content []byte
	if v.Plaintext != nil {
		content = *v.Plaintext
	}
	got, err := way.open(t.Context(), c, v.Message, v.Context)
	switch {
	case want == nil:
		if err != nil || !way.silent && !bytes.Equal(got, content) {
			t.Errorf("%s: got %q, error %v, want %q", way.name, got, err, content)
		}
	case way.random && v.Plaintext != nil:
		// The fault is one that random access does not look for: what is behind
		// the frames. All that it releases is authentic.
		if err == nil && !bytes.Equal(got, content) || err != nil && !isRefusal(err) {
			t.Errorf("%s: got %q, error %v", way.name, got, err)
		}
	case way.random:
		// It looks at the end first, and may find another reason.
		if !isRefusal(err) {
			t.Errorf("%s: got %q, error %v, want a refusal", way.name, got, err)
		}
	case !errors.Is(err, want):
		t.Errorf("%s: got %q, error %v, want %v", way.name, got, err, want)
	case (way.whole || way.silent) && len(got) > 0:
		t.Errorf("%s: released %q with error %v", way.name, got, err)
	}
}

func committedVectors(t *testing.T) []vectors.Vector {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var corpus []vectors.Vector
	if err := json.Unmarshal(b, &corpus); err != nil {
		t.Fatal(err)
	}
	if len(corpus) < 150 {
		t.Fatalf("%d vectors: part of the corpus is missing", len(corpus))
	}
	return corpus
}

// The committed file is what the generator writes.
func TestVectorsAreGenerated(t *testing.T) {
	got, want := committedVectors(t), vectors.Corpus()
	if len(got) != len(want) {
		t.Fatalf("%d vectors, the generator makes %d: run go generate ./internal/vectors", len(got), len(want))
	}
	for i := range want {
		a, _ := json.Marshal(got[i])
		b, _ := json.Marshal(want[i])
		if !bytes.Equal(a, b) {
			t.Errorf("%q is not what the generator makes: run go generate ./internal/vectors", got[i].Name)
		}
	}
}

// publishedVectors is where the vectors published by AWS are looked for, unless
// SEALWAX_VECTORS names their folder. They are not part of the repository.
const publishedVectors = "../../shared/vectors"

// The published vectors of key commitment, as published: 41 open, 5 do not
// because they commit to another key.
func TestPublishedCommitmentVectors(t *testing.T) {
	folder := os.Getenv("SEALWAX_VECTORS")
	if folder == "" {
		folder = publishedVectors
	}
	b, err := os.ReadFile(filepath.Join(folder, "commitment.json"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("the published vectors are not in %s: set SEALWAX_VECTORS to the folder that has commitment.json", folder)
	}
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Tests []struct {
			Comment         string   `json:"comment"`
			Ciphertext      []byte   `json:"ciphertext"`
			DataKey         []byte   `json:"decrypted-dek"`
			MessageID       []byte   `json:"message-id"`
			Commitment      []byte   `json:"commitment"`
			PlaintextFrames []string `json:"plaintext-frames"`
			Status          bool     `json:"status"`
		} `json:"tests"`
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	opened, refused := 0, 0
	for _, tt := range file.Tests {
		t.Run(tt.Comment, func(t *testing.T) {
			var want []byte
			for _, frame := range tt.PlaintextFrames {
				want = append(want, frame...)
			}
			c := newClient(t, holding(tt.DataKey), &envelope.Options{ContextMatch: envelope.MatchAny, AllowUnverifiedSignature: true})
			for _, way := range openingWays() {
				got, err := way.open(t.Context(), c, tt.Ciphertext, nil)
				switch {
				case tt.Status && (err != nil || !way.silent && !bytes.Equal(got, want)):
					t.Errorf("%s: got %q, error %v, want %q", way.name, got, err, want)
				case !tt.Status && (!errors.Is(err, envelope.ErrAuthentication) || len(got) > 0):
					t.Errorf("%s: got %q, error %v, want ErrAuthentication", way.name, got, err)
				}
			}
			h, err := envelope.ReadHeader(bytes.NewReader(tt.Ciphertext))
			if err != nil || !bytes.Equal(h.MessageID, tt.MessageID) {
				t.Fatalf("header %+v, error %v", h, err)
			}
			if at := h.Length - 16 - 32; tt.Status && !bytes.Equal(tt.Ciphertext[at:at+32], tt.Commitment) {
				t.Errorf("the header's last field before its tag is % x, want the commitment % x", tt.Ciphertext[at:at+32], tt.Commitment)
			}
		})
		if tt.Status {
			opened++
		} else {
			refused++
		}
	}
	if opened != 41 || refused != 5 {
		t.Errorf("%d messages that open and %d that do not, want 41 and 5", opened, refused)
	}
}
