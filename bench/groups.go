package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"fmt"
	mathrand "math/rand/v2"
	"sync"

	mpltypes "github.com/aws/aws-cryptographic-material-providers-library/releases/go/mpl/awscryptographymaterialproviderssmithygeneratedtypes"

	"github.com/sealwax/sealwax/cache"
	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring"
	"github.com/sealwax/sealwax/keyring/awskms"
	"github.com/sealwax/sealwax/keyring/localkms"
)

// officialFrameLength is the default of the official SDKs.
const officialFrameLength = 4 << 10

const (
	unsignedSuite = mpltypes.ESDKAlgorithmSuiteIdAlgAes256GcmHkdfSha512CommitKey
	signedSuite   = mpltypes.ESDKAlgorithmSuiteIdAlgAes256GcmHkdfSha512CommitKeyEcdsaP384
)

// groups lists what is measured. short keeps the work small.
func groups(short bool) []builder {
	large := 64 << 20
	if short {
		large = 1 << 20
	}
	bs := []builder{
		{"stream-seal, frames of 64 KiB", func() (group, error) { return streamSealing(large, 64<<10, true) }},
		{"stream-open, frames of 64 KiB", func() (group, error) { return streamOpening(large, 64<<10, true) }},
		{"stream-seal, frames of 4 KiB", func() (group, error) { return streamSealing(large, 4<<10, false) }},
		{"stream-open, frames of 4 KiB", func() (group, error) { return streamOpening(large, 4<<10, false) }},
	}
	for _, size := range []int{64, 64 << 10, 1 << 20} {
		bs = append(bs,
			builder{fmt.Sprintf("Seal %d bytes, cached data key", size), func() (group, error) { return smallSealing(size) }},
			builder{fmt.Sprintf("Open %d bytes, cached data key", size), func() (group, error) { return smallOpening(size) }})
	}
	return append(bs,
		builder{"Seal and Open 64 bytes, signed", signedMessages},
		builder{"random read of 4 KiB, frames of 64 KiB", func() (group, error) { return randomReads(large) }},
		builder{"ReadHeader of a KMS header", headers},
		builder{"cache hit", cacheHits},
		builder{"Seal 64 bytes by number of encrypted data keys", manyKeys},
		builder{"stream-seal by number of workers", func() (group, error) { return byWorkers(large) }},
		builder{"stream-seal by frame length, 1 worker", func() (group, error) { return byFrameLength(large) }},
	)
}

// peers returns every peer that offers what is measured.
func peers(frameLength int) (map[string]peer, []string, error) {
	official, err := newOfficial(unsignedSuite, officialFrameLength)
	if err != nil {
		return nil, nil, err
	}
	same, err := newOfficial(unsignedSuite, int64(frameLength))
	if err != nil {
		return nil, nil, err
	}
	tink, err := newTink(max(frameLength, 4<<10))
	if err != nil {
		return nil, nil, err
	}
	age, err := newAge()
	if err != nil {
		return nil, nil, err
	}
	names := []string{"official SDK for Go", "official SDK for Go, our frames", "minio/sio", "tink-go streaming", "age"}
	return map[string]peer{names[0]: official, names[1]: same, names[2]: newSio(), names[3]: tink, names[4]: age}, names, nil
}

func workers(n, frameLength int) (*envelope.Client, error) {
	return cachedClient(envelope.Options{Workers: n, FrameLength: frameLength})
}

func streamTargets(beside bool, most float64, text string) []target {
	ts := []target{{"sealwax, 1 worker", "ceiling", most, text}}
	if beside {
		ts = append(ts,
			target{"sealwax, 2 workers", "ceiling", 1 / 1.75, "≥ 1.75× the throughput on 2 cores"},
			target{"sealwax, 1 worker", "official SDK for Go", 1. / 20, "≥ 20× as fast"})
	}
	return ts
}

func streamMost(frameLength int) (float64, string) {
	if frameLength < 64<<10 {
		return 1 / 0.85, "≥ 0.85 of the throughput"
	}
	return 1 / 0.92, "≥ 0.92 of the throughput"
}

func streamSealing(size, frameLength int, beside bool) (group, error) {
	plaintext := randomBytes(size)
	one, err := workers(1, frameLength)
	if err != nil {
		return group{}, err
	}
	two, err := workers(2, frameLength)
	if err != nil {
		return group{}, err
	}
	c := newCeiling(size, frameLength)
	halves := [2]*ceiling{newCeiling(size/2, frameLength), newCeiling(size/2, frameLength)}
	most, text := streamMost(frameLength)
	g := group{bytes: int64(size), targets: streamTargets(beside, most, text), contenders: []contender{
		{"ceiling", func() error { return c.seal(plaintext) }},
		{"ceiling, a half on each of 2 cores", onTwoCores(
			func() error { return halves[0].seal(plaintext[:size/2]) },
			func() error { return halves[1].seal(plaintext[size/2:]) })},
		{"sealwax, 1 worker", streamSeal(one, plaintext, fromMemory)},
		{"sealwax, 2 workers", streamSeal(two, plaintext, fromMemory)},
		{"sealwax, 1 worker, from a stream", streamSeal(one, plaintext, fromStream)},
		{"sealwax, 2 workers, from a stream", streamSeal(two, plaintext, fromStream)},
	}}
	if !beside {
		return g, nil
	}
	ps, names, err := peers(frameLength)
	for _, name := range names {
		g.contenders = append(g.contenders, contender{name, func() error { return ps[name].seal(plaintext) }})
	}
	return g, err
}

func streamOpening(size, frameLength int, beside bool) (group, error) {
	plaintext := randomBytes(size)
	one, err := workers(1, frameLength)
	if err != nil {
		return group{}, err
	}
	two, err := workers(2, frameLength)
	if err != nil {
		return group{}, err
	}
	message, err := one.Seal(background, plaintext, nil)
	if err != nil {
		return group{}, err
	}
	ceilingOpen, err := newCeiling(size, frameLength).opening(plaintext)
	if err != nil {
		return group{}, err
	}
	most, text := streamMost(frameLength)
	g := group{bytes: int64(size), targets: streamTargets(beside, most, text), contenders: []contender{
		{"ceiling", ceilingOpen},
		{"sealwax, 1 worker", streamOpen(one, message, fromMemory)},
		{"sealwax, 2 workers", streamOpen(two, message, fromMemory)},
		{"sealwax, 1 worker, from a stream", streamOpen(one, message, fromStream)},
		{"sealwax, 2 workers, from a stream", streamOpen(two, message, fromStream)},
	}}
	if beside {
		err = g.addOpeners(frameLength, plaintext)
	}
	return g, err
}

func (g *group) addOpeners(frameLength int, plaintext []byte) error {
	ps, names, err := peers(frameLength)
	if err != nil {
		return err
	}
	for _, name := range names {
		sealed, err := ps[name].message(plaintext)
		if err != nil {
			return err
		}
		g.contenders = append(g.contenders, contender{name, func() error { return ps[name].open(sealed) }})
	}
	return nil
}

func smallSealing(size int) (group, error) {
	plaintext := randomBytes(size)
	client, err := workers(1, 64<<10)
	if err != nil {
		return group{}, err
	}
	c, room := newCeiling(size, 64<<10), make([]byte, 0, size+(size>>10)+4096)
	g := group{bytes: int64(size), contenders: []contender{
		{"ceiling", func() error { return c.seal(plaintext) }},
		{"sealwax, no context", sealTo(client, room, plaintext, nil)},
		{"sealwax", sealTo(client, room, plaintext, twoPairs)},
	}}
	if size == 64 {
		g.targets = []target{
			{"sealwax, no context", "ceiling", 1, "≤ 1.0× the ceiling, ≤ 24 allocs"},
			{"sealwax", "official SDK for Go", 1. / 60, "≥ 60× as fast"},
		}
	}
	ps, names, err := peers(64 << 10)
	for _, name := range names {
		g.contenders = append(g.contenders, contender{name, func() error { return ps[name].seal(plaintext) }})
	}
	return g, err
}

func smallOpening(size int) (group, error) {
	plaintext := randomBytes(size)
	client, err := workers(1, 64<<10)
	if err != nil {
		return group{}, err
	}
	message, err := client.Seal(background, plaintext, twoPairs)
	if err != nil {
		return group{}, err
	}
	bare, err := client.Seal(background, plaintext, nil)
	if err != nil {
		return group{}, err
	}
	ceilingOpen, err := newCeiling(size, 64<<10).opening(plaintext)
	if err != nil {
		return group{}, err
	}
	room := make([]byte, 0, size)
	g := group{bytes: int64(size), contenders: []contender{
		{"ceiling", ceilingOpen},
		{"sealwax, no context", openTo(client, room, bare, nil)},
		{"sealwax", openTo(client, room, message, twoPairs)},
	}}
	if size == 64 {
		g.targets = []target{
			{"sealwax, no context", "ceiling", 1, "≤ 1.0× the ceiling, ≤ 24 allocs"},
			{"sealwax", "official SDK for Go", 1. / 60, "≥ 60× as fast"},
		}
	}
	return g, g.addOpeners(64<<10, plaintext)
}

// signedMessages holds the signed suite against one signature plus the unsigned
// suite, which is what it cannot do without.
func signedMessages() (group, error) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return group{}, err
	}
	digest := sha512.Sum384(nil)
	sig, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		return group{}, err
	}
	plaintext := make([]byte, 64)
	unsigned, err := workers(1, 64<<10)
	if err != nil {
		return group{}, err
	}
	signed, err := cachedClient(envelope.Options{Workers: 1, Suite: envelope.AES256GCMHKDFSHA512CommitECDSAP384})
	if err != nil {
		return group{}, err
	}
	message, err := signed.Seal(background, plaintext, twoPairs)
	if err != nil {
		return group{}, err
	}
	unsignedMessage, err := unsigned.Seal(background, plaintext, twoPairs)
	if err != nil {
		return group{}, err
	}
	official, err := newOfficial(signedSuite, 64<<10)
	if err != nil {
		return group{}, err
	}
	officialMessage, err := official.message(plaintext)
	if err != nil {
		return group{}, err
	}
	room := make([]byte, 0, 4096)
	sealUnsigned, openUnsigned := sealTo(unsigned, room, plaintext, twoPairs), openTo(unsigned, room, unsignedMessage, twoPairs)
	return group{contenders: []contender{
		{"P-384 sign + unsigned Seal", func() error {
			if _, err := ecdsa.SignASN1(rand.Reader, key, digest[:]); err != nil {
				return err
			}
			return sealUnsigned()
		}},
		{"sealwax Seal", sealTo(signed, room, plaintext, twoPairs)},
		{"official SDK for Go, seal", func() error { return official.seal(plaintext) }},
		{"P-384 verify + unsigned Open", func() error {
			ecdsa.VerifyASN1(&key.PublicKey, digest[:], sig)
			return openUnsigned()
		}},
		{"sealwax Open", openTo(signed, room, message, twoPairs)},
		{"official SDK for Go, open", func() error { return official.open(officialMessage) }},
	}, targets: []target{
		{"sealwax Seal", "P-384 sign + unsigned Seal", 1.2, "≤ 1.2×"},
		{"sealwax Open", "P-384 verify + unsigned Open", 1.2, "≤ 1.2×"},
	}}, nil
}

func randomReads(size int) (group, error) {
	client, err := workers(1, 64<<10)
	if err != nil {
		return group{}, err
	}
	message, err := client.Seal(background, make([]byte, size), nil)
	if err != nil {
		return group{}, err
	}
	r, err := client.NewReaderAt(background, bytes.NewReader(message), int64(len(message)), nil)
	if err != nil {
		return group{}, err
	}
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		return group{}, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return group{}, err
	}
	nonce := make([]byte, 12)
	sealed := make([][]byte, size/(64<<10))
	for i := range sealed {
		sealed[i] = gcm.Seal(nil, nonce, make([]byte, 64<<10), nil)
	}
	rnd := mathrand.New(mathrand.NewPCG(1, 2))
	room, p := make([]byte, 0, 64<<10), make([]byte, 4<<10)
	return group{contenders: []contender{
		{"GCM open of one frame", func() error {
			_, err := gcm.Open(room, nonce, sealed[rnd.IntN(len(sealed))], nil)
			return err
		}},
		{"sealwax ReadAt, random, within a frame", func() error {
			_, err := r.ReadAt(p, rnd.Int64N(int64(size/len(p)))*int64(len(p)))
			return err
		}},
		{"sealwax ReadAt, random, anywhere", func() error { _, err := r.ReadAt(p, rnd.Int64N(int64(size-len(p)))); return err }},
		{"sealwax ReadAt, same frame", func() error { _, err := r.ReadAt(p, rnd.Int64N(60<<10)); return err }},
	}, targets: []target{
		{"sealwax ReadAt, random, within a frame", "GCM open of one frame", 1.3, "≤ 1.3×"},
		{"sealwax ReadAt, random, anywhere", "GCM open of one frame", 1.3, "≤ 1.3× (a read in sixteen opens two frames)"},
	}}, nil
}

func headers() (group, error) {
	kms, err := localkms.New(nil)
	if err != nil {
		return group{}, err
	}
	arn, err := kms.NewKey("")
	if err != nil {
		return group{}, err
	}
	ring, err := awskms.NewKeyring(kms, arn)
	if err != nil {
		return group{}, err
	}
	client, err := envelope.New(ring, nil)
	if err != nil {
		return group{}, err
	}
	message, err := client.Seal(background, nil, envelope.Context{"tenant": "acme", "purpose": "invoices"})
	if err != nil {
		return group{}, err
	}
	r := bytes.NewReader(message)
	return group{contenders: []contender{{"sealwax ReadHeader (target ≤ 2 µs, ≤ 10 allocs)", func() error {
		r.Reset(message)
		_, err := envelope.ReadHeader(r)
		return err
	}}}}, nil
}

func cacheHits() (group, error) {
	raw, err := keyring.NewRawAES("bench", "key", make([]byte, 32))
	if err != nil {
		return group{}, err
	}
	ring, err := keyring.New(raw)
	if err != nil {
		return group{}, err
	}
	c, err := cache.New(ring, &cache.Options{MaxMessages: 1 << 32, MaxBytes: 1 << 62})
	if err != nil {
		return group{}, err
	}
	req := &keyring.EncryptionRequest{Suite: keyring.AES256GCMHKDFSHA512Commit, PlaintextLength: 64,
		EncryptionContext: keyring.EncryptionContext{"tenant": "acme", "table": "users", "column": "email"}}
	hits := func(goroutines, each int) func() error {
		return func() error {
			var wg sync.WaitGroup
			for range goroutines {
				wg.Go(func() {
					for range each {
						m, err := c.EncryptionMaterials(background, req)
						if err != nil {
							panic(err)
						}
						m.DataKey.Destroy()
					}
				})
			}
			wg.Wait()
			return nil
		}
	}
	const total = 16_000
	return group{contenders: []contender{
		{"16,000 hits, 1 goroutine", hits(1, total)},
		{"16,000 hits, 16 goroutines", hits(16, total/16)},
	}, targets: []target{
		{"16,000 hits, 16 goroutines", "16,000 hits, 1 goroutine", 1, "no drop of total throughput; ≤ 400 ns and ≤ 2 allocs a hit"},
	}}, nil
}

func manyKeys() (group, error) {
	var g group
	for _, n := range []int{1, 4, 16} {
		var keys []keyring.WrappingKey
		for i := range n {
			key, err := keyring.NewRawAES("bench", fmt.Sprint("key", i), make([]byte, 32))
			if err != nil {
				return g, err
			}
			keys = append(keys, key)
		}
		ring, err := keyring.New(keys[0], keys[1:]...)
		if err != nil {
			return g, err
		}
		client, err := envelope.New(ring, nil)
		if err != nil {
			return g, err
		}
		g.contenders = append(g.contenders, contender{fmt.Sprintf("%d raw AES keys, no cache", n), sealTo(client, make([]byte, 0, 8192), make([]byte, 64), twoPairs)})
	}
	return g, nil
}

func byWorkers(size int) (group, error) {
	plaintext := randomBytes(size)
	g := group{bytes: int64(size)}
	for _, n := range []int{1, 2, 4, 8} {
		client, err := workers(n, 64<<10)
		if err != nil {
			return g, err
		}
		g.contenders = append(g.contenders, contender{fmt.Sprintf("%d workers", n), streamSeal(client, plaintext, fromMemory)})
	}
	return g, nil
}

func byFrameLength(size int) (group, error) {
	plaintext := randomBytes(size)
	g := group{bytes: int64(size)}
	for _, n := range []int{256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20} {
		client, err := workers(1, n)
		if err != nil {
			return g, err
		}
		g.contenders = append(g.contenders, contender{fmt.Sprintf("%d bytes", n), streamSeal(client, plaintext, fromMemory)})
	}
	return g, nil
}
