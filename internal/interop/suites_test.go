package interop

import (
	"fmt"
	"slices"
	"testing"
)

// Every suite, every frame length, every size around a frame's edges, both ways.
func TestSuitesFrameLengthsAndSizes(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		for _, suite := range suites {
			for _, frameLength := range []int{1, 16, 128, 512, 4096, 65536} {
				t.Run(fmt.Sprintf("%v/frames of %d", suite, frameLength), func(t *testing.T) {
					for i, size := range edgeSizes(frameLength) {
						req := newRequest(suite, frameLength)
						req.Policy = policies(suite)[i%len(policies(suite))]
						if i%3 == 0 {
							req.Context = map[string]string{}
						}
						exchange(t, p, req, content(size))
					}
				})
			}
		}
	})
}

// edgeSizes returns the sizes around the edges of frames.
func edgeSizes(frameLength int) []int {
	f := frameLength
	sizes := []int{0, 1, f - 1, f, f + 1, 2*f - 1, 2 * f, 2*f + 1, 3 * f}
	if f <= 16 {
		sizes = append(sizes, 40*f+3)
	}
	slices.Sort(sizes)
	return slices.Compact(sizes)
}

// Many more frames than fit any buffer, and a last one that is not full.
func TestLongMessages(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		for _, suite := range suites {
			if suite.KeyLength() < 32 || !suite.Derives() {
				continue
			}
			exchange(t, p, newRequest(suite, 4096), content(1<<20+17))
		}
	})
}

// What a policy permits, and what it forbids, is the same on both sides.
func TestCommitmentPolicies(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		for _, suite := range suites {
			message := mustSeal(t, sealwax{}, newRequest(suite, 512), content(600))
			for _, policy := range []string{requireRequire, requireAllow, forbidAllow} {
				req := newRequest(suite, 512).with(func(r *request) { r.Policy = policy })
				for _, by := range []party{sealwax{}, p} {
					_, err := by.seal(t.Context(), req, content(1))
					checkPolicy(t, by, "seals", req, suite.Committing() == (policy != forbidAllow), err)
					_, err = by.open(t.Context(), req, message)
					checkPolicy(t, by, "opens", req, suite.Committing() || policy != requireRequire, err)
				}
			}
		}
	})
}

func checkPolicy(t *testing.T, by party, does string, req *request, permitted bool, err error) {
	t.Helper()
	if (err == nil) != permitted {
		t.Errorf("%s %s (%s): %v", partyName(by), does, req, err)
	}
	if p, ok := by.(*peer); ok && err != nil {
		checkRefusal(t, p, err)
	}
}

// Only Python still writes bodies without frames; we open them.
func TestNonFramedBodies(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		if !p.nonFramed {
			t.Skip("this SDK seals framed bodies only")
		}
		for _, suite := range suites {
			for _, size := range []int{0, 1, 4096, 70000} {
				req := newRequest(suite, 0)
				theySealWeOpen(t, p, req, req, content(size))
			}
		}
	})
}
