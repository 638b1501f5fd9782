package localkms

import (
	"crypto/ecdsa"
	"crypto/x509"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// deriveSharedSecret is ECDH; what it answers is the raw x coordinate, which wants a key derivation function after it.
func (k *KMS) deriveSharedSecret(in *kms.DeriveSharedSecretInput) (*kms.DeriveSharedSecretOutput, error) {
	if in.Recipient != nil {
		return nil, noEnclaves()
	}
	if in.KeyAgreementAlgorithm != types.KeyAgreementAlgorithmSpecEcdh {
		return nil, invalid("%q is not a KeyAgreementAlgorithm; it may be ECDH", in.KeyAgreementAlgorithm)
	}
	v, err := k.use("DeriveSharedSecret", in.KeyId, in.GrantTokens, types.KeyUsageTypeKeyAgreement)
	if err != nil {
		return nil, err
	}
	secret, err := v.agree(in.PublicKey)
	if err != nil {
		return nil, err
	}
	if err := endDryRun(in.DryRun, secret); err != nil {
		return nil, err
	}
	return &kms.DeriveSharedSecretOutput{
		KeyAgreementAlgorithm: in.KeyAgreementAlgorithm,
		KeyId:                 aws.String(v.arn),
		KeyOrigin:             v.origin,
		SharedSecret:          secret,
	}, nil
}

// agree takes the peer's public key as SubjectPublicKeyInfo.
func (v *keyView) agree(peer []byte) ([]byte, error) {
	parsed, err := x509.ParsePKIXPublicKey(peer)
	if err != nil {
		return nil, invalid("PublicKey is not a DER SubjectPublicKeyInfo of an elliptic curve key: %v", err)
	}
	public, ok := parsed.(*ecdsa.PublicKey)
	if !ok || public.Curve != specs[v.spec].curve {
		return nil, invalid("PublicKey is not a key on the curve of %s, which is of %s", v.arn, v.spec)
	}
	theirs, err := public.ECDH()
	if err != nil {
		return nil, invalid("PublicKey is not a key on the curve of %s: %v", v.arn, err)
	}
	ours, err := v.material().private().(*ecdsa.PrivateKey).ECDH()
	if err != nil {
		return nil, internal(err)
	}
	secret, err := ours.ECDH(theirs)
	if err != nil {
		return nil, invalid("PublicKey does not agree with %s: %v", v.arn, err)
	}
	return secret, nil
}
