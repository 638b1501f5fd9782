package cache_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyring"
)

// forger changes what the source answers.
type forger struct {
	*source
	sealing func(*keyring.EncryptionMaterials) *keyring.EncryptionMaterials
	opening func(*keyring.DecryptionMaterials) *keyring.DecryptionMaterials
}

func (f forger) EncryptionMaterials(ctx context.Context, req *keyring.EncryptionRequest) (*keyring.EncryptionMaterials, error) {
	m, err := f.source.EncryptionMaterials(ctx, req)
	if f.sealing != nil && err == nil {
		m = f.sealing(m)
	}
	return m, err
}

func (f forger) DecryptionMaterials(ctx context.Context, req *keyring.DecryptionRequest) (*keyring.DecryptionMaterials, error) {
	m, err := f.source.DecryptionMaterials(ctx, req)
	if f.opening != nil && err == nil {
		m = f.opening(m)
	}
	return m, err
}

// TestBadAnswerIsAnErrorAndNotCached: a keyring of somebody's own that is wrong
// once must not be wrong for all that follow.
func TestBadAnswerIsAnErrorAndNotCached(t *testing.T) {
	type materials = keyring.EncryptionMaterials
	for name, forge := range map[string]func(*materials) *materials{
		"nothing":              func(m *materials) *materials { m.DataKey.Destroy(); return nil },
		"no data key":          func(m *materials) *materials { m.DataKey.Destroy(); m.DataKey = nil; return m },
		"a destroyed data key": func(m *materials) *materials { m.DataKey.Destroy(); return m },
		"a short data key": func(m *materials) *materials {
			m.DataKey.Destroy()
			m.DataKey = keyring.NewDataKey(make([]byte, 16))
			return m
		},
		"another suite": func(m *materials) *materials { m.Suite = keyring.AES256GCMHKDFSHA256; return m },
		"no EDK":        func(m *materials) *materials { m.EncryptedDataKeys = nil; return m },
		"a signing key": func(m *materials) *materials { m.SigningKey, _ = sign(nil); return m },
		"a public key": func(m *materials) *materials {
			_, m.EncryptionContext = sign(m.EncryptionContext)
			return m
		},
		"no context": func(m *materials) *materials { m.EncryptionContext = nil; return m },
		"another value in the context": func(m *materials) *materials {
			m.EncryptionContext = keyring.EncryptionContext{"tenant": "b"}
			return m
		},
		"another name in the context": func(m *materials) *materials {
			m.EncryptionContext = keyring.EncryptionContext{"Tenant": "a"}
			return m
		},
	} {
		t.Run("seal/"+name, func(t *testing.T) {
			s := &source{}
			keys := newCache(t, forger{source: s, sealing: forge}, nil)
			for range 2 {
				_, err := keys.EncryptionMaterials(t.Context(), sealRequest("a", 1))
				require.Error(t, err)
			}
			require.Equal(t, 2, s.calls())
			require.Zero(t, keys.Stats().Entries)
			require.EqualValues(t, 2, keys.Stats().FetchFailures)
			require.True(t, s.zeroed(0))
		})
	}
	for name, forge := range map[string]func(*materials) *materials{
		"no signing key": func(m *materials) *materials { m.SigningKey = nil; return m },
		"no public key":  func(m *materials) *materials { delete(m.EncryptionContext, keyring.PublicKeyName); return m },
		"neither key": func(m *materials) *materials {
			m.SigningKey = nil
			delete(m.EncryptionContext, keyring.PublicKeyName)
			return m
		},
		"a public key alone": func(m *materials) *materials { delete(m.EncryptionContext, "tenant"); return m },
	} {
		t.Run("seal signed/"+name, func(t *testing.T) {
			s := &source{}
			keys := newCache(t, forger{source: s, sealing: forge}, nil)
			req := sealRequest("a", 1)
			req.Suite = keyring.AES256GCMHKDFSHA512CommitECDSAP384
			_, err := keys.EncryptionMaterials(t.Context(), req)
			require.Error(t, err)
			require.True(t, s.zeroed(0))
			require.Zero(t, keys.Stats().Entries)
		})
	}
	type opened = keyring.DecryptionMaterials
	for name, forge := range map[string]func(*opened) *opened{
		"nothing":              func(m *opened) *opened { m.DataKey.Destroy(); return nil },
		"no data key":          func(m *opened) *opened { m.DataKey.Destroy(); return &opened{} },
		"a destroyed data key": func(m *opened) *opened { m.DataKey.Destroy(); return m },
		"a short data key": func(m *opened) *opened {
			m.DataKey.Destroy()
			return &opened{DataKey: keyring.NewDataKey(make([]byte, 31))}
		},
	} {
		t.Run("open/"+name, func(t *testing.T) {
			s := &source{}
			keys := newCache(t, forger{source: s, opening: forge}, nil)
			for range 2 {
				_, err := keys.DecryptionMaterials(t.Context(), openRequest("a"))
				require.Error(t, err)
			}
			require.Equal(t, 2, s.calls())
			require.Zero(t, keys.Stats().Entries)
		})
	}
}

// generous returns materials and an error.
type generous struct{ *source }

func (g generous) EncryptionMaterials(ctx context.Context, req *keyring.EncryptionRequest) (*keyring.EncryptionMaterials, error) {
	m, _ := g.source.EncryptionMaterials(ctx, req)
	return m, errOutage
}

func (g generous) DecryptionMaterials(ctx context.Context, req *keyring.DecryptionRequest) (*keyring.DecryptionMaterials, error) {
	m, _ := g.source.DecryptionMaterials(ctx, req)
	return m, errOutage
}

// TestKeyThatComesWithAnErrorIsDestroyed, since nobody will use it.
func TestKeyThatComesWithAnErrorIsDestroyed(t *testing.T) {
	for name, suite := range map[string]keyring.Suite{"shared": suite, "bypass": keyring.AES256GCM} {
		t.Run(name, func(t *testing.T) {
			s := &source{}
			keys := newCache(t, generous{s}, nil)
			sealing, opening := sealRequest("a", 1), openRequest("a")
			sealing.Suite, opening.Suite = suite, suite
			sealed, err := keys.EncryptionMaterials(t.Context(), sealing)
			require.ErrorIs(t, err, errOutage)
			require.Nil(t, sealed)
			opened, err := keys.DecryptionMaterials(t.Context(), opening)
			require.ErrorIs(t, err, errOutage)
			require.Nil(t, opened)
			require.Equal(t, 2, s.calls())
			require.True(t, s.zeroed(0))
			require.True(t, s.zeroed(1))
		})
	}
}

func TestHitAllocatesTheAnswerAndItsKey(t *testing.T) {
	s := &source{}
	keys := newCache(t, s, nil)
	sealing, opening := sealRequest("a", 1), openRequest("a")
	sealing.EncryptionContext = keyring.EncryptionContext{"1": "", "2": "", "3": "", "4": "", "5": "", "6": "", "7": "", "8": ""}
	opening.EncryptionContext = sealing.EncryptionContext
	require.LessOrEqual(t, testing.AllocsPerRun(1_000, func() {
		m, err := keys.EncryptionMaterials(t.Context(), sealing)
		if err != nil {
			t.Fatal(err)
		}
		m.DataKey.Destroy()
	}), 2.0)
	require.LessOrEqual(t, testing.AllocsPerRun(1_000, func() {
		m, err := keys.DecryptionMaterials(t.Context(), opening)
		if err != nil {
			t.Fatal(err)
		}
		m.DataKey.Destroy()
	}), 2.0)
}
