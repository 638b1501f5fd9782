package interop

import (
	"fmt"
	"testing"

	"github.com/sealwax/sealwax/envelope"
)

func TestRawAESKeys(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		for _, size := range []int{16, 24, 32} {
			for _, suite := range suites {
				req := newRequest(suite, 512).with(func(r *request) { r.Keys = []wrappingKey{aesKey(size)} })
				exchange(t, p, req, content(700))
			}
		}
	})
}

func TestRawRSAKeys(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		for _, padding := range paddings {
			for _, suite := range suites {
				req := newRequest(suite, 512).with(func(r *request) { r.Keys = []wrappingKey{rsaKey(2048, padding)} })
				exchange(t, p, req, content(700))
			}
			longer := newRequest(envelope.AES256GCMHKDFSHA512Commit, 512)
			longer.Keys = []wrappingKey{rsaKey(3072, padding)}
			exchange(t, p, longer, content(700))
		}
	})
}

// A writer needs the public half alone, a reader the private half alone.
func TestRawRSAHalves(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		for _, padding := range paddings {
			sealing := newRequest(envelope.AES256GCMHKDFSHA512Commit, 512)
			public, private := rsaKey(2048, padding), rsaKey(2048, padding)
			public.PrivateKey, private.PublicKey = "", ""
			sealing.Keys = []wrappingKey{public}
			opening := sealing.with(func(r *request) { r.Keys = []wrappingKey{private} })
			weSealTheyOpen(t, p, sealing, opening, content(700))
			theySealWeOpen(t, p, sealing, opening, content(700))
		}
	})
}

// Every wrapping key of several opens by itself, wherever its EDK stands.
func TestSeveralWrappingKeys(t *testing.T) {
	keys := []wrappingKey{aesKey(32), rsaKey(2048, "OAEP_SHA256_MGF1"), aesKey(16), rsaKey(2048, "PKCS1"), aesKey(24)}
	forEachPeer(t, func(t *testing.T, p *peer) {
		for _, suite := range suites {
			sealing := newRequest(suite, 512).with(func(r *request) { r.Keys = keys })
			exchange(t, p, sealing, content(700))
			for _, key := range keys {
				opening := sealing.with(func(r *request) { r.Keys = []wrappingKey{key} })
				weSealTheyOpen(t, p, sealing, opening, content(700))
				theySealWeOpen(t, p, sealing, opening, content(700))
			}
		}
	})
}

// Two keys of the same namespace and name, as after a rotation: the reader finds
// the EDK that its key opens.
func TestKeysOfTheSameName(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		older, newer := aesKey(32), aesKey(32)
		newer.Key = content(32)
		sealing := newRequest(envelope.AES256GCMHKDFSHA512CommitECDSAP384, 512)
		sealing.Keys = []wrappingKey{older, newer}
		for _, key := range sealing.Keys {
			opening := sealing.with(func(r *request) { r.Keys = []wrappingKey{key} })
			weSealTheyOpen(t, p, sealing, opening, content(700))
			theySealWeOpen(t, p, sealing, opening, content(700))
		}
	})
}

func TestManyEncryptedDataKeys(t *testing.T) {
	var keys []wrappingKey
	for i := range 40 {
		key := aesKey(32)
		key.Name = fmt.Sprintf("key %d of many", i)
		keys = append(keys, key)
	}
	forEachPeer(t, func(t *testing.T, p *peer) {
		sealing := newRequest(envelope.AES256GCMHKDFSHA512Commit, 512).with(func(r *request) { r.Keys = keys })
		opening := sealing.with(func(r *request) { r.Keys = keys[len(keys)-1:] })
		weSealTheyOpen(t, p, sealing, opening, content(700))
		theySealWeOpen(t, p, sealing, opening, content(700))
	})
}

// Namespaces and names need not be ASCII, and a name may begin with another.
func TestNamesOfRawKeys(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		for _, name := range []string{"k", "kk", "schlüssel", "鍵", "🔑", " "} {
			key := aesKey(32)
			key.Namespace, key.Name = "räume/"+name, name
			longer := key
			longer.Name, longer.Key = name+name, content(32)
			req := newRequest(envelope.AES256GCMHKDFSHA512Commit, 512)
			req.Keys = []wrappingKey{longer, key}
			exchange(t, p, req, content(700))
		}
	})
}
