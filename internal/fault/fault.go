// Package fault holds the categories of errors that more than one public
// package must be able to name. Package envelope exports them.
package fault

import "errors"

// The categories. Each concrete error matches exactly one of them, except that
// a wrong encryption context which only shows in a failed verification matches
// both ErrAuthentication and ErrContext.
var (
	ErrFormat         = errors.New("malformed message")
	ErrAuthentication = errors.New("message is not authentic")
	ErrContext        = errors.New("encryption context does not match")
	ErrPolicy         = errors.New("refused by policy")
	ErrLength         = errors.New("plaintext length does not fit")
	ErrTruncated      = errors.New("message is truncated")
)
