package cache_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/cache"
	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring"
	"github.com/sealwax/sealwax/keyring/awskms"
	"github.com/sealwax/sealwax/keyring/localkms"
)

// service is what an application has: a client on a cache on a ring on a KMS.
type service struct {
	kms    *localkms.KMS
	ring   *keyring.Ring
	cache  *cache.Keyring
	client *envelope.Client
}

func newService(t testing.TB, cacheOpts *cache.Options, opts *envelope.Options) service {
	t.Helper()
	kms, err := localkms.New(nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, kms.Close()) })
	arn, err := kms.NewKey("alias/cache")
	require.NoError(t, err)
	ring, err := awskms.NewKeyring(kms, arn)
	require.NoError(t, err)
	keys := newCache(t, ring, cacheOpts)
	client, err := envelope.New(keys, opts)
	require.NoError(t, err)
	return service{kms, ring, keys, client}
}

var tenantA = envelope.Context{"tenant": "a"}

func TestServiceSealsAndOpensWithOneCallEach(t *testing.T) {
	for _, suite := range []envelope.Suite{0, envelope.AES256GCMHKDFSHA512CommitECDSAP384} {
		t.Run(suite.String(), func(t *testing.T) {
			s := newService(t, nil, &envelope.Options{Suite: suite})
			messages := make([][]byte, 100)
			var wg sync.WaitGroup
			for i := range messages {
				wg.Go(func() {
					var err error
					messages[i], err = s.client.Seal(t.Context(), []byte(strings.Repeat("x", i)), tenantA)
					if err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			for i, message := range messages {
				wg.Go(func() {
					got, err := s.client.Open(t.Context(), message, tenantA)
					if err != nil || string(got) != strings.Repeat("x", i) {
						t.Errorf("message %d: %v", i, err)
					}
				})
			}
			wg.Wait()
			require.Equal(t, 1, s.kms.Calls("GenerateDataKey"))
			require.Equal(t, 1, s.kms.Calls("Decrypt"))
			require.Equal(t, 2, s.kms.Calls("*"))
		})
	}
}

func TestServiceSuitesWithoutDerivationCallForEachMessage(t *testing.T) {
	s := newService(t, nil, &envelope.Options{Suite: envelope.AES256GCM, Commitment: envelope.ForbidEncryptAllowDecrypt})
	for range 3 {
		message, err := s.client.Seal(t.Context(), []byte("x"), tenantA)
		require.NoError(t, err)
		for range 2 {
			_, err = s.client.Open(t.Context(), message, tenantA)
			require.NoError(t, err)
		}
	}
	require.Equal(t, 3, s.kms.Calls("GenerateDataKey"))
	require.Equal(t, 6, s.kms.Calls("Decrypt"))
}

// TestServiceTamperedMessageDoesNotSpoilTheCache: a message that does not verify
// costs no call once its key is there, and the next one opens.
func TestServiceTamperedMessageDoesNotSpoilTheCache(t *testing.T) {
	s := newService(t, nil, nil)
	message, err := s.client.Seal(t.Context(), []byte("x"), tenantA)
	require.NoError(t, err)
	for range 3 {
		tampered := append([]byte(nil), message...)
		tampered[len(tampered)-1] ^= 1
		_, err = s.client.Open(t.Context(), tampered, tenantA)
		require.ErrorIs(t, err, envelope.ErrAuthentication)
		_, err = s.client.Open(t.Context(), message, tenantA)
		require.NoError(t, err)
	}
	require.Equal(t, 1, s.kms.Calls("Decrypt"))
}

// outside makes a ring's calls from a goroutine that is in no bubble, so that the
// ring and the KMS may draw from crypto/rand (see signingKey). The calls take
// the bubble's time.
type outside struct {
	inner keyring.Keyring
	took  time.Duration
	mu    sync.Mutex
	calls chan func()
	done  chan struct{}
}

func newOutside(t testing.TB, inner keyring.Keyring, took time.Duration) *outside {
	o := &outside{inner: inner, took: took, calls: make(chan func()), done: make(chan struct{})}
	go func() {
		for call := range o.calls {
			call()
			o.done <- struct{}{}
		}
	}()
	t.Cleanup(func() { close(o.calls) })
	return o
}

func (o *outside) run(call func()) {
	time.Sleep(o.took)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls <- call
	<-o.done
}

func (o *outside) EncryptionMaterials(_ context.Context, req *keyring.EncryptionRequest) (m *keyring.EncryptionMaterials, err error) {
	o.run(func() { m, err = o.inner.EncryptionMaterials(context.Background(), req) })
	return m, err
}

func (o *outside) DecryptionMaterials(_ context.Context, req *keyring.DecryptionRequest) (m *keyring.DecryptionMaterials, err error) {
	o.run(func() { m, err = o.inner.DecryptionMaterials(context.Background(), req) })
	return m, err
}

// TestServiceSteadyState counts KMS calls over an hour of traffic on ten
// contexts: at most two per context and MaxAge.
func TestServiceSteadyState(t *testing.T) {
	s := newService(t, nil, nil)
	ring := newOutside(t, s.ring, 50*time.Millisecond)
	synctest.Test(t, func(t *testing.T) {
		keys := newCache(t, ring, nil)
		began := time.Now()
		waited := 0
		for time.Since(began) < time.Hour {
			for _, tenant := range "abcdefghij" {
				asked := time.Now()
				m, err := keys.EncryptionMaterials(t.Context(), sealRequest(string(tenant), 1))
				require.NoError(t, err)
				m.DataKey.Destroy()
				if time.Since(asked) > 0 {
					waited++
				}
			}
			time.Sleep(5 * time.Second)
		}
		const ages = int(time.Hour / (5 * time.Minute))
		require.LessOrEqual(t, s.kms.Calls("GenerateDataKey"), 10*2*ages)
		require.GreaterOrEqual(t, s.kms.Calls("GenerateDataKey"), 10*ages)
		require.Equal(t, 10, waited, "only the first message of each context waits for KMS")
	})
}

func TestServiceInAnOutage(t *testing.T) {
	s := newService(t, nil, nil)
	ring := newOutside(t, s.ring, 0)
	synctest.Test(t, func(t *testing.T) {
		keys := newCache(t, ring, nil)
		var opening *keyring.DecryptionRequest
		seal := func() error {
			m, err := keys.EncryptionMaterials(t.Context(), sealRequest("a", 1))
			if err != nil {
				return err
			}
			if opening == nil {
				opening = &keyring.DecryptionRequest{Suite: m.Suite, EncryptionContext: m.EncryptionContext, EncryptedDataKeys: m.EncryptedDataKeys}
			}
			m.DataKey.Destroy()
			return nil
		}
		open := func() error {
			m, err := keys.DecryptionMaterials(t.Context(), opening)
			if err != nil {
				return err
			}
			m.DataKey.Destroy()
			return nil
		}
		require.NoError(t, seal())
		require.NoError(t, open())

		s.kms.SetFault("*", localkms.Unavailable())
		for range 59 {
			time.Sleep(5 * time.Second)
			require.NoError(t, seal())
			require.NoError(t, open())
		}
		time.Sleep(5 * time.Second)
		var outage *types.KMSInternalException
		require.ErrorAs(t, seal(), &outage)
		err := open()
		require.ErrorAs(t, err, &outage)
		require.NotErrorIs(t, err, envelope.ErrAuthentication, "an outage says nothing about the message")

		s.kms.SetFault("*", nil)
		require.NoError(t, seal())
		require.NoError(t, open())
		synctest.Wait()
	})
}

// TestServiceContextIsPartOfTheIdentity: a message does not open under another
// context by way of a key that the cache has, even where the header is silent
// about it.
func TestServiceContextIsPartOfTheIdentity(t *testing.T) {
	s := newService(t, nil, &envelope.Options{UnstoredContext: []string{"tenant"}})
	message, err := s.client.Seal(context.Background(), []byte("x"), tenantA)
	require.NoError(t, err)
	_, err = s.client.Open(context.Background(), message, tenantA)
	require.NoError(t, err)
	_, err = s.client.Open(context.Background(), message, envelope.Context{"tenant": "b"})
	require.ErrorIs(t, err, envelope.ErrAuthentication)
	require.Equal(t, 2, s.kms.Calls("Decrypt"), "KMS was asked about the other context")
	require.Equal(t, 2, s.cache.Stats().Entries)
}
