package signature

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"io"
	"math/big"
	"testing"

	"github.com/sealwax/sealwax/internal/fault"
	"github.com/sealwax/sealwax/internal/suite"
)

// signed are the suites that sign, one for each curve and hash.
func signed(t *testing.T) []*suite.Suite {
	t.Helper()
	p256, _ := suite.Lookup(suite.AES128GCMHKDFSHA256ECDSAP256)
	p384, _ := suite.Lookup(suite.AES256GCMHKDFSHA512CommitECDSAP384)
	return []*suite.Suite{p256, p384}
}

func newKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func digest(s *suite.Suite, i int) []byte {
	h := s.SignatureHash.New()
	h.Write([]byte{byte(i), byte(i >> 8)})
	return h.Sum(nil)
}

// Signatures have one length, whatever comes: 71 bytes on P-256, 103 on P-384.
func TestSignaturesHaveOneLength(t *testing.T) {
	for _, s := range signed(t) {
		key := newKey(t, s.Curve)
		want := map[string]int{"P-256": 71, "P-384": 103}[s.Curve.Params().Name]
		n := 2000
		if s.KeyLength == 32 {
			n = 200 // P-384 takes its time
		}
		for i := range n {
			sig, err := Sign(s, key, digest(s, i))
			if err != nil || len(sig) != want {
				t.Fatalf("%v: %d bytes, error %v, want %d", s.ID, len(sig), err, want)
			}
			if i%20 != 0 {
				continue
			}
			if err := Verify(&key.PublicKey, digest(s, i), sig); err != nil {
				t.Fatalf("%v: signature %d: %v", s.ID, i, err)
			}
		}
	}
}

// Readers require no length.
func TestSignaturesOfEveryLengthVerify(t *testing.T) {
	for _, s := range signed(t) {
		key := newKey(t, s.Curve)
		seen := map[int]bool{}
		for i := 0; len(seen) < 3; i++ {
			sig, err := key.Sign(rand.Reader, digest(s, i), s.SignatureHash)
			if err != nil {
				t.Fatal(err)
			}
			if seen[len(sig)] {
				continue
			}
			seen[len(sig)] = true
			if err := Verify(&key.PublicKey, digest(s, i), sig); err != nil {
				t.Errorf("%v: %d bytes: %v", s.ID, len(sig), err)
			}
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	for _, s := range signed(t) {
		key := newKey(t, s.Curve)
		sig, err := Sign(s, key, digest(s, 1))
		if err != nil {
			t.Fatal(err)
		}
		for what, bad := range map[string][]byte{
			"nil":         nil,
			"empty":       {},
			"zeros":       {0x30, 6, 2, 1, 0, 2, 1, 0},
			"cut":         sig[:len(sig)-1],
			"a byte more": append(bytes.Clone(sig), 0),
			"not DER":     bytes.Repeat([]byte{1}, len(sig)),
			"long length": append([]byte{sig[0], 0x81, sig[1]}, sig[2:]...),
			"s plus n":    shifted(t, s, sig, 1),
			"s minus n":   shifted(t, s, sig, -1),
		} {
			if err := Verify(&key.PublicKey, digest(s, 1), bad); !errors.Is(err, fault.ErrAuthentication) {
				t.Errorf("%v, %s: %v", s.ID, what, err)
			}
		}
		if err := Verify(&key.PublicKey, digest(s, 2), sig); !errors.Is(err, fault.ErrAuthentication) {
			t.Errorf("%v, another digest: %v", s.ID, err)
		}
		if err := Verify(&newKey(t, s.Curve).PublicKey, digest(s, 1), sig); !errors.Is(err, fault.ErrAuthentication) {
			t.Errorf("%v, another key: %v", s.ID, err)
		}
		for bit := 0; bit < 8*len(sig); bit += 5 {
			bad := bytes.Clone(sig)
			bad[bit/8] ^= 1 << (bit % 8)
			if err := Verify(&key.PublicKey, digest(s, 1), bad); !errors.Is(err, fault.ErrAuthentication) {
				t.Errorf("%v, bit %d: %v", s.ID, bit, err)
			}
		}
	}
}

// shifted adds a multiple of the curve's order to s.
func shifted(t *testing.T, s *suite.Suite, sig []byte, by int64) []byte {
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(sig, &rs); err != nil {
		t.Fatal(err)
	}
	rs.S.Add(rs.S, new(big.Int).Mul(big.NewInt(by), s.Curve.Params().N))
	b, err := asn1.Marshal(rs)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Public keys travel as compressed points in base64: 44 characters on P-256, 68
// on P-384, and come back as they were.
func TestPublicKeysRoundTrip(t *testing.T) {
	for _, s := range signed(t) {
		parities := map[byte]bool{}
		for range 20 {
			key := newKey(t, s.Curve)
			encoded, err := EncodePublicKey(&key.PublicKey)
			if err != nil {
				t.Fatal(err)
			}
			if want := map[string]int{"P-256": 44, "P-384": 68}[s.Curve.Params().Name]; len(encoded) != want {
				t.Errorf("%v: %d characters, want %d", s.ID, len(encoded), want)
			}
			raw, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil {
				t.Fatal(err)
			}
			if want := elliptic.MarshalCompressed(s.Curve, key.X, key.Y); !bytes.Equal(raw, want) { // the other implementation
				t.Errorf("%v: %x, want %x", s.ID, raw, want)
			}
			parities[raw[0]] = true
			back, err := DecodePublicKey(s, encoded)
			if err != nil || !back.Equal(&key.PublicKey) {
				t.Errorf("%v: %v, error %v", s.ID, back, err)
			}
		}
		if !parities[2] || !parities[3] {
			t.Errorf("%v: only one parity came up in 20 keys", s.ID)
		}
	}
}

func TestPublicKeysThatAreNone(t *testing.T) {
	for _, s := range signed(t) {
		key := newKey(t, s.Curve)
		good, _ := EncodePublicKey(&key.PublicKey)
		raw, _ := base64.StdEncoding.DecodeString(good)
		uncompressed, _ := key.PublicKey.Bytes()
		offCurve := bytes.Clone(raw)
		for {
			offCurve[5]++
			if x, _ := elliptic.UnmarshalCompressed(s.Curve, offCurve); x == nil {
				break
			}
		}
		beyond := append([]byte{2}, bytes.Repeat([]byte{0xff}, len(raw)-1)...) // x is not below the prime
		b64 := base64.StdEncoding.EncodeToString
		for what, encoded := range map[string]string{
			"empty":            "",
			"not base64":       "!" + good[1:],
			"base64 for URLs":  base64.URLEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, len(raw))),
			"spaces":           " " + good,
			"line feed":        good[:20] + "\n" + good[20:],
			"a byte less":      b64(raw[:len(raw)-1]),
			"a byte more":      b64(append(bytes.Clone(raw), 0)),
			"uncompressed":     b64(uncompressed),
			"hybrid":           b64(append([]byte{6}, uncompressed[1:]...)),
			"prefix 4":         b64(append([]byte{4}, raw[1:]...)),
			"infinity":         b64([]byte{0}),
			"no point":         b64(offCurve),
			"beyond the prime": b64(beyond),
			"zeros":            b64(make([]byte, len(raw))),
		} {
			if got, err := DecodePublicKey(s, encoded); got != nil || !errors.Is(err, fault.ErrFormat) {
				t.Errorf("%v, %s: %v, error %v", s.ID, what, got, err)
			}
		}
	}
	curves := signed(t)
	encoded, _ := EncodePublicKey(&newKey(t, curves[0].Curve).PublicKey)
	if _, err := DecodePublicKey(curves[1], encoded); !errors.Is(err, fault.ErrFormat) {
		t.Errorf("another curve's key: %v", err)
	}
}

// badSigner is a signing key of someone else's making.
type badSigner struct {
	public crypto.PublicKey
	sign   func() ([]byte, error)
}

func (b badSigner) Public() crypto.PublicKey                                  { return b.public }
func (b badSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return b.sign() }

// A signing key that is no good does not sign, and does not keep anyone waiting.
func TestSigningKeysThatAreNoGood(t *testing.T) {
	p256, p384 := signed(t)[0], signed(t)[1]
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	failure := errors.New("failure")
	for what, key := range map[string]crypto.Signer{
		"another curve":  newKey(t, p256.Curve),
		"another scheme": badSigner{ed.Public(), func() ([]byte, error) { return make([]byte, 64), nil }},
		"nothing":        badSigner{nil, func() ([]byte, error) { return nil, nil }},
		"a tail":         badSigner{nil, func() ([]byte, error) { return []byte{0x30, 6, 2, 1, 1, 2, 1, 1, 0}, nil }},
		"short numbers":  badSigner{nil, func() ([]byte, error) { return []byte{0x30, 6, 2, 1, 1, 2, 1, 1}, nil }},
	} {
		if sig, err := Sign(p384, key, digest(p384, 1)); err == nil || sig != nil {
			t.Errorf("%s: signature of %d bytes", what, len(sig))
		}
	}
	if _, err := Sign(p384, badSigner{nil, func() ([]byte, error) { return nil, failure }}, digest(p384, 1)); !errors.Is(err, failure) {
		t.Errorf("failing key: %v", err)
	}
}

// FuzzPublicKey: whatever the context of a message says, it is a point or
// refused.
func FuzzPublicKey(f *testing.F) {
	p384, _ := suite.Lookup(suite.AES256GCMHKDFSHA512CommitECDSAP384)
	key := newKey(f, p384.Curve)
	good, _ := EncodePublicKey(&key.PublicKey)
	f.Add(good)
	f.Add("")
	f.Add(base64.StdEncoding.EncodeToString(make([]byte, 49)))
	f.Fuzz(func(t *testing.T, encoded string) {
		got, err := DecodePublicKey(p384, encoded)
		if err != nil {
			if !errors.Is(err, fault.ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		if again, err := EncodePublicKey(got); err != nil || again != encoded {
			t.Fatalf("%q became %q, error %v", encoded, again, err)
		}
	})
}
