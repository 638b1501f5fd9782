package localkms_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyring/localkms"
)

func openFile(t *testing.T, file string) *localkms.KMS {
	t.Helper()
	k, err := localkms.New(&localkms.Options{File: file})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, k.Close()) })
	return k
}

func reopen(t *testing.T, k *localkms.KMS, file string) *localkms.KMS {
	t.Helper()
	require.NoError(t, k.Close())
	return openFile(t, file)
}

func TestFileKeepsAllState(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kms.json")
	k, ctx := openFile(t, file), t.Context()

	rotated := newKey(t, k, &kms.CreateKeyInput{MultiRegion: aws.Bool(true), Description: aws.String("orders"), Tags: []types.Tag{{TagKey: aws.String("team"), TagValue: aws.String("a")}}})
	_, err := k.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/orders"), TargetKeyId: rotated.KeyId})
	require.NoError(t, err)
	_, err = k.ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: rotated.KeyId, ReplicaRegion: aws.String(away)})
	require.NoError(t, err)
	before := encrypt(t, k, rotated.KeyId, "before", nil)
	_, err = k.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: rotated.KeyId})
	require.NoError(t, err)
	after := encrypt(t, k, rotated.KeyId, "after", nil)
	_, err = k.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: rotated.KeyId})
	require.NoError(t, err)
	grant, err := k.CreateGrant(ctx, &kms.CreateGrantInput{KeyId: rotated.KeyId, GranteePrincipal: aws.String("arn:aws:iam::111122223333:root"), Operations: []types.GrantOperation{types.GrantOperationDecrypt}, Constraints: &types.GrantConstraints{EncryptionContextEquals: map[string]string{"a": "b"}}})
	require.NoError(t, err)

	disabled := newKey(t, k, nil)
	_, err = k.DisableKey(ctx, &kms.DisableKeyInput{KeyId: disabled.KeyId})
	require.NoError(t, err)
	doomed := newKey(t, k, nil)
	_, err = k.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: doomed.KeyId})
	require.NoError(t, err)
	signing := newKey(t, k, &kms.CreateKeyInput{KeySpec: types.KeySpecEccNistP256, KeyUsage: types.KeyUsageTypeSignVerify})
	signed, err := k.Sign(ctx, &kms.SignInput{KeyId: signing.KeyId, Message: []byte("m"), SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
	require.NoError(t, err)
	imported := newKey(t, k, &kms.CreateKeyInput{Origin: types.OriginTypeExternal})
	require.NoError(t, importMaterial(t, k, imported.KeyId, bytes.Repeat([]byte{1}, 32), ""))
	waiting := newKey(t, k, &kms.CreateKeyInput{Origin: types.OriginTypeExternal})

	described := func(k *localkms.KMS) (all []*types.KeyMetadata) {
		for _, key := range []*types.KeyMetadata{rotated, disabled, doomed, signing, imported, waiting} {
			out, err := k.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: key.KeyId})
			require.NoError(t, err)
			all = append(all, out.KeyMetadata)
		}
		return all
	}
	remembered := described(k)
	policies, err := k.ListGrants(ctx, &kms.ListGrantsInput{KeyId: rotated.KeyId})
	require.NoError(t, err)

	k = reopen(t, k, file)
	require.Equal(t, remembered, described(k))
	requireDecrypts(t, k, before, nil, "before")
	requireDecrypts(t, k.InRegion(away), after, nil, "after")
	requireDecrypts(t, k, encrypt(t, k, aws.String("alias/orders"), "again", nil), nil, "again")
	_, err = k.Verify(ctx, &kms.VerifyInput{KeyId: signing.KeyId, Message: []byte("m"), Signature: signed.Signature, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
	require.NoError(t, err)
	again, err := k.ListGrants(ctx, &kms.ListGrantsInput{KeyId: rotated.KeyId})
	require.NoError(t, err)
	require.Equal(t, policies.Grants, again.Grants)
	_, err = k.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: rotated.KeyId, GrantTokens: []string{*grant.GrantToken}})
	require.NoError(t, err)
	status, err := k.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: rotated.KeyId})
	require.NoError(t, err)
	require.True(t, status.KeyRotationEnabled)
	tags, err := k.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: rotated.KeyId})
	require.NoError(t, err)
	require.Equal(t, "team", *tags.Tags[0].TagKey)
}

func TestFileIsForItsOwnerAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	folder := t.TempDir()
	k := openFile(t, filepath.Join(folder, "kms.json"))
	_, err := k.NewKey("orders")
	require.NoError(t, err)
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	names := []string{}
	for _, entry := range entries {
		info, err := entry.Info()
		require.NoError(t, err)
		require.EqualValues(t, 0o600, info.Mode().Perm(), entry.Name())
		names = append(names, entry.Name())
	}
	require.Equal(t, []string{"kms.json", "kms.json.lock"}, names, "no temporary file stays")
}

func TestFileSaysWhatItIs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kms.json")
	openFile(t, file)
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(content), "for development and tests only")
}

func TestSecondKMSOnAFileIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kms.json")
	k := openFile(t, file)
	_, err := localkms.New(&localkms.Options{File: file})
	if err == nil {
		t.Skip("this system has no file locks")
	}
	require.ErrorContains(t, err, file)
	reopen(t, k, file)
}

func TestFileOfAnotherAccountIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kms.json")
	k, err := localkms.New(&localkms.Options{File: file, AccountID: "123456789012"})
	require.NoError(t, err)
	arn, err := k.NewKey("")
	require.NoError(t, err)
	require.NoError(t, k.Close())

	_, err = localkms.New(&localkms.Options{File: file, AccountID: "210987654321"})
	require.ErrorContains(t, err, file)

	k = openFile(t, file)
	_, err = k.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String(arn)})
	require.NoError(t, err, "without an AccountID, the file's is taken")
}

func TestDamagedFileIsRefusedAndLeftAlone(t *testing.T) {
	folder := t.TempDir()
	good := filepath.Join(folder, "good.json")
	k := openFile(t, good)
	_, err := k.NewKey("orders")
	require.NoError(t, err)
	_, err = k.NewKey("bills")
	require.NoError(t, err)
	require.NoError(t, k.Close())
	content, err := os.ReadFile(good)
	require.NoError(t, err)
	require.Contains(t, string(content), `"secret": "`)

	damages := map[string][]byte{
		"empty":                {},
		"not JSON":             []byte("hello"),
		"JSON of another sort": []byte(`{"keys":[]}`),
		"another version":      bytes.Replace(content, []byte("localkms/v1"), []byte("localkms/v9"), 1),
		"half":                 content[:len(content)/2],
		"one byte short":       content[:len(content)-2],
		"no state":             []byte(`{"format":"sealwax/localkms/v1","checksum":"","state":null}`),
		"another alias":        bytes.Replace(content, []byte("alias/orders"), []byte("alias/orderz"), 1),
		"a key less":           bytes.Replace(content, []byte(`"secret"`), []byte(`"public"`), 1),
	}
	for name, damaged := range damages {
		t.Run(name, func(t *testing.T) {
			require.NotEqual(t, content, damaged)
			file := filepath.Join(t.TempDir(), "kms.json")
			require.NoError(t, os.WriteFile(file, damaged, 0o600))
			_, err := localkms.New(&localkms.Options{File: file})
			require.ErrorContains(t, err, file)
			left, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, damaged, left)
			require.NoError(t, os.WriteFile(file, content, 0o600))
			openFile(t, file) // and the lock is free
		})
	}
}

func TestChangeThatCannotBeSavedDidNotHappen(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.Mkdir(folder, 0o700))
	k := openFile(t, filepath.Join(folder, "kms.json"))
	arn, err := k.NewKey("orders")
	require.NoError(t, err)
	require.NoError(t, os.Rename(folder, folder+".away"))

	_, err = k.NewKey("bills")
	requireAs[*types.KMSInternalException](t, err)
	_, err = k.CreateKey(t.Context(), nil)
	requireAs[*types.KMSInternalException](t, err)
	_, err = k.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: aws.String(arn)})
	requireAs[*types.KMSInternalException](t, err)

	require.NoError(t, os.Rename(folder+".away", folder))
	listed, err := k.ListKeys(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, listed.Keys, 1)
	encrypt(t, k, aws.String(arn), "still enabled", nil)
	_, err = k.NewKey("bills")
	require.NoError(t, err)
}

func TestClosedKMS(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kms.json")
	k := openFile(t, file)
	arn, err := k.NewKey("")
	require.NoError(t, err)
	require.NoError(t, k.InRegion(away).Close())
	require.NoError(t, k.Close())
	_, err = k.Encrypt(t.Context(), &kms.EncryptInput{KeyId: aws.String(arn), Plaintext: []byte("x")})
	require.Error(t, err)
	_, err = newClient(t, k, home).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String(arn)})
	requireCode(t, err, "InternalFailure")
	_, err = k.NewKey("")
	require.Error(t, err)
}

func TestOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]localkms.Options{
		"Region":           {Region: "US EAST"},
		"short AccountID":  {AccountID: "123"},
		"letters":          {AccountID: "12345678901a"},
		"missing folder":   {File: filepath.Join(t.TempDir(), "missing", "kms.json")},
		"file is a folder": {File: t.TempDir()},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := localkms.New(&o)
			require.Error(t, err)
			require.True(t, strings.HasPrefix(err.Error(), "localkms: "), err.Error())
			require.Equal(t, 1, strings.Count(err.Error(), "localkms: "))
		})
	}
}

func TestFileKeepsNoMaterialThatNoRegionHas(t *testing.T) {
	material := bytes.Repeat([]byte{0x5a}, 32)
	holds := func(t *testing.T, file string) bool {
		t.Helper()
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		return bytes.Contains(content, []byte(base64.StdEncoding.EncodeToString(material)))
	}
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "kms.json")
		k := openFile(t, file)
		key := newKey(t, k, &kms.CreateKeyInput{Origin: types.OriginTypeExternal, MultiRegion: aws.Bool(true)}).KeyId
		require.NoError(t, importMaterial(t, k, key, material, ""))
		_, err := k.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: key, ReplicaRegion: aws.String(away)})
		require.NoError(t, err)
		replica := k.InRegion(away)
		require.NoError(t, importMaterial(t, replica, key, material, ""))

		_, err = k.DeleteImportedKeyMaterial(t.Context(), &kms.DeleteImportedKeyMaterialInput{KeyId: key})
		require.NoError(t, err)
		require.True(t, holds(t, file), "the replica has it")
		schedule(t, replica, key, 7)
		require.True(t, holds(t, file), "the deletion may be cancelled")
		time.Sleep(7 * day)
		require.Equal(t, types.KeyStatePendingImport, keyState(t, k, key))
		require.False(t, holds(t, file))
		reopen(t, k, file)
	})
}

func TestFileThatOthersMayReadIsClosedToThem(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	file := filepath.Join(t.TempDir(), "kms.json")
	k := openFile(t, file)
	require.NoError(t, os.Chmod(file, 0o644))
	reopen(t, k, file)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
}

func TestFileOfAnotherSortKeepsItsMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	file := filepath.Join(t.TempDir(), "notes")
	require.NoError(t, os.WriteFile(file, []byte("notes"), 0o600))
	require.NoError(t, os.Chmod(file, 0o644))
	_, err := localkms.New(&localkms.Options{File: file})
	require.Error(t, err)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.EqualValues(t, 0o644, info.Mode().Perm())
}

func TestTemporaryFilesOfACrashAreRemoved(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "kms[1].json") // no glob pattern
	k := openFile(t, file)
	leftover := filepath.Join(folder, "kms[1].json.4077.tmp")
	others := []string{"kms[1].json.copy.tmp", "kms[1].json..tmp", "kms1.json.4077.tmp", "kms[1].json.4077", "4077.tmp"}
	for _, name := range others {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte("x"), 0o600))
	}
	require.NoError(t, os.WriteFile(leftover, []byte("raw keys"), 0o600))

	_, err := localkms.New(&localkms.Options{File: file})
	if err != nil { // the file is locked
		require.FileExists(t, leftover, "it may be one that is being written")
	}
	reopen(t, k, file)
	require.NoFileExists(t, leftover)
	for _, name := range others {
		require.FileExists(t, filepath.Join(folder, name))
	}
}

// TestLinkedFile: a symbolic link is another name of the file that it points at, there already or not.
func TestLinkedFile(t *testing.T) {
	for name, there := range map[string]bool{"that is there": true, "that is made": false} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			file, link := filepath.Join(folder, "data", "kms.json"), filepath.Join(folder, "link.json")
			require.NoError(t, os.Mkdir(filepath.Dir(file), 0o700))
			if err := os.Symlink(filepath.Join("data", "kms.json"), link); err != nil {
				t.Skip("no symbolic links: ", err)
			}
			if there {
				require.NoError(t, openFile(t, file).Close())
			}
			k := openFile(t, link)
			arn, err := k.NewKey("orders")
			require.NoError(t, err)
			info, err := os.Lstat(link)
			require.NoError(t, err)
			require.NotZero(t, info.Mode()&os.ModeSymlink, "the link stays")
			require.NoFileExists(t, link+".lock")
			require.FileExists(t, file+".lock", "both names have one lock")
			k = reopen(t, k, file)
			_, err = k.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &arn})
			require.NoError(t, err)
		})
	}
}

func TestLinkInACircleIsRefused(t *testing.T) {
	link := filepath.Join(t.TempDir(), "kms.json")
	if err := os.Symlink(link, link); err != nil {
		t.Skip("no symbolic links: ", err)
	}
	_, err := localkms.New(&localkms.Options{File: link})
	require.Error(t, err)
}
