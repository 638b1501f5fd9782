package aead

import (
	"bytes"
	"crypto/hkdf"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/sealwax/sealwax/internal/fault"
	"github.com/sealwax/sealwax/internal/suite"
)

// count returns n bytes that count up from the first.
func count(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

// fingerprint tells ciphers of different keys apart.
func fingerprint(t *testing.T, key []byte) []byte {
	t.Helper()
	gcm, err := NewGCM(key)
	if err != nil {
		t.Fatal(err)
	}
	return gcm.Seal(nil, make([]byte, NonceLength), []byte("fingerprint"), nil)
}

// The derivation of every suite, against the functions of crypto/hkdf as the
// format names them.
func TestDerivation(t *testing.T) {
	for _, s := range suite.All() {
		dataKey, id := count(1, s.KeyLength), count(100, s.MessageIDLength())
		info := string([]byte{byte(s.ID >> 8), byte(s.ID)})
		want, commitment := dataKey, []byte(nil)
		switch {
		case s.Committing():
			prk, err := hkdf.Extract(s.Derivation.New, dataKey, id)
			if err != nil {
				t.Fatal(err)
			}
			want, _ = hkdf.Expand(s.Derivation.New, prk, info+"DERIVEKEY", s.KeyLength)
			commitment, _ = hkdf.Expand(s.Derivation.New, prk, "COMMITKEY", 32)
		case s.Derives():
			want, _ = hkdf.Key(s.Derivation.New, dataKey, nil, info+string(id), s.KeyLength)
		}
		sealer, err := NewSealer(s, dataKey, id)
		if err != nil {
			t.Fatalf("%v: %v", s.ID, err)
		}
		if got := sealer.gcm.Seal(nil, make([]byte, NonceLength), []byte("fingerprint"), nil); !bytes.Equal(got, fingerprint(t, want)) {
			t.Errorf("%v: another content key than HKDF's", s.ID)
		}
		if !bytes.Equal(sealer.Commitment(), commitment) {
			t.Errorf("%v: commitment %x, want %x", s.ID, sealer.Commitment(), commitment)
		}
		if !bytes.Equal(dataKey, count(1, s.KeyLength)) || !bytes.Equal(id, count(100, s.MessageIDLength())) {
			t.Errorf("%v: an argument was changed", s.ID)
		}
		if _, err := NewOpener(s, dataKey, id, commitment); err != nil {
			t.Errorf("%v: %v", s.ID, err)
		}
	}
}

// Known answers, so that not both sides can drift. They are those of HKDF
// (RFC 5869) over HMAC-SHA-512 with the infos of the format, and were computed
// with Python's hmac module.
func TestCommitmentKnownAnswer(t *testing.T) {
	s, _ := suite.Lookup(suite.AES256GCMHKDFSHA512Commit)
	sealer, err := NewSealer(s, count(0, 32), count(32, 32))
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(sealer.Commitment()); got != commitmentKAT {
		t.Errorf("commitment %s, want %s", got, commitmentKAT)
	}
	key, _ := hex.DecodeString(contentKeyKAT)
	if got := sealer.gcm.Seal(nil, make([]byte, NonceLength), []byte("fingerprint"), nil); !bytes.Equal(got, fingerprint(t, key)) {
		t.Error("another content key")
	}
}

const (
	commitmentKAT = "16bbdf5f77e52a6d45b8cad7f30e0bbf69b304b0d51de9d153b822934fd32d47"
	contentKeyKAT = "30f891fcd92a8abe67342e11f1cfacffa92994861fca7075fb36a21f9edbf6ae"
)

// The suite id goes into the content key and not into the commitment, so that
// the two committing suites share the one and not the other.
func TestSuitesShareCommitmentsOnly(t *testing.T) {
	unsigned, _ := suite.Lookup(suite.AES256GCMHKDFSHA512Commit)
	signed, _ := suite.Lookup(suite.AES256GCMHKDFSHA512CommitECDSAP384)
	a, _ := NewSealer(unsigned, count(0, 32), count(0, 32))
	b, _ := NewSealer(signed, count(0, 32), count(0, 32))
	if !bytes.Equal(a.Commitment(), b.Commitment()) {
		t.Error("commitments differ")
	}
	nonce := make([]byte, NonceLength)
	if bytes.Equal(a.gcm.Seal(nil, nonce, nil, nil), b.gcm.Seal(nil, nonce, nil, nil)) {
		t.Error("content keys are the same")
	}
}

func TestKeysAndIDsOfTheWrongLength(t *testing.T) {
	for _, s := range suite.All() {
		for _, n := range []int{0, 15, 16, 17, 23, 24, 25, 31, 32, 33, 64} {
			_, err := NewSealer(s, count(0, n), count(0, s.MessageIDLength()))
			if (err == nil) != (n == s.KeyLength) {
				t.Errorf("%v: data key of %d bytes: %v", s.ID, n, err)
			}
			_, err = NewSealer(s, count(0, s.KeyLength), count(0, n))
			if (err == nil) != (n == s.MessageIDLength()) {
				t.Errorf("%v: message id of %d bytes: %v", s.ID, n, err)
			}
			commitment := count(0, s.CommitmentLength)
			if s.Committing() {
				sealer, _ := NewSealer(s, count(0, s.KeyLength), count(0, s.MessageIDLength()))
				commitment = sealer.Commitment()
			}
			_, err = NewOpener(s, count(0, n), count(0, s.MessageIDLength()), commitment)
			if (err == nil) != (n == s.KeyLength) {
				t.Errorf("%v: opener with a data key of %d bytes: %v", s.ID, n, err)
			}
		}
	}
}

// A header that commits to another key is refused, whichever bit differs.
func TestCommitmentIsChecked(t *testing.T) {
	for _, s := range suite.All() {
		if !s.Committing() {
			continue
		}
		dataKey, id := count(0, 32), count(0, 32)
		sealer, _ := NewSealer(s, dataKey, id)
		good := sealer.Commitment()
		for bit := range 8 * len(good) {
			bad := bytes.Clone(good)
			bad[bit/8] ^= 1 << (bit % 8)
			if _, err := NewOpener(s, dataKey, id, bad); !errors.Is(err, fault.ErrAuthentication) {
				t.Errorf("%v: bit %d: %v", s.ID, bit, err)
			}
		}
		for _, bad := range [][]byte{nil, good[:31], append(bytes.Clone(good), 0)} {
			if _, err := NewOpener(s, dataKey, id, bad); !errors.Is(err, fault.ErrAuthentication) {
				t.Errorf("%v: commitment of %d bytes: %v", s.ID, len(bad), err)
			}
		}
		if _, err := NewOpener(s, count(1, 32), id, good); !errors.Is(err, fault.ErrAuthentication) {
			t.Errorf("%v: another data key: %v", s.ID, err)
		}
		if _, err := NewOpener(s, dataKey, count(1, 32), good); !errors.Is(err, fault.ErrAuthentication) {
			t.Errorf("%v: another message id: %v", s.ID, err)
		}
	}
}
