package localkms

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
)

// Every message starts with the package's name, so that nobody takes an answer of localkms for one of AWS.
func message(format string, args ...any) *string {
	s := "localkms: " + fmt.Sprintf(format, args...)
	return &s
}

var errClosed = errors.New("localkms: the kms is closed; make another one with New")

// invalid is the ValidationException, for which the SDK has no type of its own.
func invalid(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "ValidationException", Message: *message(format, args...), Fault: smithy.FaultClient}
}

// malformed is the answer to a body that is not the operation's JSON.
func malformed(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "SerializationException", Message: *message(format, args...), Fault: smithy.FaultClient}
}

func unknownOperation(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "UnknownOperationException", Message: *message(format, args...), Fault: smithy.FaultClient}
}

// accessDenied is what KMS answers to a ciphertext whose key it cannot find, too.
func accessDenied(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "AccessDeniedException", Message: *message(format, args...), Fault: smithy.FaultClient}
}

func internal(err error) error {
	return &types.KMSInternalException{Message: message("%v", err)}
}

func notFound(format string, args ...any) error {
	return &types.NotFoundException{Message: message(format, args...)}
}

func invalidArn(format string, args ...any) error {
	return &types.InvalidArnException{Message: message(format, args...)}
}

func alreadyExists(format string, args ...any) error {
	return &types.AlreadyExistsException{Message: message(format, args...)}
}

func invalidAliasName(format string, args ...any) error {
	return &types.InvalidAliasNameException{Message: message(format, args...)}
}

func limitExceeded(format string, args ...any) error {
	return &types.LimitExceededException{Message: message(format, args...)}
}

func disabled(arn string) error {
	return &types.DisabledException{Message: message("%s is disabled; EnableKey makes it usable again", arn)}
}

func invalidState(format string, args ...any) error {
	return &types.KMSInvalidStateException{Message: message(format, args...)}
}

func invalidKeyUsage(format string, args ...any) error {
	return &types.InvalidKeyUsageException{Message: message(format, args...)}
}

func unsupported(format string, args ...any) error {
	return &types.UnsupportedOperationException{Message: message(format, args...)}
}

func invalidGrantToken(format string, args ...any) error {
	return &types.InvalidGrantTokenException{Message: message(format, args...)}
}

func invalidGrantID(id string) error {
	return &types.InvalidGrantIdException{Message: message("%q is not a grant id; it has 64 hexadecimal digits", id)}
}

func invalidMarker() error {
	return &types.InvalidMarkerException{Message: message("the marker is not one that an earlier answer gave as NextMarker")}
}

func invalidTag(format string, args ...any) error {
	return &types.TagException{Message: message(format, args...)}
}

func malformedPolicy() error {
	return &types.MalformedPolicyDocumentException{Message: message("the policy is not a JSON object")}
}

func incorrectKey(arn string) error {
	return &types.IncorrectKeyException{Message: message("%s did not make this ciphertext; name the key that did", arn)}
}

// invalidCiphertext is the one answer to all that is wrong with a ciphertext, as with KMS: which of the reasons it was
// would help a forger.
func invalidCiphertext() error {
	return &types.InvalidCiphertextException{Message: message("the ciphertext was not made by this kms, was altered, or was made under another encryption context")}
}

// endDryRun is the error that ends a dry run; the secret that would have been its answer is cleared. Without dry it is
// nil, and the secret stays.
func endDryRun(dry *bool, secret []byte) error {
	if dry == nil || !*dry {
		return nil
	}
	clear(secret)
	return dryRun()
}

func dryRun() error {
	return &types.DryRunOperationException{Message: message("the request would have succeeded, but DryRun is set")}
}

func noCustomKeyStore(id string) error {
	return &types.CustomKeyStoreNotFoundException{Message: message("there is no custom key store %s; localkms has none at all", id)}
}

func noEnclaves() error {
	return unsupported("Recipient is not supported: localkms knows no Nitro enclaves")
}
