package localkms_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyring/localkms"
)

const day = 24 * time.Hour

// inTime runs a test in which time passes at once.
func inTime(t *testing.T, test func(t *testing.T, k *localkms.KMS)) {
	synctest.Test(t, func(t *testing.T) {
		k, err := localkms.New(nil)
		require.NoError(t, err)
		test(t, k)
	})
}

func keyState(t *testing.T, c api, key *string) types.KeyState {
	t.Helper()
	out, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: key})
	require.NoError(t, err)
	return out.KeyMetadata.KeyState
}

func schedule(t *testing.T, c api, key *string, days int32) *kms.ScheduleKeyDeletionOutput {
	t.Helper()
	out, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: key, PendingWindowInDays: aws.Int32(days)})
	require.NoError(t, err)
	return out
}

func TestDeletedKeyIsGoneWithItsAliasesAndGrants(t *testing.T) {
	inTime(t, func(t *testing.T, k *localkms.KMS) {
		arn, err := k.NewKey("orders")
		require.NoError(t, err)
		grant, err := k.CreateGrant(t.Context(), &kms.CreateGrantInput{KeyId: &arn, GranteePrincipal: aws.String("arn:aws:iam::111122223333:root"), Operations: []types.GrantOperation{types.GrantOperationDecrypt}})
		require.NoError(t, err)
		blob := encrypt(t, k, &arn, "secret", nil)
		schedule(t, k, &arn, 7)
		time.Sleep(7*day - time.Second)
		require.Equal(t, types.KeyStatePendingDeletion, keyState(t, k, &arn))
		time.Sleep(time.Second)
		for _, id := range []string{arn, "alias/orders"} {
			_, err := k.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &id})
			requireAs[*types.NotFoundException](t, err)
		}
		_, err = k.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
		requireCode(t, err, "AccessDeniedException")
		_, err = k.RetireGrant(t.Context(), &kms.RetireGrantInput{GrantToken: grant.GrantToken})
		requireAs[*types.InvalidGrantTokenException](t, err)
		_, err = k.NewKey("orders")
		require.NoError(t, err, "the alias is free again")
	})
}

func TestPrimaryKeyWaitsForItsReplicas(t *testing.T) {
	inTime(t, func(t *testing.T, k *localkms.KMS) {
		primary := newKey(t, k, &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})
		_, err := k.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: primary.KeyId, ReplicaRegion: aws.String(away)})
		require.NoError(t, err)
		out := schedule(t, k, primary.KeyId, 10)
		require.Equal(t, types.KeyStatePendingReplicaDeletion, out.KeyState)
		require.Nil(t, out.DeletionDate)
		time.Sleep(100 * day)
		require.Equal(t, types.KeyStatePendingReplicaDeletion, keyState(t, k, primary.KeyId))

		schedule(t, k.InRegion(away), primary.KeyId, 7)
		time.Sleep(7 * day)
		require.Equal(t, types.KeyStatePendingDeletion, keyState(t, k, primary.KeyId))
		time.Sleep(10 * day)
		_, err = k.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: primary.KeyId})
		requireAs[*types.NotFoundException](t, err)
	})
}

func TestKeyRotatesByItself(t *testing.T) {
	inTime(t, func(t *testing.T, k *localkms.KMS) {
		key := newKey(t, k, nil)
		old := encrypt(t, k, key.KeyId, "old", nil)
		_, err := k.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: key.KeyId, RotationPeriodInDays: aws.Int32(90)})
		require.NoError(t, err)
		rotations := func() []types.RotationsListEntry {
			out, err := k.ListKeyRotations(t.Context(), &kms.ListKeyRotationsInput{KeyId: key.KeyId})
			require.NoError(t, err)
			return out.Rotations
		}
		require.Empty(t, rotations())
		time.Sleep(90 * day)
		require.Len(t, rotations(), 1)
		require.Equal(t, types.RotationTypeAutomatic, rotations()[0].RotationType)
		requireDecrypts(t, k, old, nil, "old")
		time.Sleep(900 * day)
		require.Len(t, rotations(), 2, "periods in which nothing ran are one")
		status, err := k.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: key.KeyId})
		require.NoError(t, err)
		require.True(t, status.NextRotationDate.After(time.Now()))
	})
}

func TestReplicaRotatesWithItsPrimary(t *testing.T) {
	k := newKMS(t)
	primary := newKey(t, k, &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})
	_, err := k.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: primary.KeyId, ReplicaRegion: aws.String(away)})
	require.NoError(t, err)
	replica := k.InRegion(away)
	_, err = replica.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: primary.KeyId})
	requireAs[*types.UnsupportedOperationException](t, err)
	_, err = k.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: primary.KeyId})
	require.NoError(t, err)
	requireDecrypts(t, replica, encrypt(t, k, primary.KeyId, "new", nil), nil, "new")

	_, err = k.UpdatePrimaryRegion(t.Context(), &kms.UpdatePrimaryRegionInput{KeyId: primary.KeyId, PrimaryRegion: aws.String(away)})
	require.NoError(t, err)
	_, err = replica.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: primary.KeyId})
	require.NoError(t, err)
}

func TestReplicaHasItsOwnState(t *testing.T) {
	k := newKMS(t)
	primary := newKey(t, k, &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})
	_, err := k.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: primary.KeyId, ReplicaRegion: aws.String(away)})
	require.NoError(t, err)
	blob := encrypt(t, k, primary.KeyId, "secret", nil)
	_, err = k.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: primary.KeyId})
	require.NoError(t, err)
	_, err = k.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
	requireAs[*types.DisabledException](t, err)
	requireDecrypts(t, k.InRegion(away), blob, nil, "secret")
	_, err = k.InRegion(away).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/orders")})
	requireAs[*types.NotFoundException](t, err)
}

func TestImportedMaterialExpires(t *testing.T) {
	inTime(t, func(t *testing.T, k *localkms.KMS) {
		key := newKey(t, k, &kms.CreateKeyInput{Origin: types.OriginTypeExternal})
		parameters, err := k.GetParametersForImport(t.Context(), &kms.GetParametersForImportInput{KeyId: key.KeyId, WrappingAlgorithm: types.AlgorithmSpecRsaesOaepSha256, WrappingKeySpec: types.WrappingKeySpecRsa2048})
		require.NoError(t, err)
		public, err := x509.ParsePKIXPublicKey(parameters.PublicKey)
		require.NoError(t, err)
		wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), bytes.Repeat([]byte{1}, 32), nil)
		require.NoError(t, err)
		request := &kms.ImportKeyMaterialInput{KeyId: key.KeyId, ImportToken: parameters.ImportToken, EncryptedKeyMaterial: wrapped}

		_, err = k.ImportKeyMaterial(t.Context(), request)
		requireCode(t, err, "ValidationException") // ValidTo is missing
		request.ValidTo = aws.Time(time.Now().Add(48 * time.Hour))
		request.ImportToken = []byte("another")
		_, err = k.ImportKeyMaterial(t.Context(), request)
		requireAs[*types.InvalidImportTokenException](t, err)
		request.ImportToken = parameters.ImportToken
		_, err = k.ImportKeyMaterial(t.Context(), request)
		require.NoError(t, err)
		require.Equal(t, types.KeyStateEnabled, keyState(t, k, key.KeyId))

		time.Sleep(48 * time.Hour)
		require.Equal(t, types.KeyStatePendingImport, keyState(t, k, key.KeyId))
		request.ValidTo = aws.Time(time.Now().Add(48 * time.Hour))
		_, err = k.ImportKeyMaterial(t.Context(), request)
		requireAs[*types.ExpiredImportTokenException](t, err)
	})
}

func TestImportedMaterialOfAReplicaIsItsOwn(t *testing.T) {
	k := newKMS(t)
	key := newKey(t, k, &kms.CreateKeyInput{Origin: types.OriginTypeExternal, MultiRegion: aws.Bool(true)}).KeyId
	material := bytes.Repeat([]byte{1}, 32)
	require.NoError(t, importMaterial(t, k, key, material, ""))
	_, err := k.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: key, ReplicaRegion: aws.String(away)})
	require.NoError(t, err)
	replica := k.InRegion(away)
	require.Equal(t, types.KeyStatePendingImport, keyState(t, replica, key))
	requireAs[*types.IncorrectKeyMaterialException](t, importMaterial(t, replica, key, make([]byte, 32), ""))
	require.NoError(t, importMaterial(t, replica, key, material, ""))
	blob := encrypt(t, k, key, "secret", nil)
	_, err = k.DeleteImportedKeyMaterial(t.Context(), &kms.DeleteImportedKeyMaterialInput{KeyId: key})
	require.NoError(t, err)
	require.Equal(t, types.KeyStatePendingImport, keyState(t, k, key))
	requireDecrypts(t, replica, blob, nil, "secret")
}

func TestImportRefusesWrongMaterial(t *testing.T) {
	k := newKMS(t)
	for name, c := range map[string]struct {
		spec     types.KeySpec
		usage    types.KeyUsageType
		material []byte
	}{
		"short":       {types.KeySpecSymmetricDefault, types.KeyUsageTypeEncryptDecrypt, make([]byte, 31)},
		"long":        {types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac, make([]byte, 33)},
		"no document": {types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify, make([]byte, 32)},
	} {
		t.Run(name, func(t *testing.T) {
			key := newKey(t, k, &kms.CreateKeyInput{KeySpec: c.spec, KeyUsage: c.usage, Origin: types.OriginTypeExternal})
			requireAs[*types.IncorrectKeyMaterialException](t, importMaterial(t, k, key.KeyId, c.material, ""))
		})
	}
}

func TestImportedMaterialThatWaitsForARotation(t *testing.T) {
	bothWays(t, func(t *testing.T, _ *localkms.KMS, in func(string) api) {
		c, ctx := in(home), t.Context()
		key := newKey(t, c, &kms.CreateKeyInput{Origin: types.OriginTypeExternal}).KeyId
		require.NoError(t, importMaterial(t, c, key, bytes.Repeat([]byte{1}, 32), ""))
		_, err := c.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: key})
		requireAs[*types.KMSInvalidStateException](t, err)

		require.NoError(t, importMaterial(t, c, key, bytes.Repeat([]byte{2}, 32), types.ImportTypeNewKeyMaterial))
		requireAs[*types.KMSInvalidStateException](t, importMaterial(t, c, key, bytes.Repeat([]byte{3}, 32), types.ImportTypeNewKeyMaterial))
		all := &kms.ListKeyRotationsInput{KeyId: key, IncludeKeyMaterial: types.IncludeKeyMaterialAllKeyMaterial}
		listed, err := c.ListKeyRotations(ctx, all)
		require.NoError(t, err)
		require.Equal(t, types.KeyMaterialStateCurrent, listed.Rotations[0].KeyMaterialState)
		require.Equal(t, types.KeyMaterialStatePendingRotation, listed.Rotations[1].KeyMaterialState)
		require.Equal(t, types.ImportStateImported, listed.Rotations[1].ImportState)

		_, err = c.DeleteImportedKeyMaterial(ctx, &kms.DeleteImportedKeyMaterialInput{KeyId: key, KeyMaterialId: listed.Rotations[1].KeyMaterialId})
		require.NoError(t, err)
		require.Equal(t, types.KeyStateEnabled, keyState(t, c, key))
		listed, err = c.ListKeyRotations(ctx, all)
		require.NoError(t, err)
		require.Len(t, listed.Rotations, 1)
		_, err = c.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: key})
		requireAs[*types.KMSInvalidStateException](t, err)
	})
}

// TestKeyRotatesAfterWaitingMaterialWasLost: another material takes the place of one that was deleted or has expired
// before its rotation, and what the key sealed still opens.
func TestKeyRotatesAfterWaitingMaterialWasLost(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, k *localkms.KMS, key *string){
		"deleted": func(t *testing.T, k *localkms.KMS, key *string) {
			require.NoError(t, importMaterial(t, k, key, bytes.Repeat([]byte{2}, 32), types.ImportTypeNewKeyMaterial))
			listed, err := k.ListKeyRotations(t.Context(), &kms.ListKeyRotationsInput{KeyId: key, IncludeKeyMaterial: types.IncludeKeyMaterialAllKeyMaterial})
			require.NoError(t, err)
			waiting := listed.Rotations[1].KeyMaterialId
			out, err := k.DeleteImportedKeyMaterial(t.Context(), &kms.DeleteImportedKeyMaterialInput{KeyId: key, KeyMaterialId: waiting})
			require.NoError(t, err)
			require.Equal(t, waiting, out.KeyMaterialId)
		},
		"expired": func(t *testing.T, k *localkms.KMS, key *string) {
			request := importRequest(t, k, key, bytes.Repeat([]byte{2}, 32), types.ImportTypeNewKeyMaterial)
			request.ExpirationModel, request.ValidTo = types.ExpirationModelTypeKeyMaterialExpires, aws.Time(time.Now().Add(day))
			_, err := k.ImportKeyMaterial(t.Context(), request)
			require.NoError(t, err)
			time.Sleep(day)
			require.Equal(t, types.KeyStateEnabled, keyState(t, k, key))
		},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T, k *localkms.KMS) {
				key := newKey(t, k, &kms.CreateKeyInput{Origin: types.OriginTypeExternal}).KeyId
				require.NoError(t, importMaterial(t, k, key, bytes.Repeat([]byte{1}, 32), ""))
				first := encrypt(t, k, key, "first", nil)
				lose(t, k, key)

				require.NoError(t, importMaterial(t, k, key, bytes.Repeat([]byte{3}, 32), types.ImportTypeNewKeyMaterial))
				_, err := k.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: key})
				require.NoError(t, err)
				requireDecrypts(t, k, first, nil, "first")
				requireDecrypts(t, k, encrypt(t, k, key, "second", nil), nil, "second")
			})
		})
	}
}

// replicaOfImported is a multi-Region key that has its material at home alone.
func replicaOfImported(t *testing.T, k *localkms.KMS) (key *string, replica *localkms.KMS) {
	t.Helper()
	key = newKey(t, k, &kms.CreateKeyInput{Origin: types.OriginTypeExternal, MultiRegion: aws.Bool(true)}).KeyId
	require.NoError(t, importMaterial(t, k, key, bytes.Repeat([]byte{1}, 32), ""))
	_, err := k.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: key, ReplicaRegion: aws.String(away)})
	require.NoError(t, err)
	return key, k.InRegion(away)
}

func cancelDeletion(t *testing.T, c api, key *string) {
	t.Helper()
	_, err := c.CancelKeyDeletion(t.Context(), &kms.CancelKeyDeletionInput{KeyId: key})
	require.NoError(t, err)
}

func TestCancelledDeletionLeavesAReplicaWaitingForItsImport(t *testing.T) {
	k := newKMS(t)
	key, replica := replicaOfImported(t, k)
	blob := encrypt(t, k, key, "secret", nil)

	schedule(t, replica, key, 7)
	cancelDeletion(t, replica, key)
	require.Equal(t, types.KeyStatePendingImport, keyState(t, replica, key))
	_, err := replica.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: key})
	requireAs[*types.KMSInvalidStateException](t, err)
	_, err = replica.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
	requireAs[*types.KMSInvalidStateException](t, err)

	require.NoError(t, importMaterial(t, replica, key, bytes.Repeat([]byte{1}, 32), ""))
	schedule(t, replica, key, 7)
	cancelDeletion(t, replica, key)
	require.Equal(t, types.KeyStateDisabled, keyState(t, replica, key), "with material, as any key")
}

// Material expires in all Regions, in those whose key is about to be deleted too.
func TestCancelledDeletionAfterTheMaterialExpired(t *testing.T) {
	inTime(t, func(t *testing.T, k *localkms.KMS) {
		key, replica := replicaOfImported(t, k)
		request := importRequest(t, replica, key, bytes.Repeat([]byte{1}, 32), "")
		request.ExpirationModel, request.ValidTo = types.ExpirationModelTypeKeyMaterialExpires, aws.Time(time.Now().Add(day))
		_, err := replica.ImportKeyMaterial(t.Context(), request)
		require.NoError(t, err)
		schedule(t, replica, key, 7)
		time.Sleep(day)
		require.NoError(t, importMaterial(t, k, key, bytes.Repeat([]byte{1}, 32), ""))
		require.Equal(t, types.KeyStateEnabled, keyState(t, k, key))
		cancelDeletion(t, replica, key)
		require.Equal(t, types.KeyStatePendingImport, keyState(t, replica, key))
	})
}
