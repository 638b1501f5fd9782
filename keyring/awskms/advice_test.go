package awskms

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"
)

// Every exception that KMS documents for the four operations comes with a next
// step. Encrypt and the others have none besides, but for DryRunOperationException:
// nobody asks for a dry run here.
func TestEveryExceptionOfKMSHasANextStep(t *testing.T) {
	documented := []smithy.APIError{
		&types.DependencyTimeoutException{},
		&types.DisabledException{},
		&types.IncorrectKeyException{},
		&types.InvalidCiphertextException{},
		&types.InvalidGrantTokenException{},
		&types.InvalidKeyUsageException{},
		&types.KeyUnavailableException{},
		&types.KMSInternalException{},
		&types.KMSInvalidStateException{},
		&types.NotFoundException{},
		&smithy.GenericAPIError{Code: "AccessDeniedException"},
		&smithy.GenericAPIError{Code: "ThrottlingException"},
		&smithy.GenericAPIError{Code: "ValidationException"},
		&smithy.GenericAPIError{Code: "UnheardOfException", Fault: smithy.FaultServer},
	}
	for _, operation := range []string{opGenerateDataKey, opEncrypt, opDecrypt, opReEncrypt} {
		for _, err := range documented {
			call := &CallError{Operation: operation, Err: err}
			require.NotEmpty(t, nextStep(t.Context(), call), "%s: %s", operation, err.ErrorCode())
		}
	}
}

// KMS answers ValidationException to a key's name that is malformed, too.
func TestValidationIsNotBlamedOnTheContextAlone(t *testing.T) {
	for _, what := range []string{"key's name", "encryption context"} {
		require.Contains(t, advice["ValidationException"], what)
	}
}

func TestEveryOperationHasItsPermission(t *testing.T) {
	for _, operation := range []string{opGenerateDataKey, opEncrypt, opDecrypt, opReEncrypt} {
		require.Contains(t, permissions[operation], "kms:"+operation)
	}
}

// A zero CallError, as a test double may make it, prints.
func TestZeroCallErrorPrints(t *testing.T) {
	require.NotEmpty(t, (&CallError{}).Error())
	require.Empty(t, (&CallError{}).Unwrap())
}
