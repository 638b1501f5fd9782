package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/sealwax/sealwax/keyring"
)

// identity names the requests that have the same answer: a hash of everything
// that may change it. All lengths are 8 bytes, so that no two requests run into
// the same bytes:
//
//	salt 16 ‖ operation 1 ‖ suite 2
//	‖ pairs ‖ pairs × (length ‖ name ‖ length ‖ value), sorted by name
//	‖ EDKs ‖ EDKs × (length ‖ provider id ‖ length ‖ provider info ‖ length ‖ ciphertext), for opening
//
// The salt is random and of one cache, so that nobody can prepare contexts that
// crowd one bucket of its table.
type identity [sha256.Size]byte

type salt [16]byte

// Most requests are identified without an allocation: those of at most
// stackPairs pairs, and of at most stackBytes in all.
const (
	stackPairs = 8
	stackBytes = 512
)

func sealIdentity(salt *salt, req *keyring.EncryptionRequest) identity {
	var space [stackBytes]byte
	b := appendTerms(space[:0], salt, Seal, req.Suite, req.EncryptionContext)
	return sha256.Sum256(b)
}

func openIdentity(salt *salt, req *keyring.DecryptionRequest) identity {
	var space [2 * stackBytes]byte
	b := appendTerms(space[:0], salt, Open, req.Suite, req.EncryptionContext)
	b = binary.BigEndian.AppendUint64(b, uint64(len(req.EncryptedDataKeys)))
	for i := range req.EncryptedDataKeys {
		edk := &req.EncryptedDataKeys[i]
		b = appendField(b, edk.ProviderID)
		b = appendField(b, edk.ProviderInfo)
		b = appendField(b, edk.Ciphertext)
	}
	return sha256.Sum256(b)
}

// appendTerms appends what both operations have.
func appendTerms(b []byte, salt *salt, op Operation, suite keyring.Suite, ec keyring.EncryptionContext) []byte {
	b = append(b, salt[:]...)
	b = append(b, byte(op))
	b = binary.BigEndian.AppendUint16(b, uint16(suite))
	b = binary.BigEndian.AppendUint64(b, uint64(len(ec)))

	var space [stackPairs]pair
	pairs := space[:0]
	for name, value := range ec {
		pairs = append(pairs, pair{name, value})
	}
	slices.SortFunc(pairs, comparePairs)
	for i := range pairs {
		b = appendField(b, pairs[i].name)
		b = appendField(b, pairs[i].value)
	}
	return b
}

type pair struct{ name, value string }

func comparePairs(a, b pair) int { return strings.Compare(a.name, b.name) }

func appendField[T string | []byte](b []byte, field T) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(len(field)))
	return append(b, field...)
}
