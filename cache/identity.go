package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"
	"maps"
	"slices"

	"github.com/sealwax/sealwax/keyring"
)

// identity names the requests that have the same answer, by everything that may
// change it. Counts and lengths are varints, and precede what they count, so
// that no two requests run into the same bytes:
//
//	operation 1 ‖ suite 2
//	‖ count of pairs ‖ pairs × (length ‖ name ‖ length ‖ value), sorted by name
//	‖ count of EDKs ‖ EDKs × (length ‖ provider id ‖ length ‖ provider info ‖ length ‖ ciphertext), for opening
//
// Of more than wholeIdentity bytes, it is
//
//	00 ‖ SHA-256 of them
//
// so that an entry's memory is bounded: whoever owns the storage can put a
// megabyte of EDKs into a header that still opens.
//
// Entries are found by the keyed hash, and recognized by the bytes.
type identity struct {
	bytes []byte // may stand on a stack
	hash  uint64 // of bytes, under the seed of one cache: nobody can prepare requests that crowd one bucket
}

const (
	// wholeIdentity suffices for a dozen pairs, or for the EDKs of two KMS keys
	// beside a few pairs. Such requests are identified without an allocation.
	wholeIdentity = 1024
	hashed        = 0 // no operation
	// stackPairs is how many pairs are sorted without an allocation.
	stackPairs = 8
)

// sealIdentity writes the identity into space, which has no length, and the
// capacity wholeIdentity.
func (s *store) sealIdentity(space []byte, req *keyring.EncryptionRequest) identity {
	return s.identity(appendTerms(space, Seal, req.Suite, req.EncryptionContext))
}

func (s *store) openIdentity(space []byte, req *keyring.DecryptionRequest) identity {
	b := appendTerms(space, Open, req.Suite, req.EncryptionContext)
	b = binary.AppendUvarint(b, uint64(len(req.EncryptedDataKeys)))
	for i := range req.EncryptedDataKeys {
		edk := &req.EncryptedDataKeys[i]
		b = appendField(b, edk.ProviderID)
		b = appendField(b, edk.ProviderInfo)
		b = appendField(b, edk.Ciphertext)
	}
	return s.identity(b)
}

func (s *store) identity(b []byte) identity {
	if len(b) > wholeIdentity {
		sum := sha256.Sum256(b)
		b = append(b[:0], hashed)
		b = append(b, sum[:]...)
	}
	return identity{bytes: b, hash: maphash.Bytes(s.seed, b)}
}

// appendTerms appends what both operations have.
func appendTerms(b []byte, op Operation, suite keyring.Suite, ec keyring.EncryptionContext) []byte {
	b = append(b, byte(op))
	b = binary.BigEndian.AppendUint16(b, uint16(suite))
	b = binary.AppendUvarint(b, uint64(len(ec)))
	if len(ec) > stackPairs {
		return appendManyPairs(b, ec)
	}
	return appendFewPairs(b, ec)
}

// appendFewPairs sorts on the stack. It moves indexes rather than strings,
// which would cost write barriers while the garbage collector runs.
func appendFewPairs(b []byte, ec keyring.EncryptionContext) []byte {
	var names, values [stackPairs]string
	var order [stackPairs]uint8
	n := 0
	for name, value := range ec {
		names[n], values[n] = name, value
		at := n
		for at > 0 && names[order[at-1]] > name {
			order[at] = order[at-1]
			at--
		}
		order[at] = uint8(n)
		n++
	}
	for _, i := range order[:n] {
		b = appendField(b, names[i])
		b = appendField(b, values[i])
	}
	return b
}

func appendManyPairs(b []byte, ec keyring.EncryptionContext) []byte {
	for _, name := range slices.Sorted(maps.Keys(ec)) {
		b = appendField(b, name)
		b = appendField(b, ec[name])
	}
	return b
}

func appendField[T string | []byte](b []byte, field T) []byte {
	b = binary.AppendUvarint(b, uint64(len(field)))
	return append(b, field...)
}
