package localkms

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

const (
	importValidity   = 24 * time.Hour
	maxImportExpiry  = 365 * 24 * time.Hour
	maxImportDetails = 256
)

// importParameters wait, in memory only, for the ImportKeyMaterial that goes with them: the last ones of each key in
// each Region count.
type importParameters struct {
	token   string
	hash    crypto.Hash
	validTo time.Time
	private func() *rsa.PrivateKey // a function, so that it is not printed
}

// keyName tells a key from all others.
type keyName struct{ region, id string }

func (k *key) name() keyName { return keyName{k.Region, k.ID} }

// forgetImports drops the parameters of keys that were deleted. The lock is held.
func (c *core) forgetImports() {
	maps.DeleteFunc(c.imports, func(name keyName, _ *importParameters) bool { return c.state.key(name.region, name.id) == nil })
}

var wrappingBits = map[types.WrappingKeySpec]int{
	types.WrappingKeySpecRsa2048: 2048,
	types.WrappingKeySpecRsa3072: 3072,
	types.WrappingKeySpecRsa4096: 4096,
}

var wrappingHashes = map[types.AlgorithmSpec]crypto.Hash{
	types.AlgorithmSpecRsaesOaepSha1:   crypto.SHA1,
	types.AlgorithmSpecRsaesOaepSha256: crypto.SHA256,
}

func (k *KMS) getParametersForImport(in *kms.GetParametersForImportInput) (*kms.GetParametersForImportOutput, error) {
	bits, hash, err := wrapping(in.WrappingKeySpec, in.WrappingAlgorithm)
	if err != nil {
		return nil, err
	}
	// Look before the slow part, and once more after it.
	if err := k.look(in.KeyId, k.core.checkImports); err != nil {
		return nil, err
	}
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, internal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		return nil, internal(err)
	}
	p := &importParameters{
		token:   string(randomBytes(256)),
		hash:    hash,
		validTo: now().Add(importValidity),
		private: func() *rsa.PrivateKey { return private },
	}
	out := &kms.GetParametersForImportOutput{ImportToken: []byte(p.token), PublicKey: public, ParametersValidTo: &p.validTo}
	return out, k.look(in.KeyId, func(key *key) error {
		if err := k.core.checkImports(key); err != nil {
			return err
		}
		k.core.imports[key.name()] = p
		out.KeyId = aws.String(k.core.keyARN(key))
		return nil
	})
}

func wrapping(name types.WrappingKeySpec, algorithm types.AlgorithmSpec) (bits int, hash crypto.Hash, err error) {
	if !slices.Contains(name.Values(), name) {
		return 0, 0, invalid("%q is not a WrappingKeySpec; it may be one of %v", name, name.Values())
	}
	if !slices.Contains(algorithm.Values(), algorithm) {
		return 0, 0, invalid("%q is not a WrappingAlgorithm; it may be one of %v", algorithm, algorithm.Values())
	}
	bits, hash = wrappingBits[name], wrappingHashes[algorithm]
	if bits == 0 || hash == 0 {
		return 0, 0, unsupported("WrappingKeySpec %s with WrappingAlgorithm %s is not supported by localkms; use an RSA key with RSAES_OAEP_SHA_256", name, algorithm)
	}
	return bits, hash, nil
}

// checkImports refuses keys that take no imported material.
func (c *core) checkImports(k *key) error {
	if k.Origin != types.OriginTypeExternal {
		return unsupported("%s has Origin %s; key material is imported into keys of Origin EXTERNAL", c.keyARN(k), k.Origin)
	}
	return c.checkNotPending(k)
}

func (k *KMS) importKeyMaterial(in *kms.ImportKeyMaterialInput) (*kms.ImportKeyMaterialOutput, error) {
	if err := checkExpiry(in); err != nil {
		return nil, err
	}
	out := &kms.ImportKeyMaterialOutput{}
	return out, k.change(in.KeyId, func(key *key) error {
		if err := k.core.checkImports(key); err != nil {
			return err
		}
		b, err := k.core.unwrapImport(key, in)
		if err != nil {
			return err
		}
		m, err := newMaterial(specs[key.Spec], b, now())
		if err != nil {
			return &types.IncorrectKeyMaterialException{Message: message("%v; %s is of %s", err, k.core.keyARN(key), key.Spec)}
		}
		if in.KeyMaterialId != nil && *in.KeyMaterialId != m.ID {
			return &types.IncorrectKeyMaterialException{Message: message("this is key material %s, not %s", m.ID, *in.KeyMaterialId)}
		}
		m.Description, m.ValidTo = aws.ToString(in.KeyMaterialDescription), expiry(in)
		if err := k.core.place(key, m, in.ImportType); err != nil {
			return err
		}
		out.KeyId = aws.String(k.core.keyARN(key))
		if key.isSymmetric() {
			out.KeyMaterialId = aws.String(m.ID)
		}
		return nil
	})
}

func checkExpiry(in *kms.ImportKeyMaterialInput) error {
	if n := len(aws.ToString(in.KeyMaterialDescription)); n > maxImportDetails {
		return invalid("KeyMaterialDescription has %d bytes; it may have %d", n, maxImportDetails)
	}
	switch in.ExpirationModel {
	case types.ExpirationModelTypeKeyMaterialDoesNotExpire:
		if in.ValidTo != nil {
			return invalid("ValidTo goes with ExpirationModel KEY_MATERIAL_EXPIRES only")
		}
		return nil
	case "", types.ExpirationModelTypeKeyMaterialExpires:
		if in.ValidTo == nil {
			return invalid("ValidTo is required, or ExpirationModel KEY_MATERIAL_DOES_NOT_EXPIRE")
		}
		if t := now(); !in.ValidTo.After(t) || in.ValidTo.After(t.Add(maxImportExpiry)) {
			return invalid("ValidTo must lie in the future, within %d days", int(maxImportExpiry.Hours()/24))
		}
		return nil
	default:
		return invalid("%q is not an ExpirationModel; it may be one of %v", in.ExpirationModel, in.ExpirationModel.Values())
	}
}

func expiry(in *kms.ImportKeyMaterialInput) *time.Time {
	if in.ValidTo == nil {
		return nil
	}
	t := in.ValidTo.UTC().Truncate(time.Millisecond)
	return &t
}

// unwrapImport is the key material that was sent, under the parameters that were given out for this key.
func (c *core) unwrapImport(k *key, in *kms.ImportKeyMaterialInput) ([]byte, error) {
	p := c.imports[k.name()]
	if p == nil || p.token != string(in.ImportToken) {
		return nil, &types.InvalidImportTokenException{Message: message("ImportToken is not the latest that GetParametersForImport gave for %s", c.keyARN(k))}
	}
	if now().After(p.validTo) {
		return nil, &types.ExpiredImportTokenException{Message: message("ImportToken has expired; ask GetParametersForImport for another")}
	}
	b, err := p.private().Decrypt(rand.Reader, in.EncryptedKeyMaterial, &rsa.OAEPOptions{Hash: p.hash})
	if err != nil {
		return nil, &types.InvalidCiphertextException{Message: message("EncryptedKeyMaterial was not encrypted under the public key and algorithm that go with ImportToken")}
	}
	return b, nil
}

// place puts imported material where it belongs: first material of the key, material it had before, or, for a key that
// can rotate, new material that waits for RotateKeyOnDemand.
func (c *core) place(k *key, m *material, as types.ImportType) error {
	known := slices.IndexFunc(k.Materials, func(old *material) bool { return old.ID == m.ID })
	switch {
	case known >= 0:
		k.restore(known, m)
	case len(k.Materials) == 0:
		k.Materials = []*material{m}
	case as != types.ImportTypeNewKeyMaterial:
		return &types.IncorrectKeyMaterialException{Message: message("%s had other key material; import the same, or use ImportType NEW_KEY_MATERIAL to rotate", c.keyARN(k))}
	default:
		return c.placeForRotation(k, m)
	}
	if k.State == types.KeyStatePendingImport && !k.lacksMaterial() {
		k.State = types.KeyStateEnabled
	}
	return nil
}

// restore gives a material its bytes back; what else is known of it stays.
func (f *family) restore(i int, m *material) {
	old := f.Materials[i]
	m.Created, m.Rotation, m.Pending = old.Created, old.Rotation, old.Pending
	if m.Description == "" {
		m.Description = old.Description
	}
	f.Materials[i] = m
}

func (c *core) placeForRotation(k *key, m *material) error {
	if !k.isSymmetric() || k.MultiRegion {
		return unsupported("%s cannot take new key material: localkms rotates imported material of symmetric single-Region keys only", c.keyARN(k))
	}
	if err := c.checkEnabled(k); err != nil {
		return err
	}
	if k.pending() >= 0 {
		return invalidState("%s has imported key material waiting; use RotateKeyOnDemand or DeleteImportedKeyMaterial first", c.keyARN(k))
	}
	m.Pending = true
	k.Materials = append(k.Materials, m)
	return nil
}

func (k *KMS) deleteImportedKeyMaterial(in *kms.DeleteImportedKeyMaterialInput) (*kms.DeleteImportedKeyMaterialOutput, error) {
	out := &kms.DeleteImportedKeyMaterialOutput{}
	return out, k.change(in.KeyId, func(key *key) error {
		if err := k.core.checkImports(key); err != nil {
			return err
		}
		out.KeyId = aws.String(k.core.keyARN(key))
		i := key.Current
		if in.KeyMaterialId != nil {
			i = slices.IndexFunc(key.Materials, func(m *material) bool { return m.ID == *in.KeyMaterialId })
		}
		if i < 0 {
			return notFound("%s has no key material %s", k.core.keyARN(key), *in.KeyMaterialId)
		}
		if i >= len(key.Materials) {
			return nil // nothing was ever imported
		}
		if key.isSymmetric() {
			out.KeyMaterialId = aws.String(key.Materials[i].ID)
		}
		key.forget(i)
		return nil
	})
}

// forget deletes material in one Region. Its bytes are dropped with the last Region that has them.
func (k *key) forget(i int) {
	if k.Materials[i].Pending {
		k.lose(i)
		return
	}
	k.State = types.KeyStatePendingImport
	for _, member := range k.Regions {
		if !member.awaitsImport() {
			return
		}
	}
	k.lose(i)
}
