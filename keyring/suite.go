package keyring

import "github.com/sealwax/sealwax/internal/suite"

// Suite is a published algorithm suite id. The zero Suite is none of them.
//
// Source: docs/format.md, section "Algorithm suites".
type Suite uint16

// The eleven published suites. Those with Commit in their name bind a message
// to one data key; the others are for exchange with old software. Those with
// ECDSA sign the whole message, so that readers who hold the wrapping key can
// not pass a message of their own off as the writer's.
const (
	AES128GCM = Suite(suite.AES128GCM) // 0x0014; no key derivation
	AES192GCM = Suite(suite.AES192GCM) // 0x0046; no key derivation
	AES256GCM = Suite(suite.AES256GCM) // 0x0078; no key derivation

	AES128GCMHKDFSHA256 = Suite(suite.AES128GCMHKDFSHA256) // 0x0114
	AES192GCMHKDFSHA256 = Suite(suite.AES192GCMHKDFSHA256) // 0x0146
	AES256GCMHKDFSHA256 = Suite(suite.AES256GCMHKDFSHA256) // 0x0178

	AES128GCMHKDFSHA256ECDSAP256 = Suite(suite.AES128GCMHKDFSHA256ECDSAP256) // 0x0214; signed
	AES192GCMHKDFSHA384ECDSAP384 = Suite(suite.AES192GCMHKDFSHA384ECDSAP384) // 0x0346; signed
	AES256GCMHKDFSHA384ECDSAP384 = Suite(suite.AES256GCMHKDFSHA384ECDSAP384) // 0x0378; signed

	AES256GCMHKDFSHA512Commit          = Suite(suite.AES256GCMHKDFSHA512Commit)          // 0x0478; commits: the default
	AES256GCMHKDFSHA512CommitECDSAP384 = Suite(suite.AES256GCMHKDFSHA512CommitECDSAP384) // 0x0578; commits and signs
)

// Known reports whether s is one of the published suites.
func (s Suite) Known() bool {
	_, ok := suite.Lookup(suite.ID(s))
	return ok
}

// String returns the suite's name and id.
func (s Suite) String() string { return suite.ID(s).String() }

// KeyLength returns the length of the data key in bytes, 0 for an unknown suite.
func (s Suite) KeyLength() int { return s.entry().KeyLength }

// Signed reports whether messages of the suite end with a signature.
func (s Suite) Signed() bool { return s.entry().Signed() }

// Committing reports whether messages of the suite commit to their data key.
func (s Suite) Committing() bool { return s.entry().Committing() }

// Derives reports whether each message has a content key derived from its data
// key. A suite without derivation uses the data key itself, which must then
// never serve a second message.
func (s Suite) Derives() bool { return s.entry().Derives() }

var unknownSuite suite.Suite

func (s Suite) entry() *suite.Suite {
	if e, ok := suite.Lookup(suite.ID(s)); ok {
		return e
	}
	return &unknownSuite
}
