// Package suite is the one table of algorithm suites: what the published suite
// ids mean. It holds facts only and imports no cryptography beyond the names of
// hashes and curves.
//
// Source: docs/format.md, section "Algorithm suites".
package suite

import (
	"crypto"
	"crypto/elliptic"
	"fmt"
)

// ID is a published suite id, as two bytes of a message's header hold it.
type ID uint16

// The eleven published suites. A name lists the cipher, the key derivation,
// whether the message commits to its key, and the signature.
const (
	AES128GCM ID = 0x0014
	AES192GCM ID = 0x0046
	AES256GCM ID = 0x0078

	AES128GCMHKDFSHA256 ID = 0x0114
	AES192GCMHKDFSHA256 ID = 0x0146
	AES256GCMHKDFSHA256 ID = 0x0178

	AES128GCMHKDFSHA256ECDSAP256 ID = 0x0214
	AES192GCMHKDFSHA384ECDSAP384 ID = 0x0346
	AES256GCMHKDFSHA384ECDSAP384 ID = 0x0378

	AES256GCMHKDFSHA512Commit          ID = 0x0478
	AES256GCMHKDFSHA512CommitECDSAP384 ID = 0x0578
)

// NonceLength and TagLength hold for every suite, in bytes.
const (
	NonceLength = 12
	TagLength   = 16
)

// Suite describes one algorithm suite.
type Suite struct {
	ID             ID
	Name           string
	MessageVersion int            // 1 or 2: the suite decides the format version
	KeyLength      int            // bytes of the data key, which are also the bytes of the content key
	Derivation     crypto.Hash    // hash of HKDF; 0: the data key is used as it is
	Curve          elliptic.Curve // of the signature; nil: unsigned
	SignatureHash  crypto.Hash    // digest that is signed; 0: unsigned
	// SignatureLength is the length of the signatures that we write, in bytes.
	// Others write other lengths; a reader requires none.
	SignatureLength int
	// CommitmentLength is the length of the key commitment in the header, in
	// bytes; 0: the suite does not commit.
	CommitmentLength int
}

// Signed reports whether messages end with a signature.
func (s *Suite) Signed() bool { return s.Curve != nil }

// Committing reports whether the header commits to the data key.
func (s *Suite) Committing() bool { return s.CommitmentLength > 0 }

// Derives reports whether the content key is derived per message. Without
// derivation a data key must never serve two messages.
func (s *Suite) Derives() bool { return s.Derivation != 0 }

// MessageIDLength returns the length of the message id, in bytes.
func (s *Suite) MessageIDLength() int {
	if s.MessageVersion == 1 {
		return 16
	}
	return 32
}

var table = []*Suite{
	{ID: AES128GCM, Name: "AES-128-GCM", MessageVersion: 1, KeyLength: 16},
	{ID: AES192GCM, Name: "AES-192-GCM", MessageVersion: 1, KeyLength: 24},
	{ID: AES256GCM, Name: "AES-256-GCM", MessageVersion: 1, KeyLength: 32},

	{ID: AES128GCMHKDFSHA256, Name: "AES-128-GCM HKDF-SHA-256", MessageVersion: 1, KeyLength: 16, Derivation: crypto.SHA256},
	{ID: AES192GCMHKDFSHA256, Name: "AES-192-GCM HKDF-SHA-256", MessageVersion: 1, KeyLength: 24, Derivation: crypto.SHA256},
	{ID: AES256GCMHKDFSHA256, Name: "AES-256-GCM HKDF-SHA-256", MessageVersion: 1, KeyLength: 32, Derivation: crypto.SHA256},

	{ID: AES128GCMHKDFSHA256ECDSAP256, Name: "AES-128-GCM HKDF-SHA-256 ECDSA-P-256", MessageVersion: 1, KeyLength: 16, Derivation: crypto.SHA256,
		Curve: elliptic.P256(), SignatureHash: crypto.SHA256, SignatureLength: 71},
	{ID: AES192GCMHKDFSHA384ECDSAP384, Name: "AES-192-GCM HKDF-SHA-384 ECDSA-P-384", MessageVersion: 1, KeyLength: 24, Derivation: crypto.SHA384,
		Curve: elliptic.P384(), SignatureHash: crypto.SHA384, SignatureLength: 103},
	{ID: AES256GCMHKDFSHA384ECDSAP384, Name: "AES-256-GCM HKDF-SHA-384 ECDSA-P-384", MessageVersion: 1, KeyLength: 32, Derivation: crypto.SHA384,
		Curve: elliptic.P384(), SignatureHash: crypto.SHA384, SignatureLength: 103},

	{ID: AES256GCMHKDFSHA512Commit, Name: "AES-256-GCM HKDF-SHA-512 key commitment", MessageVersion: 2, KeyLength: 32, Derivation: crypto.SHA512,
		CommitmentLength: 32},
	{ID: AES256GCMHKDFSHA512CommitECDSAP384, Name: "AES-256-GCM HKDF-SHA-512 key commitment ECDSA-P-384", MessageVersion: 2, KeyLength: 32, Derivation: crypto.SHA512,
		Curve: elliptic.P384(), SignatureHash: crypto.SHA384, SignatureLength: 103, CommitmentLength: 32},
}

var byID = func() map[ID]*Suite {
	m := make(map[ID]*Suite, len(table))
	for _, s := range table {
		m[s.ID] = s
	}
	return m
}()

// Lookup returns the suite of an id. The result is shared and must not be changed.
func Lookup(id ID) (*Suite, bool) {
	s, ok := byID[id]
	return s, ok
}

// All returns the suites in the order of their ids. The elements are shared and
// must not be changed.
func All() []*Suite { return append([]*Suite(nil), table...) }

// String returns the suite's name and id.
func (id ID) String() string {
	if s, ok := byID[id]; ok {
		return fmt.Sprintf("%s (%#04x)", s.Name, uint16(id))
	}
	return fmt.Sprintf("unknown suite (%#04x)", uint16(id))
}
