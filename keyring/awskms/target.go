package awskms

import (
	"github.com/sealwax/sealwax/keyring"
)

// ProviderID marks an encrypted data key that a symmetric KMS key made; its
// provider info is the key's ARN.
const ProviderID = "aws-kms"

// maxCiphertextLength bounds what KMS takes as a ciphertext, in bytes.
const maxCiphertextLength = 6144

// target says which KMS key is asked to open an encrypted data key, and which
// key KMS must then report to have used.
type target struct {
	keyID string // as sent to KMS
	want  string // the ARN in the message, or the one that was sent; "" if neither is known
	// permits is what is known of an answer where want is not what was sent, or
	// not known.
	permits func(arn) bool
	alias   bool // keyID may have come to name another key
}

// opener is a wrapping key of this package.
type opener interface {
	keyring.WrappingKey
	// locate returns the target of an encrypted data key, or an error that
	// matches keyring.ErrNotMine or keyring.ErrNotAuthentic.
	locate(edk keyring.EncryptedDataKey) (target, error)
	tokens() []string
}

// readInfo returns the ARN of the key that an encrypted data key names. It is
// the zero arn if none is named, as in objects of the S3 Encryption Client.
func readInfo(edk keyring.EncryptedDataKey) (arn, error) {
	if edk.ProviderID != ProviderID {
		return arn{}, notMine("encrypted data key of provider %.40q, want %q", edk.ProviderID, ProviderID)
	}
	if len(edk.ProviderInfo) == 0 {
		return arn{}, nil
	}
	if len(edk.ProviderInfo) > maxIdentifierLength {
		return arn{}, notMine("encrypted data key names a key in %d bytes, at most %d are allowed", len(edk.ProviderInfo), maxIdentifierLength)
	}
	a, err := parseKeyARN(string(edk.ProviderInfo))
	if err != nil {
		return arn{}, notMine("encrypted data key names no KMS key: %.120q: %v", edk.ProviderInfo, err)
	}
	return a, nil
}

// checkCiphertext refuses, before any call, what cannot be a ciphertext of KMS:
// its answer would not say that the message is to blame.
func checkCiphertext(b []byte) error {
	if len(b) == 0 || len(b) > maxCiphertextLength {
		return notAuthentic("encrypted data key of %d bytes, KMS makes 1 to %d", len(b), maxCiphertextLength)
	}
	return nil
}

// checkReported refuses an answer that reports another key than the target's.
func (t target) checkReported(call *CallError, reported *string) error {
	if reported == nil {
		return call.badAnswer("the answer names no key")
	}
	a, err := parseKeyARN(*reported)
	if err != nil {
		return call.badAnswer("the answer names a key by %.120q: %w", *reported, err)
	}
	if a.text == t.want {
		return nil
	}
	if t.permits == nil || !t.permits(a) {
		return call.badAnswer("the answer is of key %s", a.text)
	}
	if t.want == "" {
		return nil
	}
	return call.notAuthentic(t.otherKeyAdvice(a), "the message names key %s, %s opened it", t.want, a.text)
}

// otherKeyAdvice says what to do when a configured alias or key id opens what
// the message says another key sealed.
func (t target) otherKeyAdvice(a arn) string {
	if a.multiRegion() {
		return "the message was changed, or a related multi-Region key sealed it: use NewMultiRegion to open it"
	}
	return "the message was changed"
}

// incorrectKeyAdvice says what to do when KMS answers that the target is not the
// key that made the ciphertext.
func (t target) incorrectKeyAdvice() string {
	if !t.alias {
		return advice[codeIncorrectKey]
	}
	if t.want == "" {
		return "the alias names another key than the one that sealed the message: put the older key's ARN into the ring if the alias was pointed to another key since"
	}
	return "the alias names another key than the one that sealed the message: if it was pointed to another key since, put " + t.want + " into the ring"
}
