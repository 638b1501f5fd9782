package localkms_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyring/localkms"
)

func TestCreateKeyRefuses(t *testing.T) {
	bothWays(t, func(t *testing.T, _ *localkms.KMS, in func(string) api) {
		for name, c := range map[string]struct {
			request kms.CreateKeyInput
			code    string
		}{
			"unknown KeySpec":         {kms.CreateKeyInput{KeySpec: "AES_512"}, "ValidationException"},
			"KeySpec without usage":   {kms.CreateKeyInput{KeySpec: types.KeySpecEccNistP256}, "ValidationException"},
			"usage that does not fit": {kms.CreateKeyInput{KeyUsage: types.KeyUsageTypeSignVerify}, "ValidationException"},
			"KeySpec we lack":         {kms.CreateKeyInput{KeySpec: types.KeySpecEccSecgP256k1, KeyUsage: types.KeyUsageTypeSignVerify}, "UnsupportedOperationException"},
			"custom key store":        {kms.CreateKeyInput{CustomKeyStoreId: aws.String("cks-1234567890")}, "CustomKeyStoreNotFoundException"},
			"origin we lack":          {kms.CreateKeyInput{Origin: types.OriginTypeAwsCloudhsm}, "UnsupportedOperationException"},
			"unknown origin":          {kms.CreateKeyInput{Origin: "MOON"}, "ValidationException"},
			"policy that is no JSON":  {kms.CreateKeyInput{Policy: aws.String("allow")}, "MalformedPolicyDocumentException"},
			"tag for AWS":             {kms.CreateKeyInput{Tags: []types.Tag{{TagKey: aws.String("aws:x"), TagValue: aws.String("y")}}}, "TagException"},
			"description beyond 8192": {kms.CreateKeyInput{Description: aws.String(strings.Repeat("x", 8193))}, "ValidationException"},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := in(home).CreateKey(t.Context(), &c.request)
				requireCode(t, err, c.code)
				listed, err := in(home).ListKeys(t.Context(), nil)
				require.NoError(t, err)
				require.Empty(t, listed.Keys)
			})
		}
	})
}

func TestReplicateKeyRefuses(t *testing.T) {
	bothWays(t, func(t *testing.T, _ *localkms.KMS, in func(string) api) {
		key := newKey(t, in(home), &kms.CreateKeyInput{MultiRegion: aws.Bool(true)}).KeyId
		for name, c := range map[string]struct {
			request kms.ReplicateKeyInput
			code    string
		}{
			"unknown Region":          {kms.ReplicateKeyInput{ReplicaRegion: aws.String("MOON")}, "ValidationException"},
			"policy that is no JSON":  {kms.ReplicateKeyInput{Policy: aws.String("allow")}, "MalformedPolicyDocumentException"},
			"tag for AWS":             {kms.ReplicateKeyInput{Tags: []types.Tag{{TagKey: aws.String("aws:x"), TagValue: aws.String("y")}}}, "TagException"},
			"description beyond 8192": {kms.ReplicateKeyInput{Description: aws.String(strings.Repeat("x", 8193))}, "ValidationException"},
		} {
			t.Run(name, func(t *testing.T) {
				c.request.KeyId = key
				if c.request.ReplicaRegion == nil {
					c.request.ReplicaRegion = aws.String(away)
				}
				_, err := in(home).ReplicateKey(t.Context(), &c.request)
				requireCode(t, err, c.code)
				listed, err := in(away).ListKeys(t.Context(), nil)
				require.NoError(t, err)
				require.Empty(t, listed.Keys)
			})
		}
	})
}

func TestNewKey(t *testing.T) {
	k := newKMS(t)
	for _, alias := range []string{"plain", "alias/prefixed", "deep/er_name-1", ""} {
		arn, err := k.NewKey(alias)
		require.NoError(t, err)
		if alias == "" {
			continue
		}
		out, err := k.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/" + strings.TrimPrefix(alias, "alias/"))})
		require.NoError(t, err)
		require.Equal(t, arn, *out.KeyMetadata.Arn)
	}
	listed, err := k.ListKeys(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, listed.Keys, 4)

	_, err = k.NewKey("plain")
	requireAs[*types.AlreadyExistsException](t, err)
	_, err = k.NewKey("with space")
	requireAs[*types.InvalidAliasNameException](t, err)
	again, err := k.ListKeys(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, listed.Keys, again.Keys, "a refused alias makes no key")
}

func TestAliasNames(t *testing.T) {
	bothWays(t, func(t *testing.T, _ *localkms.KMS, in func(string) api) {
		c := in(home)
		key := newKey(t, c, nil)
		for name, code := range map[string]string{
			"orders":                            "InvalidAliasNameException",
			"alias/":                            "InvalidAliasNameException",
			"alias/a:b":                         "InvalidAliasNameException",
			"alias/a b":                         "InvalidAliasNameException",
			"alias/aws/s3":                      "InvalidAliasNameException",
			"alias/" + strings.Repeat("x", 251): "ValidationException",
			"":                                  "ValidationException",
		} {
			_, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String(name), TargetKeyId: key.KeyId})
			requireCode(t, err, code)
		}
		longest := aws.String("alias/" + strings.Repeat("x", 250))
		_, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: longest, TargetKeyId: key.KeyId})
		require.NoError(t, err)
		_, err = c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/of-alias"), TargetKeyId: longest})
		requireCode(t, err, "ValidationException")
		_, err = c.UpdateAlias(t.Context(), &kms.UpdateAliasInput{AliasName: longest, TargetKeyId: newKey(t, c, &kms.CreateKeyInput{KeySpec: types.KeySpecHmac256, KeyUsage: types.KeyUsageTypeGenerateVerifyMac}).KeyId})
		requireCode(t, err, "ValidationException")
	})
}

func TestAliasesOfAKeyAreLimited(t *testing.T) {
	k := newKMS(t)
	key := newKey(t, k, nil)
	for i := range 50 {
		_, err := k.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String(fmt.Sprint("alias/", i)), TargetKeyId: key.KeyId})
		require.NoError(t, err)
	}
	_, err := k.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/50"), TargetKeyId: key.KeyId})
	requireAs[*types.LimitExceededException](t, err)
}

func TestIdentifiersThatAreNone(t *testing.T) {
	bothWays(t, func(t *testing.T, k *localkms.KMS, in func(string) api) {
		c, ctx := in(home), t.Context()
		_, err := k.NewKey("orders")
		require.NoError(t, err)
		for _, id := range []string{"arn:", "arn:aws:kms:us-east-1", "arn:aws:s3:::bucket", "arn:aws:kms:us-east-1:111122223333:grant/x"} {
			_, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &id})
			requireAs[*types.InvalidArnException](t, err)
			_, err = c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &id})
			requireAs[*types.InvalidArnException](t, err)
			_, err = c.Encrypt(ctx, &kms.EncryptInput{KeyId: &id, Plaintext: []byte("x")})
			requireAs[*types.NotFoundException](t, err)
		}
		for _, id := range []string{"alias/orders", "arn:aws:kms:us-east-1:111122223333:alias/orders"} {
			_, err := c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &id})
			requireAs[*types.InvalidArnException](t, err)
		}
		_, err = c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String("")})
		requireCode(t, err, "ValidationException")
		_, err = c.Encrypt(ctx, &kms.EncryptInput{KeyId: aws.String("alias/" + strings.Repeat("x", 2048)), Plaintext: []byte("x")})
		requireCode(t, err, "ValidationException")
	})
}

func TestNilInputIsAnEmptyOne(t *testing.T) {
	_, err := newKMS(t).Decrypt(t.Context(), nil)
	requireCode(t, err, "ValidationException")
}

func TestListsComeInPages(t *testing.T) {
	bothWays(t, func(t *testing.T, k *localkms.KMS, in func(string) api) {
		c := in(home)
		for i := range 7 {
			_, err := k.NewKey(fmt.Sprint("key-", i))
			require.NoError(t, err)
		}
		keys := map[string]bool{}
		pager := kms.NewListKeysPaginator(c, &kms.ListKeysInput{Limit: aws.Int32(3)})
		for pager.HasMorePages() {
			out, err := pager.NextPage(t.Context())
			require.NoError(t, err)
			require.LessOrEqual(t, len(out.Keys), 3)
			for _, key := range out.Keys {
				keys[*key.KeyArn] = true
			}
		}
		require.Len(t, keys, 7)

		first, err := c.ListAliases(t.Context(), &kms.ListAliasesInput{Limit: aws.Int32(3)})
		require.NoError(t, err)
		require.True(t, first.Truncated)
		_, err = c.DeleteAlias(t.Context(), &kms.DeleteAliasInput{AliasName: aws.String("alias/key-2")})
		require.NoError(t, err)
		second, err := c.ListAliases(t.Context(), &kms.ListAliasesInput{Marker: first.NextMarker})
		require.NoError(t, err)
		require.Len(t, second.Aliases, 4, "the page goes on where the deleted alias was")
		require.False(t, second.Truncated)

		_, err = c.ListKeys(t.Context(), &kms.ListKeysInput{Marker: aws.String("made up")})
		requireAs[*types.InvalidMarkerException](t, err)
		for _, limit := range []int32{0, 1001} {
			_, err = c.ListKeys(t.Context(), &kms.ListKeysInput{Limit: aws.Int32(limit)})
			requireCode(t, err, "ValidationException")
		}
	})
}

func TestTagsDescriptionsAndPolicies(t *testing.T) {
	bothWays(t, func(t *testing.T, _ *localkms.KMS, in func(string) api) {
		c, ctx := in(home), t.Context()
		key := newKey(t, c, nil).KeyId
		_, err := c.TagResource(ctx, &kms.TagResourceInput{KeyId: key, Tags: []types.Tag{{TagKey: aws.String("team"), TagValue: aws.String("a")}, {TagKey: aws.String("cost"), TagValue: aws.String("")}}})
		require.NoError(t, err)
		_, err = c.UntagResource(ctx, &kms.UntagResourceInput{KeyId: key, TagKeys: []string{"team"}})
		require.NoError(t, err)
		tags, err := c.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: key})
		require.NoError(t, err)
		require.Equal(t, []types.Tag{{TagKey: aws.String("cost"), TagValue: aws.String("")}}, tags.Tags)

		_, err = c.UpdateKeyDescription(ctx, &kms.UpdateKeyDescriptionInput{KeyId: key, Description: aws.String("new")})
		require.NoError(t, err)
		described, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: key})
		require.NoError(t, err)
		require.Equal(t, "new", *described.KeyMetadata.Description)

		policy, err := c.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: key})
		require.NoError(t, err)
		require.Contains(t, *policy.Policy, "arn:aws:iam::111122223333:root")
		_, err = c.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: key, Policy: aws.String(`{"Statement":[]}`)})
		require.NoError(t, err)
		policy, err = c.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: key})
		require.NoError(t, err)
		require.JSONEq(t, `{"Statement":[]}`, *policy.Policy)
		names, err := c.ListKeyPolicies(ctx, &kms.ListKeyPoliciesInput{KeyId: key})
		require.NoError(t, err)
		require.Equal(t, []string{"default"}, names.PolicyNames)
	})
}

func TestGrantsAreChecked(t *testing.T) {
	bothWays(t, func(t *testing.T, _ *localkms.KMS, in func(string) api) {
		c := in(home)
		key := newKey(t, c, nil).KeyId
		role := aws.String("arn:aws:iam::111122223333:role/x")
		decrypt := []types.GrantOperation{types.GrantOperationDecrypt}
		for name, r := range map[string]struct {
			request kms.CreateGrantInput
			code    string
		}{
			"no operations":        {kms.CreateGrantInput{GranteePrincipal: role, Operations: []types.GrantOperation{}}, "ValidationException"},
			"an unknown operation": {kms.CreateGrantInput{GranteePrincipal: role, Operations: []types.GrantOperation{"Melt"}}, "ValidationException"},
			"nobody":               {kms.CreateGrantInput{Operations: decrypt}, "ValidationException"},
			"a bare name":          {kms.CreateGrantInput{GranteePrincipal: aws.String("bob"), Operations: decrypt}, "InvalidArnException"},
		} {
			r.request.KeyId = key
			_, err := c.CreateGrant(t.Context(), &r.request)
			require.Error(t, err, name)
			requireCode(t, err, r.code)
		}
		for _, tokens := range [][]string{make([]string, 11), {""}, {strings.Repeat("x", 8193)}} {
			_, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: key, GrantTokens: tokens})
			requireCode(t, err, "ValidationException")
		}
	})
}

func TestRecipientIsNotSupported(t *testing.T) {
	bothWays(t, func(t *testing.T, _ *localkms.KMS, in func(string) api) {
		c, ctx := in(home), t.Context()
		key := newKey(t, c, nil).KeyId
		enclave := &types.RecipientInfo{AttestationDocument: []byte("document"), KeyEncryptionAlgorithm: types.KeyEncryptionMechanismRsaesOaepSha256}
		errs := map[string]error{}
		_, errs["Decrypt"] = c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: encrypt(t, c, key, "x", nil), Recipient: enclave})
		_, errs["GenerateDataKey"] = c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: key, KeySpec: types.DataKeySpecAes256, Recipient: enclave})
		_, errs["GenerateDataKeyPair"] = c.GenerateDataKeyPair(ctx, &kms.GenerateDataKeyPairInput{KeyId: key, KeyPairSpec: types.DataKeyPairSpecEccNistP256, Recipient: enclave})
		_, errs["GenerateRandom"] = c.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1), Recipient: enclave})
		for operation, err := range errs {
			require.Error(t, err, operation)
			requireAs[*types.UnsupportedOperationException](t, err)
		}
	})
}

// TestInputsAreNotKept: neither side sees what the other does to its memory after a call.
func TestInputsAreNotKept(t *testing.T) {
	k := newKMS(t)
	key := newKey(t, k, nil).KeyId
	request := &kms.CreateGrantInput{
		KeyId: key, GranteePrincipal: aws.String("arn:aws:iam::111122223333:role/x"),
		Operations:  []types.GrantOperation{types.GrantOperationDecrypt},
		Constraints: &types.GrantConstraints{EncryptionContextEquals: map[string]string{"a": "b"}},
	}
	_, err := k.CreateGrant(t.Context(), request)
	require.NoError(t, err)
	request.Operations[0] = types.GrantOperationEncrypt
	request.Constraints.EncryptionContextEquals["a"] = "changed"
	listed, err := k.ListGrants(t.Context(), &kms.ListGrantsInput{KeyId: key})
	require.NoError(t, err)
	require.Equal(t, types.GrantOperationDecrypt, listed.Grants[0].Operations[0])
	require.Equal(t, "b", listed.Grants[0].Constraints.EncryptionContextEquals["a"])
	listed.Grants[0].Operations[0] = types.GrantOperationSign
	listed, err = k.ListGrants(t.Context(), &kms.ListGrantsInput{KeyId: key})
	require.NoError(t, err)
	require.Equal(t, types.GrantOperationDecrypt, listed.Grants[0].Operations[0])
}

func TestConcurrentUse(t *testing.T) {
	k := newKMS(t)
	c := newClient(t, k, home)
	arn, err := k.NewKey("shared")
	require.NoError(t, err)
	blob := encrypt(t, k, &arn, "secret", nil)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			ctx := context.Background()
			for j := range 10 {
				var use api = k
				if i%2 == 0 {
					use = c
				}
				opened, err := use.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, KeyId: &arn})
				if err != nil || string(opened.Plaintext) != "secret" {
					t.Errorf("decrypt: %v", err)
				}
				if _, err := k.NewKey(fmt.Sprintf("key-%d-%d", i, j)); err != nil {
					t.Error(err)
				}
				if i == 0 && j < 5 {
					if _, err := use.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: &arn}); err != nil {
						t.Error(err)
					}
				}
				k.SetFault("Sign", localkms.Denied())
				_ = k.Calls("Decrypt")
				_ = fmt.Sprint(k)
			}
		})
	}
	group.Wait()
	require.Equal(t, 80, k.Calls("Decrypt"))
}
