package localkms

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// operations are what ServeHTTP answers, by the name in X-Amz-Target.
var operations = map[string]func(ctx context.Context, k *KMS, request map[string]any) ([]byte, error){
	"CancelKeyDeletion":                   over((*KMS).CancelKeyDeletion),
	"CreateAlias":                         over((*KMS).CreateAlias),
	"CreateGrant":                         over((*KMS).CreateGrant),
	"CreateKey":                           over((*KMS).CreateKey),
	"Decrypt":                             over((*KMS).Decrypt),
	"DeleteAlias":                         over((*KMS).DeleteAlias),
	"DeleteImportedKeyMaterial":           over((*KMS).DeleteImportedKeyMaterial),
	"DeriveSharedSecret":                  over((*KMS).DeriveSharedSecret),
	"DescribeKey":                         over((*KMS).DescribeKey),
	"DisableKey":                          over((*KMS).DisableKey),
	"DisableKeyRotation":                  over((*KMS).DisableKeyRotation),
	"EnableKey":                           over((*KMS).EnableKey),
	"EnableKeyRotation":                   over((*KMS).EnableKeyRotation),
	"Encrypt":                             over((*KMS).Encrypt),
	"GenerateDataKey":                     over((*KMS).GenerateDataKey),
	"GenerateDataKeyPair":                 over((*KMS).GenerateDataKeyPair),
	"GenerateDataKeyPairWithoutPlaintext": over((*KMS).GenerateDataKeyPairWithoutPlaintext),
	"GenerateDataKeyWithoutPlaintext":     over((*KMS).GenerateDataKeyWithoutPlaintext),
	"GenerateMac":                         over((*KMS).GenerateMac),
	"GenerateRandom":                      over((*KMS).GenerateRandom),
	"GetKeyPolicy":                        over((*KMS).GetKeyPolicy),
	"GetKeyRotationStatus":                over((*KMS).GetKeyRotationStatus),
	"GetParametersForImport":              over((*KMS).GetParametersForImport),
	"GetPublicKey":                        over((*KMS).GetPublicKey),
	"ImportKeyMaterial":                   over((*KMS).ImportKeyMaterial),
	"ListAliases":                         over((*KMS).ListAliases),
	"ListGrants":                          over((*KMS).ListGrants),
	"ListKeyPolicies":                     over((*KMS).ListKeyPolicies),
	"ListKeyRotations":                    over((*KMS).ListKeyRotations),
	"ListKeys":                            over((*KMS).ListKeys),
	"ListResourceTags":                    over((*KMS).ListResourceTags),
	"ListRetirableGrants":                 over((*KMS).ListRetirableGrants),
	"PutKeyPolicy":                        over((*KMS).PutKeyPolicy),
	"ReEncrypt":                           over((*KMS).ReEncrypt),
	"ReplicateKey":                        over((*KMS).ReplicateKey),
	"RetireGrant":                         over((*KMS).RetireGrant),
	"RevokeGrant":                         over((*KMS).RevokeGrant),
	"RotateKeyOnDemand":                   over((*KMS).RotateKeyOnDemand),
	"ScheduleKeyDeletion":                 over((*KMS).ScheduleKeyDeletion),
	"Sign":                                over((*KMS).Sign),
	"TagResource":                         over((*KMS).TagResource),
	"UntagResource":                       over((*KMS).UntagResource),
	"UpdateAlias":                         over((*KMS).UpdateAlias),
	"UpdateKeyDescription":                over((*KMS).UpdateKeyDescription),
	"UpdatePrimaryRegion":                 over((*KMS).UpdatePrimaryRegion),
	"Verify":                              over((*KMS).Verify),
	"VerifyMac":                           over((*KMS).VerifyMac),
}

// over makes a method of *KMS an operation over HTTP.
func over[In, Out any](method func(*KMS, context.Context, *In, ...func(*kms.Options)) (*Out, error)) func(context.Context, *KMS, map[string]any) ([]byte, error) {
	return func(ctx context.Context, k *KMS, request map[string]any) ([]byte, error) {
		in := new(In)
		if err := decode(request, in); err != nil {
			return nil, err
		}
		out, err := method(k, ctx, in)
		if err != nil {
			return nil, err
		}
		return encode(out)
	}
}

// CancelKeyDeletion stops the deletion of a key, which is disabled afterwards.
func (k *KMS) CancelKeyDeletion(ctx context.Context, params *kms.CancelKeyDeletionInput, optFns ...func(*kms.Options)) (*kms.CancelKeyDeletionOutput, error) {
	return call(ctx, k, "CancelKeyDeletion", params, optFns, (*KMS).cancelKeyDeletion)
}

// CreateAlias makes an alias of a key: *types.AlreadyExistsException if it exists, *types.InvalidAliasNameException if it is malformed,
// *types.LimitExceededException beyond 50 aliases of a key.
func (k *KMS) CreateAlias(ctx context.Context, params *kms.CreateAliasInput, optFns ...func(*kms.Options)) (*kms.CreateAliasOutput, error) {
	return call(ctx, k, "CreateAlias", params, optFns, (*KMS).createAlias)
}

// CreateGrant makes a grant and its token. It is listed and its token taken, but it is not needed for anything.
func (k *KMS) CreateGrant(ctx context.Context, params *kms.CreateGrantInput, optFns ...func(*kms.Options)) (*kms.CreateGrantOutput, error) {
	return call(ctx, k, "CreateGrant", params, optFns, (*KMS).createGrant)
}

// CreateKey makes a key; see the package comment for the KeySpecs. RSA keys take time to make, up to seconds for RSA_4096.
func (k *KMS) CreateKey(ctx context.Context, params *kms.CreateKeyInput, optFns ...func(*kms.Options)) (*kms.CreateKeyOutput, error) {
	return call(ctx, k, "CreateKey", params, optFns, (*KMS).createKey)
}

// Decrypt opens what Encrypt, GenerateDataKey and the like sealed, at most 6,144 bytes of ciphertext. With KeyId, another key's ciphertext is
// *types.IncorrectKeyException; a ciphertext that is altered, foreign, or of another encryption context is *types.InvalidCiphertextException.
func (k *KMS) Decrypt(ctx context.Context, params *kms.DecryptInput, optFns ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	return call(ctx, k, "Decrypt", params, optFns, (*KMS).decrypt)
}

// DeleteAlias deletes an alias; its key stays.
func (k *KMS) DeleteAlias(ctx context.Context, params *kms.DeleteAliasInput, optFns ...func(*kms.Options)) (*kms.DeleteAliasOutput, error) {
	return call(ctx, k, "DeleteAlias", params, optFns, (*KMS).deleteAlias)
}

// DeleteImportedKeyMaterial drops imported key material; the key waits for the same to be imported again.
func (k *KMS) DeleteImportedKeyMaterial(ctx context.Context, params *kms.DeleteImportedKeyMaterialInput, optFns ...func(*kms.Options)) (*kms.DeleteImportedKeyMaterialOutput, error) {
	return call(ctx, k, "DeleteImportedKeyMaterial", params, optFns, (*KMS).deleteImportedKeyMaterial)
}

// DeriveSharedSecret answers the raw ECDH secret of a KEY_AGREEMENT key and a public key in DER.
func (k *KMS) DeriveSharedSecret(ctx context.Context, params *kms.DeriveSharedSecretInput, optFns ...func(*kms.Options)) (*kms.DeriveSharedSecretOutput, error) {
	return call(ctx, k, "DeriveSharedSecret", params, optFns, (*KMS).deriveSharedSecret)
}

// DescribeKey tells of a key by its id, ARN, alias or alias ARN.
func (k *KMS) DescribeKey(ctx context.Context, params *kms.DescribeKeyInput, optFns ...func(*kms.Options)) (*kms.DescribeKeyOutput, error) {
	return call(ctx, k, "DescribeKey", params, optFns, (*KMS).describeKey)
}

// DisableKey makes a key answer *types.DisabledException to every use, Decrypt included.
func (k *KMS) DisableKey(ctx context.Context, params *kms.DisableKeyInput, optFns ...func(*kms.Options)) (*kms.DisableKeyOutput, error) {
	return call(ctx, k, "DisableKey", params, optFns, (*KMS).disableKey)
}

// DisableKeyRotation ends automatic rotation.
func (k *KMS) DisableKeyRotation(ctx context.Context, params *kms.DisableKeyRotationInput, optFns ...func(*kms.Options)) (*kms.DisableKeyRotationOutput, error) {
	return call(ctx, k, "DisableKeyRotation", params, optFns, (*KMS).disableKeyRotation)
}

// EnableKey undoes DisableKey.
func (k *KMS) EnableKey(ctx context.Context, params *kms.EnableKeyInput, optFns ...func(*kms.Options)) (*kms.EnableKeyOutput, error) {
	return call(ctx, k, "EnableKey", params, optFns, (*KMS).enableKey)
}

// EnableKeyRotation has a symmetric key rotate every 90 to 2,560 days (365 if not said). It happens on the first call after the date.
func (k *KMS) EnableKeyRotation(ctx context.Context, params *kms.EnableKeyRotationInput, optFns ...func(*kms.Options)) (*kms.EnableKeyRotationOutput, error) {
	return call(ctx, k, "EnableKeyRotation", params, optFns, (*KMS).enableKeyRotation)
}

// Encrypt seals 1 to 4,096 bytes under a symmetric or RSA key.
func (k *KMS) Encrypt(ctx context.Context, params *kms.EncryptInput, optFns ...func(*kms.Options)) (*kms.EncryptOutput, error) {
	return call(ctx, k, "Encrypt", params, optFns, (*KMS).encrypt)
}

// GenerateDataKey makes 1 to 1,024 random bytes and answers them in plain and sealed under a symmetric key. It takes KeySpec or NumberOfBytes, not both.
func (k *KMS) GenerateDataKey(ctx context.Context, params *kms.GenerateDataKeyInput, optFns ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error) {
	return call(ctx, k, "GenerateDataKey", params, optFns, (*KMS).generateDataKey)
}

// GenerateDataKeyPair makes a key pair and answers the private key in plain and sealed under a symmetric key.
func (k *KMS) GenerateDataKeyPair(ctx context.Context, params *kms.GenerateDataKeyPairInput, optFns ...func(*kms.Options)) (*kms.GenerateDataKeyPairOutput, error) {
	return call(ctx, k, "GenerateDataKeyPair", params, optFns, (*KMS).generateDataKeyPair)
}

// GenerateDataKeyPairWithoutPlaintext is GenerateDataKeyPair with the private key sealed only.
func (k *KMS) GenerateDataKeyPairWithoutPlaintext(ctx context.Context, params *kms.GenerateDataKeyPairWithoutPlaintextInput, optFns ...func(*kms.Options)) (*kms.GenerateDataKeyPairWithoutPlaintextOutput, error) {
	return call(ctx, k, "GenerateDataKeyPairWithoutPlaintext", params, optFns, (*KMS).generateDataKeyPairWithoutPlaintext)
}

// GenerateDataKeyWithoutPlaintext is GenerateDataKey with the data key sealed only.
func (k *KMS) GenerateDataKeyWithoutPlaintext(ctx context.Context, params *kms.GenerateDataKeyWithoutPlaintextInput, optFns ...func(*kms.Options)) (*kms.GenerateDataKeyWithoutPlaintextOutput, error) {
	return call(ctx, k, "GenerateDataKeyWithoutPlaintext", params, optFns, (*KMS).generateDataKeyWithoutPlaintext)
}

// GenerateMac makes an HMAC of a message of 1 to 4,096 bytes.
func (k *KMS) GenerateMac(ctx context.Context, params *kms.GenerateMacInput, optFns ...func(*kms.Options)) (*kms.GenerateMacOutput, error) {
	return call(ctx, k, "GenerateMac", params, optFns, (*KMS).generateMac)
}

// GenerateRandom answers 1 to 1,024 random bytes.
func (k *KMS) GenerateRandom(ctx context.Context, params *kms.GenerateRandomInput, optFns ...func(*kms.Options)) (*kms.GenerateRandomOutput, error) {
	return call(ctx, k, "GenerateRandom", params, optFns, (*KMS).generateRandom)
}

// GetKeyPolicy answers the policy of a key, which is not enforced.
func (k *KMS) GetKeyPolicy(ctx context.Context, params *kms.GetKeyPolicyInput, optFns ...func(*kms.Options)) (*kms.GetKeyPolicyOutput, error) {
	return call(ctx, k, "GetKeyPolicy", params, optFns, (*KMS).getKeyPolicy)
}

// GetKeyRotationStatus tells whether and when a key rotates.
func (k *KMS) GetKeyRotationStatus(ctx context.Context, params *kms.GetKeyRotationStatusInput, optFns ...func(*kms.Options)) (*kms.GetKeyRotationStatusOutput, error) {
	return call(ctx, k, "GetKeyRotationStatus", params, optFns, (*KMS).getKeyRotationStatus)
}

// GetParametersForImport answers a public RSA key and a token for ImportKeyMaterial, valid for 24 hours while the KMS is open; the latest per key count.
func (k *KMS) GetParametersForImport(ctx context.Context, params *kms.GetParametersForImportInput, optFns ...func(*kms.Options)) (*kms.GetParametersForImportOutput, error) {
	return call(ctx, k, "GetParametersForImport", params, optFns, (*KMS).getParametersForImport)
}

// GetPublicKey answers the public key of a key pair in DER.
func (k *KMS) GetPublicKey(ctx context.Context, params *kms.GetPublicKeyInput, optFns ...func(*kms.Options)) (*kms.GetPublicKeyOutput, error) {
	return call(ctx, k, "GetPublicKey", params, optFns, (*KMS).getPublicKey)
}

// ImportKeyMaterial takes key material wrapped as GetParametersForImport said.
func (k *KMS) ImportKeyMaterial(ctx context.Context, params *kms.ImportKeyMaterialInput, optFns ...func(*kms.Options)) (*kms.ImportKeyMaterialOutput, error) {
	return call(ctx, k, "ImportKeyMaterial", params, optFns, (*KMS).importKeyMaterial)
}

// ListAliases lists the aliases of a key or of the Region, ordered by name.
func (k *KMS) ListAliases(ctx context.Context, params *kms.ListAliasesInput, optFns ...func(*kms.Options)) (*kms.ListAliasesOutput, error) {
	return call(ctx, k, "ListAliases", params, optFns, (*KMS).listAliases)
}

// ListGrants lists the grants of a key.
func (k *KMS) ListGrants(ctx context.Context, params *kms.ListGrantsInput, optFns ...func(*kms.Options)) (*kms.ListGrantsOutput, error) {
	return call(ctx, k, "ListGrants", params, optFns, (*KMS).listGrants)
}

// ListKeyPolicies answers "default", the name of the only policy.
func (k *KMS) ListKeyPolicies(ctx context.Context, params *kms.ListKeyPoliciesInput, optFns ...func(*kms.Options)) (*kms.ListKeyPoliciesOutput, error) {
	return call(ctx, k, "ListKeyPolicies", params, optFns, (*KMS).listKeyPolicies)
}

// ListKeyRotations lists the rotations of a key, oldest first.
func (k *KMS) ListKeyRotations(ctx context.Context, params *kms.ListKeyRotationsInput, optFns ...func(*kms.Options)) (*kms.ListKeyRotationsOutput, error) {
	return call(ctx, k, "ListKeyRotations", params, optFns, (*KMS).listKeyRotations)
}

// ListKeys lists the keys of the Region, ordered by id.
func (k *KMS) ListKeys(ctx context.Context, params *kms.ListKeysInput, optFns ...func(*kms.Options)) (*kms.ListKeysOutput, error) {
	return call(ctx, k, "ListKeys", params, optFns, (*KMS).listKeys)
}

// ListResourceTags lists the tags of a key, ordered by name.
func (k *KMS) ListResourceTags(ctx context.Context, params *kms.ListResourceTagsInput, optFns ...func(*kms.Options)) (*kms.ListResourceTagsOutput, error) {
	return call(ctx, k, "ListResourceTags", params, optFns, (*KMS).listResourceTags)
}

// ListRetirableGrants lists the grants that a principal may retire.
func (k *KMS) ListRetirableGrants(ctx context.Context, params *kms.ListRetirableGrantsInput, optFns ...func(*kms.Options)) (*kms.ListRetirableGrantsOutput, error) {
	return call(ctx, k, "ListRetirableGrants", params, optFns, (*KMS).listRetirableGrants)
}

// PutKeyPolicy keeps a policy; it is not enforced.
func (k *KMS) PutKeyPolicy(ctx context.Context, params *kms.PutKeyPolicyInput, optFns ...func(*kms.Options)) (*kms.PutKeyPolicyOutput, error) {
	return call(ctx, k, "PutKeyPolicy", params, optFns, (*KMS).putKeyPolicy)
}

// ReEncrypt seals anew, under another key or context, what a ciphertext holds, without showing it. Errors are those of Decrypt and Encrypt.
func (k *KMS) ReEncrypt(ctx context.Context, params *kms.ReEncryptInput, optFns ...func(*kms.Options)) (*kms.ReEncryptOutput, error) {
	return call(ctx, k, "ReEncrypt", params, optFns, (*KMS).reEncrypt)
}

// ReplicateKey makes a replica of a multi-Region primary key in another Region; it is enabled at once (KMS takes a while). InRegion reaches it.
func (k *KMS) ReplicateKey(ctx context.Context, params *kms.ReplicateKeyInput, optFns ...func(*kms.Options)) (*kms.ReplicateKeyOutput, error) {
	return call(ctx, k, "ReplicateKey", params, optFns, (*KMS).replicateKey)
}

// RetireGrant deletes a grant by its token, or by key and id.
func (k *KMS) RetireGrant(ctx context.Context, params *kms.RetireGrantInput, optFns ...func(*kms.Options)) (*kms.RetireGrantOutput, error) {
	return call(ctx, k, "RetireGrant", params, optFns, (*KMS).retireGrant)
}

// RevokeGrant deletes a grant; its token is *types.InvalidGrantTokenException from then on.
func (k *KMS) RevokeGrant(ctx context.Context, params *kms.RevokeGrantInput, optFns ...func(*kms.Options)) (*kms.RevokeGrantOutput, error) {
	return call(ctx, k, "RevokeGrant", params, optFns, (*KMS).revokeGrant)
}

// RotateKeyOnDemand gives a symmetric key new key material, at most 25 times; old ciphertexts still decrypt.
func (k *KMS) RotateKeyOnDemand(ctx context.Context, params *kms.RotateKeyOnDemandInput, optFns ...func(*kms.Options)) (*kms.RotateKeyOnDemandOutput, error) {
	return call(ctx, k, "RotateKeyOnDemand", params, optFns, (*KMS).rotateKeyOnDemand)
}

// ScheduleKeyDeletion makes a key answer *types.KMSInvalidStateException for 7 to 30 days (30 if not said), after which it is gone.
func (k *KMS) ScheduleKeyDeletion(ctx context.Context, params *kms.ScheduleKeyDeletionInput, optFns ...func(*kms.Options)) (*kms.ScheduleKeyDeletionOutput, error) {
	return call(ctx, k, "ScheduleKeyDeletion", params, optFns, (*KMS).scheduleKeyDeletion)
}

// Sign signs a message of 1 to 4,096 bytes, or a digest.
func (k *KMS) Sign(ctx context.Context, params *kms.SignInput, optFns ...func(*kms.Options)) (*kms.SignOutput, error) {
	return call(ctx, k, "Sign", params, optFns, (*KMS).sign)
}

// TagResource adds or changes tags of a key, up to 50.
func (k *KMS) TagResource(ctx context.Context, params *kms.TagResourceInput, optFns ...func(*kms.Options)) (*kms.TagResourceOutput, error) {
	return call(ctx, k, "TagResource", params, optFns, (*KMS).tagResource)
}

// UntagResource removes tags of a key.
func (k *KMS) UntagResource(ctx context.Context, params *kms.UntagResourceInput, optFns ...func(*kms.Options)) (*kms.UntagResourceOutput, error) {
	return call(ctx, k, "UntagResource", params, optFns, (*KMS).untagResource)
}

// UpdateAlias points an alias at another key of the same sort.
func (k *KMS) UpdateAlias(ctx context.Context, params *kms.UpdateAliasInput, optFns ...func(*kms.Options)) (*kms.UpdateAliasOutput, error) {
	return call(ctx, k, "UpdateAlias", params, optFns, (*KMS).updateAlias)
}

// UpdateKeyDescription changes the description of a key.
func (k *KMS) UpdateKeyDescription(ctx context.Context, params *kms.UpdateKeyDescriptionInput, optFns ...func(*kms.Options)) (*kms.UpdateKeyDescriptionOutput, error) {
	return call(ctx, k, "UpdateKeyDescription", params, optFns, (*KMS).updateKeyDescription)
}

// UpdatePrimaryRegion makes a replica the primary key of its multi-Region key.
func (k *KMS) UpdatePrimaryRegion(ctx context.Context, params *kms.UpdatePrimaryRegionInput, optFns ...func(*kms.Options)) (*kms.UpdatePrimaryRegionOutput, error) {
	return call(ctx, k, "UpdatePrimaryRegion", params, optFns, (*KMS).updatePrimaryRegion)
}

// Verify checks a signature: *types.KMSInvalidSignatureException if it is wrong.
func (k *KMS) Verify(ctx context.Context, params *kms.VerifyInput, optFns ...func(*kms.Options)) (*kms.VerifyOutput, error) {
	return call(ctx, k, "Verify", params, optFns, (*KMS).verify)
}

// VerifyMac checks an HMAC: *types.KMSInvalidMacException if it is wrong.
func (k *KMS) VerifyMac(ctx context.Context, params *kms.VerifyMacInput, optFns ...func(*kms.Options)) (*kms.VerifyMacOutput, error) {
	return call(ctx, k, "VerifyMac", params, optFns, (*KMS).verifyMac)
}
