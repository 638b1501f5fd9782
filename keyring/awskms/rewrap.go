package awskms

import (
	"context"
	"slices"

	"github.com/sealwax/sealwax/keyring"
)

// Rewrap wraps under this key what edk, an encrypted data key of from, wraps,
// with one call of kms:ReEncrypt: the data key never leaves KMS. From is a [*Key]
// or a [*DiscoveryKey]; its key is pinned in the call, and so is the encryption
// context, on both sides. The call goes through this key's client, which must
// be allowed both keys, and KMS re-encrypts within one Region only. Grant tokens
// of both keys go along, at most 10 together.
//
// KMS cannot notice an edk that was swapped for another one of from under the
// same encryption context: open the message with the new one before the old one
// is given up. Re-wrapping revokes nothing: edk still opens with its key.
//
// Errors: [keyring.ErrNotMine] if edk is not of from, [keyring.ErrNotAuthentic],
// [errors.ErrUnsupported] if from is another kind of key, if it stands in another
// Region, or if the client is no [ReEncrypter]; [*CallError].
func (k *Key) Rewrap(ctx context.Context, from keyring.WrappingKey, edk keyring.EncryptedDataKey, ec keyring.EncryptionContext) (keyring.EncryptedDataKey, error) {
	var none keyring.EncryptedDataKey
	client, ok := k.client.(ReEncrypter)
	if !ok {
		return none, unsupported("the client (%T) has no ReEncrypt: implement ReEncrypter, or unwrap and wrap", k.client)
	}
	source, ok := from.(opener)
	if !ok {
		return none, unsupported("KMS cannot re-wrap from a %T, only from a KMS key of this package: unwrap and wrap", from)
	}
	t, err := source.locate(edk)
	if err != nil {
		return none, err
	}
	if err := checkRegions(t.keyID, k.id); err != nil {
		return none, err
	}
	tokens, err := joinTokens(k.grantTokens, source.tokens())
	if err != nil {
		return none, err
	}
	return reEncrypt(ctx, client, t, k.id, tokens, edk, ec)
}

// checkRegions refuses, where both are known, two Regions: KMS would answer that
// one of the keys does not exist.
func checkRegions(source string, destination identifier) error {
	a, err := parseARN(source)
	if err != nil || destination.arn.region == "" || a.region == destination.arn.region {
		return nil
	}
	return unsupported("KMS re-wraps within one Region, not from %s to %s: unwrap and wrap", source, destination.text)
}

// joinTokens puts the grant tokens of both keys together, each once.
func joinTokens(a, b []string) ([]string, error) {
	joined := slices.Clone(a)
	for _, t := range b {
		if !slices.Contains(joined, t) {
			joined = append(joined, t)
		}
	}
	if len(joined) > maxGrantTokens {
		return nil, unsupported("the two keys have %d grant tokens, KMS takes at most %d: unwrap and wrap", len(joined), maxGrantTokens)
	}
	return joined, nil
}
