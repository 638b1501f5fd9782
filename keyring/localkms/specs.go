package localkms

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// spec is what a KeySpec allows and how its key material looks: size raw bytes for symmetric and HMAC keys,
// a PKCS #8 document for the others.
type spec struct {
	usages     []types.KeyUsageType
	encryption []types.EncryptionAlgorithmSpec
	signing    []types.SigningAlgorithmSpec
	agreement  []types.KeyAgreementAlgorithmSpec
	mac        []types.MacAlgorithmSpec

	size     int            // raw bytes; 0 for key pairs
	bits     int            // RSA
	curve    elliptic.Curve // ECC
	generate func() (crypto.Signer, error)
}

// specs has an entry for every KeySpec that localkms knows; key pair specs of data keys have the same names.
var specs = map[types.KeySpec]*spec{
	types.KeySpecSymmetricDefault: {
		usages:     []types.KeyUsageType{types.KeyUsageTypeEncryptDecrypt},
		encryption: []types.EncryptionAlgorithmSpec{types.EncryptionAlgorithmSpecSymmetricDefault},
		size:       32,
	},
	types.KeySpecRsa2048:     rsaSpec(2048),
	types.KeySpecRsa3072:     rsaSpec(3072),
	types.KeySpecRsa4096:     rsaSpec(4096),
	types.KeySpecEccNistP256: eccSpec(elliptic.P256(), types.SigningAlgorithmSpecEcdsaSha256),
	types.KeySpecEccNistP384: eccSpec(elliptic.P384(), types.SigningAlgorithmSpecEcdsaSha384),
	types.KeySpecEccNistP521: eccSpec(elliptic.P521(), types.SigningAlgorithmSpecEcdsaSha512),
	types.KeySpecHmac224:     hmacSpec(28, types.MacAlgorithmSpecHmacSha224),
	types.KeySpecHmac256:     hmacSpec(32, types.MacAlgorithmSpecHmacSha256),
	types.KeySpecHmac384:     hmacSpec(48, types.MacAlgorithmSpecHmacSha384),
	types.KeySpecHmac512:     hmacSpec(64, types.MacAlgorithmSpecHmacSha512),
	types.KeySpecEccNistEdwards25519: {
		usages:  []types.KeyUsageType{types.KeyUsageTypeSignVerify},
		signing: []types.SigningAlgorithmSpec{types.SigningAlgorithmSpecEd25519Sha512, types.SigningAlgorithmSpecEd25519PhSha512},
		generate: func() (crypto.Signer, error) {
			_, private, err := ed25519.GenerateKey(rand.Reader)
			return private, err
		},
	},
}

func rsaSpec(bits int) *spec {
	return &spec{
		usages:     []types.KeyUsageType{types.KeyUsageTypeEncryptDecrypt, types.KeyUsageTypeSignVerify},
		encryption: []types.EncryptionAlgorithmSpec{types.EncryptionAlgorithmSpecRsaesOaepSha1, types.EncryptionAlgorithmSpecRsaesOaepSha256},
		signing: []types.SigningAlgorithmSpec{
			types.SigningAlgorithmSpecRsassaPkcs1V15Sha256,
			types.SigningAlgorithmSpecRsassaPkcs1V15Sha384,
			types.SigningAlgorithmSpecRsassaPkcs1V15Sha512,
			types.SigningAlgorithmSpecRsassaPssSha256,
			types.SigningAlgorithmSpecRsassaPssSha384,
			types.SigningAlgorithmSpecRsassaPssSha512,
		},
		bits:     bits,
		generate: func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, bits) },
	}
}

func eccSpec(curve elliptic.Curve, signing types.SigningAlgorithmSpec) *spec {
	return &spec{
		usages:    []types.KeyUsageType{types.KeyUsageTypeSignVerify, types.KeyUsageTypeKeyAgreement},
		signing:   []types.SigningAlgorithmSpec{signing},
		agreement: []types.KeyAgreementAlgorithmSpec{types.KeyAgreementAlgorithmSpecEcdh},
		curve:     curve,
		generate:  func() (crypto.Signer, error) { return ecdsa.GenerateKey(curve, rand.Reader) },
	}
}

func hmacSpec(size int, mac types.MacAlgorithmSpec) *spec {
	return &spec{
		usages: []types.KeyUsageType{types.KeyUsageTypeGenerateVerifyMac},
		mac:    []types.MacAlgorithmSpec{mac},
		size:   size,
	}
}

// isPair tells key pairs from secret keys.
func (s *spec) isPair() bool { return s.size == 0 }

// newMaterial makes key material at random.
func (s *spec) newMaterial() ([]byte, error) {
	if !s.isPair() {
		return randomBytes(s.size), nil
	}
	private, err := s.generate()
	if err != nil {
		return nil, err
	}
	return x509.MarshalPKCS8PrivateKey(private)
}

var errMaterial = errors.New("key material does not fit the key spec")

// parse is the key pair that the material holds, or nil for a secret key of the right length.
func (s *spec) parse(material []byte) (crypto.Signer, error) {
	if !s.isPair() {
		if len(material) != s.size {
			return nil, fmt.Errorf("%w: it has %d bytes, not %d", errMaterial, len(material), s.size)
		}
		return nil, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(material)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMaterial, err)
	}
	switch private := parsed.(type) {
	case *rsa.PrivateKey:
		if private.N.BitLen() == s.bits {
			return private, nil
		}
	case *ecdsa.PrivateKey:
		if private.Curve == s.curve {
			return private, nil
		}
	case ed25519.PrivateKey:
		if s.curve == nil && s.bits == 0 {
			return private, nil
		}
	case *ecdh.PrivateKey: // X25519, which no spec has
	}
	return nil, errMaterial
}

// choose is the spec and the usage that CreateKey is asked for, after its defaults.
func choose(name types.KeySpec, usage types.KeyUsageType) (types.KeySpec, types.KeyUsageType, error) {
	if name == "" {
		name = types.KeySpecSymmetricDefault
	}
	if usage == "" && name == types.KeySpecSymmetricDefault {
		usage = types.KeyUsageTypeEncryptDecrypt
	}
	if !slices.Contains(name.Values(), name) {
		return "", "", invalid("%q is not a KeySpec", name)
	}
	s := specs[name]
	if s == nil {
		return "", "", unsupported("KeySpec %s is not supported by localkms", name)
	}
	if usage == "" {
		return "", "", invalid("KeyUsage is required for KeySpec %s: one of %v", name, s.usages)
	}
	if !slices.Contains(s.usages, usage) {
		return "", "", invalid("KeyUsage %s does not go with KeySpec %s; it takes one of %v", usage, name, s.usages)
	}
	return name, usage, nil
}
