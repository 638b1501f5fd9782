package message

import (
	"errors"
	"fmt"
	"io"

	"github.com/sealwax/sealwax/internal/fault"
)

// Error is a parser's refusal: a category, and what was found.
type Error struct {
	Category error // one of package fault's
	Text     string
	Cause    error // may be nil
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Text + ": " + e.Cause.Error()
	}
	return e.Text
}

// Unwrap returns the category and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause != nil {
		return []error{e.Category, e.Cause}
	}
	return []error{e.Category}
}

func formatErrorf(format string, args ...any) error {
	return &Error{Category: fault.ErrFormat, Text: fmt.Sprintf(format, args...)}
}

func policyErrorf(format string, args ...any) error {
	return &Error{Category: fault.ErrPolicy, Text: fmt.Sprintf(format, args...)}
}

// Truncated says that the message ended within the named part.
func Truncated(part string) error {
	return &Error{Category: fault.ErrTruncated, Text: "message ends within its " + part, Cause: io.ErrUnexpectedEOF}
}

// readError turns an error of the source into a refusal: an end of the source
// is a truncation, anything else stays what it is.
func readError(part string, err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return Truncated(part)
	}
	return fmt.Errorf("reading the %s: %w", part, err)
}
