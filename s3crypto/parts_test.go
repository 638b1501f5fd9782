package s3crypto

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

const tebibyte = 1 << 40

// mostObject is the longest object that S3 keeps: 10,000 parts of 5 GiB, 48.8 TiB.
const mostObject = int64(maxParts) * maxPartSize

// skipOn32Bits passes over what needs parts of more than 2 GiB, which are held in
// memory.
func skipOn32Bits(t *testing.T) {
	if math.MaxInt == math.MaxInt32 {
		t.Skip("no part of 5 GiB fits memory here, and New refuses to make one")
	}
}

func TestPartsOfKnownLengthKeepTheLimits(t *testing.T) {
	skipOn32Bits(t)
	for _, size := range []int64{0, 1, 5 << 20, 8 << 20, 8<<20 + 1, 10_000 * (8 << 20), 10_000*(8<<20) + 1, tebibyte, 5 * tebibyte, 48 * tebibyte, mostObject - 1, mostObject} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			p, err := newPartPlan(defaultPartSize, size)
			require.NoError(t, err)
			part := p.next(0)
			require.Equal(t, part, p.next(size/2), "all parts have one length")
			require.GreaterOrEqual(t, part, int64(minPartSize))
			require.LessOrEqual(t, part, int64(maxPartSize))
			require.LessOrEqual(t, (size+part-1)/part, int64(maxParts))
			if size <= maxParts*defaultPartSize {
				require.EqualValues(t, defaultPartSize, part)
			}
		})
	}
	for _, size := range []int64{mostObject + 1, 1 << 60, math.MaxInt64 - maxParts, math.MaxInt64} {
		_, err := newPartPlan(defaultPartSize, size)
		require.ErrorIs(t, err, ErrTooLarge, size)
	}
}

func TestPartsOfUnknownLengthGrow(t *testing.T) {
	skipOn32Bits(t)
	for _, row := range []struct {
		base, reaches int64
	}{
		{minPartSize, 12 * tebibyte},
		{defaultPartSize, 17 * tebibyte},
		{256 << 20, 34 * tebibyte},
		{maxPartSize, mostObject},
	} {
		t.Run(fmt.Sprint(row.base), func(t *testing.T) {
			p, err := newPartPlan(row.base, -1)
			require.NoError(t, err)
			sent, last := int64(0), int64(0)
			for range maxParts {
				part := p.next(sent)
				require.GreaterOrEqual(t, part, last)
				require.LessOrEqual(t, part, int64(maxPartSize))
				require.LessOrEqual(t, part, max(row.base, sent/partGrowth+mebibyte))
				sent, last = sent+part, part
			}
			require.GreaterOrEqual(t, sent, row.reaches)
		})
	}
	p, err := newPartPlan(defaultPartSize, -1)
	require.NoError(t, err)
	require.EqualValues(t, defaultPartSize, p.next(7<<30), "parts do not grow before they must")
}

func TestBytesInFlightAreBounded(t *testing.T) {
	p := partPlan{base: defaultPartSize}
	for _, row := range []struct {
		concurrency int
		size        int64
		want        int
	}{{5, 8 << 20, 5}, {1, 8 << 20, 1}, {5, 16 << 20, 2}, {20, 16 << 20, 10}, {5, 5 << 30, 2}, {1, 5 << 30, 1}} {
		require.Equal(t, row.want, p.inFlight(row.concurrency, row.size), "%+v", row)
	}
}
