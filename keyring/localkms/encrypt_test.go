package localkms_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyring/localkms"
)

func TestEncryptionContextsAreBounded(t *testing.T) {
	bothWays(t, func(t *testing.T, _ *localkms.KMS, in func(string) api) {
		c, ctx := in(home), t.Context()
		key := newKey(t, c, nil).KeyId
		longest := map[string]string{"a": strings.Repeat("ä", 4000), "b": strings.Repeat("x", 8192-4000-len(`{"a":"","b":""}`))}
		tooLong := map[string]string{"a": longest["a"], "b": longest["b"] + "x"}

		blob := encrypt(t, c, key, "secret", longest)
		requireDecrypts(t, c, blob, longest, "secret")
		moved, err := c.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: key, SourceEncryptionContext: longest, DestinationEncryptionContext: longest})
		require.NoError(t, err)
		requireDecrypts(t, c, moved.CiphertextBlob, longest, "secret")

		for _, dry := range []*bool{nil, aws.Bool(true)} {
			for name, call := range map[string]func() error{
				"Encrypt": func() error {
					_, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: key, Plaintext: []byte("x"), EncryptionContext: tooLong, DryRun: dry})
					return err
				},
				"Decrypt": func() error {
					_, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: tooLong, DryRun: dry})
					return err
				},
				"ReEncrypt, source": func() error {
					_, err := c.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: key, SourceEncryptionContext: tooLong, DryRun: dry})
					return err
				},
				"ReEncrypt, destination": func() error {
					_, err := c.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: key, SourceEncryptionContext: longest, DestinationEncryptionContext: tooLong, DryRun: dry})
					return err
				},
				"GenerateDataKey": func() error {
					_, err := c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: key, KeySpec: types.DataKeySpecAes256, EncryptionContext: tooLong, DryRun: dry})
					return err
				},
				"GenerateDataKeyWithoutPlaintext": func() error {
					_, err := c.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: key, KeySpec: types.DataKeySpecAes256, EncryptionContext: tooLong, DryRun: dry})
					return err
				},
				"GenerateDataKeyPair": func() error {
					_, err := c.GenerateDataKeyPair(ctx, &kms.GenerateDataKeyPairInput{KeyId: key, KeyPairSpec: types.DataKeyPairSpecEccNistP256, EncryptionContext: tooLong, DryRun: dry})
					return err
				},
			} {
				t.Run(name, func(t *testing.T) { requireCode(t, call(), "ValidationException") })
			}
		}
	})
}
