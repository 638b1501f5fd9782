package localkms

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
)

// A symmetric ciphertext, which callers see as opaque bytes, is
//
//	01 ‖ u8 length ‖ key id ‖ u32 place of the material in the key's list ‖ nonce 12 ‖ ciphertext ‖ tag 16 ‖ checksum 8
//
// The associated data is all before the nonce, then the encryption context. The checksum, the beginning of the SHA-256
// of all before it, protects nothing: it lets an altered key id be answered as an altered ciphertext and not as a missing key.
const (
	blobVersion      = 1
	blobChecksumSize = 8
	blobNonceSize    = 12
	blobTagSize      = 16
)

// blob is a parsed ciphertext, of which nothing is authenticated yet.
type blob struct {
	keyID    string
	material uint32 // place in the key's list, if there is one
	header   []byte // all before sealed
	sealed   []byte // nonce ‖ ciphertext ‖ tag
}

// seal encrypts under the key's current material.
func (v *keyView) seal(plaintext []byte, context map[string]string) ([]byte, error) {
	aead, err := newAEAD(v.material())
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, 2+len(v.id)+4+blobNonceSize+len(plaintext)+blobTagSize+blobChecksumSize)
	out = append(out, blobVersion, byte(len(v.id)))
	out = append(out, v.id...)
	out = binary.BigEndian.AppendUint32(out, uint32(v.current))
	out = aead.Seal(out, nil, plaintext, associatedData(out, context))
	sum := sha256.Sum256(out)
	return append(out, sum[:blobChecksumSize]...), nil
}

// open decrypts under the material that the blob names.
func (v *keyView) open(b *blob, context map[string]string) ([]byte, *material, error) {
	if uint64(b.material) >= uint64(len(v.materials)) {
		return nil, nil, invalidCiphertext()
	}
	m := v.materials[b.material]
	if m.lost() {
		return nil, nil, invalidState("%s has lost the key material %s that made the ciphertext; import it again", v.arn, m.ID)
	}
	aead, err := newAEAD(m)
	if err != nil {
		return nil, nil, err
	}
	plaintext, err := aead.Open(nil, nil, b.sealed, associatedData(b.header, context))
	if err != nil {
		return nil, nil, invalidCiphertext()
	}
	return plaintext, m, nil
}

func parseBlob(b []byte) (*blob, error) {
	if len(b) < 2+blobChecksumSize || b[0] != blobVersion {
		return nil, invalidCiphertext()
	}
	body, checksum := b[:len(b)-blobChecksumSize], b[len(b)-blobChecksumSize:]
	if sum := sha256.Sum256(body); string(sum[:blobChecksumSize]) != string(checksum) {
		return nil, invalidCiphertext()
	}
	headerSize := 2 + int(body[1]) + 4
	if len(body) < headerSize+blobNonceSize+blobTagSize {
		return nil, invalidCiphertext()
	}
	return &blob{
		keyID:    string(body[2 : headerSize-4]),
		material: binary.BigEndian.Uint32(body[headerSize-4:]),
		header:   body[:headerSize],
		sealed:   body[headerSize:],
	}, nil
}

func newAEAD(m *material) (cipher.AEAD, error) {
	block, err := aes.NewCipher(m.Secret.bytes())
	if err != nil {
		return nil, internal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, internal(err)
	}
	return aead, nil
}

// associatedData is a header and an encryption context, whose pairs are sorted and length-prefixed so that no two
// contexts look the same. An empty context and none are one.
func associatedData(header []byte, context map[string]string) []byte {
	out := slices.Clone(header)
	for _, name := range slices.Sorted(maps.Keys(context)) {
		out = appendPrefixed(out, name)
		out = appendPrefixed(out, context[name])
	}
	return out
}

func appendPrefixed(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(s))), s...)
}
