package awskms

import (
	"context"
	"errors"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// The operations, as KMS, its permissions and our errors name them.
const (
	opGenerateDataKey = "GenerateDataKey"
	opEncrypt         = "Encrypt"
	opDecrypt         = "Decrypt"
	opReEncrypt       = "ReEncrypt"
)

// Error codes that say something about an encrypted data key.
const (
	codeInvalidCiphertext = "InvalidCiphertextException"
	codeIncorrectKey      = "IncorrectKeyException"
	codeAccessDenied      = "AccessDeniedException"
)

const tryAgain = "KMS failed: try again later"

// advice says, for each error code that an application meets, what to do about
// it. Codes rather than the SDK's types: the SDK has no type for some.
var advice = map[string]string{
	codeInvalidCiphertext: "the encrypted data key was changed, or it was sealed under another encryption context",
	codeIncorrectKey:      "the encrypted data key was made by another KMS key than the one that was asked",

	"NotFoundException":   "check the key's id and account, and that the client's Region is the key's",
	"InvalidArnException": "check the key's ARN, and that the client's Region is the key's",
	"DisabledException":   "enable the key (kms:EnableKey)",
	"KMSInvalidStateException": "the key's state forbids the call: cancel its pending deletion (kms:CancelKeyDeletion) and enable it, " +
		"import its material again, or connect its custom key store",
	"InvalidKeyUsageException":      "the key must be a symmetric encryption key (SYMMETRIC_DEFAULT, ENCRYPT_DECRYPT)",
	"UnsupportedOperationException": "the key must be a symmetric encryption key (SYMMETRIC_DEFAULT, ENCRYPT_DECRYPT)",
	"InvalidGrantTokenException":    "check Options.GrantTokens, or leave them out once the grant is known everywhere",
	"ValidationException":           "KMS refused a parameter: check the key's name, and keep the encryption context short",

	"ThrottlingException":             "cache data keys (package cache), raise the account's KMS request quota, or allow the client more retries",
	"LimitExceededException":          "cache data keys (package cache), or raise the account's KMS quota",
	"KMSInternalException":            tryAgain,
	"DependencyTimeoutException":      tryAgain,
	"KeyUnavailableException":         "the key is not available for the moment: try again later",
	"InternalFailure":                 tryAgain,
	"ServiceUnavailable":              tryAgain,
	"ServiceUnavailableException":     tryAgain,
	"XksProxyUriUnreachableException": "the external key store does not answer: check its proxy",

	"ExpiredTokenException":               "renew the client's AWS credentials",
	"UnrecognizedClientException":         "check the client's AWS credentials",
	"InvalidClientTokenId":                "check the client's AWS credentials",
	"InvalidSignatureException":           "check the client's AWS credentials, Region and clock",
	"IncompleteSignatureException":        "check the client's AWS credentials",
	"MissingAuthenticationToken":          "give the client AWS credentials",
	"MissingAuthenticationTokenException": "give the client AWS credentials",
}

// permissions says which permission each operation takes.
var permissions = map[string]string{
	opGenerateDataKey: "kms:GenerateDataKey on the key",
	opEncrypt:         "kms:Encrypt on the key",
	opDecrypt:         "kms:Decrypt on the key",
	opReEncrypt:       "kms:ReEncryptFrom on the source key and kms:ReEncryptTo on the destination key",
}

// nextStep says what to do about a call that failed.
func nextStep(ctx context.Context, e *CallError) string {
	code, answered := apiError(e.Err)
	switch {
	case code == codeAccessDenied:
		return "allow " + permissions[e.Operation] + ", in the key's policy and in the caller's IAM policy"
	case advice[code] != "":
		return advice[code]
	case failedItself(e.Err):
		return tryAgain
	case answered:
		return ""
	case ctx.Err() != nil:
		return "the caller's ctx ended before KMS had answered"
	default:
		return "check the client's network path to KMS, its endpoint, its timeouts and its credentials"
	}
}

// apiError returns the code of KMS's error, if it is one.
func apiError(err error) (code string, ok bool) {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return "", false
	}
	return api.ErrorCode(), true
}

// failedItself reports whether the fault is KMS's own.
func failedItself(err error) bool {
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorFault() == smithy.FaultServer {
		return true
	}
	return httpStatus(err) >= 500
}

// httpStatus returns the status of KMS's answer, 0 if it is not known.
func httpStatus(err error) int {
	r, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok {
		return 0
	}
	return r.HTTPStatusCode()
}

// refusesCiphertext reports whether KMS says that a ciphertext does not decrypt
// with the key and encryption context that were sent.
func refusesCiphertext(err error) bool {
	code, _ := apiError(err)
	return code == codeInvalidCiphertext || code == codeIncorrectKey
}
