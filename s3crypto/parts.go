package s3crypto

import (
	"fmt"
	"math"
)

const mebibyte = 1 << 20

// largestPart is the longest part in bytes that S3 takes and memory holds.
const largestPart = min(maxPartSize, math.MaxInt)

// partPlan chooses the lengths of parts, in bytes, so that S3's limits hold.
type partPlan struct {
	base  int64 // Options.PartSize
	fixed int64 // of every part, if the length of the object is known; else 0
}

// newPartPlan plans for an object of size bytes, -1 if that is not known.
func newPartPlan(base, size int64) (partPlan, error) {
	p := partPlan{base: base}
	if size < 0 {
		return p, nil
	}
	if size <= maxParts*largestPart { // else the sum may overflow
		p.fixed = max(base, roundUp((size+maxParts-1)/maxParts))
	}
	if p.fixed == 0 || p.fixed > largestPart {
		return p, fmt.Errorf("s3crypto: %w: %d sealed bytes, in %d parts of at most %d", ErrTooLarge, size, maxParts, int64(largestPart))
	}
	return p, nil
}

// partGrowth is the share of what is sent already that the next part takes, if
// the length of the object is not known: with it, parts of 8 MiB suffice for
// 17 TiB, and a part is never more than a thousandth of the object or the base.
const partGrowth = 1000

// next returns the length of the part that follows sent bytes.
func (p partPlan) next(sent int64) int64 {
	if p.fixed > 0 {
		return p.fixed
	}
	return min(largestPart, max(p.base, roundUp(sent/partGrowth)))
}

// inFlight returns how many parts of size bytes may be in flight at once.
func (p partPlan) inFlight(concurrency int, size int64) int {
	return min(concurrency, max(2, int(p.base*int64(concurrency)/size)))
}

func roundUp(n int64) int64 { return (n + mebibyte - 1) / mebibyte * mebibyte }
