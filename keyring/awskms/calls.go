package awskms

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/sealwax/sealwax/internal/nilcheck"
	"github.com/sealwax/sealwax/keyring"
)

// KMS's own limits, in bytes.
const (
	maxGenerated = 1024 // of a data key that GenerateDataKey makes
	maxPlaintext = 4096 // of what Encrypt takes, and Decrypt thus answers
)

// caller makes the calls of one wrapping key.
type caller struct {
	client      Client
	grantTokens []string
}

func newCaller(client Client, opts *Options) (caller, error) {
	if nilcheck.IsNil(client) {
		return caller{}, errNoClient
	}
	tokens, err := opts.grantTokens()
	return caller{client: client, grantTokens: tokens}, err
}

// tokens makes a wrapping key that embeds the caller an opener.
func (c caller) tokens() []string { return c.grantTokens }

// checkContext refuses a context that has no serialization: on the way to KMS
// the SDK would replace what is not UTF-8, and two contexts could become one.
func checkContext(ec keyring.EncryptionContext) error {
	_, err := keyring.AppendContext(nil, ec)
	return err
}

// generate makes a data key under the KMS key id.
func (c caller) generate(ctx context.Context, id identifier, size int, ec keyring.EncryptionContext) (*keyring.DataKey, keyring.EncryptedDataKey, error) {
	var none keyring.EncryptedDataKey
	if size < 1 || size > maxGenerated {
		return nil, none, unsupported("data key of %d bytes, KMS makes 1 to %d", size, maxGenerated)
	}
	if err := checkContext(ec); err != nil {
		return nil, none, err
	}
	call := &CallError{Operation: opGenerateDataKey, KeyID: id.text}
	out, err := c.client.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
		KeyId:             aws.String(id.text),
		NumberOfBytes:     aws.Int32(int32(size)),
		EncryptionContext: ec,
		GrantTokens:       c.grantTokens,
	})
	if out != nil {
		defer clear(out.Plaintext)
	}
	if err != nil {
		return nil, none, call.failed(ctx, err)
	}
	if out == nil {
		return nil, none, call.badAnswer("there is no answer")
	}
	edk, err := wrapped(call, id, out.KeyId, out.CiphertextBlob)
	if err != nil {
		return nil, none, err
	}
	if len(out.Plaintext) != size {
		return nil, none, call.badAnswer("the answer's data key has %d bytes, want %d", len(out.Plaintext), size)
	}
	return keyring.NewDataKey(out.Plaintext), edk, nil
}

// encrypt wraps a data key under the KMS key id.
func (c caller) encrypt(ctx context.Context, id identifier, dk *keyring.DataKey, ec keyring.EncryptionContext) (keyring.EncryptedDataKey, error) {
	var none keyring.EncryptedDataKey
	if err := checkContext(ec); err != nil {
		return none, err
	}
	call := &CallError{Operation: opEncrypt, KeyID: id.text}
	var out *kms.EncryptOutput
	err := dk.Do(func(b []byte) error {
		if len(b) == 0 || len(b) > maxPlaintext {
			return unsupported("data key of %d bytes (0 if it was destroyed), KMS wraps 1 to %d", len(b), maxPlaintext)
		}
		var err error
		out, err = c.client.Encrypt(ctx, &kms.EncryptInput{
			KeyId:             aws.String(id.text),
			Plaintext:         b,
			EncryptionContext: ec,
			GrantTokens:       c.grantTokens,
		})
		if err != nil {
			return call.failed(ctx, err)
		}
		return nil
	})
	if err != nil {
		return none, err
	}
	if out == nil {
		return none, call.badAnswer("there is no answer")
	}
	return wrapped(call, id, out.KeyId, out.CiphertextBlob)
}

// decrypt unwraps an encrypted data key of size bytes with the target's key.
func (c caller) decrypt(ctx context.Context, t target, edk keyring.EncryptedDataKey, size int, ec keyring.EncryptionContext) (*keyring.DataKey, error) {
	if size < 1 || size > maxPlaintext {
		return nil, notAuthentic("data key of %d bytes, KMS wraps 1 to %d", size, maxPlaintext)
	}
	if err := checkContext(ec); err != nil {
		return nil, err
	}
	call := &CallError{Operation: opDecrypt, KeyID: t.keyID}
	out, err := c.client.Decrypt(ctx, &kms.DecryptInput{
		KeyId:             aws.String(t.keyID),
		CiphertextBlob:    edk.Ciphertext,
		EncryptionContext: ec,
		GrantTokens:       c.grantTokens,
	})
	if out != nil {
		defer clear(out.Plaintext)
	}
	if err != nil {
		return nil, t.failed(ctx, call, err)
	}
	if out == nil {
		return nil, call.badAnswer("there is no answer")
	}
	if err := t.checkReported(call, out.KeyId); err != nil {
		return nil, err
	}
	if len(out.Plaintext) == 0 {
		return nil, call.badAnswer("the answer holds no data key")
	}
	if len(out.Plaintext) != size {
		// KMS did as it was told: whoever wrote the message put the encrypted
		// data key of another one into it.
		return nil, call.notAuthentic("the encrypted data key is of another message",
			"the data key has %d bytes, this message's has %d", len(out.Plaintext), size)
	}
	return keyring.NewDataKey(out.Plaintext), nil
}

// reEncrypt wraps anew, under the KMS key id, what the source's key wrapped.
func reEncrypt(ctx context.Context, client ReEncrypter, source target, id identifier, tokens []string, edk keyring.EncryptedDataKey, ec keyring.EncryptionContext) (keyring.EncryptedDataKey, error) {
	var none keyring.EncryptedDataKey
	if err := checkContext(ec); err != nil {
		return none, err
	}
	call := &CallError{Operation: opReEncrypt, KeyID: id.text, SourceKeyID: source.keyID}
	out, err := client.ReEncrypt(ctx, &kms.ReEncryptInput{
		SourceKeyId:                  aws.String(source.keyID),
		SourceEncryptionContext:      ec,
		CiphertextBlob:               edk.Ciphertext,
		DestinationKeyId:             aws.String(id.text),
		DestinationEncryptionContext: ec,
		GrantTokens:                  tokens,
	})
	if err != nil {
		return none, source.failed(ctx, call, err)
	}
	if out == nil {
		return none, call.badAnswer("there is no answer")
	}
	if err := source.checkReported(call, out.SourceKeyId); err != nil {
		return none, err
	}
	return wrapped(call, id, out.KeyId, out.CiphertextBlob)
}

// failed completes the CallError of a call that should have opened something
// with the target's key.
func (t target) failed(ctx context.Context, call *CallError, err error) error {
	failed := call.failed(ctx, err)
	if code, _ := apiError(err); code != codeIncorrectKey {
		return failed
	}
	call.next = t.incorrectKeyAdvice()
	if t.alias {
		call.category = nil // whoever pointed the alias elsewhere changed no message
	}
	return failed
}

// wrapped checks what KMS reports about a wrapping under the key id, and returns
// the encrypted data key, which names the key by the ARN that KMS reports.
func wrapped(call *CallError, id identifier, reported *string, ciphertext []byte) (keyring.EncryptedDataKey, error) {
	t := target{keyID: id.text, permits: id.permits}
	if err := t.checkReported(call, reported); err != nil {
		return keyring.EncryptedDataKey{}, err
	}
	if len(ciphertext) == 0 || len(ciphertext) > maxCiphertextLength {
		return keyring.EncryptedDataKey{}, call.badAnswer("the answer's ciphertext has %d bytes, want 1 to %d", len(ciphertext), maxCiphertextLength)
	}
	return keyring.EncryptedDataKey{
		ProviderID:   ProviderID,
		ProviderInfo: []byte(*reported),
		Ciphertext:   ciphertext,
	}, nil
}
