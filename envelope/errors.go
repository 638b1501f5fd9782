package envelope

import (
	"fmt"

	"github.com/sealwax/sealwax/internal/fault"
)

// The categories of errors, for [errors.Is]. What went wrong in detail is in
// the text, in [FrameError] and in [github.com/sealwax/sealwax/keyring.NoDataKeyError].
var (
	// ErrFormat: the bytes are not a message, or something follows the message.
	ErrFormat = fault.ErrFormat
	// ErrAuthentication: the message was changed, or its key is not the
	// keyring's. An outage of the keyring never matches it.
	ErrAuthentication = fault.ErrAuthentication
	// ErrContext: the encryption context is not the message's, or cannot be used.
	ErrContext = fault.ErrContext
	// ErrPolicy: the message or the request is beyond what [Options] allow.
	ErrPolicy = fault.ErrPolicy
	// ErrTruncated: the message ends too early. It also matches
	// [io.ErrUnexpectedEOF].
	ErrTruncated = fault.ErrTruncated
	// ErrLength: the plaintext is not as long as [WithLength] announced, or
	// longer than a message, or memory, can hold.
	ErrLength = fault.ErrLength
)

// FrameError says which frame of a message failed.
type FrameError struct {
	Frame uint32 // sequence number; the first is 1
	Err   error
}

// Error names the frame.
func (e *FrameError) Error() string { return fmt.Sprintf("envelope: frame %d: %v", e.Frame, e.Err) }

// Unwrap returns Err.
func (e *FrameError) Unwrap() error { return e.Err }

// errorf returns an error of a category, with the package's prefix.
func errorf(category error, format string, args ...any) error {
	return fmt.Errorf("envelope: %w: %s", category, fmt.Sprintf(format, args...))
}

// wrap puts the package's prefix before an error that has none yet.
func wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("envelope: %w", err)
}

// joined matches all of its errors, and reads like the first.
type joined struct{ errs []error }

func (e *joined) Error() string   { return e.errs[0].Error() }
func (e *joined) Unwrap() []error { return e.errs }
