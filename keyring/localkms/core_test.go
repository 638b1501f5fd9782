package localkms

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/stretchr/testify/require"
)

func TestDryRunClearsItsSecret(t *testing.T) {
	secret := []byte("secret")
	require.NoError(t, endDryRun(nil, secret))
	require.NoError(t, endDryRun(aws.Bool(false), secret))
	require.Equal(t, "secret", string(secret))

	var dry *types.DryRunOperationException
	require.ErrorAs(t, endDryRun(aws.Bool(true), secret), &dry)
	require.Equal(t, make([]byte, 6), secret)
}

// TestStateThatHasNoJSONDidNotHappen: what cannot become JSON is taken back like what cannot be written.
func TestStateThatHasNoJSONDidNotHappen(t *testing.T) {
	k, err := New(&Options{File: filepath.Join(t.TempDir(), "kms.json")})
	require.NoError(t, err)
	defer k.Close()
	arn, err := k.NewKey("orders")
	require.NoError(t, err)

	err = k.change(&arn, func(key *key) error {
		key.Created = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) // beyond the years that JSON can tell
		return nil
	})
	var internal *types.KMSInternalException
	require.ErrorAs(t, err, &internal)
	out, err := k.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &arn})
	require.NoError(t, err)
	require.Less(t, out.KeyMetadata.CreationDate.Year(), 10000)
	_, err = k.NewKey("bills")
	require.NoError(t, err)
}

func TestImportParametersGoWithTheirKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, err := New(nil)
		require.NoError(t, err)
		for range 2 {
			made, err := k.CreateKey(t.Context(), &kms.CreateKeyInput{Origin: types.OriginTypeExternal})
			require.NoError(t, err)
			_, err = k.GetParametersForImport(t.Context(), &kms.GetParametersForImportInput{
				KeyId: made.KeyMetadata.KeyId, WrappingAlgorithm: types.AlgorithmSpecRsaesOaepSha256, WrappingKeySpec: types.WrappingKeySpecRsa2048,
			})
			require.NoError(t, err)
			if len(k.core.imports) == 1 {
				_, err = k.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: made.KeyMetadata.KeyId, PendingWindowInDays: aws.Int32(7)})
				require.NoError(t, err)
			}
		}
		require.Len(t, k.core.imports, 2)
		time.Sleep(7 * 24 * time.Hour)
		listed, err := k.ListKeys(t.Context(), nil)
		require.NoError(t, err)
		require.Len(t, listed.Keys, 1)
		require.Len(t, k.core.imports, 1)
	})
}
