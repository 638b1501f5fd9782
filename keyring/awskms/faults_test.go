package awskms_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyring"
	"github.com/sealwax/sealwax/keyring/awskms"
	"github.com/sealwax/sealwax/keyring/localkms"
)

// operations are the methods of a Key, by the operation of KMS that each calls.
var operations = map[string]func(ctx context.Context, key *awskms.Key, edk keyring.EncryptedDataKey) error{
	"GenerateDataKey": func(ctx context.Context, key *awskms.Key, _ keyring.EncryptedDataKey) error {
		_, _, err := key.Generate(ctx, 32, orders)
		return err
	},
	"Encrypt": func(ctx context.Context, key *awskms.Key, _ keyring.EncryptedDataKey) error {
		_, err := key.Wrap(ctx, keyring.NewDataKey(secretBytes(32)), orders)
		return err
	},
	"Decrypt": func(ctx context.Context, key *awskms.Key, edk keyring.EncryptedDataKey) error {
		_, err := key.Unwrap(ctx, edk, 32, orders)
		return err
	},
	"ReEncrypt": func(ctx context.Context, key *awskms.Key, edk keyring.EncryptedDataKey) error {
		_, err := key.Rewrap(ctx, key, edk, orders)
		return err
	},
}

// everyOperation runs a test of a failure for each operation, with a key whose
// encrypted data key opens as long as nothing fails.
func everyOperation(t *testing.T, b *backend, test func(t *testing.T, operation string, call func(context.Context) error, key *awskms.Key)) {
	t.Helper()
	key := b.key(t, b.newKey(t, ""))
	_, edk, err := key.Generate(t.Context(), 32, orders)
	require.NoError(t, err)
	for operation, call := range operations {
		t.Run(operation, func(t *testing.T) {
			test(t, operation, func(ctx context.Context) error { return call(ctx, key, edk) }, key)
		})
	}
}

// failed checks the facts of a failed call, and returns them.
func failed(t *testing.T, err error, operation, keyID string) *awskms.CallError {
	t.Helper()
	call, ok := errors.AsType[*awskms.CallError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, operation, call.Operation)
	require.Equal(t, keyID, call.KeyID)
	require.Contains(t, err.Error(), keyID)
	require.NotContains(t, err.Error(), "\n")
	return call
}

func reaches[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// The SDK has no type for those with a nil typed.
var outages = []struct {
	err   error
	typed func(error) bool
}{
	{&types.NotFoundException{}, reaches[*types.NotFoundException]},
	{&types.DisabledException{}, reaches[*types.DisabledException]},
	{&types.KMSInvalidStateException{}, reaches[*types.KMSInvalidStateException]},
	{&types.KeyUnavailableException{}, reaches[*types.KeyUnavailableException]},
	{&types.InvalidKeyUsageException{}, reaches[*types.InvalidKeyUsageException]},
	{&types.InvalidGrantTokenException{}, reaches[*types.InvalidGrantTokenException]},
	{&types.KMSInternalException{}, reaches[*types.KMSInternalException]},
	{&types.DependencyTimeoutException{}, reaches[*types.DependencyTimeoutException]},
	{&types.LimitExceededException{}, nil},
	{&types.InvalidArnException{}, nil},
	{&types.UnsupportedOperationException{}, nil},
	{&types.XksProxyUriUnreachableException{}, nil},
	{coded("AccessDeniedException"), nil},
	{coded("ThrottlingException"), nil},
	{coded("ValidationException"), nil},
	{coded("ExpiredTokenException"), nil},
	{coded("UnrecognizedClientException"), nil},
	{coded("InvalidSignatureException"), nil},
	{coded("ServiceUnavailableException"), nil},
	{coded("SomethingNewException"), nil},
}

func coded(code string) error {
	return &smithy.GenericAPIError{Code: code, Message: "said KMS\r\n" + strings.Repeat("x", 5000), Fault: smithy.FaultClient}
}

func TestFaultsOfKMSSayNothingAboutTheMessage(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		everyOperation(t, b, func(t *testing.T, operation string, call func(context.Context) error, key *awskms.Key) {
			for _, tt := range outages {
				code := tt.err.(smithy.APIError).ErrorCode()
				t.Run(code, func(t *testing.T) {
					b.kms.SetFault(operation, func(context.Context) error { return tt.err })
					defer b.kms.SetFault(operation, nil)
					err := call(t.Context())
					outage(t, err)
					require.NotErrorIs(t, err, awskms.ErrBadAnswer)
					failed(t, err, operation, key.String())
					api, ok := errors.AsType[smithy.APIError](err)
					require.True(t, ok)
					require.Equal(t, code, api.ErrorCode())
					require.Contains(t, err.Error(), code)
					require.Less(t, len(err.Error()), 2000, "a server does not flood the text")
					if tt.typed != nil {
						require.True(t, tt.typed(err), "the SDK's type is reachable")
					}
				})
			}
		})
	})
}

func TestRefusedCiphertextsAreNotAuthentic(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		everyOperation(t, b, func(t *testing.T, operation string, call func(context.Context) error, key *awskms.Key) {
			for _, refusal := range []error{&types.InvalidCiphertextException{}, &types.IncorrectKeyException{}} {
				b.kms.SetFault(operation, func(context.Context) error { return refusal })
				err := call(t.Context())
				b.kms.SetFault(operation, nil)
				failed(t, err, operation, key.String())
				if operation == "Decrypt" || operation == "ReEncrypt" {
					notAuthentic(t, err)
					continue
				}
				outage(t, err) // there was no ciphertext to refuse
			}
		})
	})
}

func TestDeniedCallNamesThePermission(t *testing.T) {
	permissions := map[string][]string{
		"GenerateDataKey": {"kms:GenerateDataKey"},
		"Encrypt":         {"kms:Encrypt"},
		"Decrypt":         {"kms:Decrypt"},
		"ReEncrypt":       {"kms:ReEncryptFrom", "kms:ReEncryptTo"},
	}
	everyBackend(t, func(t *testing.T, b *backend) {
		everyOperation(t, b, func(t *testing.T, operation string, call func(context.Context) error, _ *awskms.Key) {
			b.kms.SetFault(operation, localkms.Denied())
			defer b.kms.SetFault(operation, nil)
			err := call(t.Context())
			outage(t, err)
			for _, p := range permissions[operation] {
				require.Contains(t, err.Error(), p)
			}
		})
	})
}

func TestStatesOfKeys(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		for name, tt := range map[string]struct {
			change func(id *string) error
			typed  func(error) bool
		}{
			"disabled": {func(id *string) error {
				_, err := b.kms.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: id})
				return err
			}, reaches[*types.DisabledException]},
			"pending deletion": {func(id *string) error {
				_, err := b.kms.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: id})
				return err
			}, reaches[*types.KMSInvalidStateException]},
		} {
			t.Run(name, func(t *testing.T) {
				key := b.key(t, b.newKey(t, ""))
				_, edk, err := key.Generate(t.Context(), 32, orders)
				require.NoError(t, err)
				require.NoError(t, tt.change(aws.String(key.String())))
				for operation, call := range operations {
					err := call(t.Context(), key, edk)
					outage(t, err)
					failed(t, err, operation, key.String())
					require.True(t, tt.typed(err))
				}
			})
		}
	})
}

func TestKeysThatKMSDoesNotHave(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		hmac, err := b.kms.CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: types.KeySpecHmac256, KeyUsage: types.KeyUsageTypeGenerateVerifyMac})
		require.NoError(t, err)
		for name, tt := range map[string]struct {
			keyID string
			typed func(error) bool
		}{
			"no such key":    {keyOne, reaches[*types.NotFoundException]},
			"no such id":     {idOne, reaches[*types.NotFoundException]},
			"no such alias":  {"alias/none", reaches[*types.NotFoundException]},
			"another Region": {mrkEast, reaches[*types.NotFoundException]},
			"an HMAC key":    {*hmac.KeyMetadata.Arn, reaches[*types.InvalidKeyUsageException]},
		} {
			t.Run(name, func(t *testing.T) {
				key := b.key(t, tt.keyID)
				_, _, err := key.Generate(t.Context(), 32, orders)
				outage(t, err)
				failed(t, err, "GenerateDataKey", tt.keyID)
				require.True(t, tt.typed(err), "%v", err)
			})
		}
	})
}

func TestCancelledCalls(t *testing.T) {
	everyBackend(t, func(t *testing.T, b *backend) {
		everyOperation(t, b, func(t *testing.T, operation string, call func(context.Context) error, key *awskms.Key) {
			t.Run("before", func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				err := call(ctx)
				require.ErrorIs(t, err, context.Canceled)
				outage(t, err)
				failed(t, err, operation, key.String())
			})
			t.Run("meanwhile", func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				b.kms.SetFault(operation, func(fault context.Context) error {
					cancel()
					<-fault.Done()
					return fault.Err()
				})
				defer b.kms.SetFault(operation, nil)
				err := call(ctx)
				require.ErrorIs(t, err, context.Canceled)
				outage(t, err)
				failed(t, err, operation, key.String())
			})
			t.Run("past the deadline", func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				defer cancel()
				b.kms.SetFault(operation, localkms.Delayed(time.Hour))
				defer b.kms.SetFault(operation, nil)
				err := call(ctx)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				outage(t, err)
				failed(t, err, operation, key.String())
			})
		})
	})
}

// A client of the user's may give up without saying that ctx was the reason.
func TestEndedContextIsReachableWhateverTheClientSays(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	client := &scripted{err: errors.New("gave up")}
	key, err := awskms.New(client, keyOne, nil)
	require.NoError(t, err)
	_, _, err = key.Generate(ctx, 32, nil)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, client.err)
}

func TestTimeoutOfTheHTTPClient(t *testing.T) {
	k := newKMS(t)
	k.SetFault("*", localkms.Delayed(time.Hour))
	server := httptest.NewServer(k)
	t.Cleanup(server.Close)
	client := sdkClient(t, server.URL, home)
	hurried := kms.New(client.Options(), func(o *kms.Options) {
		o.HTTPClient = &http.Client{Transport: o.HTTPClient.(*http.Client).Transport, Timeout: time.Millisecond}
	})
	key, err := awskms.New(hurried, keyOne, nil)
	require.NoError(t, err)
	_, err = key.Unwrap(t.Context(), edkOf(keyOne), 32, orders)
	outage(t, err)
	failed(t, err, "Decrypt", keyOne)
}

func TestEndpointsThatAreNoKMS(t *testing.T) {
	plaintext := secretBytes(32)
	encoded := base64.StdEncoding.EncodeToString(plaintext)
	for name, handler := range map[string]http.HandlerFunc{
		"an error page": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, "<html>try later</html>")
		},
		"a page": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>hello</html>") },
		"nothing": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		},
		"an answer cut short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-amz-json-1.1")
			fmt.Fprintf(w, `{"Plaintext":"%s","CiphertextBlob":"%s","KeyId":"%s`, encoded, encoded, keyOne)
		},
		"an answer with another type": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-amz-json-1.1")
			fmt.Fprintf(w, `{"Plaintext":"%s","CiphertextBlob":"%s","KeyId":7}`, encoded, encoded)
		},
		"a cut connection": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(handler)
			t.Cleanup(server.Close)
			key, err := awskms.New(sdkClient(t, server.URL, home), keyOne, nil)
			require.NoError(t, err)
			for operation, call := range operations {
				err := call(t.Context(), key, edkOf(keyOne))
				outage(t, err)
				failed(t, err, operation, keyOne)
				require.NotContains(t, err.Error(), encoded)
				if d, ok := errors.AsType[*smithy.DeserializationError](err); ok {
					require.Empty(t, d.Snapshot, "the answer may hold a data key")
				}
			}
		})
	}
}

func TestUnreachableKMS(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	key, err := awskms.New(sdkClient(t, server.URL, home), keyOne, nil)
	require.NoError(t, err)
	for operation, call := range operations {
		err := call(t.Context(), key, edkOf(keyOne))
		outage(t, err)
		failed(t, err, operation, keyOne)
	}
}
