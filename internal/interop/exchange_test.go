package interop

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring"
)

// exchange has each side open what the other seals, as req says. A peer that
// cannot seal frames of the length still opens them.
func exchange(t *testing.T, p *peer, req *request, plaintext []byte) {
	t.Helper()
	weSealTheyOpen(t, p, req, req, plaintext)
	if p.seals(req.FrameLength) {
		theySealWeOpen(t, p, req, req, plaintext)
	}
}

func weSealTheyOpen(t *testing.T, p *peer, sealing, opening *request, plaintext []byte) {
	t.Helper()
	message := mustSeal(t, sealwax{}, sealing, plaintext)
	mustOpen(t, p, opening, message, plaintext)
	p.sealedByUs.Add(1)
}

func theySealWeOpen(t *testing.T, p *peer, sealing, opening *request, plaintext []byte) {
	t.Helper()
	message := mustSeal(t, p, sealing, plaintext)
	mustOpen(t, sealwax{}, opening, message, plaintext)
	p.sealedByPeer.Add(1)
}

// mustSeal returns a message of by's, which is what req says.
func mustSeal(t *testing.T, by party, req *request, plaintext []byte) []byte {
	t.Helper()
	message, err := by.seal(t.Context(), req, plaintext)
	if err != nil {
		t.Fatalf("%s does not seal %d bytes (%s): %v", partyName(by), len(plaintext), req, err)
	}
	checkMessage(t, by, req, message, len(plaintext))
	return message
}

// mustOpen checks that by opens message, and finds plaintext and context in it.
func mustOpen(t *testing.T, by party, req *request, message, plaintext []byte) {
	t.Helper()
	got, err := by.open(t.Context(), req, message)
	if err != nil {
		t.Fatalf("%s does not open a message of %d bytes of content (%s): %v", partyName(by), len(plaintext), req, err)
	}
	if !bytes.Equal(got.plaintext, plaintext) {
		t.Fatalf("%s finds other content (%s): %d bytes, not %d", partyName(by), req, len(got.plaintext), len(plaintext))
	}
	if !maps.Equal(got.context, req.Context) && !maps.Equal(got.context, req.stored()) {
		t.Fatalf("%s finds another encryption context (%s): %q", partyName(by), req, got.context)
	}
}

// checkMessage checks that a message is of the kind that was asked for: a party
// that goes its own way would prove less than the test says.
func checkMessage(t *testing.T, by party, req *request, message []byte, plaintextLength int) {
	t.Helper()
	h, err := envelope.ReadHeader(bytes.NewReader(message))
	if err != nil {
		t.Fatalf("header of %s (%s): %v", partyName(by), req, err)
	}
	stored := newOpened(nil, h.Context).context
	if h.Suite != req.Suite || h.FrameLength != req.FrameLength || !maps.Equal(stored, req.stored()) || len(h.EncryptedDataKeys) != len(req.Keys) {
		t.Fatalf("%s sealed something else (%s): suite %v, frame length %d, %d EDKs, context %q",
			partyName(by), req, h.Suite, h.FrameLength, len(h.EncryptedDataKeys), h.Context)
	}
	if _, signed := h.Context[keyring.PublicKeyName]; signed != h.Suite.Signed() {
		t.Fatalf("%s stored a public key: %v (%s)", partyName(by), signed, req)
	}
	if h.Suite.Signed() || h.FrameLength == 0 {
		return // the signature's length varies; a body without frames has a size of its own
	}
	if n, err := h.PlaintextSize(int64(len(message))); err != nil || n != int64(plaintextLength) {
		t.Fatalf("PlaintextSize of a message of %s (%s) is %d, not %d (%v)", partyName(by), req, n, plaintextLength, err)
	}
}

func (r *request) String() string {
	return fmt.Sprintf("suite %v, frame length %d, %d pairs of context, %d wrapping keys, %s",
		r.Suite, r.FrameLength, len(r.Context), len(r.Keys), r.Policy)
}

func partyName(by party) string {
	if p, ok := by.(*peer); ok {
		return p.name
	}
	return "sealwax"
}

// content returns n bytes that look like nothing, the same at each call.
func content(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(b)
	return b
}

// seeded returns a source of choices that are the same in every run of a test.
func seeded(t *testing.T) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(t.Name()))
	return rand.New(rand.NewPCG(h.Sum64(), 0))
}
