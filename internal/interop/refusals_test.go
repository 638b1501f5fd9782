package interop

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/sealwax/sealwax/envelope"
)

// bothRefuse checks that neither side opens the message: not with its content,
// let alone with other bytes.
func bothRefuse(t *testing.T, p *peer, req *request, message []byte, why string) {
	t.Helper()
	weRefuse(t, req, message, why)
	got, err := p.open(t.Context(), req, message)
	if err == nil {
		t.Errorf("%s opens (%s, %s): %d bytes", p.name, why, req, len(got.plaintext))
		return
	}
	checkRefusal(t, p, err)
	p.refusedByAll.Add(1)
}

// checkRefusal checks that err is what the SDK of p says, and no failure of ours
// to ask it.
func checkRefusal(t *testing.T, p *peer, err error) {
	t.Helper()
	if _, ok := errors.AsType[refusal](err); !ok {
		t.Fatalf("%s was not asked: %v", p.name, err)
	}
}

// weRefuse returns the error with which we refuse the message.
func weRefuse(t *testing.T, req *request, message []byte, why string) error {
	t.Helper()
	client, err := newOpeningClient(req)
	if err != nil {
		t.Fatal(err)
	}
	got, err := client.Open(t.Context(), message, req.Context)
	if err == nil {
		t.Errorf("sealwax opens (%s, %s): %d bytes", why, req, len(got))
	}
	return err
}

// A few suites of each make: without derivation, signed or not, committing or not.
var refusalSuites = []envelope.Suite{
	envelope.AES128GCM,
	envelope.AES256GCMHKDFSHA256,
	envelope.AES128GCMHKDFSHA256ECDSAP256,
	envelope.AES256GCMHKDFSHA384ECDSAP384,
	envelope.AES256GCMHKDFSHA512Commit,
	envelope.AES256GCMHKDFSHA512CommitECDSAP384,
}

// Of every message that was tampered with, both sides refuse all.
func TestTamperedMessages(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		for _, suite := range refusalSuites {
			for _, by := range []party{sealwax{}, p} {
				t.Run(fmt.Sprintf("%v/sealed by %s", suite, partyName(by)), func(t *testing.T) {
					req := newRequest(suite, 16)
					if by == p && !p.seals(16) {
						req.FrameLength = p.frameMultiple
					}
					plaintext := threeFrames(req)
					message := mustSeal(t, by, req, plaintext)
					mustOpen(t, p, req, message, plaintext)
					for _, bad := range tampered(t, message) {
						refuseTampered(t, p, req, bad)
					}
				})
			}
		}
	})
}

// threeFrames returns the content of a message of three frames, the last of which
// is not full where there is room for less.
func threeFrames(req *request) []byte { return content(2*req.FrameLength + (req.FrameLength+1)/2) }

func refuseTampered(t *testing.T, p *peer, req *request, bad tampering) {
	t.Helper()
	if bad.trailing && p.ignoresTail(req.Suite) {
		// A known difference: see docs/interop.md. The content must still be right.
		checkTyped(t, weRefuse(t, req, bad.message, bad.what))
		mustOpen(t, p, req, bad.message, threeFrames(req))
		return
	}
	bothRefuse(t, p, req, bad.message, bad.what)
	checkTyped(t, weRefuse(t, req, bad.message, bad.what))
}

func checkTyped(t *testing.T, err error) {
	t.Helper()
	if !isTyped(err) {
		t.Errorf("no category matches the error: %v", err)
	}
}

// isTyped reports whether err is of a category that callers can tell.
func isTyped(err error) bool {
	return slices.ContainsFunc([]error{
		envelope.ErrFormat, envelope.ErrAuthentication, envelope.ErrContext, envelope.ErrPolicy, envelope.ErrTruncated,
	}, func(category error) bool { return errors.Is(err, category) })
}

// tampering is a message that somebody changed.
type tampering struct {
	what     string
	message  []byte
	trailing bool // bytes behind a message that is whole
}

func tampered(t *testing.T, message []byte) []tampering {
	random := seeded(t)
	bad := slices.Concat(flips(random, message), truncations(random, message), frameChanges(t, message))
	for _, tail := range [][]byte{{0}, {0xff}, make([]byte, 40), message} {
		bad = append(bad, tampering{fmt.Sprintf("%d bytes behind the end", len(tail)), slices.Concat(message, tail), true})
	}
	return bad
}

// flips returns the message with one bit flipped: each bit of the fixed fields
// in front, and bits all over the rest.
func flips(random *rand.Rand, message []byte) []tampering {
	var bad []tampering
	flip := func(bit int) {
		b := bytes.Clone(message)
		b[bit/8] ^= 1 << (bit % 8)
		bad = append(bad, tampering{what: fmt.Sprintf("bit %d of byte %d", bit%8, bit/8), message: b})
	}
	for bit := range 4 * 8 {
		flip(bit)
	}
	for at := 4; at < len(message); at += 9 {
		flip(8*at + random.IntN(8))
	}
	flip(8*len(message) - 1)
	return bad
}

func truncations(random *rand.Rand, message []byte) []tampering {
	lengths := []int{0, 1, 2, len(message) - 1, len(message) - 16, len(message) - 17}
	for range 10 {
		lengths = append(lengths, random.IntN(len(message)))
	}
	var bad []tampering
	for _, n := range lengths {
		bad = append(bad, tampering{what: fmt.Sprintf("the first %d of %d bytes", n, len(message)), message: message[:n:n]})
	}
	return bad
}

// frameChanges returns the message with its frames swapped, dropped, repeated
// and renumbered.
func frameChanges(t *testing.T, message []byte) []tampering {
	h, err := envelope.ReadHeader(bytes.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	frame := 4 + 12 + h.FrameLength + 16 // sequence number, nonce, content, tag
	header, first, second, rest := message[:h.Length], message[h.Length:][:frame], message[h.Length+frame:][:frame], message[h.Length+2*frame:]
	renumbered := bytes.Clone(second)
	binary.BigEndian.PutUint32(renumbered, 1)
	return []tampering{
		{what: "frames swapped", message: slices.Concat(header, second, first, rest)},
		{what: "first frame dropped", message: slices.Concat(header, second, rest)},
		{what: "second frame dropped", message: slices.Concat(header, first, rest)},
		{what: "all frames but the last dropped", message: slices.Concat(header, rest)},
		{what: "frame repeated", message: slices.Concat(header, first, first, second, rest)},
		{what: "frame in another's place", message: slices.Concat(header, renumbered, second, rest)},
	}
}

// Parts of two messages of the same content, keys and context make no third.
func TestSplicedMessages(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		for _, suite := range refusalSuites {
			req := newRequest(suite, 128)
			ours, theirs := mustSeal(t, sealwax{}, req, threeFrames(req)), mustSeal(t, p, req, threeFrames(req))
			for _, pair := range [][2][]byte{{ours, theirs}, {theirs, ours}} {
				h, err := envelope.ReadHeader(bytes.NewReader(pair[0]))
				if err != nil {
					t.Fatal(err)
				}
				g, err := envelope.ReadHeader(bytes.NewReader(pair[1]))
				if err != nil {
					t.Fatal(err)
				}
				body := slices.Concat(pair[0][:h.Length], pair[1][g.Length:])
				bothRefuse(t, p, req, body, "the body of another message")
			}
		}
	})
}

// A key of the right name that is another key, and a context that is another's.
func TestWrongKeyOrContext(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		for _, suite := range suites {
			for _, right := range []wrappingKey{aesKey(32), rsaKey(2048, "PKCS1"), rsaKey(2048, "OAEP_SHA256_MGF1")} {
				req := newRequest(suite, 512).with(func(r *request) { r.Keys = []wrappingKey{right} })
				for _, by := range []party{sealwax{}, p} {
					message := mustSeal(t, by, req, content(700))
					bothRefuse(t, p, opening(req, anotherKey(right)), message, "another key of the same name")
					if p.takesContext {
						wrong := req.with(func(r *request) { r.Context = map[string]string{"tenant": "4711", "purpose": "other"} })
						bothRefuse(t, p, wrong, message, "another context")
					}
				}
			}
		}
	})
}

// anotherKey returns another key under the same name.
func anotherKey(k wrappingKey) wrappingKey {
	if k.Kind == rawAES {
		k.Key = content(len(k.Key))
		return k
	}
	other := rsaPair(rsaID{bits: 2048, number: 1})
	k.PublicKey, k.PrivateKey = other.public, other.private
	return k
}
