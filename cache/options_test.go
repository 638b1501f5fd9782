package cache

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyring"
)

func TestZeroOptionsAreCareful(t *testing.T) {
	want := Options{MaxEntries: 1_000, MaxAge: 5 * time.Minute, MaxMessages: 100_000, MaxBytes: 10 << 30, FetchTimeout: 30 * time.Second}
	for name, opts := range map[string]*Options{"nil": nil, "zero": {}} {
		t.Run(name, func(t *testing.T) {
			got, err := opts.withDefaults()
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestOptionsStandBesideDefaults(t *testing.T) {
	got, err := (&Options{MaxMessages: 1 << 32, MaxBytes: math.MaxInt64}).withDefaults()
	require.NoError(t, err)
	require.Equal(t, Options{MaxEntries: 1_000, MaxAge: 5 * time.Minute, MaxMessages: 1 << 32, MaxBytes: math.MaxInt64, FetchTimeout: 30 * time.Second}, got)
}

func TestNewRefuses(t *testing.T) {
	for name, opts := range map[string]*Options{
		"negative MaxEntries":      {MaxEntries: -1},
		"negative MaxAge":          {MaxAge: -1},
		"negative FetchTimeout":    {FetchTimeout: -1},
		"MaxMessages above 2^32":   {MaxMessages: 1<<32 + 1},
		"MaxMessages -1 converted": {MaxMessages: math.MaxUint64},
		"MaxBytes above 2^63-1":    {MaxBytes: 1 << 63},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(nothing{}, opts)
			require.Error(t, err)
		})
	}
	for name, inner := range map[string]keyring.Keyring{"nil": nil, "nil pointer": (*keyring.Ring)(nil)} {
		t.Run("no inner keyring: "+name, func(t *testing.T) {
			_, err := New(inner, nil)
			require.Error(t, err)
		})
	}
}

// TestOptionsAreCopied: the caller may use its Options again.
func TestOptionsAreCopied(t *testing.T) {
	opts := &Options{MaxEntries: 7}
	k, err := New(nothing{}, opts)
	require.NoError(t, err)
	opts.MaxEntries = 1
	require.Equal(t, 7, k.s.limits.MaxEntries)
	require.Zero(t, opts.MaxAge)
}

func TestTimesStayAtTheEndOfTime(t *testing.T) {
	require.Equal(t, int64(math.MaxInt64), later(1, math.MaxInt64))
	require.EqualValues(t, 3, later(1, 2))
}

func TestThresholdsLieBelowTheirLimits(t *testing.T) {
	for limit := uint64(2); limit < 20; limit++ {
		o := Options{MaxAge: time.Hour, MaxMessages: limit, MaxBytes: limit}
		for range 50 {
			drawn := o.drawThresholds(0)
			for _, threshold := range []uint64{drawn.messages, drawn.bytes} {
				require.Positive(t, threshold)
				require.Less(t, threshold, limit)
			}
		}
	}
	o := Options{MaxAge: 1, MaxMessages: 1, MaxBytes: 1}
	require.EqualValues(t, 1, o.drawThresholds(0).bytes, "below 1 there is only 0, which is due before the first byte")
}
