package localkms

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // the hash of RSAES_OAEP_SHA_1
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

const (
	maxPlaintext  = 4096
	maxCiphertext = 6144
)

func (k *KMS) encrypt(in *kms.EncryptInput) (*kms.EncryptOutput, error) {
	if len(in.Plaintext) < 1 || len(in.Plaintext) > maxPlaintext {
		return nil, invalid("Plaintext has %d bytes; it may have 1 to %d", len(in.Plaintext), maxPlaintext)
	}
	v, err := k.use("Encrypt", in.KeyId, in.GrantTokens, types.KeyUsageTypeEncryptDecrypt)
	if err != nil {
		return nil, err
	}
	algorithm := orSymmetric(in.EncryptionAlgorithm)
	ciphertext, err := v.encrypt(in.Plaintext, algorithm, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	if aws.ToBool(in.DryRun) {
		return nil, dryRun()
	}
	return &kms.EncryptOutput{CiphertextBlob: ciphertext, EncryptionAlgorithm: algorithm, KeyId: aws.String(v.arn)}, nil
}

func (k *KMS) decrypt(in *kms.DecryptInput) (*kms.DecryptOutput, error) {
	if in.Recipient != nil {
		return nil, noEnclaves()
	}
	d := decryption{
		operation:  "Decrypt",
		keyID:      in.KeyId,
		ciphertext: in.CiphertextBlob,
		algorithm:  orSymmetric(in.EncryptionAlgorithm),
		context:    in.EncryptionContext,
		tokens:     in.GrantTokens,
		dryRun:     aws.ToBool(in.DryRun),
		modifiers:  in.DryRunModifiers,
	}
	opened, err := k.open(&d)
	if err != nil {
		return nil, err
	}
	if err := endDryRun(&d.dryRun, opened.plaintext); err != nil {
		return nil, err
	}
	return &kms.DecryptOutput{
		Plaintext:           opened.plaintext,
		EncryptionAlgorithm: d.algorithm,
		KeyId:               aws.String(opened.key.arn),
		KeyMaterialId:       opened.key.materialID(opened.material),
	}, nil
}

func (k *KMS) reEncrypt(in *kms.ReEncryptInput) (*kms.ReEncryptOutput, error) {
	source := decryption{
		operation:  "ReEncrypt",
		keyID:      in.SourceKeyId,
		ciphertext: in.CiphertextBlob,
		algorithm:  orSymmetric(in.SourceEncryptionAlgorithm),
		context:    in.SourceEncryptionContext,
		tokens:     in.GrantTokens,
		dryRun:     aws.ToBool(in.DryRun),
		modifiers:  in.DryRunModifiers,
	}
	destination, err := k.use("ReEncrypt", in.DestinationKeyId, in.GrantTokens, types.KeyUsageTypeEncryptDecrypt)
	if err != nil {
		return nil, err
	}
	algorithm := orSymmetric(in.DestinationEncryptionAlgorithm)
	opened, err := k.open(&source)
	if err != nil {
		return nil, err
	}
	if opened.unread {
		return nil, dryRun()
	}
	defer clear(opened.plaintext)
	ciphertext, err := destination.encrypt(opened.plaintext, algorithm, in.DestinationEncryptionContext)
	if err != nil {
		return nil, err
	}
	if source.dryRun {
		return nil, dryRun()
	}
	return &kms.ReEncryptOutput{
		CiphertextBlob:                 ciphertext,
		DestinationEncryptionAlgorithm: algorithm,
		DestinationKeyMaterialId:       destination.materialID(destination.material()),
		KeyId:                          aws.String(destination.arn),
		SourceEncryptionAlgorithm:      source.algorithm,
		SourceKeyId:                    aws.String(opened.key.arn),
		SourceKeyMaterialId:            opened.key.materialID(opened.material),
	}, nil
}

// encrypt is Encrypt with the key and the algorithm given.
func (v *keyView) encrypt(plaintext []byte, algorithm types.EncryptionAlgorithmSpec, context map[string]string) ([]byte, error) {
	if err := v.checkEncryption(algorithm, context); err != nil {
		return nil, err
	}
	if algorithm == types.EncryptionAlgorithmSpecSymmetricDefault {
		return v.seal(plaintext, context)
	}
	public := v.material().private().Public().(*rsa.PublicKey)
	hash := oaepHash(algorithm)
	if limit := public.Size() - 2*hash.Size() - 2; len(plaintext) > limit {
		return nil, invalid("Plaintext has %d bytes; under %s with %s it may have %d", len(plaintext), v.spec, algorithm, limit)
	}
	ciphertext, err := rsa.EncryptOAEP(hash.New(), rand.Reader, public, plaintext, nil)
	if err != nil {
		return nil, internal(err)
	}
	return ciphertext, nil
}

// decryption is what Decrypt asks for, and ReEncrypt of its source.
type decryption struct {
	operation  string
	keyID      *string // nil: the key that the ciphertext names
	ciphertext []byte
	algorithm  types.EncryptionAlgorithmSpec
	context    map[string]string
	tokens     []string
	dryRun     bool
	modifiers  []types.DryRunModifierType
}

// opened is its result.
type opened struct {
	key       *keyView
	material  *material
	plaintext []byte
	unread    bool // a dry run that ignored the ciphertext
}

func (k *KMS) open(d *decryption) (*opened, error) {
	ignore := slices.Contains(d.modifiers, types.DryRunModifierTypeIgnoreCiphertext)
	if ignore && !d.dryRun {
		return nil, invalid("DryRunModifiers need DryRun")
	}
	if ignore {
		key, err := k.use(d.operation, d.keyID, d.tokens, types.KeyUsageTypeEncryptDecrypt)
		if err != nil {
			return nil, err
		}
		return &opened{key: key, unread: true}, key.checkEncryption(d.algorithm, d.context)
	}
	if len(d.ciphertext) < 1 || len(d.ciphertext) > maxCiphertext {
		return nil, invalid("CiphertextBlob has %d bytes; it may have 1 to %d", len(d.ciphertext), maxCiphertext)
	}
	if d.algorithm == types.EncryptionAlgorithmSpecSymmetricDefault {
		return k.openSymmetric(d)
	}
	return k.openRSA(d)
}

// openSymmetric finds the key in the ciphertext and holds it against the key that was asked for.
func (k *KMS) openSymmetric(d *decryption) (*opened, error) {
	key, b, err := k.keyOf(d)
	if err != nil {
		return nil, err
	}
	plaintext, m, err := key.open(b, d.context)
	if err != nil {
		return nil, err
	}
	return &opened{key: key, material: m, plaintext: plaintext}, nil
}

func (k *KMS) keyOf(d *decryption) (*keyView, *blob, error) {
	unlock, err := k.core.lock()
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	if err := k.checkGrantTokens(d.operation, d.tokens); err != nil {
		return nil, nil, err
	}
	var named *key
	if d.keyID != nil {
		if named, err = k.core.findForUse(k.region, d.keyID); err != nil {
			return nil, nil, err
		}
		if err := k.core.checkSymmetric(named); err != nil {
			return nil, nil, err
		}
	}
	b, err := parseBlob(d.ciphertext)
	if err != nil {
		return nil, nil, err
	}
	if named != nil && named.ID != b.keyID {
		return nil, nil, incorrectKey(k.core.keyARN(named))
	}
	maker := k.core.state.key(k.region, b.keyID)
	if maker == nil {
		return nil, nil, accessDenied("the ciphertext refers to a key that does not exist in %s; a key of another Region decrypts there, or here once it is replicated", k.region)
	}
	key, err := k.core.view(maker, types.KeyUsageTypeEncryptDecrypt)
	return key, b, err
}

func (c *core) checkSymmetric(k *key) error {
	if !k.isSymmetric() {
		return invalidKeyUsage("%s has KeySpec %s; this takes a symmetric encryption key, or an EncryptionAlgorithm that fits the key", c.keyARN(k), k.Spec)
	}
	return nil
}

func (k *KMS) openRSA(d *decryption) (*opened, error) {
	key, err := k.use(d.operation, d.keyID, d.tokens, types.KeyUsageTypeEncryptDecrypt)
	if err != nil {
		return nil, err
	}
	if err := key.checkEncryption(d.algorithm, d.context); err != nil {
		return nil, err
	}
	m := key.material()
	plaintext, err := m.private().(crypto.Decrypter).Decrypt(rand.Reader, d.ciphertext, &rsa.OAEPOptions{Hash: oaepHash(d.algorithm)})
	if err != nil {
		return nil, invalidCiphertext()
	}
	return &opened{key: key, material: m, plaintext: plaintext}, nil
}

func (v *keyView) checkEncryption(algorithm types.EncryptionAlgorithmSpec, context map[string]string) error {
	if !slices.Contains(algorithm.Values(), algorithm) {
		return invalid("%q is not an EncryptionAlgorithm", algorithm)
	}
	if !slices.Contains(specs[v.spec].encryption, algorithm) {
		return invalidKeyUsage("%s has KeySpec %s; EncryptionAlgorithm must be one of %v, not %s", v.arn, v.spec, specs[v.spec].encryption, algorithm)
	}
	if algorithm != types.EncryptionAlgorithmSpecSymmetricDefault && len(context) > 0 {
		return invalid("%s does not bind an encryption context; leave it out", algorithm)
	}
	return nil
}

func orSymmetric(algorithm types.EncryptionAlgorithmSpec) types.EncryptionAlgorithmSpec {
	if algorithm == "" {
		return types.EncryptionAlgorithmSpecSymmetricDefault
	}
	return algorithm
}

func oaepHash(algorithm types.EncryptionAlgorithmSpec) crypto.Hash {
	if algorithm == types.EncryptionAlgorithmSpecRsaesOaepSha1 {
		return crypto.SHA1
	}
	return crypto.SHA256
}
