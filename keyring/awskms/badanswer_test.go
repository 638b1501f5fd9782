package awskms_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyring"
	"github.com/sealwax/sealwax/keyring/awskms"
)

// scripted gives the answers that no real KMS gives.
type scripted struct {
	generated   *kms.GenerateDataKeyOutput
	encrypted   *kms.EncryptOutput
	decrypted   *kms.DecryptOutput
	reEncrypted *kms.ReEncryptOutput
	err         error
	calls       int
}

func (s *scripted) GenerateDataKey(context.Context, *kms.GenerateDataKeyInput, ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error) {
	s.calls++
	return s.generated, s.err
}

func (s *scripted) Encrypt(context.Context, *kms.EncryptInput, ...func(*kms.Options)) (*kms.EncryptOutput, error) {
	s.calls++
	return s.encrypted, s.err
}

func (s *scripted) Decrypt(context.Context, *kms.DecryptInput, ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	s.calls++
	return s.decrypted, s.err
}

func (s *scripted) ReEncrypt(context.Context, *kms.ReEncryptInput, ...func(*kms.Options)) (*kms.ReEncryptOutput, error) {
	s.calls++
	return s.reEncrypted, s.err
}

const (
	account  = "111122223333"
	keyOne   = "arn:aws:kms:us-west-2:111122223333:key/11111111-12ab-34cd-56ef-1234567890ab"
	keyTwo   = "arn:aws:kms:us-west-2:111122223333:key/22222222-12ab-34cd-56ef-1234567890ab"
	aliasOne = "arn:aws:kms:us-west-2:111122223333:alias/one"
	idOne    = "11111111-12ab-34cd-56ef-1234567890ab"
	mrkWest  = "arn:aws:kms:us-west-2:111122223333:key/mrk-11111111111111111111111111111111"
	mrkEast  = "arn:aws:kms:us-east-1:111122223333:key/mrk-11111111111111111111111111111111"
)

var everyone = awskms.DiscoveryFilter{Partition: "aws", Accounts: []string{account}}

func secretBytes(n int) []byte { return bytes.Repeat([]byte{0xa5}, n) }

func edkOf(arn string) keyring.EncryptedDataKey {
	return keyring.EncryptedDataKey{ProviderID: awskms.ProviderID, ProviderInfo: []byte(arn), Ciphertext: []byte("wrapped")}
}

// answerRefused checks the error for an answer that is not what was asked for:
// it is KMS, or something before it, that misbehaves, not the message.
func answerRefused(t *testing.T, err error, operation, keyID string) {
	t.Helper()
	require.ErrorIs(t, err, awskms.ErrBadAnswer)
	require.NotErrorIs(t, err, keyring.ErrNotAuthentic)
	require.NotErrorIs(t, err, keyring.ErrNotMine)
	call, ok := errors.AsType[*awskms.CallError](err)
	require.True(t, ok)
	require.Equal(t, operation, call.Operation)
	require.Equal(t, keyID, call.KeyID)
	outage(t, err)
}

// wrongKeys are, for each way to name key one, KeyIds that an answer must not have.
var wrongKeys = map[string]map[string]*string{
	keyOne: {
		"nil": nil, "empty": aws.String(""), "bare id": aws.String(idOne), "alias": aws.String(aliasOne),
		"no ARN": aws.String("key one"), "another key": aws.String(keyTwo),
		"another Region":  aws.String("arn:aws:kms:us-east-1:111122223333:key/" + idOne),
		"another account": aws.String("arn:aws:kms:us-west-2:444455556666:key/" + idOne),
	},
	idOne: {
		"nil": nil, "bare id": aws.String(idOne), "another key": aws.String(keyTwo),
	},
	"alias/one": {
		"nil": nil, "empty": aws.String(""), "alias": aws.String(aliasOne),
	},
	aliasOne: {
		"nil": nil, "alias": aws.String(aliasOne),
		"another Region":    aws.String("arn:aws:kms:us-east-1:111122223333:key/" + idOne),
		"another account":   aws.String("arn:aws:kms:us-west-2:444455556666:key/" + idOne),
		"another partition": aws.String("arn:aws-cn:kms:us-west-2:111122223333:key/" + idOne),
	},
}

func TestAnswersOfAnotherKeyAreRefused(t *testing.T) {
	for keyID, wrong := range wrongKeys {
		for name, reported := range wrong {
			t.Run(keyID+"/"+name, func(t *testing.T) {
				plaintext := [2][]byte{secretBytes(32), secretBytes(32)}
				client := &scripted{
					generated:   &kms.GenerateDataKeyOutput{KeyId: reported, Plaintext: plaintext[0], CiphertextBlob: []byte("w")},
					encrypted:   &kms.EncryptOutput{KeyId: reported, CiphertextBlob: []byte("w")},
					decrypted:   &kms.DecryptOutput{KeyId: reported, Plaintext: plaintext[1]},
					reEncrypted: &kms.ReEncryptOutput{SourceKeyId: aws.String(keyTwo), KeyId: reported, CiphertextBlob: []byte("w")},
				}
				key, err := awskms.New(client, keyID, nil)
				require.NoError(t, err)

				dk, edk, err := key.Generate(t.Context(), 32, nil)
				answerRefused(t, err, "GenerateDataKey", keyID)
				require.Nil(t, dk)
				require.Zero(t, edk)

				edk, err = key.Wrap(t.Context(), keyring.NewDataKey(secretBytes(32)), nil)
				answerRefused(t, err, "Encrypt", keyID)
				require.Zero(t, edk)

				dk, err = key.Unwrap(t.Context(), edkOf(keyOne), 32, nil)
				answerRefused(t, err, "Decrypt", keyID)
				require.Nil(t, dk)

				from, err := awskms.New(client, keyTwo, nil)
				require.NoError(t, err)
				edk, err = key.Rewrap(t.Context(), from, edkOf(keyTwo), nil)
				answerRefused(t, err, "ReEncrypt", keyID)
				require.Zero(t, edk)

				for _, p := range plaintext {
					require.Equal(t, make([]byte, 32), p, "a refused answer's data key is cleared")
				}
			})
		}
	}
}

func TestRewrapRefusesAnotherSourceKey(t *testing.T) {
	for name, reported := range wrongKeys[keyOne] {
		t.Run(name, func(t *testing.T) {
			client := &scripted{reEncrypted: &kms.ReEncryptOutput{SourceKeyId: reported, KeyId: aws.String(keyTwo), CiphertextBlob: []byte("w")}}
			to, err := awskms.New(client, keyTwo, nil)
			require.NoError(t, err)
			from, err := awskms.NewDiscovery(client, everyone, nil)
			require.NoError(t, err)
			_, err = to.Rewrap(t.Context(), from, edkOf(keyOne), nil)
			answerRefused(t, err, "ReEncrypt", keyTwo)
			call, _ := errors.AsType[*awskms.CallError](err)
			require.Equal(t, keyOne, call.SourceKeyID)
		})
	}
}

func TestDiscoveryRefusesAnswersOfAnotherKey(t *testing.T) {
	for name, reported := range wrongKeys[keyOne] {
		t.Run(name, func(t *testing.T) {
			client := &scripted{decrypted: &kms.DecryptOutput{KeyId: reported, Plaintext: secretBytes(32)}}
			plain, err := awskms.NewDiscovery(client, everyone, nil)
			require.NoError(t, err)
			_, err = plain.Unwrap(t.Context(), edkOf(keyOne), 32, nil)
			answerRefused(t, err, "Decrypt", keyOne)

			multi, err := awskms.NewMultiRegionDiscovery(client, "us-west-2", everyone, nil)
			require.NoError(t, err)
			_, err = multi.Unwrap(t.Context(), edkOf(keyOne), 32, nil)
			answerRefused(t, err, "Decrypt", keyOne)
		})
	}
}

// A replica elsewhere has the same key material: the answer must still be of the
// replica that was asked.
func TestMultiRegionRefusesAnswersOfAnotherReplica(t *testing.T) {
	client := &scripted{
		generated: &kms.GenerateDataKeyOutput{KeyId: aws.String(mrkEast), Plaintext: secretBytes(32), CiphertextBlob: []byte("w")},
		decrypted: &kms.DecryptOutput{KeyId: aws.String(mrkEast), Plaintext: secretBytes(32)},
	}
	key, err := awskms.NewMultiRegion(client, mrkWest, nil)
	require.NoError(t, err)
	_, _, err = key.Generate(t.Context(), 32, nil)
	answerRefused(t, err, "GenerateDataKey", mrkWest)
	_, err = key.Unwrap(t.Context(), edkOf(mrkEast), 32, nil)
	answerRefused(t, err, "Decrypt", mrkWest)

	discovery, err := awskms.NewMultiRegionDiscovery(client, "us-west-2", everyone, nil)
	require.NoError(t, err)
	_, err = discovery.Unwrap(t.Context(), edkOf(mrkEast), 32, nil)
	answerRefused(t, err, "Decrypt", mrkWest)
}

func TestAnswersWithMissingPartsAreRefused(t *testing.T) {
	one := aws.String(keyOne)
	tooLong := make([]byte, 6145)
	for name, client := range map[string]*scripted{
		"nothing":         {},
		"zero":            {generated: &kms.GenerateDataKeyOutput{}, encrypted: &kms.EncryptOutput{}, decrypted: &kms.DecryptOutput{}, reEncrypted: &kms.ReEncryptOutput{}},
		"only the key":    {generated: &kms.GenerateDataKeyOutput{KeyId: one}, encrypted: &kms.EncryptOutput{KeyId: one}, decrypted: &kms.DecryptOutput{KeyId: one}, reEncrypted: &kms.ReEncryptOutput{KeyId: one, SourceKeyId: one}},
		"no source key":   {reEncrypted: &kms.ReEncryptOutput{KeyId: one, CiphertextBlob: []byte("w")}},
		"ciphertext long": {generated: &kms.GenerateDataKeyOutput{KeyId: one, Plaintext: secretBytes(32), CiphertextBlob: tooLong}, encrypted: &kms.EncryptOutput{KeyId: one, CiphertextBlob: tooLong}, reEncrypted: &kms.ReEncryptOutput{KeyId: one, SourceKeyId: one, CiphertextBlob: tooLong}},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := awskms.New(client, keyOne, nil)
			require.NoError(t, err)
			_, _, err = key.Generate(t.Context(), 32, nil)
			answerRefused(t, err, "GenerateDataKey", keyOne)
			_, err = key.Wrap(t.Context(), keyring.NewDataKey(secretBytes(32)), nil)
			answerRefused(t, err, "Encrypt", keyOne)
			_, err = key.Unwrap(t.Context(), edkOf(keyOne), 32, nil)
			answerRefused(t, err, "Decrypt", keyOne)
			_, err = key.Rewrap(t.Context(), key, edkOf(keyOne), nil)
			answerRefused(t, err, "ReEncrypt", keyOne)
		})
	}
}

func TestGeneratedDataKeyOfAnotherLengthIsRefused(t *testing.T) {
	for _, n := range []int{0, 1, 31, 33, 64} {
		plaintext := secretBytes(n)
		client := &scripted{generated: &kms.GenerateDataKeyOutput{KeyId: aws.String(keyOne), Plaintext: plaintext, CiphertextBlob: []byte("w")}}
		key, err := awskms.New(client, keyOne, nil)
		require.NoError(t, err)
		_, _, err = key.Generate(t.Context(), 32, nil)
		answerRefused(t, err, "GenerateDataKey", keyOne)
		require.Equal(t, make([]byte, n), plaintext, "it is cleared")
	}
}

// The same key is not two: the SDK's copy of a data key does not outlive the call.
func TestPlaintextOfAnswersIsCleared(t *testing.T) {
	generated, decrypted := secretBytes(32), secretBytes(32)
	client := &scripted{
		generated: &kms.GenerateDataKeyOutput{KeyId: aws.String(keyOne), Plaintext: generated, CiphertextBlob: []byte("w")},
		decrypted: &kms.DecryptOutput{KeyId: aws.String(keyOne), Plaintext: decrypted},
	}
	key, err := awskms.New(client, keyOne, nil)
	require.NoError(t, err)

	made, edk, err := key.Generate(t.Context(), 32, nil)
	require.NoError(t, err)
	opened, err := key.Unwrap(t.Context(), edk, 32, nil)
	require.NoError(t, err)

	for _, dk := range []*keyring.DataKey{made, opened} {
		require.NoError(t, dk.Do(func(b []byte) error { require.Equal(t, secretBytes(32), b); return nil }))
	}
	require.Equal(t, make([]byte, 32), generated)
	require.Equal(t, make([]byte, 32), decrypted)
}

// An error may come with an output that should not be there.
func TestPlaintextBesideAnErrorIsCleared(t *testing.T) {
	generated, decrypted := secretBytes(32), secretBytes(32)
	client := &scripted{
		generated: &kms.GenerateDataKeyOutput{KeyId: aws.String(keyOne), Plaintext: generated, CiphertextBlob: []byte("w")},
		decrypted: &kms.DecryptOutput{KeyId: aws.String(keyOne), Plaintext: decrypted},
		err:       errors.New("connection reset"),
	}
	key, err := awskms.New(client, keyOne, nil)
	require.NoError(t, err)
	_, _, err = key.Generate(t.Context(), 32, nil)
	require.ErrorIs(t, err, client.err)
	_, err = key.Unwrap(t.Context(), edkOf(keyOne), 32, nil)
	require.ErrorIs(t, err, client.err)
	require.Equal(t, make([]byte, 32), generated)
	require.Equal(t, make([]byte, 32), decrypted)
}
