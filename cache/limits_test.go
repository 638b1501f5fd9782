package cache_test

import (
	"fmt"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/cache"
	"github.com/sealwax/sealwax/keyring"
)

// slowly answers after a second. In a bubble, where time stands still until
// everybody waits, no refresh lands before somebody needs it: so the tests see
// keys used up to their limits.
func slowly() *source { return &source{took: time.Second} }

func TestKeyServesExactlyMaxMessages(t *testing.T) {
	for _, limit := range []uint64{2, 3, 10, 100} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := slowly()
				keys := newCache(t, s, &cache.Options{MaxMessages: limit})
				for message := range 3 * limit {
					require.EqualValues(t, message/limit, seal(t, s, keys, "a", 1), "message %d", message)
				}
				require.EqualValues(t, 3, keys.Stats().Evictions.Messages)
				require.Zero(t, keys.Stats().Entries, "a key that can serve no further message leaves at once")
				require.True(t, s.zeroed(2))
			})
		})
	}
}

func TestKeyServesAtMostMaxBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slowly()
		keys := newCache(t, s, &cache.Options{MaxBytes: 10})
		for i, message := range []struct {
			length int64
			key    int
			why    string
		}{
			{4, 0, "the first"},
			{4, 0, "8 of 10"},
			{0, 0, "an empty message takes nothing"},
			{2, 0, "10 of 10"},
			{0, 1, "a key that is used up serves nothing, not even an empty message"},
			{5, 1, "5 of 10"},
			{6, 2, "does not fit: a new key"},
			{4, 2, "10 of 10"},
			{10, 3, "a whole key"},
			{11, 4, "longer than MaxBytes: a key of its own"},
			{5, 5, "5 of 10"},
			{12, 6, "longer than MaxBytes: a key of its own, the shared one stays"},
			{5, 5, "10 of 10"},
		} {
			require.Equal(t, message.key, seal(t, s, keys, "a", message.length), "message %d of %d bytes: %s", i, message.length, message.why)
		}
		require.EqualValues(t, 5, keys.Stats().Evictions.Bytes)
		require.EqualValues(t, 2, keys.Stats().Bypasses)
	})
}

// TestLimitsAreExactUnderConcurrency: each key but the last serves as many
// messages, or bytes, as it may, and not one more.
func TestLimitsAreExactUnderConcurrency(t *testing.T) {
	const goroutines, each = 50, 40
	for name, test := range map[string]struct {
		opts   cache.Options
		length int64
		serves int
	}{
		"messages": {cache.Options{MaxMessages: 100}, 7, 100},
		"bytes":    {cache.Options{MaxBytes: 700}, 7, 100},
		"both":     {cache.Options{MaxBytes: 701, MaxMessages: 100}, 7, 100},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := slowly()
				keys := newCache(t, s, &test.opts)
				served := concurrently(t, s, keys, goroutines, each, test.length)
				require.Len(t, served, goroutines*each/test.serves)
				for key, messages := range served {
					require.Equal(t, test.serves, messages, "key %d", key)
				}
			})
		})
	}
}

// TestLimitsHoldWhileKeysAreRefreshed runs in real time, where a refresh may
// land at any point.
func TestLimitsHoldWhileKeysAreRefreshed(t *testing.T) {
	s := &source{}
	keys := newCache(t, s, &cache.Options{MaxMessages: 50, MaxBytes: 300})
	served := concurrently(t, s, keys, 16, 500, 7)
	total := 0
	for key, messages := range served {
		require.LessOrEqual(t, messages, 300/7, "key %d", key)
		total += messages
	}
	require.Equal(t, 16*500, total)
	require.NotZero(t, keys.Stats().Refreshes)
}

// concurrently seals, and returns how many messages each key served.
func concurrently(t *testing.T, s *source, keys keyring.Keyring, goroutines, each int, length int64) map[int]int {
	var mu sync.Mutex
	served := map[string]int{}
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			mine := map[string]int{}
			for range each {
				m, err := keys.EncryptionMaterials(t.Context(), sealRequest("a", length))
				if err != nil {
					t.Error(err)
					return
				}
				mine[string(bytesOf(m.DataKey))]++
			}
			mu.Lock()
			defer mu.Unlock()
			for key, n := range mine {
				served[key] += n
			}
		})
	}
	wg.Wait()
	byNumber := map[int]int{}
	for key, n := range maps.All(served) {
		byNumber[s.which(t, []byte(key))] = n
	}
	return byNumber
}

func TestOpeningIsBoundByAgeAndEntriesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		keys := newCache(t, s, &cache.Options{MaxMessages: 2, MaxBytes: 1})
		for range 100 {
			require.Zero(t, open(t, s, keys, "a"))
		}
		require.Equal(t, 1, s.calls())
	})
}

func TestMaxMessagesOfOneGivesEachMessageItsKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slowly()
		keys := newCache(t, s, &cache.Options{MaxMessages: 1})
		began := time.Now()
		served := concurrently(t, s, keys, 20, 1, 1)
		require.Len(t, served, 20)
		require.Equal(t, time.Second, time.Since(began), "they do not wait for each other")
		require.Zero(t, keys.Stats().Entries)
	})
}

func TestBypass(t *testing.T) {
	sealing := func(suite keyring.Suite, length int64) any {
		return &keyring.EncryptionRequest{Suite: suite, EncryptionContext: keyring.EncryptionContext{"a": "b"}, PlaintextLength: length}
	}
	for name, test := range map[string]struct {
		req   any
		cause cache.BypassCause // zero: cached
	}{
		"unknown length":         {sealing(suite, -1), cache.BypassedByUnknownLength},
		"nonsensical length":     {sealing(suite, -2), cache.BypassedByUnknownLength},
		"longer than MaxBytes":   {sealing(suite, 101), cache.BypassedByBytes},
		"as long as MaxBytes":    {sealing(suite, 100), 0},
		"empty":                  {sealing(suite, 0), 0},
		"seal 0x0014":            {sealing(keyring.AES128GCM, 1), cache.BypassedBySuite},
		"seal 0x0046":            {sealing(keyring.AES192GCM, 1), cache.BypassedBySuite},
		"seal 0x0078":            {sealing(keyring.AES256GCM, 1), cache.BypassedBySuite},
		"seal 0x0114":            {sealing(keyring.AES128GCMHKDFSHA256, 1), 0},
		"seal 0x0578, signed":    {sealing(keyring.AES256GCMHKDFSHA512CommitECDSAP384, 1), 0},
		"seal an unknown suite":  {sealing(0, 1), cache.BypassedBySuite},
		"open 0x0014":            {&keyring.DecryptionRequest{Suite: keyring.AES128GCM}, cache.BypassedBySuite},
		"open 0x0046":            {&keyring.DecryptionRequest{Suite: keyring.AES192GCM}, cache.BypassedBySuite},
		"open 0x0078":            {&keyring.DecryptionRequest{Suite: keyring.AES256GCM}, cache.BypassedBySuite},
		"open 0x0378, signed":    {&keyring.DecryptionRequest{Suite: keyring.AES256GCMHKDFSHA384ECDSAP384}, 0},
		"open 0x0478":            {&keyring.DecryptionRequest{Suite: suite}, 0},
		"open an unknown suite ": {&keyring.DecryptionRequest{Suite: 0x0999}, cache.BypassedBySuite},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var bypasses []cache.BypassCause
				s := slowly()
				keys := newCache(t, s, &cache.Options{MaxBytes: 100, Observer: func(e cache.Event) {
					if e.Kind == cache.EventBypass {
						bypasses = append(bypasses, e.Bypass)
						require.Equal(t, time.Second, e.Duration)
					}
				}})
				for range 2 {
					switch req := test.req.(type) {
					case *keyring.EncryptionRequest:
						_, err := keys.EncryptionMaterials(t.Context(), req)
						require.NoError(t, err)
					case *keyring.DecryptionRequest:
						_, err := keys.DecryptionMaterials(t.Context(), req)
						require.NoError(t, err)
					}
					if test.cause == cache.BypassedBySuite || test.cause == cache.BypassedByUnknownLength || test.cause == cache.BypassedByBytes {
						require.Equal(t, dereference(test.req), s.asked[len(s.asked)-1], "the request goes through as it is")
					}
				}
				if test.cause != 0 {
					require.Equal(t, []cache.BypassCause{test.cause, test.cause}, bypasses)
					require.EqualValues(t, 2, keys.Stats().Bypasses)
					require.Equal(t, 2*time.Second, keys.Stats().KeyringTime)
					require.Zero(t, keys.Stats().Entries)
					return
				}
				require.Empty(t, bypasses)
				require.NotZero(t, keys.Stats().Misses)
			})
		})
	}
}

func dereference(req any) any {
	switch req := req.(type) {
	case *keyring.EncryptionRequest:
		return *req
	case *keyring.DecryptionRequest:
		return *req
	}
	return nil
}

// TestSharedKeyIsNotMadeForOneLength: a keyring that looks at the length must
// not see that of the message that happened to come first.
func TestSharedKeyIsNotMadeForOneLength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		keys := newCache(t, s, nil)
		seal(t, s, keys, "a", 5)
		require.EqualValues(t, -1, s.asked[0].(keyring.EncryptionRequest).PlaintextLength)
	})
}

func TestSignedSuitesHit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		keys := newCache(t, s, nil)
		req := sealRequest("a", 1)
		req.Suite = keyring.AES256GCMHKDFSHA512CommitECDSAP384
		first, err := keys.EncryptionMaterials(t.Context(), req)
		require.NoError(t, err)
		second, err := keys.EncryptionMaterials(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, 1, s.calls())
		require.NotNil(t, second.SigningKey)
		require.Same(t, first.SigningKey, second.SigningKey)
		require.Contains(t, second.EncryptionContext, keyring.PublicKeyName)
		require.Equal(t, first.EncryptionContext, second.EncryptionContext)
		require.Equal(t, first.EncryptedDataKeys, second.EncryptedDataKeys)
		require.Equal(t, req.Suite, second.Suite)
		require.NotContains(t, req.EncryptionContext, keyring.PublicKeyName, "the request is the caller's")

		require.Equal(t, bytesOf(first.DataKey), bytesOf(second.DataKey), "one key, and destroying one copy leaves the other")
		third, err := keys.EncryptionMaterials(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, 32, third.DataKey.Len())
	})
}

func TestTwoCachesNeverShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		a, b := newCache(t, s, nil), newCache(t, s, nil)
		require.Equal(t, 0, seal(t, s, a, "a", 1))
		require.Equal(t, 1, seal(t, s, b, "a", 1))
		require.Equal(t, 0, seal(t, s, a, "a", 1))
	})
}

func TestSealingAndOpeningAndSuitesHaveKeysOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		keys := newCache(t, s, nil)
		other := sealRequest("a", 1)
		other.Suite = keyring.AES256GCMHKDFSHA256
		for range 2 {
			require.Equal(t, 0, seal(t, s, keys, "a", 1))
			require.Equal(t, 1, open(t, s, keys, "a"))
			require.Equal(t, 2, seal(t, s, keys, "b", 1))
			m, err := keys.EncryptionMaterials(t.Context(), other)
			require.NoError(t, err)
			require.Equal(t, 3, s.which(t, bytesOf(m.DataKey)))
			require.Equal(t, other.Suite, m.Suite)
		}
		require.Equal(t, 4, keys.Stats().Entries)
	})
}
