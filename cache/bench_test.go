package cache_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/sealwax/sealwax/cache"
	"github.com/sealwax/sealwax/keyring"
)

var tenantContext = keyring.EncryptionContext{"tenant": "t-000451", "table": "customers", "column": "email"}

func benchmarkKeyring(b *testing.B) *cache.Keyring {
	keys, err := cache.New(&source{}, &cache.Options{MaxMessages: 1 << 32, MaxBytes: 1 << 62})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = keys.Close() })
	return keys
}

func BenchmarkSealHit(b *testing.B) {
	keys := benchmarkKeyring(b)
	req := &keyring.EncryptionRequest{Suite: keyring.AES256GCMHKDFSHA512Commit, EncryptionContext: tenantContext, PlaintextLength: 64}
	b.ReportAllocs()
	for b.Loop() {
		m, err := keys.EncryptionMaterials(b.Context(), req)
		if err != nil {
			b.Fatal(err)
		}
		m.DataKey.Destroy()
	}
}

func BenchmarkOpenHit(b *testing.B) {
	keys := benchmarkKeyring(b)
	req := &keyring.DecryptionRequest{Suite: keyring.AES256GCMHKDFSHA512Commit, EncryptionContext: tenantContext,
		EncryptedDataKeys: []keyring.EncryptedDataKey{{ProviderID: "aws-kms", ProviderInfo: make([]byte, 75), Ciphertext: make([]byte, 184)}}}
	b.ReportAllocs()
	for b.Loop() {
		m, err := keys.DecryptionMaterials(b.Context(), req)
		if err != nil {
			b.Fatal(err)
		}
		m.DataKey.Destroy()
	}
}

// BenchmarkSealMiss is what a message costs that finds the cache full of other
// keys: a call, here to a keyring that answers at once, and an eviction.
func BenchmarkSealMiss(b *testing.B) {
	keys := benchmarkKeyring(b)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		m, err := keys.EncryptionMaterials(b.Context(), sealRequest(strconv.Itoa(n), 64))
		if err != nil {
			b.Fatal(err)
		}
		m.DataKey.Destroy()
	}
}

// BenchmarkSealHitParallel is to be compared along its goroutines: all of them
// seal under one encryption context, the worst case, or each under its own.
func BenchmarkSealHitParallel(b *testing.B) {
	for _, shape := range []struct {
		name     string
		contexts int
	}{{"one context", 1}, {"16 contexts", 16}} {
		for _, goroutines := range []int{1, 2, 4, 16} {
			b.Run(fmt.Sprintf("%s/goroutines=%d", shape.name, goroutines), func(b *testing.B) {
				benchmarkParallel(b, goroutines, shape.contexts)
			})
		}
	}
}

func benchmarkParallel(b *testing.B, goroutines, contexts int) {
	keys := benchmarkKeyring(b)
	done := make(chan error, goroutines)
	share := b.N/goroutines + 1
	b.ReportAllocs()
	b.ResetTimer()
	for g := range goroutines {
		go func() {
			req := &keyring.EncryptionRequest{
				Suite:             keyring.AES256GCMHKDFSHA512Commit,
				EncryptionContext: keyring.EncryptionContext{"tenant": fmt.Sprint(g % contexts), "table": "customers", "column": "email"},
				PlaintextLength:   64,
			}
			for range share {
				m, err := keys.EncryptionMaterials(b.Context(), req)
				if err != nil {
					done <- err
					return
				}
				m.DataKey.Destroy()
			}
			done <- nil
		}()
	}
	for range goroutines {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}
