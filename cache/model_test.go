package cache_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/cache"
)

// TestAgainstModel runs random schedules of requests, pauses, purges and outages
// against a model of the limits that is simple enough to be believed.
func TestAgainstModel(t *testing.T) {
	branches := map[string]int{}
	for seed := range uint64(16) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newModel(t, seed, branches).run(300) })
		})
	}
	for _, branch := range []string{"hit", "miss", "bypass", "refresh", "failure", "expired", "pushed out", "exhausted"} {
		require.Greater(t, branches[branch], 10, "the schedules come by %q too seldom to test it", branch)
	}
}

// model holds what the cache should: at most one key per operation and tenant.
type model struct {
	t      *testing.T
	random *rand.Rand
	limits cache.Options
	source *source
	down   bool
	keys   *cache.Keyring
	live   map[string]*modelKey
	called int // the source's calls that are accounted for

	branches map[string]int // how often each was taken
}

type modelKey struct {
	number          int // the source's
	born, used      time.Time
	messages, bytes uint64
	failed          bool // a refresh has failed
}

func newModel(t *testing.T, seed uint64, branches map[string]int) *model {
	m := &model{t: t, random: rand.New(rand.NewPCG(seed, 4)), live: map[string]*modelKey{}, branches: branches}
	m.limits = cache.Options{
		MaxEntries:  2 + m.random.IntN(4),
		MaxAge:      time.Duration(1+m.random.IntN(100)) * time.Second,
		MaxMessages: 2 + m.random.Uint64N(20),
		MaxBytes:    50 + m.random.Uint64N(200),
	}
	m.source = &source{fail: func(context.Context, int) error {
		if m.down {
			return errOutage
		}
		return nil
	}}
	m.keys = newCache(t, m.source, &m.limits)
	return m
}

func (m *model) run(steps int) {
	for range steps {
		m.pause()
		switch m.random.IntN(40) {
		case 0:
			m.keys.Purge()
			clear(m.live)
		case 1, 2, 3:
			m.down = m.random.IntN(3) == 0
		default:
			m.request()
		}
		m.compare()
	}
}

// pause is at least recency's resolution, mostly short, seldom beyond MaxAge.
func (m *model) pause() {
	pause := time.Millisecond
	switch m.random.IntN(10) {
	case 0:
		pause += time.Duration(m.random.Int64N(int64(m.limits.MaxAge) * 5 / 4))
	case 1, 2, 3:
		pause += time.Duration(m.random.Int64N(int64(m.limits.MaxAge) / 20))
	}
	time.Sleep(pause)
	synctest.Wait()
	for id, key := range m.live {
		if time.Since(key.born) >= m.limits.MaxAge {
			delete(m.live, id)
			m.branches["expired"]++
		}
	}
}

func (m *model) request() {
	tenant := string(rune('a' + m.random.IntN(4)))
	if m.random.IntN(3) == 0 {
		m.open(tenant)
		return
	}
	length := m.random.Int64N(int64(m.limits.MaxBytes) / 5)
	switch m.random.IntN(20) {
	case 0:
		length = -1
	case 1:
		length = int64(m.limits.MaxBytes) + m.random.Int64N(2)
	}
	m.seal(tenant, length)
}

func (m *model) seal(tenant string, length int64) {
	before := m.source.calls()
	answer, err := m.keys.EncryptionMaterials(m.t.Context(), sealRequest(tenant, length))
	var key []byte
	if err == nil {
		key = bytesOf(answer.DataKey)
	}
	if length < 0 || uint64(length) > m.limits.MaxBytes {
		m.branches["bypass"]++
		require.Equal(m.t, before+1, m.source.calls())
		require.Equal(m.t, m.down, err != nil)
		if err == nil {
			number := m.source.which(m.t, key)
			require.Equal(m.t, len(m.source.origins)-1, number, "a bypass gets the key of its own call")
			clear(m.source.memory[number]) // its owner has destroyed it
		}
		return
	}
	live := m.live["seal "+tenant]
	fits := live != nil && uint64(length) <= m.limits.MaxBytes-live.bytes
	if !fits {
		delete(m.live, "seal "+tenant)
	}
	m.settle("seal "+tenant, before, fits, key, err)
	if live = m.live["seal "+tenant]; err != nil || live == nil {
		return
	}
	live.messages++
	live.bytes += uint64(length)
	if live.messages == m.limits.MaxMessages || live.bytes == m.limits.MaxBytes {
		m.branches["exhausted"]++
		delete(m.live, "seal "+tenant)
		return
	}
	m.refresh("seal "+tenant, live)
}

func (m *model) open(tenant string) {
	before := m.source.calls()
	answer, err := m.keys.DecryptionMaterials(m.t.Context(), openRequest(tenant))
	var key []byte
	if err == nil {
		key = bytesOf(answer.DataKey)
	}
	live := m.live["open "+tenant]
	m.settle("open "+tenant, before, live != nil, key, err)
	if err == nil {
		m.refresh("open "+tenant, m.live["open "+tenant])
	}
}

// settle checks a request's answer: from the live key if there is one that
// serves it, else from one call. Refreshes that the request has started may have
// called the source meanwhile; refresh checks them.
func (m *model) settle(id string, before int, hit bool, key []byte, err error) {
	if hit {
		m.branches["hit"]++
		require.NoError(m.t, err)
		m.live[id].used = time.Now()
		require.Equal(m.t, m.live[id].number, m.source.which(m.t, key), "of several keys the live one serves")
		m.called = before
		return
	}
	m.branches["miss"]++
	m.called = before + 1
	require.GreaterOrEqual(m.t, m.source.calls(), before+1, "nothing serves %s but a call", id)
	if m.down {
		m.branches["failure"]++
		require.ErrorIs(m.t, err, errOutage)
		return
	}
	require.NoError(m.t, err)
	m.insert(id, m.source.which(m.t, key))
}

func (m *model) insert(id string, number int) {
	for len(m.live) >= m.limits.MaxEntries {
		m.branches["pushed out"]++
		oldest := ""
		for id, key := range m.live {
			if oldest == "" || key.used.Before(m.live[oldest].used) {
				oldest = id
			}
		}
		delete(m.live, oldest)
	}
	m.live[id] = &modelKey{number: number, born: time.Now(), used: time.Now()}
}

// refresh checks whether the key's use led to a call in the background.
func (m *model) refresh(id string, key *modelKey) {
	synctest.Wait()
	spent := max(
		float64(time.Since(key.born))/float64(m.limits.MaxAge),
		float64(key.messages)/float64(m.limits.MaxMessages),
		float64(key.bytes)/float64(m.limits.MaxBytes))
	// A small limit's refresh comes one message before it.
	earliest := min(0.6, float64(m.limits.MaxMessages-1)/float64(m.limits.MaxMessages))
	switch called := m.source.calls() - m.called; called {
	case 0:
		require.True(m.t, spent <= 0.85 || key.failed, "no refresh of %s at %.2f", id, spent)
	case 1:
		m.branches["refresh"]++
		require.GreaterOrEqual(m.t, spent, earliest, "refresh of %s", id)
		if m.down {
			key.failed = true // the next try comes after a pause
			return
		}
		delete(m.live, id)
		m.insert(id, len(m.source.origins)-1)
	default:
		m.t.Fatalf("%d calls in the background", called)
	}
}

// compare looks at the cache from outside: the keys whose memory holds
// something are the model's.
func (m *model) compare() {
	require.Equal(m.t, len(m.live), m.keys.Stats().Entries)
	lives := map[int]bool{}
	for _, key := range m.live {
		lives[key.number] = true
	}
	for number := range m.source.memory {
		require.Equal(m.t, !lives[number], m.source.zeroed(number), "key %d zeroed", number)
	}
}
