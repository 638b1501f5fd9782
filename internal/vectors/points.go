package vectors

import (
	"crypto/elliptic"
	"encoding/asn1"
	"math/big"

	"github.com/sealwax/sealwax/internal/suite"

	_ "crypto/sha512" // suites name its hashes
)

// isPoint reports whether b is a compressed point of P-384.
func isPoint(b []byte) bool {
	x, _ := elliptic.UnmarshalCompressed(elliptic.P384(), b)
	return x != nil
}

// negate returns the other signature that verifies: (r, n−s) for (r, s).
func negate(s *suite.Suite, sig []byte) []byte {
	var rs struct{ R, S *big.Int }
	must(asn1.Unmarshal(sig, &rs))
	rs.S.Sub(s.Curve.Params().N, rs.S)
	return must(asn1.Marshal(rs))
}
