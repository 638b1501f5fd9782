package localkms_test

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"hash"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyring/localkms"
)

// api is every operation, as *kms.Client and *localkms.KMS have it.
type api interface {
	CancelKeyDeletion(context.Context, *kms.CancelKeyDeletionInput, ...func(*kms.Options)) (*kms.CancelKeyDeletionOutput, error)
	CreateAlias(context.Context, *kms.CreateAliasInput, ...func(*kms.Options)) (*kms.CreateAliasOutput, error)
	CreateGrant(context.Context, *kms.CreateGrantInput, ...func(*kms.Options)) (*kms.CreateGrantOutput, error)
	CreateKey(context.Context, *kms.CreateKeyInput, ...func(*kms.Options)) (*kms.CreateKeyOutput, error)
	Decrypt(context.Context, *kms.DecryptInput, ...func(*kms.Options)) (*kms.DecryptOutput, error)
	DeleteAlias(context.Context, *kms.DeleteAliasInput, ...func(*kms.Options)) (*kms.DeleteAliasOutput, error)
	DeleteImportedKeyMaterial(context.Context, *kms.DeleteImportedKeyMaterialInput, ...func(*kms.Options)) (*kms.DeleteImportedKeyMaterialOutput, error)
	DeriveSharedSecret(context.Context, *kms.DeriveSharedSecretInput, ...func(*kms.Options)) (*kms.DeriveSharedSecretOutput, error)
	DescribeKey(context.Context, *kms.DescribeKeyInput, ...func(*kms.Options)) (*kms.DescribeKeyOutput, error)
	DisableKey(context.Context, *kms.DisableKeyInput, ...func(*kms.Options)) (*kms.DisableKeyOutput, error)
	DisableKeyRotation(context.Context, *kms.DisableKeyRotationInput, ...func(*kms.Options)) (*kms.DisableKeyRotationOutput, error)
	EnableKey(context.Context, *kms.EnableKeyInput, ...func(*kms.Options)) (*kms.EnableKeyOutput, error)
	EnableKeyRotation(context.Context, *kms.EnableKeyRotationInput, ...func(*kms.Options)) (*kms.EnableKeyRotationOutput, error)
	Encrypt(context.Context, *kms.EncryptInput, ...func(*kms.Options)) (*kms.EncryptOutput, error)
	GenerateDataKey(context.Context, *kms.GenerateDataKeyInput, ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error)
	GenerateDataKeyPair(context.Context, *kms.GenerateDataKeyPairInput, ...func(*kms.Options)) (*kms.GenerateDataKeyPairOutput, error)
	GenerateDataKeyPairWithoutPlaintext(context.Context, *kms.GenerateDataKeyPairWithoutPlaintextInput, ...func(*kms.Options)) (*kms.GenerateDataKeyPairWithoutPlaintextOutput, error)
	GenerateDataKeyWithoutPlaintext(context.Context, *kms.GenerateDataKeyWithoutPlaintextInput, ...func(*kms.Options)) (*kms.GenerateDataKeyWithoutPlaintextOutput, error)
	GenerateMac(context.Context, *kms.GenerateMacInput, ...func(*kms.Options)) (*kms.GenerateMacOutput, error)
	GenerateRandom(context.Context, *kms.GenerateRandomInput, ...func(*kms.Options)) (*kms.GenerateRandomOutput, error)
	GetKeyPolicy(context.Context, *kms.GetKeyPolicyInput, ...func(*kms.Options)) (*kms.GetKeyPolicyOutput, error)
	GetKeyRotationStatus(context.Context, *kms.GetKeyRotationStatusInput, ...func(*kms.Options)) (*kms.GetKeyRotationStatusOutput, error)
	GetParametersForImport(context.Context, *kms.GetParametersForImportInput, ...func(*kms.Options)) (*kms.GetParametersForImportOutput, error)
	GetPublicKey(context.Context, *kms.GetPublicKeyInput, ...func(*kms.Options)) (*kms.GetPublicKeyOutput, error)
	ImportKeyMaterial(context.Context, *kms.ImportKeyMaterialInput, ...func(*kms.Options)) (*kms.ImportKeyMaterialOutput, error)
	ListAliases(context.Context, *kms.ListAliasesInput, ...func(*kms.Options)) (*kms.ListAliasesOutput, error)
	ListGrants(context.Context, *kms.ListGrantsInput, ...func(*kms.Options)) (*kms.ListGrantsOutput, error)
	ListKeyPolicies(context.Context, *kms.ListKeyPoliciesInput, ...func(*kms.Options)) (*kms.ListKeyPoliciesOutput, error)
	ListKeyRotations(context.Context, *kms.ListKeyRotationsInput, ...func(*kms.Options)) (*kms.ListKeyRotationsOutput, error)
	ListKeys(context.Context, *kms.ListKeysInput, ...func(*kms.Options)) (*kms.ListKeysOutput, error)
	ListResourceTags(context.Context, *kms.ListResourceTagsInput, ...func(*kms.Options)) (*kms.ListResourceTagsOutput, error)
	ListRetirableGrants(context.Context, *kms.ListRetirableGrantsInput, ...func(*kms.Options)) (*kms.ListRetirableGrantsOutput, error)
	PutKeyPolicy(context.Context, *kms.PutKeyPolicyInput, ...func(*kms.Options)) (*kms.PutKeyPolicyOutput, error)
	ReEncrypt(context.Context, *kms.ReEncryptInput, ...func(*kms.Options)) (*kms.ReEncryptOutput, error)
	ReplicateKey(context.Context, *kms.ReplicateKeyInput, ...func(*kms.Options)) (*kms.ReplicateKeyOutput, error)
	RetireGrant(context.Context, *kms.RetireGrantInput, ...func(*kms.Options)) (*kms.RetireGrantOutput, error)
	RevokeGrant(context.Context, *kms.RevokeGrantInput, ...func(*kms.Options)) (*kms.RevokeGrantOutput, error)
	RotateKeyOnDemand(context.Context, *kms.RotateKeyOnDemandInput, ...func(*kms.Options)) (*kms.RotateKeyOnDemandOutput, error)
	ScheduleKeyDeletion(context.Context, *kms.ScheduleKeyDeletionInput, ...func(*kms.Options)) (*kms.ScheduleKeyDeletionOutput, error)
	Sign(context.Context, *kms.SignInput, ...func(*kms.Options)) (*kms.SignOutput, error)
	TagResource(context.Context, *kms.TagResourceInput, ...func(*kms.Options)) (*kms.TagResourceOutput, error)
	UntagResource(context.Context, *kms.UntagResourceInput, ...func(*kms.Options)) (*kms.UntagResourceOutput, error)
	UpdateAlias(context.Context, *kms.UpdateAliasInput, ...func(*kms.Options)) (*kms.UpdateAliasOutput, error)
	UpdateKeyDescription(context.Context, *kms.UpdateKeyDescriptionInput, ...func(*kms.Options)) (*kms.UpdateKeyDescriptionOutput, error)
	UpdatePrimaryRegion(context.Context, *kms.UpdatePrimaryRegionInput, ...func(*kms.Options)) (*kms.UpdatePrimaryRegionOutput, error)
	Verify(context.Context, *kms.VerifyInput, ...func(*kms.Options)) (*kms.VerifyOutput, error)
	VerifyMac(context.Context, *kms.VerifyMacInput, ...func(*kms.Options)) (*kms.VerifyMacOutput, error)
}

var (
	_ api = (*kms.Client)(nil)
	_ api = (*localkms.KMS)(nil)
)

const (
	home = "us-east-1"
	away = "eu-west-1"
)

func newKMS(t *testing.T) *localkms.KMS {
	t.Helper()
	k, err := localkms.New(nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, k.Close()) })
	return k
}

// newClient is a real client of a KMS over HTTP, which does not retry.
func newClient(t *testing.T, k *localkms.KMS, region string) *kms.Client {
	t.Helper()
	server := httptest.NewServer(k)
	t.Cleanup(server.Close)
	return kms.New(clientOptions(server.URL, region))
}

func clientOptions(url, region string) kms.Options {
	return kms.Options{
		BaseEndpoint:     aws.String(url),
		Region:           region,
		Credentials:      credentials.NewStaticCredentialsProvider("local", "local", ""),
		RetryMaxAttempts: 1,
	}
}

// bothWays runs a test in process and through a real client over HTTP; in answers the same KMS in a Region.
func bothWays(t *testing.T, test func(t *testing.T, k *localkms.KMS, in func(region string) api)) {
	t.Run("in process", func(t *testing.T) {
		k := newKMS(t)
		test(t, k, func(region string) api { return k.InRegion(region) })
	})
	t.Run("over HTTP", func(t *testing.T) {
		k := newKMS(t)
		test(t, k, func(region string) api { return newClient(t, k, region) })
	})
}

func requireAs[E error](t *testing.T, err error) {
	t.Helper()
	var as E
	require.ErrorAs(t, err, &as)
	var fault smithy.APIError
	require.ErrorAs(t, err, &fault)
	require.Contains(t, fault.ErrorMessage(), "localkms: ")
}

func requireCode(t *testing.T, err error, code string) {
	t.Helper()
	var fault smithy.APIError
	require.ErrorAs(t, err, &fault)
	require.Equal(t, code, fault.ErrorCode())
}

func newKey(t *testing.T, c api, in *kms.CreateKeyInput) *types.KeyMetadata {
	t.Helper()
	out, err := c.CreateKey(t.Context(), in)
	require.NoError(t, err)
	return out.KeyMetadata
}

func encrypt(t *testing.T, c api, key *string, plaintext string, context map[string]string) []byte {
	t.Helper()
	out, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key, Plaintext: []byte(plaintext), EncryptionContext: context})
	require.NoError(t, err)
	return out.CiphertextBlob
}

func requireDecrypts(t *testing.T, c api, blob []byte, context map[string]string, plaintext string) {
	t.Helper()
	out, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: context})
	require.NoError(t, err)
	require.Equal(t, plaintext, string(out.Plaintext))
}

// TestProbe is what an application meets of KMS, one behaviour after another.
func TestProbe(t *testing.T) {
	probes := []struct {
		behaviour string
		test      func(t *testing.T, k *localkms.KMS, in func(region string) api)
	}{
		{"CreateKey answers a symmetric key by default", probeCreateKey},
		{"DescribeKey takes id, ARN, alias and alias ARN", probeDescribeKey},
		{"DescribeKey of a missing key is NotFoundException", probeMissingKey},
		{"GenerateDataKey takes KeySpec", probeGenerateByKeySpec},
		{"GenerateDataKey takes NumberOfBytes", probeGenerateByNumberOfBytes},
		{"GenerateDataKey takes one of the two", probeGenerateByOne},
		{"GenerateDataKeyWithoutPlaintext", probeGenerateWithoutPlaintext},
		{"Encrypt takes 4,096 bytes and not 4,097", probeEncryptBounds},
		{"a wrong context is InvalidCiphertextException", probeWrongContext},
		{"a tampered blob is InvalidCiphertextException", probeTamperedBlob},
		{"Decrypt naming another key is IncorrectKeyException", probeIncorrectKey},
		{"ReEncrypt to another key and context", probeReEncrypt},
		{"aliases are created, used, updated, listed, deleted", probeAliases},
		{"an alias ARN is a KeyId", probeAliasARN},
		{"DisableKey stops every use, EnableKey undoes it", probeDisableKey},
		{"ScheduleKeyDeletion stops every use", probeScheduleKeyDeletion},
		{"CancelKeyDeletion leaves the key disabled", probeCancelKeyDeletion},
		{"RSA encrypts and decrypts with both kinds of OAEP", probeRSA},
		{"GetPublicKey tells EncryptionAlgorithms", probeGetPublicKey},
		{"DeriveSharedSecret of an ECC KEY_AGREEMENT key", probeDeriveSharedSecret},
		{"Sign and Verify", probeSign},
		{"GenerateMac and VerifyMac", probeMac},
		{"a multi-Region key decrypts in its replica", probeMultiRegion},
		{"grants are created, listed, used, revoked", probeGrants},
		{"rotation is enabled and told", probeRotation},
		{"RotateKeyOnDemand keeps old blobs open", probeRotateOnDemand},
		{"GenerateDataKeyPair", probeDataKeyPair},
		{"GenerateRandom", probeGenerateRandom},
		{"the wrong usage is InvalidKeyUsageException", probeWrongUsage},
		{"a dry run that would succeed is DryRunOperationException", probeDryRun},
		{"imported key material", probeImport},
	}
	for _, probe := range probes {
		t.Run(probe.behaviour, func(t *testing.T) { bothWays(t, probe.test) })
	}
}

func probeCreateKey(t *testing.T, _ *localkms.KMS, in func(string) api) {
	key := newKey(t, in(home), &kms.CreateKeyInput{Description: aws.String("orders")})
	require.Equal(t, "arn:aws:kms:us-east-1:111122223333:key/"+*key.KeyId, *key.Arn)
	require.Equal(t, "111122223333", *key.AWSAccountId)
	require.Equal(t, "orders", *key.Description)
	require.True(t, key.Enabled)
	require.Equal(t, types.KeyStateEnabled, key.KeyState)
	require.Equal(t, types.KeySpecSymmetricDefault, key.KeySpec)
	require.Equal(t, types.KeyUsageTypeEncryptDecrypt, key.KeyUsage)
	require.Equal(t, types.OriginTypeAwsKms, key.Origin)
	require.Equal(t, []types.EncryptionAlgorithmSpec{types.EncryptionAlgorithmSpecSymmetricDefault}, key.EncryptionAlgorithms)
	require.False(t, *key.MultiRegion)
	require.False(t, key.CreationDate.IsZero())
	require.Regexp(t, "^[0-9a-f]{64}$", *key.CurrentKeyMaterialId)
}

func probeDescribeKey(t *testing.T, _ *localkms.KMS, in func(string) api) {
	c := in(home)
	key := newKey(t, c, nil)
	_, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/orders"), TargetKeyId: key.KeyId})
	require.NoError(t, err)
	for _, id := range []string{*key.KeyId, *key.Arn, "alias/orders", "arn:aws:kms:us-east-1:111122223333:alias/orders"} {
		out, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String(id)})
		require.NoError(t, err, id)
		require.Equal(t, key, out.KeyMetadata, id)
	}
}

func probeMissingKey(t *testing.T, _ *localkms.KMS, in func(string) api) {
	for _, id := range []string{
		"1234abcd-12ab-34cd-56ef-1234567890ab",
		"arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
		"arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
		"arn:aws:kms:us-east-1:999999999999:key/1234abcd-12ab-34cd-56ef-1234567890ab",
		"alias/nobody",
		"arn:aws:kms:us-east-1:111122223333:alias/nobody",
	} {
		_, err := in(home).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String(id)})
		requireAs[*types.NotFoundException](t, err)
		_, err = in(home).GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: aws.String(id), KeySpec: types.DataKeySpecAes256})
		requireAs[*types.NotFoundException](t, err)
	}
}

func probeGenerateByKeySpec(t *testing.T, _ *localkms.KMS, in func(string) api) {
	c := in(home)
	key := newKey(t, c, nil)
	context := map[string]string{"tenant": "a", "purpose": "test"}
	for spec, size := range map[types.DataKeySpec]int{types.DataKeySpecAes256: 32, types.DataKeySpecAes128: 16} {
		out, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: key.KeyId, KeySpec: spec, EncryptionContext: context})
		require.NoError(t, err)
		require.Equal(t, *key.Arn, *out.KeyId)
		require.Len(t, out.Plaintext, size)
		require.Equal(t, *key.CurrentKeyMaterialId, *out.KeyMaterialId)
		opened, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob, EncryptionContext: context})
		require.NoError(t, err)
		require.Equal(t, out.Plaintext, opened.Plaintext)
		require.Equal(t, *key.Arn, *opened.KeyId)
		require.Equal(t, *key.CurrentKeyMaterialId, *opened.KeyMaterialId)
	}
}

func probeGenerateByNumberOfBytes(t *testing.T, _ *localkms.KMS, in func(string) api) {
	c := in(home)
	key := newKey(t, c, nil)
	for _, size := range []int32{1, 24, 1024} {
		out, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: key.KeyId, NumberOfBytes: aws.Int32(size)})
		require.NoError(t, err)
		require.Len(t, out.Plaintext, int(size))
	}
	for _, size := range []int32{-1, 0, 1025} {
		_, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: key.KeyId, NumberOfBytes: aws.Int32(size)})
		requireCode(t, err, "ValidationException")
	}
}

func probeGenerateByOne(t *testing.T, _ *localkms.KMS, in func(string) api) {
	c := in(home)
	key := newKey(t, c, nil)
	_, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: key.KeyId})
	requireCode(t, err, "ValidationException")
	_, err = c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: key.KeyId, KeySpec: types.DataKeySpecAes256, NumberOfBytes: aws.Int32(32)})
	requireCode(t, err, "ValidationException")
}

func probeGenerateWithoutPlaintext(t *testing.T, _ *localkms.KMS, in func(string) api) {
	c := in(home)
	key := newKey(t, c, nil)
	out, err := c.GenerateDataKeyWithoutPlaintext(t.Context(), &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: key.KeyId, KeySpec: types.DataKeySpecAes256})
	require.NoError(t, err)
	require.Equal(t, *key.Arn, *out.KeyId)
	opened, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob, KeyId: key.KeyId})
	require.NoError(t, err)
	require.Len(t, opened.Plaintext, 32)
}

func probeEncryptBounds(t *testing.T, _ *localkms.KMS, in func(string) api) {
	c := in(home)
	key := newKey(t, c, nil)
	plaintext := bytes.Repeat([]byte{7}, 4097)
	out, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: plaintext[:4096]})
	require.NoError(t, err)
	require.Equal(t, types.EncryptionAlgorithmSpecSymmetricDefault, out.EncryptionAlgorithm)
	require.LessOrEqual(t, len(out.CiphertextBlob), 6144)
	requireDecrypts(t, c, out.CiphertextBlob, nil, string(plaintext[:4096]))

	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: plaintext})
	requireCode(t, err, "ValidationException")
	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte{}})
	requireCode(t, err, "ValidationException")
	_, err = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: make([]byte, 6145)})
	requireCode(t, err, "ValidationException")
}

func probeWrongContext(t *testing.T, _ *localkms.KMS, in func(string) api) {
	c := in(home)
	blob := encrypt(t, c, newKey(t, c, nil).Arn, "secret", map[string]string{"a": "1", "b": "2"})
	requireDecrypts(t, c, blob, map[string]string{"b": "2", "a": "1"}, "secret")
	for name, wrong := range map[string]map[string]string{
		"none":             nil,
		"a pair less":      {"a": "1"},
		"a pair more":      {"a": "1", "b": "2", "c": "3"},
		"another value":    {"a": "1", "b": "3"},
		"another case":     {"A": "1", "b": "2"},
		"values exchanged": {"a": "2", "b": "1"},
		"shifted by one":   {"a1": "", "b": "2"},
	} {
		_, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: wrong})
		require.Error(t, err, name)
		requireAs[*types.InvalidCiphertextException](t, err)
	}
}

func probeTamperedBlob(t *testing.T, k *localkms.KMS, in func(string) api) {
	c := in(home)
	key := newKey(t, c, nil)
	blob := encrypt(t, c, key.Arn, "secret", nil)
	for i := range blob { // in process at every byte: HTTP adds nothing to that
		altered := bytes.Clone(blob)
		altered[i] ^= 1
		for _, id := range []*string{nil, key.KeyId} {
			_, err := k.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: altered, KeyId: id})
			requireAs[*types.InvalidCiphertextException](t, err)
		}
	}
	for _, bad := range [][]byte{
		append([]byte{blob[0] ^ 1}, blob[1:]...),
		append(bytes.Clone(blob[:len(blob)-1]), blob[len(blob)-1]^1),
		blob[:len(blob)-1], blob[:1], append(bytes.Clone(blob), 0), []byte("garbage"), make([]byte, 200),
	} {
		_, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: bad})
		requireAs[*types.InvalidCiphertextException](t, err)
	}
}

func probeIncorrectKey(t *testing.T, _ *localkms.KMS, in func(string) api) {
	c := in(home)
	maker, other := newKey(t, c, nil), newKey(t, c, nil)
	blob := encrypt(t, c, maker.Arn, "secret", nil)
	_, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, KeyId: other.Arn})
	requireAs[*types.IncorrectKeyException](t, err)
	_, err = c.ReEncrypt(t.Context(), &kms.ReEncryptInput{CiphertextBlob: blob, SourceKeyId: other.KeyId, DestinationKeyId: maker.KeyId})
	requireAs[*types.IncorrectKeyException](t, err)
	_, err = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, KeyId: aws.String("alias/missing")})
	requireAs[*types.NotFoundException](t, err)
}

func probeReEncrypt(t *testing.T, _ *localkms.KMS, in func(string) api) {
	c := in(home)
	from, to := newKey(t, c, nil), newKey(t, c, nil)
	blob := encrypt(t, c, from.Arn, "secret", map[string]string{"v": "1"})
	out, err := c.ReEncrypt(t.Context(), &kms.ReEncryptInput{
		CiphertextBlob:               blob,
		SourceKeyId:                  from.Arn,
		SourceEncryptionContext:      map[string]string{"v": "1"},
		DestinationKeyId:             to.KeyId,
		DestinationEncryptionContext: map[string]string{"v": "2"},
	})
	require.NoError(t, err)
	require.Equal(t, *from.Arn, *out.SourceKeyId)
	require.Equal(t, *to.Arn, *out.KeyId)
	require.Equal(t, *from.CurrentKeyMaterialId, *out.SourceKeyMaterialId)
	require.Equal(t, *to.CurrentKeyMaterialId, *out.DestinationKeyMaterialId)
	require.Equal(t, types.EncryptionAlgorithmSpecSymmetricDefault, out.SourceEncryptionAlgorithm)
	require.Equal(t, types.EncryptionAlgorithmSpecSymmetricDefault, out.DestinationEncryptionAlgorithm)
	requireDecrypts(t, c, out.CiphertextBlob, map[string]string{"v": "2"}, "secret")
	_, err = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob, EncryptionContext: map[string]string{"v": "1"}})
	requireAs[*types.InvalidCiphertextException](t, err)
	_, err = c.ReEncrypt(t.Context(), &kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: to.KeyId})
	requireAs[*types.InvalidCiphertextException](t, err)
}

func probeAliases(t *testing.T, _ *localkms.KMS, in func(string) api) {
	c := in(home)
	first, second := newKey(t, c, nil), newKey(t, c, nil)
	name := aws.String("alias/orders")
	_, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: name, TargetKeyId: first.Arn})
	require.NoError(t, err)
	_, err = c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: name, TargetKeyId: second.Arn})
	requireAs[*types.AlreadyExistsException](t, err)
	blob := encrypt(t, c, name, "secret", nil)

	listed, err := c.ListAliases(t.Context(), &kms.ListAliasesInput{KeyId: first.KeyId})
	require.NoError(t, err)
	require.Len(t, listed.Aliases, 1)
	require.Equal(t, "alias/orders", *listed.Aliases[0].AliasName)
	require.Equal(t, "arn:aws:kms:us-east-1:111122223333:alias/orders", *listed.Aliases[0].AliasArn)
	require.Equal(t, *first.KeyId, *listed.Aliases[0].TargetKeyId)

	_, err = c.UpdateAlias(t.Context(), &kms.UpdateAliasInput{AliasName: name, TargetKeyId: second.KeyId})
	require.NoError(t, err)
	out, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: name, KeySpec: types.DataKeySpecAes256})
	require.NoError(t, err)
	require.Equal(t, *second.Arn, *out.KeyId)
	requireDecrypts(t, c, blob, nil, "secret")
	_, err = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, KeyId: name})
	requireAs[*types.IncorrectKeyException](t, err)

	_, err = c.DeleteAlias(t.Context(), &kms.DeleteAliasInput{AliasName: name})
	require.NoError(t, err)
	_, err = c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: name})
	requireAs[*types.NotFoundException](t, err)
	_, err = c.DeleteAlias(t.Context(), &kms.DeleteAliasInput{AliasName: name})
	requireAs[*types.NotFoundException](t, err)
	_, err = c.UpdateAlias(t.Context(), &kms.UpdateAliasInput{AliasName: name, TargetKeyId: second.KeyId})
	requireAs[*types.NotFoundException](t, err)
}

func probeAliasARN(t *testing.T, k *localkms.KMS, in func(string) api) {
	arn, err := k.NewKey("orders")
	require.NoError(t, err)
	alias := aws.String("arn:aws:kms:us-east-1:111122223333:alias/orders")
	out, err := in(home).Encrypt(t.Context(), &kms.EncryptInput{KeyId: alias, Plaintext: []byte("secret")})
	require.NoError(t, err)
	require.Equal(t, arn, *out.KeyId)
	opened, err := in(home).Decrypt(t.Context(), &kms.DecryptInput{KeyId: alias, CiphertextBlob: out.CiphertextBlob})
	require.NoError(t, err)
	require.Equal(t, arn, *opened.KeyId)
}

// everyUse calls every operation that uses a symmetric key.
func everyUse(t *testing.T, c api, key *string, blob []byte) map[string]error {
	t.Helper()
	ctx, errs := t.Context(), map[string]error{}
	_, errs["Encrypt"] = c.Encrypt(ctx, &kms.EncryptInput{KeyId: key, Plaintext: []byte("x")})
	_, errs["Decrypt"] = c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob})
	_, errs["Decrypt by key"] = c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, KeyId: key})
	_, errs["ReEncrypt"] = c.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: key})
	_, errs["GenerateDataKey"] = c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: key, KeySpec: types.DataKeySpecAes256})
	_, errs["GenerateDataKeyWithoutPlaintext"] = c.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: key, KeySpec: types.DataKeySpecAes256})
	_, errs["GenerateDataKeyPair"] = c.GenerateDataKeyPair(ctx, &kms.GenerateDataKeyPairInput{KeyId: key, KeyPairSpec: types.DataKeyPairSpecEccNistP256})
	_, errs["GenerateDataKeyPairWithoutPlaintext"] = c.GenerateDataKeyPairWithoutPlaintext(ctx, &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: key, KeyPairSpec: types.DataKeyPairSpecEccNistP256})
	return errs
}

func probeDisableKey(t *testing.T, _ *localkms.KMS, in func(string) api) {
	c := in(home)
	key := newKey(t, c, nil)
	blob := encrypt(t, c, key.Arn, "secret", nil)
	_, err := c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key.KeyId})
	require.NoError(t, err)
	described, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: key.KeyId})
	require.NoError(t, err)
	require.Equal(t, types.KeyStateDisabled, described.KeyMetadata.KeyState)
	require.False(t, described.KeyMetadata.Enabled)
	for operation, err := range everyUse(t, c, key.KeyId, blob) {
		require.Error(t, err, operation)
		requireAs[*types.DisabledException](t, err)
	}
	_, err = c.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: key.KeyId})
	require.NoError(t, err)
	requireDecrypts(t, c, blob, nil, "secret")
}

func probeScheduleKeyDeletion(t *testing.T, _ *localkms.KMS, in func(string) api) {
	c := in(home)
	key := newKey(t, c, nil)
	blob := encrypt(t, c, key.Arn, "secret", nil)
	for _, days := range []int32{0, 6, 31} {
		_, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId, PendingWindowInDays: aws.Int32(days)})
		requireCode(t, err, "ValidationException")
	}
	out, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId, PendingWindowInDays: aws.Int32(7)})
	require.NoError(t, err)
	require.Equal(t, *key.Arn, *out.KeyId)
	require.Equal(t, types.KeyStatePendingDeletion, out.KeyState)
	require.EqualValues(t, 7, *out.PendingWindowInDays)
	require.NotNil(t, out.DeletionDate)
	for operation, err := range everyUse(t, c, key.KeyId, blob) {
		require.Error(t, err, operation)
		requireAs[*types.KMSInvalidStateException](t, err)
	}
	_, err = c.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: key.KeyId})
	requireAs[*types.KMSInvalidStateException](t, err)
	_, err = c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId})
	requireAs[*types.KMSInvalidStateException](t, err)
	_, err = c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/late"), TargetKeyId: key.KeyId})
	requireAs[*types.KMSInvalidStateException](t, err)
}

func probeCancelKeyDeletion(t *testing.T, _ *localkms.KMS, in func(string) api) {
	c := in(home)
	key := newKey(t, c, nil)
	blob := encrypt(t, c, key.Arn, "secret", nil)
	_, err := c.CancelKeyDeletion(t.Context(), &kms.CancelKeyDeletionInput{KeyId: key.KeyId})
	requireAs[*types.KMSInvalidStateException](t, err)
	_, err = c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId})
	require.NoError(t, err)
	out, err := c.CancelKeyDeletion(t.Context(), &kms.CancelKeyDeletionInput{KeyId: key.KeyId})
	require.NoError(t, err)
	require.Equal(t, *key.Arn, *out.KeyId)
	_, err = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
	requireAs[*types.DisabledException](t, err)
	_, err = c.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: key.KeyId})
	require.NoError(t, err)
	requireDecrypts(t, c, blob, nil, "secret")
}

func probeRSA(t *testing.T, _ *localkms.KMS, in func(string) api) {
	c := in(home)
	key := newKey(t, c, &kms.CreateKeyInput{KeySpec: types.KeySpecRsa2048, KeyUsage: types.KeyUsageTypeEncryptDecrypt})
	public, err := c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: key.KeyId})
	require.NoError(t, err)
	parsed, err := x509.ParsePKIXPublicKey(public.PublicKey)
	require.NoError(t, err)

	for algorithm, oaep := range map[types.EncryptionAlgorithmSpec]struct {
		hash func() hash.Hash
		max  int
	}{
		types.EncryptionAlgorithmSpecRsaesOaepSha1:   {sha1.New, 214},
		types.EncryptionAlgorithmSpecRsaesOaepSha256: {sha256.New, 190},
	} {
		out, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: make([]byte, oaep.max), EncryptionAlgorithm: algorithm})
		require.NoError(t, err)
		require.Equal(t, *key.Arn, *out.KeyId)
		require.Equal(t, algorithm, out.EncryptionAlgorithm)
		opened, err := c.Decrypt(t.Context(), &kms.DecryptInput{KeyId: key.KeyId, CiphertextBlob: out.CiphertextBlob, EncryptionAlgorithm: algorithm})
		require.NoError(t, err)
		require.Equal(t, make([]byte, oaep.max), opened.Plaintext)
		require.Equal(t, *key.Arn, *opened.KeyId)
		require.Nil(t, opened.KeyMaterialId)

		outside, err := rsa.EncryptOAEP(oaep.hash(), rand.Reader, parsed.(*rsa.PublicKey), []byte("from outside"), nil)
		require.NoError(t, err)
		opened, err = c.Decrypt(t.Context(), &kms.DecryptInput{KeyId: key.KeyId, CiphertextBlob: outside, EncryptionAlgorithm: algorithm})
		require.NoError(t, err)
		require.Equal(t, "from outside", string(opened.Plaintext))

		outside[9] ^= 1
		_, err = c.Decrypt(t.Context(), &kms.DecryptInput{KeyId: key.KeyId, CiphertextBlob: outside, EncryptionAlgorithm: algorithm})
		requireAs[*types.InvalidCiphertextException](t, err)
		_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: make([]byte, oaep.max+1), EncryptionAlgorithm: algorithm})
		requireCode(t, err, "ValidationException")
		_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x"), EncryptionAlgorithm: algorithm, EncryptionContext: map[string]string{"a": "b"}})
		requireCode(t, err, "ValidationException")
	}
	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")})
	requireAs[*types.InvalidKeyUsageException](t, err)
	_, err = c.Decrypt(t.Context(), &kms.DecryptInput{KeyId: key.KeyId, CiphertextBlob: make([]byte, 256)})
	requireAs[*types.InvalidKeyUsageException](t, err)
}

func probeGetPublicKey(t *testing.T, _ *localkms.KMS, in func(string) api) {
	c := in(home)
	key := newKey(t, c, &kms.CreateKeyInput{KeySpec: types.KeySpecRsa2048, KeyUsage: types.KeyUsageTypeEncryptDecrypt})
	out, err := c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: key.Arn})
	require.NoError(t, err)
	require.Equal(t, *key.Arn, *out.KeyId)
	require.Equal(t, types.KeySpecRsa2048, out.KeySpec)
	require.Equal(t, types.KeyUsageTypeEncryptDecrypt, out.KeyUsage)
	require.ElementsMatch(t, []types.EncryptionAlgorithmSpec{types.EncryptionAlgorithmSpecRsaesOaepSha1, types.EncryptionAlgorithmSpecRsaesOaepSha256}, out.EncryptionAlgorithms)
	require.Empty(t, out.SigningAlgorithms)

	agreement := newKey(t, c, &kms.CreateKeyInput{KeySpec: types.KeySpecEccNistP384, KeyUsage: types.KeyUsageTypeKeyAgreement})
	out, err = c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: agreement.Arn})
	require.NoError(t, err)
	require.Equal(t, []types.KeyAgreementAlgorithmSpec{types.KeyAgreementAlgorithmSpecEcdh}, out.KeyAgreementAlgorithms)

	_, err = c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: newKey(t, c, nil).Arn})
	requireAs[*types.UnsupportedOperationException](t, err)
}

func probeDeriveSharedSecret(t *testing.T, _ *localkms.KMS, in func(string) api) {
	c := in(home)
	for spec, curve := range map[types.KeySpec]ecdh.Curve{
		types.KeySpecEccNistP256: ecdh.P256(), types.KeySpecEccNistP384: ecdh.P384(), types.KeySpecEccNistP521: ecdh.P521(),
	} {
		key := newKey(t, c, &kms.CreateKeyInput{KeySpec: spec, KeyUsage: types.KeyUsageTypeKeyAgreement})
		require.Equal(t, []types.KeyAgreementAlgorithmSpec{types.KeyAgreementAlgorithmSpecEcdh}, key.KeyAgreementAlgorithms)
		ours, err := curve.GenerateKey(rand.Reader)
		require.NoError(t, err)
		der, err := x509.MarshalPKIXPublicKey(ours.PublicKey())
		require.NoError(t, err)
		out, err := c.DeriveSharedSecret(t.Context(), &kms.DeriveSharedSecretInput{KeyId: key.KeyId, KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh, PublicKey: der})
		require.NoError(t, err)
		require.Equal(t, *key.Arn, *out.KeyId)
		require.Equal(t, types.OriginTypeAwsKms, out.KeyOrigin)
		require.Equal(t, ecdhWith(t, c, key.KeyId, ours), out.SharedSecret)

		for _, bad := range [][]byte{nil, []byte("garbage"), der[:len(der)-1], foreignKey(t)} {
			_, err := c.DeriveSharedSecret(t.Context(), &kms.DeriveSharedSecretInput{KeyId: key.KeyId, KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh, PublicKey: append([]byte{}, bad...)})
			requireCode(t, err, "ValidationException")
		}
	}
}

func ecdhWith(t *testing.T, c api, key *string, ours *ecdh.PrivateKey) []byte {
	t.Helper()
	out, err := c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: key})
	require.NoError(t, err)
	parsed, err := x509.ParsePKIXPublicKey(out.PublicKey)
	require.NoError(t, err)
	theirs, err := parsed.(interface {
		ECDH() (*ecdh.PublicKey, error)
	}).ECDH()
	require.NoError(t, err)
	secret, err := ours.ECDH(theirs)
	require.NoError(t, err)
	return secret
}

// foreignKey is a public key that is on none of the NIST curves.
func foreignKey(t *testing.T) []byte {
	t.Helper()
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(private.PublicKey())
	require.NoError(t, err)
	return der
}

func probeSign(t *testing.T, _ *localkms.KMS, in func(string) api) {
	c := in(home)
	for _, spec := range []types.KeySpec{
		types.KeySpecRsa2048, types.KeySpecEccNistP256, types.KeySpecEccNistP384, types.KeySpecEccNistP521, types.KeySpecEccNistEdwards25519,
	} {
		key := newKey(t, c, &kms.CreateKeyInput{KeySpec: spec, KeyUsage: types.KeyUsageTypeSignVerify})
		require.NotEmpty(t, key.SigningAlgorithms, spec)
		for _, algorithm := range key.SigningAlgorithms {
			message, kind := []byte("to be signed"), types.MessageTypeRaw
			if algorithm == types.SigningAlgorithmSpecEd25519PhSha512 {
				message, kind = make([]byte, 64), types.MessageTypeDigest
			}
			out, err := c.Sign(t.Context(), &kms.SignInput{KeyId: key.KeyId, Message: message, MessageType: kind, SigningAlgorithm: algorithm})
			require.NoError(t, err, algorithm)
			require.Equal(t, *key.Arn, *out.KeyId)
			verified, err := c.Verify(t.Context(), &kms.VerifyInput{KeyId: key.KeyId, Message: message, MessageType: kind, Signature: out.Signature, SigningAlgorithm: algorithm})
			require.NoError(t, err, algorithm)
			require.True(t, verified.SignatureValid)
			altered := bytes.Clone(message)
			altered[0] ^= 1
			_, err = c.Verify(t.Context(), &kms.VerifyInput{KeyId: key.KeyId, Message: altered, MessageType: kind, Signature: out.Signature, SigningAlgorithm: algorithm})
			requireAs[*types.KMSInvalidSignatureException](t, err)
		}
	}
	key := newKey(t, c, &kms.CreateKeyInput{KeySpec: types.KeySpecEccNistP256, KeyUsage: types.KeyUsageTypeSignVerify})
	digest := sha256.Sum256([]byte("to be signed"))
	out, err := c.Sign(t.Context(), &kms.SignInput{KeyId: key.KeyId, Message: digest[:], MessageType: types.MessageTypeDigest, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
	require.NoError(t, err)
	_, err = c.Verify(t.Context(), &kms.VerifyInput{KeyId: key.KeyId, Message: []byte("to be signed"), Signature: out.Signature, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
	require.NoError(t, err)
	_, err = c.Sign(t.Context(), &kms.SignInput{KeyId: key.KeyId, Message: digest[:31], MessageType: types.MessageTypeDigest, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
	requireCode(t, err, "ValidationException")
	_, err = c.Sign(t.Context(), &kms.SignInput{KeyId: key.KeyId, Message: make([]byte, 4097), SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
	requireCode(t, err, "ValidationException")
	_, err = c.Sign(t.Context(), &kms.SignInput{KeyId: key.KeyId, Message: digest[:], SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha384})
	requireAs[*types.InvalidKeyUsageException](t, err)
}

func probeMac(t *testing.T, _ *localkms.KMS, in func(string) api) {
	c := in(home)
	for spec, size := range map[types.KeySpec]int{types.KeySpecHmac224: 28, types.KeySpecHmac256: 32, types.KeySpecHmac384: 48, types.KeySpecHmac512: 64} {
		key := newKey(t, c, &kms.CreateKeyInput{KeySpec: spec, KeyUsage: types.KeyUsageTypeGenerateVerifyMac})
		algorithm := key.MacAlgorithms[0]
		out, err := c.GenerateMac(t.Context(), &kms.GenerateMacInput{KeyId: key.KeyId, Message: []byte("message"), MacAlgorithm: algorithm})
		require.NoError(t, err)
		require.Equal(t, *key.Arn, *out.KeyId)
		require.Len(t, out.Mac, size)
		verified, err := c.VerifyMac(t.Context(), &kms.VerifyMacInput{KeyId: key.KeyId, Message: []byte("message"), Mac: out.Mac, MacAlgorithm: algorithm})
		require.NoError(t, err)
		require.True(t, verified.MacValid)
		_, err = c.VerifyMac(t.Context(), &kms.VerifyMacInput{KeyId: key.KeyId, Message: []byte("another"), Mac: out.Mac, MacAlgorithm: algorithm})
		requireAs[*types.KMSInvalidMacException](t, err)
	}
	key := newKey(t, c, &kms.CreateKeyInput{KeySpec: types.KeySpecHmac256, KeyUsage: types.KeyUsageTypeGenerateVerifyMac})
	_, err := c.GenerateMac(t.Context(), &kms.GenerateMacInput{KeyId: key.KeyId, Message: []byte("x"), MacAlgorithm: types.MacAlgorithmSpecHmacSha512})
	requireAs[*types.InvalidKeyUsageException](t, err)
}

func probeMultiRegion(t *testing.T, _ *localkms.KMS, in func(string) api) {
	primary := newKey(t, in(home), &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})
	require.Regexp(t, "^mrk-[0-9a-f]{32}$", *primary.KeyId)
	require.True(t, *primary.MultiRegion)
	require.Equal(t, types.MultiRegionKeyTypePrimary, primary.MultiRegionConfiguration.MultiRegionKeyType)
	blob := encrypt(t, in(home), primary.Arn, "secret", map[string]string{"a": "b"})
	_, err := in(away).Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: map[string]string{"a": "b"}})
	requireCode(t, err, "AccessDeniedException")

	out, err := in(home).ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: primary.Arn, ReplicaRegion: aws.String(away)})
	require.NoError(t, err)
	replica := out.ReplicaKeyMetadata
	require.Equal(t, "arn:aws:kms:eu-west-1:111122223333:key/"+*primary.KeyId, *replica.Arn)
	require.Equal(t, types.MultiRegionKeyTypeReplica, replica.MultiRegionConfiguration.MultiRegionKeyType)
	require.Equal(t, *primary.Arn, *replica.MultiRegionConfiguration.PrimaryKey.Arn)
	require.Equal(t, []types.MultiRegionKey{{Arn: replica.Arn, Region: aws.String(away)}}, replica.MultiRegionConfiguration.ReplicaKeys)

	opened, err := in(away).Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, KeyId: replica.Arn, EncryptionContext: map[string]string{"a": "b"}})
	require.NoError(t, err)
	require.Equal(t, "secret", string(opened.Plaintext))
	require.Equal(t, *replica.Arn, *opened.KeyId)
	requireDecrypts(t, in(home), encrypt(t, in(away), replica.Arn, "back", nil), nil, "back")

	_, err = in(home).ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: primary.Arn, ReplicaRegion: aws.String(away)})
	requireAs[*types.AlreadyExistsException](t, err)
	_, err = in(away).ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: replica.Arn, ReplicaRegion: aws.String("us-west-2")})
	requireAs[*types.UnsupportedOperationException](t, err)
	_, err = in(home).ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: newKey(t, in(home), nil).Arn, ReplicaRegion: aws.String(away)})
	requireAs[*types.UnsupportedOperationException](t, err)
	_, err = in(home).Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, KeyId: replica.Arn})
	requireAs[*types.NotFoundException](t, err)
}

func probeGrants(t *testing.T, k *localkms.KMS, in func(string) api) {
	c := in(home)
	key := newKey(t, c, nil)
	request := &kms.CreateGrantInput{
		KeyId:             key.Arn,
		Name:              aws.String("orders"),
		GranteePrincipal:  aws.String("arn:aws:iam::111122223333:role/orders"),
		RetiringPrincipal: aws.String("arn:aws:iam::111122223333:role/admin"),
		Operations:        []types.GrantOperation{types.GrantOperationDecrypt, types.GrantOperationGenerateDataKey},
		Constraints:       &types.GrantConstraints{EncryptionContextSubset: map[string]string{"tenant": "a"}},
	}
	grant, err := c.CreateGrant(t.Context(), request)
	require.NoError(t, err)
	again, err := c.CreateGrant(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, *grant.GrantId, *again.GrantId)

	listed, err := c.ListGrants(t.Context(), &kms.ListGrantsInput{KeyId: key.KeyId})
	require.NoError(t, err)
	require.Len(t, listed.Grants, 1)
	require.Equal(t, *grant.GrantId, *listed.Grants[0].GrantId)
	require.Equal(t, *key.Arn, *listed.Grants[0].KeyId)
	require.Equal(t, "orders", *listed.Grants[0].Name)
	require.Equal(t, request.Operations, listed.Grants[0].Operations)
	require.Equal(t, request.Constraints, listed.Grants[0].Constraints)
	retirable, err := c.ListRetirableGrants(t.Context(), &kms.ListRetirableGrantsInput{RetiringPrincipal: request.RetiringPrincipal})
	require.NoError(t, err)
	require.Equal(t, listed.Grants, retirable.Grants)

	tokens := []string{*grant.GrantToken}
	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x"), GrantTokens: tokens})
	require.NoError(t, err)
	require.Equal(t, tokens, k.GrantTokens("Encrypt"))
	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x"), GrantTokens: []string{"made up"}})
	requireAs[*types.InvalidGrantTokenException](t, err)
	require.Nil(t, k.GrantTokens("Encrypt"))

	_, err = c.RevokeGrant(t.Context(), &kms.RevokeGrantInput{KeyId: key.KeyId, GrantId: grant.GrantId})
	require.NoError(t, err)
	_, err = c.RevokeGrant(t.Context(), &kms.RevokeGrantInput{KeyId: key.KeyId, GrantId: grant.GrantId})
	requireAs[*types.NotFoundException](t, err)
	_, err = c.RevokeGrant(t.Context(), &kms.RevokeGrantInput{KeyId: key.KeyId, GrantId: aws.String("short")})
	requireAs[*types.InvalidGrantIdException](t, err)
	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x"), GrantTokens: tokens})
	requireAs[*types.InvalidGrantTokenException](t, err)

	another, err := c.CreateGrant(t.Context(), request)
	require.NoError(t, err)
	require.NotEqual(t, *grant.GrantId, *another.GrantId)
	_, err = c.RetireGrant(t.Context(), &kms.RetireGrantInput{GrantToken: another.GrantToken})
	require.NoError(t, err)
	listed, err = c.ListGrants(t.Context(), &kms.ListGrantsInput{KeyId: key.KeyId})
	require.NoError(t, err)
	require.Empty(t, listed.Grants)
}

func probeRotation(t *testing.T, _ *localkms.KMS, in func(string) api) {
	c := in(home)
	key := newKey(t, c, nil)
	status, err := c.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: key.KeyId})
	require.NoError(t, err)
	require.False(t, status.KeyRotationEnabled)
	_, err = c.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: key.KeyId, RotationPeriodInDays: aws.Int32(90)})
	require.NoError(t, err)
	status, err = c.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: key.KeyId})
	require.NoError(t, err)
	require.True(t, status.KeyRotationEnabled)
	require.EqualValues(t, 90, *status.RotationPeriodInDays)
	require.NotNil(t, status.NextRotationDate)
	_, err = c.DisableKeyRotation(t.Context(), &kms.DisableKeyRotationInput{KeyId: key.KeyId})
	require.NoError(t, err)
	status, err = c.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: key.KeyId})
	require.NoError(t, err)
	require.False(t, status.KeyRotationEnabled)

	for _, days := range []int32{89, 2561} {
		_, err = c.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: key.KeyId, RotationPeriodInDays: aws.Int32(days)})
		requireCode(t, err, "ValidationException")
	}
	hmac := newKey(t, c, &kms.CreateKeyInput{KeySpec: types.KeySpecHmac256, KeyUsage: types.KeyUsageTypeGenerateVerifyMac})
	_, err = c.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: hmac.KeyId})
	requireAs[*types.UnsupportedOperationException](t, err)
}

func probeRotateOnDemand(t *testing.T, _ *localkms.KMS, in func(string) api) {
	c := in(home)
	key := newKey(t, c, nil)
	blobs := [][]byte{encrypt(t, c, key.Arn, "secret", nil)}
	for range 3 {
		out, err := c.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: key.KeyId})
		require.NoError(t, err)
		require.Equal(t, *key.Arn, *out.KeyId)
		blobs = append(blobs, encrypt(t, c, key.Arn, "secret", nil))
	}
	materials := map[string]bool{}
	for _, blob := range blobs {
		out, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, KeyId: key.Arn})
		require.NoError(t, err)
		require.Equal(t, "secret", string(out.Plaintext))
		materials[*out.KeyMaterialId] = true
	}
	require.Len(t, materials, 4)

	listed, err := c.ListKeyRotations(t.Context(), &kms.ListKeyRotationsInput{KeyId: key.KeyId})
	require.NoError(t, err)
	require.Len(t, listed.Rotations, 3)
	require.Equal(t, types.RotationTypeOnDemand, listed.Rotations[0].RotationType)
	require.NotNil(t, listed.Rotations[0].RotationDate)
	all, err := c.ListKeyRotations(t.Context(), &kms.ListKeyRotationsInput{KeyId: key.KeyId, IncludeKeyMaterial: types.IncludeKeyMaterialAllKeyMaterial})
	require.NoError(t, err)
	require.Len(t, all.Rotations, 4)
	require.Equal(t, types.KeyMaterialStateNonCurrent, all.Rotations[0].KeyMaterialState)
	require.Equal(t, types.KeyMaterialStateCurrent, all.Rotations[3].KeyMaterialState)

	for range 22 {
		_, err := c.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: key.KeyId})
		require.NoError(t, err)
	}
	_, err = c.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: key.KeyId})
	requireAs[*types.LimitExceededException](t, err)
}

func probeDataKeyPair(t *testing.T, _ *localkms.KMS, in func(string) api) {
	c := in(home)
	key := newKey(t, c, nil)
	for _, spec := range []types.DataKeyPairSpec{types.DataKeyPairSpecRsa2048, types.DataKeyPairSpecEccNistP256, types.DataKeyPairSpecEccNistP521, types.DataKeyPairSpecEccNistEdwards25519} {
		out, err := c.GenerateDataKeyPair(t.Context(), &kms.GenerateDataKeyPairInput{KeyId: key.KeyId, KeyPairSpec: spec})
		require.NoError(t, err, spec)
		require.Equal(t, *key.Arn, *out.KeyId)
		require.Equal(t, spec, out.KeyPairSpec)
		requireDecrypts(t, c, out.PrivateKeyCiphertextBlob, nil, string(out.PrivateKeyPlaintext))
		_, err = x509.ParsePKCS8PrivateKey(out.PrivateKeyPlaintext)
		require.NoError(t, err)
		_, err = x509.ParsePKIXPublicKey(out.PublicKey)
		require.NoError(t, err)
	}
	out, err := c.GenerateDataKeyPairWithoutPlaintext(t.Context(), &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: key.KeyId, KeyPairSpec: types.DataKeyPairSpecEccNistP256})
	require.NoError(t, err)
	opened, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: out.PrivateKeyCiphertextBlob})
	require.NoError(t, err)
	_, err = x509.ParsePKCS8PrivateKey(opened.Plaintext)
	require.NoError(t, err)
	_, err = c.GenerateDataKeyPair(t.Context(), &kms.GenerateDataKeyPairInput{KeyId: key.KeyId, KeyPairSpec: types.DataKeyPairSpecSm2})
	requireAs[*types.UnsupportedOperationException](t, err)
}

func probeGenerateRandom(t *testing.T, _ *localkms.KMS, in func(string) api) {
	out, err := in(home).GenerateRandom(t.Context(), &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1024)})
	require.NoError(t, err)
	require.Len(t, out.Plaintext, 1024)
	require.NotEqual(t, make([]byte, 1024), out.Plaintext)
	for _, size := range []*int32{nil, aws.Int32(0), aws.Int32(1025)} {
		_, err := in(home).GenerateRandom(t.Context(), &kms.GenerateRandomInput{NumberOfBytes: size})
		requireCode(t, err, "ValidationException")
	}
}

func probeWrongUsage(t *testing.T, _ *localkms.KMS, in func(string) api) {
	c, ctx := in(home), t.Context()
	symmetric := newKey(t, c, nil).KeyId
	signing := newKey(t, c, &kms.CreateKeyInput{KeySpec: types.KeySpecEccNistP256, KeyUsage: types.KeyUsageTypeSignVerify}).KeyId
	der := foreignKey(t)
	errs := map[string]error{}
	_, errs["Encrypt under a signing key"] = c.Encrypt(ctx, &kms.EncryptInput{KeyId: signing, Plaintext: []byte("x")})
	_, errs["GenerateDataKey under a signing key"] = c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: signing, KeySpec: types.DataKeySpecAes256})
	_, errs["ReEncrypt to a signing key"] = c.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: encrypt(t, c, symmetric, "x", nil), DestinationKeyId: signing})
	_, errs["Sign under a symmetric key"] = c.Sign(ctx, &kms.SignInput{KeyId: symmetric, Message: []byte("x"), SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
	_, errs["GenerateMac under a symmetric key"] = c.GenerateMac(ctx, &kms.GenerateMacInput{KeyId: symmetric, Message: []byte("x"), MacAlgorithm: types.MacAlgorithmSpecHmacSha256})
	_, errs["DeriveSharedSecret under a signing key"] = c.DeriveSharedSecret(ctx, &kms.DeriveSharedSecretInput{KeyId: signing, KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh, PublicKey: der})
	_, errs["Encrypt with RSA under a symmetric key"] = c.Encrypt(ctx, &kms.EncryptInput{KeyId: symmetric, Plaintext: []byte("x"), EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256})
	for name, err := range errs {
		require.Error(t, err, name)
		requireAs[*types.InvalidKeyUsageException](t, err)
	}
}

func probeDryRun(t *testing.T, _ *localkms.KMS, in func(string) api) {
	c, ctx, dry := in(home), t.Context(), aws.Bool(true)
	key := newKey(t, c, nil).KeyId
	blob := encrypt(t, c, key, "secret", nil)
	signing := newKey(t, c, &kms.CreateKeyInput{KeySpec: types.KeySpecEccNistP256, KeyUsage: types.KeyUsageTypeSignVerify}).KeyId
	mac := newKey(t, c, &kms.CreateKeyInput{KeySpec: types.KeySpecHmac256, KeyUsage: types.KeyUsageTypeGenerateVerifyMac}).KeyId
	errs := map[string]error{}
	_, errs["Encrypt"] = c.Encrypt(ctx, &kms.EncryptInput{KeyId: key, Plaintext: []byte("x"), DryRun: dry})
	_, errs["Decrypt"] = c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, DryRun: dry})
	_, errs["Decrypt, ciphertext ignored"] = c.Decrypt(ctx, &kms.DecryptInput{KeyId: key, DryRun: dry, DryRunModifiers: []types.DryRunModifierType{types.DryRunModifierTypeIgnoreCiphertext}})
	_, errs["ReEncrypt"] = c.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: key, DryRun: dry})
	_, errs["GenerateDataKey"] = c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: key, KeySpec: types.DataKeySpecAes256, DryRun: dry})
	_, errs["GenerateDataKeyWithoutPlaintext"] = c.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: key, KeySpec: types.DataKeySpecAes256, DryRun: dry})
	_, errs["GenerateDataKeyPair"] = c.GenerateDataKeyPair(ctx, &kms.GenerateDataKeyPairInput{KeyId: key, KeyPairSpec: types.DataKeyPairSpecEccNistP256, DryRun: dry})
	_, errs["Sign"] = c.Sign(ctx, &kms.SignInput{KeyId: signing, Message: []byte("x"), SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256, DryRun: dry})
	_, errs["GenerateMac"] = c.GenerateMac(ctx, &kms.GenerateMacInput{KeyId: mac, Message: []byte("x"), MacAlgorithm: types.MacAlgorithmSpecHmacSha256, DryRun: dry})
	_, errs["CreateGrant"] = c.CreateGrant(ctx, &kms.CreateGrantInput{KeyId: key, GranteePrincipal: aws.String("arn:aws:iam::111122223333:root"), Operations: []types.GrantOperation{types.GrantOperationDecrypt}, DryRun: dry})
	for operation, err := range errs {
		require.Error(t, err, operation)
		requireAs[*types.DryRunOperationException](t, err)
	}
	listed, err := c.ListGrants(ctx, &kms.ListGrantsInput{KeyId: key})
	require.NoError(t, err)
	require.Empty(t, listed.Grants)

	_, err = c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: map[string]string{"a": "b"}, DryRun: dry})
	requireAs[*types.InvalidCiphertextException](t, err)
}

func probeImport(t *testing.T, _ *localkms.KMS, in func(string) api) {
	c, ctx := in(home), t.Context()
	key := newKey(t, c, &kms.CreateKeyInput{Origin: types.OriginTypeExternal})
	require.Equal(t, types.KeyStatePendingImport, key.KeyState)
	require.Equal(t, types.OriginTypeExternal, key.Origin)
	_, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")})
	requireAs[*types.KMSInvalidStateException](t, err)

	material := bytes.Repeat([]byte{5}, 32)
	require.NoError(t, importMaterial(t, c, key.KeyId, material, ""))
	described, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: key.KeyId})
	require.NoError(t, err)
	require.Equal(t, types.KeyStateEnabled, described.KeyMetadata.KeyState)
	require.Equal(t, types.ExpirationModelTypeKeyMaterialDoesNotExpire, described.KeyMetadata.ExpirationModel)
	blob := encrypt(t, c, key.KeyId, "secret", nil)

	_, err = c.DeleteImportedKeyMaterial(ctx, &kms.DeleteImportedKeyMaterialInput{KeyId: key.KeyId})
	require.NoError(t, err)
	_, err = c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob})
	requireAs[*types.KMSInvalidStateException](t, err)
	requireAs[*types.IncorrectKeyMaterialException](t, importMaterial(t, c, key.KeyId, bytes.Repeat([]byte{6}, 32), ""))
	require.NoError(t, importMaterial(t, c, key.KeyId, material, ""))
	requireDecrypts(t, c, blob, nil, "secret")

	require.NoError(t, importMaterial(t, c, key.KeyId, bytes.Repeat([]byte{6}, 32), types.ImportTypeNewKeyMaterial))
	_, err = c.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: key.KeyId})
	require.NoError(t, err)
	requireDecrypts(t, c, blob, nil, "secret")
	rotated, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: key.KeyId})
	require.NoError(t, err)
	require.NotEqual(t, described.KeyMetadata.CurrentKeyMaterialId, rotated.KeyMetadata.CurrentKeyMaterialId)

	_, err = c.GetParametersForImport(ctx, &kms.GetParametersForImportInput{KeyId: newKey(t, c, nil).KeyId, WrappingAlgorithm: types.AlgorithmSpecRsaesOaepSha256, WrappingKeySpec: types.WrappingKeySpecRsa2048})
	requireAs[*types.UnsupportedOperationException](t, err)
}

func importMaterial(t *testing.T, c api, key *string, material []byte, as types.ImportType) error {
	t.Helper()
	_, err := c.ImportKeyMaterial(t.Context(), importRequest(t, c, key, material, as))
	return err
}

// importRequest is for material that does not expire.
func importRequest(t *testing.T, c api, key *string, material []byte, as types.ImportType) *kms.ImportKeyMaterialInput {
	t.Helper()
	parameters, err := c.GetParametersForImport(t.Context(), &kms.GetParametersForImportInput{
		KeyId: key, WrappingAlgorithm: types.AlgorithmSpecRsaesOaepSha256, WrappingKeySpec: types.WrappingKeySpecRsa2048,
	})
	require.NoError(t, err)
	public, err := x509.ParsePKIXPublicKey(parameters.PublicKey)
	require.NoError(t, err)
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), material, nil)
	require.NoError(t, err)
	return &kms.ImportKeyMaterialInput{
		KeyId:                key,
		ImportToken:          parameters.ImportToken,
		EncryptedKeyMaterial: wrapped,
		ExpirationModel:      types.ExpirationModelTypeKeyMaterialDoesNotExpire,
		ImportType:           as,
	}
}

// TestUnknownOperation: the SDK has operations that localkms has not, and can read the answer.
func TestUnknownOperation(t *testing.T) {
	c := newClient(t, newKMS(t), home)
	_, err := c.DescribeCustomKeyStores(t.Context(), &kms.DescribeCustomKeyStoresInput{})
	requireCode(t, err, "UnknownOperationException")
	var response interface{ HTTPStatusCode() int }
	require.True(t, errors.As(err, &response))
	require.Equal(t, 400, response.HTTPStatusCode())
}
