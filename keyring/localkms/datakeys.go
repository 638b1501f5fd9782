package localkms

import (
	"crypto/x509"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// maxRandom bounds NumberOfBytes.
const maxRandom = 1024

func (k *KMS) generateDataKey(in *kms.GenerateDataKeyInput) (*kms.GenerateDataKeyOutput, error) {
	if in.Recipient != nil {
		return nil, noEnclaves()
	}
	size, err := dataKeySize(in.KeySpec, in.NumberOfBytes)
	if err != nil {
		return nil, err
	}
	v, err := k.useSymmetric("GenerateDataKey", in.KeyId, in.GrantTokens)
	if err != nil {
		return nil, err
	}
	plaintext := randomBytes(size)
	ciphertext, err := v.seal(plaintext, in.EncryptionContext)
	if err != nil {
		clear(plaintext)
		return nil, err
	}
	if err := endDryRun(in.DryRun, plaintext); err != nil {
		return nil, err
	}
	return &kms.GenerateDataKeyOutput{
		CiphertextBlob: ciphertext,
		KeyId:          aws.String(v.arn),
		KeyMaterialId:  v.materialID(v.material()),
		Plaintext:      plaintext,
	}, nil
}

func (k *KMS) generateDataKeyWithoutPlaintext(in *kms.GenerateDataKeyWithoutPlaintextInput) (*kms.GenerateDataKeyWithoutPlaintextOutput, error) {
	size, err := dataKeySize(in.KeySpec, in.NumberOfBytes)
	if err != nil {
		return nil, err
	}
	v, err := k.useSymmetric("GenerateDataKeyWithoutPlaintext", in.KeyId, in.GrantTokens)
	if err != nil {
		return nil, err
	}
	plaintext := randomBytes(size)
	defer clear(plaintext)
	ciphertext, err := v.seal(plaintext, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	if err := endDryRun(in.DryRun, plaintext); err != nil {
		return nil, err
	}
	return &kms.GenerateDataKeyWithoutPlaintextOutput{
		CiphertextBlob: ciphertext,
		KeyId:          aws.String(v.arn),
		KeyMaterialId:  v.materialID(v.material()),
	}, nil
}

// dataKeySize takes KeySpec or NumberOfBytes, one and not both.
func dataKeySize(name types.DataKeySpec, bytes *int32) (int, error) {
	if (name == "") == (bytes == nil) {
		return 0, invalid("give either KeySpec or NumberOfBytes")
	}
	if bytes != nil {
		return randomSize(*bytes)
	}
	switch name {
	case types.DataKeySpecAes256:
		return 32, nil
	case types.DataKeySpecAes128:
		return 16, nil
	default:
		return 0, invalid("%q is not a KeySpec of data keys; it may be one of %v", name, name.Values())
	}
}

func randomSize(bytes int32) (int, error) {
	if bytes < 1 || bytes > maxRandom {
		return 0, invalid("NumberOfBytes is %d; it may be 1 to %d", bytes, maxRandom)
	}
	return int(bytes), nil
}

// useSymmetric is use for the operations that take symmetric encryption keys alone.
func (k *KMS) useSymmetric(operation string, identifier *string, tokens []string) (*keyView, error) {
	v, err := k.use(operation, identifier, tokens, types.KeyUsageTypeEncryptDecrypt)
	if err != nil {
		return nil, err
	}
	if v.spec != types.KeySpecSymmetricDefault {
		return nil, invalidKeyUsage("%s has KeySpec %s; %s takes symmetric encryption keys", v.arn, v.spec, operation)
	}
	return v, nil
}

func (k *KMS) generateDataKeyPair(in *kms.GenerateDataKeyPairInput) (*kms.GenerateDataKeyPairOutput, error) {
	if in.Recipient != nil {
		return nil, noEnclaves()
	}
	pair, err := k.newPair("GenerateDataKeyPair", in.KeyId, in.KeyPairSpec, in.EncryptionContext, in.GrantTokens, in.DryRun)
	if err != nil {
		return nil, err
	}
	return &kms.GenerateDataKeyPairOutput{
		KeyId:                    aws.String(pair.key.arn),
		KeyMaterialId:            pair.key.materialID(pair.key.material()),
		KeyPairSpec:              in.KeyPairSpec,
		PrivateKeyCiphertextBlob: pair.sealed,
		PrivateKeyPlaintext:      pair.private,
		PublicKey:                pair.public,
	}, nil
}

func (k *KMS) generateDataKeyPairWithoutPlaintext(in *kms.GenerateDataKeyPairWithoutPlaintextInput) (*kms.GenerateDataKeyPairWithoutPlaintextOutput, error) {
	pair, err := k.newPair("GenerateDataKeyPairWithoutPlaintext", in.KeyId, in.KeyPairSpec, in.EncryptionContext, in.GrantTokens, in.DryRun)
	if err != nil {
		return nil, err
	}
	clear(pair.private)
	return &kms.GenerateDataKeyPairWithoutPlaintextOutput{
		KeyId:                    aws.String(pair.key.arn),
		KeyMaterialId:            pair.key.materialID(pair.key.material()),
		KeyPairSpec:              in.KeyPairSpec,
		PrivateKeyCiphertextBlob: pair.sealed,
		PublicKey:                pair.public,
	}, nil
}

// pair is a data key pair: private in PKCS #8, public in SubjectPublicKeyInfo.
type pair struct {
	key                     *keyView
	private, sealed, public []byte
}

func (k *KMS) newPair(operation string, keyID *string, name types.DataKeyPairSpec, context map[string]string, tokens []string, dry *bool) (*pair, error) {
	if !slices.Contains(name.Values(), name) {
		return nil, invalid("%q is not a KeyPairSpec; it may be one of %v", name, name.Values())
	}
	s := specs[types.KeySpec(name)]
	if s == nil {
		return nil, unsupported("KeyPairSpec %s is not supported by localkms", name)
	}
	v, err := k.useSymmetric(operation, keyID, tokens)
	if err != nil {
		return nil, err
	}
	if aws.ToBool(dry) {
		return nil, dryRun()
	}
	private, err := s.newMaterial()
	if err != nil {
		return nil, internal(err)
	}
	p, err := v.sealPair(s, private, context)
	if err != nil {
		clear(private)
		return nil, err
	}
	return p, nil
}

// sealPair makes private, which it takes over, a pair.
func (v *keyView) sealPair(s *spec, private []byte, context map[string]string) (*pair, error) {
	signer, err := s.parse(private)
	if err != nil {
		return nil, internal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return nil, internal(err)
	}
	sealed, err := v.seal(private, context)
	if err != nil {
		return nil, err
	}
	return &pair{key: v, private: private, sealed: sealed, public: public}, nil
}

func (k *KMS) generateRandom(in *kms.GenerateRandomInput) (*kms.GenerateRandomOutput, error) {
	if in.Recipient != nil {
		return nil, noEnclaves()
	}
	if in.CustomKeyStoreId != nil {
		return nil, noCustomKeyStore(*in.CustomKeyStoreId)
	}
	if in.NumberOfBytes == nil {
		return nil, invalid("NumberOfBytes is required: 1 to %d", maxRandom)
	}
	size, err := randomSize(*in.NumberOfBytes)
	if err != nil {
		return nil, err
	}
	return &kms.GenerateRandomOutput{Plaintext: randomBytes(size)}, nil
}
