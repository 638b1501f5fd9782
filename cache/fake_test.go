package cache_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealwax/sealwax/keyring"
)

// source is the inner keyring of tests: it counts its calls, takes its time and
// fails on demand, and lets a test look at the memory of the keys it gave away.
type source struct {
	took time.Duration // of each call
	fail func(ctx context.Context) error

	seals, opens atomic.Int64

	mu   sync.Mutex
	keys []*keyring.DataKey // each one given away
}

var errOutage = errors.New("kms is down")

func (s *source) EncryptionMaterials(ctx context.Context, req *keyring.EncryptionRequest) (*keyring.EncryptionMaterials, error) {
	s.seals.Add(1)
	key, err := s.answer(ctx, req.Suite)
	if err != nil {
		return nil, err
	}
	m := &keyring.EncryptionMaterials{
		Suite:             req.Suite,
		EncryptionContext: req.EncryptionContext,
		DataKey:           key,
		EncryptedDataKeys: []keyring.EncryptedDataKey{{ProviderID: "test", ProviderInfo: []byte("key"), Ciphertext: []byte(rand.Text())}},
	}
	if req.Suite.Signed() {
		m.SigningKey, m.EncryptionContext = sign(req.EncryptionContext)
	}
	return m, nil
}

func sign(ec keyring.EncryptionContext) (crypto.Signer, keyring.EncryptionContext) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		panic(err)
	}
	whole := maps.Clone(ec)
	whole[keyring.PublicKeyName] = key.X.Text(62)
	return key, whole
}

func (s *source) DecryptionMaterials(ctx context.Context, req *keyring.DecryptionRequest) (*keyring.DecryptionMaterials, error) {
	s.opens.Add(1)
	key, err := s.answer(ctx, req.Suite)
	if err != nil {
		return nil, err
	}
	return &keyring.DecryptionMaterials{DataKey: key}, nil
}

func (s *source) answer(ctx context.Context, suite keyring.Suite) (*keyring.DataKey, error) {
	if s.took > 0 {
		select {
		case <-time.After(s.took):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if s.fail != nil {
		if err := s.fail(ctx); err != nil {
			return nil, err
		}
	}
	b := make([]byte, suite.KeyLength())
	rand.Read(b)
	key := keyring.NewDataKey(b)
	s.mu.Lock()
	s.keys = append(s.keys, key)
	s.mu.Unlock()
	return key, nil
}
