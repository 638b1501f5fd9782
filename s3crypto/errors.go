package s3crypto

import (
	"errors"
	"fmt"

	"github.com/aws/smithy-go"
)

// What can be asked of errors with [errors.Is], besides the categories of
// package envelope. Errors of S3 itself stay reachable with [errors.As].
var (
	// ErrNotEncrypted: the object is not a sealed message.
	ErrNotEncrypted = errors.New("object is not encrypted")
	// ErrChanged: the object was replaced or deleted while it was being read.
	ErrChanged = errors.New("object changed while it was read")
	// ErrMetadata: user metadata collides with this package's, or does not fit
	// beside it into what S3 allows.
	ErrMetadata = errors.New("metadata cannot be stored")
	// ErrChecksum: the plaintext does not have the checksum that the caller gave.
	ErrChecksum = errors.New("plaintext does not match its checksum")
	// ErrTooLarge: the object is longer than S3 allows, or a stream of unknown
	// length than the parts chosen for it.
	ErrTooLarge = errors.New("object is too large")
)

// UnsupportedError says that a field of an input has no meaning for an
// encrypted object, such as PartNumber in GetObject.
type UnsupportedError struct {
	Operation, Field string
	Reason           string // and what to do instead
}

// Error names the field.
func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("s3crypto: %s does not take %s: %s", e.Operation, e.Field, e.Reason)
}

// OtherFormatError says that an object carries the marks of a format that is
// not read here.
type OtherFormatError struct {
	Bucket, Key string
	Format      string // such as "Amazon S3 Encryption Client V2"
}

// Error names the format.
func (e *OtherFormatError) Error() string {
	return fmt.Sprintf("s3crypto: %s/%s has the metadata of the %s", e.Bucket, e.Key, e.Format)
}

// RangeError says that a range cannot be had: its syntax is not one range of
// bytes, or it begins past the end. As S3's own, it is a [smithy.APIError] with
// the code InvalidRange.
type RangeError struct {
	Range string
	Size  int64 // of the plaintext, in bytes; -1: the syntax was refused before anything was asked
}

// Error quotes the range.
func (e *RangeError) Error() string {
	if e.Size < 0 {
		return fmt.Sprintf("s3crypto: range %q is not one of bytes=a-b, bytes=a- and bytes=-n", e.Range)
	}
	return fmt.Sprintf("s3crypto: range %q is not within the %d bytes of the object", e.Range, e.Size)
}

// ErrorCode returns InvalidRange.
func (e *RangeError) ErrorCode() string { return "InvalidRange" }

// ErrorMessage returns the text.
func (e *RangeError) ErrorMessage() string { return e.Error() }

// ErrorFault blames the caller.
func (e *RangeError) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }

var _ smithy.APIError = (*RangeError)(nil)

// UploadError says what became of a failed upload.
type UploadError struct {
	Bucket, Key string
	UploadID    string // empty: no multipart upload was begun
	Err         error
	// AbortErr is why the multipart upload could not be aborted. Its parts are
	// still stored, and paid for, until someone aborts UploadID or a lifecycle
	// rule does.
	AbortErr error
	// Unknown is set if S3's answer to the last request was lost, and it cannot
	// be told whether the object was written. It is then either the whole new
	// object or the old one.
	Unknown bool
}

// Error says all of that.
func (e *UploadError) Error() string {
	text := fmt.Sprintf("s3crypto: upload of %s/%s: %v", e.Bucket, e.Key, e.Err)
	if e.Unknown {
		text += " (the answer was lost: the object may have been written)"
	}
	if e.AbortErr != nil {
		text += fmt.Sprintf(" (and upload %s could not be aborted: %v)", e.UploadID, e.AbortErr)
	}
	return text
}

// Unwrap returns Err and, if set, AbortErr.
func (e *UploadError) Unwrap() []error {
	if e.AbortErr == nil {
		return []error{e.Err}
	}
	return []error{e.Err, e.AbortErr}
}

// objectError puts the object's name before an error.
func objectError(bucket, key string, err error) error {
	return fmt.Errorf("s3crypto: %s/%s: %w", bucket, key, err)
}

// errorCode returns the code of an error of S3, or "".
func errorCode(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}
