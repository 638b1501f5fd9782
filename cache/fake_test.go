package cache_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/cache"
	"github.com/sealwax/sealwax/internal/leaktest"
	"github.com/sealwax/sealwax/keyring"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// source is the inner keyring of tests: it counts its calls, takes its time and
// fails on demand, and shows the memory of the keys that it gave away.
type source struct {
	took time.Duration                             // of each call
	fail func(ctx context.Context, call int) error // call counts from 1

	seals, opens, running, mostRunning atomic.Int64

	mu      sync.Mutex
	asked   []any    // each request, as it was at the time of the call
	memory  [][]byte // of each key given away: the key's own bytes, not a copy
	origins [][]byte // the same, copied
}

var errOutage = errors.New("kms is down")

// calls returns the number of calls of both kinds.
func (s *source) calls() int { return int(s.seals.Load() + s.opens.Load()) }

func (s *source) EncryptionMaterials(ctx context.Context, req *keyring.EncryptionRequest) (*keyring.EncryptionMaterials, error) {
	s.seals.Add(1)
	key, err := s.answer(ctx, req.Suite, *req)
	if err != nil {
		return nil, err
	}
	m := &keyring.EncryptionMaterials{
		Suite:             req.Suite,
		EncryptionContext: req.EncryptionContext,
		DataKey:           key,
		EncryptedDataKeys: []keyring.EncryptedDataKey{{ProviderID: "test", ProviderInfo: []byte("key"), Ciphertext: []byte(unique())}},
	}
	if req.Suite.Signed() {
		m.SigningKey, m.EncryptionContext = sign(req.EncryptionContext)
	}
	return m, nil
}

// sign adds a signing pair, as a Ring does below the cache.
func sign(ec keyring.EncryptionContext) (crypto.Signer, keyring.EncryptionContext) {
	whole := maps.Clone(ec)
	if whole == nil {
		whole = keyring.EncryptionContext{}
	}
	whole[keyring.PublicKeyName] = unique()
	return signingKey, whole
}

// Nothing in a bubble of synctest may draw from crypto/rand: under GODEBUG
// fips140=on that takes its entropy from the time that work takes, which stands
// still there. So the signing key is made before, and data keys come from
// unique.
var signingKey = func() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}()

var drawn atomic.Uint64

// unique returns 64 characters that nobody else got.
func unique() string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strconv.FormatUint(drawn.Add(1), 10))))
}

func (s *source) DecryptionMaterials(ctx context.Context, req *keyring.DecryptionRequest) (*keyring.DecryptionMaterials, error) {
	s.opens.Add(1)
	key, err := s.answer(ctx, req.Suite, *req)
	if err != nil {
		return nil, err
	}
	return &keyring.DecryptionMaterials{DataKey: key}, nil
}

func (s *source) answer(ctx context.Context, suite keyring.Suite, req any) (*keyring.DataKey, error) {
	running := s.running.Add(1)
	defer s.running.Add(-1)
	for most := s.mostRunning.Load(); running > most && !s.mostRunning.CompareAndSwap(most, running); {
		most = s.mostRunning.Load()
	}
	s.mu.Lock()
	s.asked = append(s.asked, req)
	call := len(s.asked)
	s.mu.Unlock()

	if s.took > 0 {
		select {
		case <-time.After(s.took):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if s.fail != nil {
		if err := s.fail(ctx, call); err != nil {
			return nil, err
		}
	}
	b := []byte(unique())[:suite.KeyLength()]
	origin := bytes.Clone(b)
	key := keyring.NewDataKey(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.origins = append(s.origins, origin)
	_ = key.Do(func(b []byte) error { s.memory = append(s.memory, b); return nil })
	return key, nil
}

// zeroed reports whether the memory of the n-th key, from 0, is overwritten.
func (s *source) zeroed(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Equal(s.memory[n], make([]byte, len(s.memory[n])))
}

// which returns the number of the key that has these bytes, from 0.
func (s *source) which(t testing.TB, key []byte) int {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, origin := range s.origins {
		if bytes.Equal(key, origin) {
			return n
		}
	}
	t.Fatalf("a key that was never given away")
	return -1
}

func newCache(t testing.TB, inner keyring.Keyring, opts *cache.Options) *cache.Keyring {
	t.Helper()
	keys, err := cache.New(inner, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, keys.Close()) })
	return keys
}

const suite = keyring.AES256GCMHKDFSHA512Commit

func sealRequest(tenant string, length int64) *keyring.EncryptionRequest {
	return &keyring.EncryptionRequest{Suite: suite, EncryptionContext: keyring.EncryptionContext{"tenant": tenant}, PlaintextLength: length}
}

func openRequest(tenant string) *keyring.DecryptionRequest {
	return &keyring.DecryptionRequest{Suite: suite, EncryptionContext: keyring.EncryptionContext{"tenant": tenant},
		EncryptedDataKeys: []keyring.EncryptedDataKey{{ProviderID: "test", ProviderInfo: []byte("key"), Ciphertext: []byte("wrapped for " + tenant)}}}
}

// seal returns the number of the source's key that a message of a length got.
func seal(t testing.TB, s *source, keys keyring.Keyring, tenant string, length int64) int {
	t.Helper()
	m, err := keys.EncryptionMaterials(t.Context(), sealRequest(tenant, length))
	require.NoError(t, err)
	return s.which(t, bytesOf(m.DataKey))
}

func open(t testing.TB, s *source, keys keyring.Keyring, tenant string) int {
	t.Helper()
	m, err := keys.DecryptionMaterials(t.Context(), openRequest(tenant))
	require.NoError(t, err)
	return s.which(t, bytesOf(m.DataKey))
}

// bytesOf returns a copy of the key's bytes, and destroys the key as its owner
// does.
func bytesOf(key *keyring.DataKey) []byte {
	var b []byte
	_ = key.Do(func(k []byte) error { b = bytes.Clone(k); return nil })
	key.Destroy()
	return b
}
