package keyring

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sealwax/sealwax/internal/fault"
)

var (
	// ErrNotMine is matched by a WrappingKey's error for an EDK that another key made.
	ErrNotMine = errors.New("keyring: encrypted data key of another wrapping key")
	// ErrOpenOnly is matched by the error of a WrappingKey that can unwrap but not wrap.
	ErrOpenOnly = errors.New("keyring: wrapping key can only open")
	// ErrNotAuthentic is matched by a WrappingKey's error for an EDK that is its
	// own but does not verify: it was changed, or it belongs to another
	// encryption context.
	ErrNotAuthentic = errors.New("keyring: encrypted data key does not verify")
)

// prefix begins the text of this package's errors, once.
const prefix = "keyring: "

// failure is an error with a text of its own: what it matches does not show.
type failure struct {
	text  string
	kind  error // sentinel or category that it matches; may be nil
	cause error // may be nil
}

func failuref(kind error, format string, args ...any) error {
	return &failure{text: prefix + fmt.Sprintf(format, args...), kind: kind}
}

func (f *failure) Error() string { return f.text }

func (f *failure) Unwrap() []error {
	var errs []error
	for _, err := range []error{f.kind, f.cause} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// withoutPrefix is the text of an error that becomes part of another.
func withoutPrefix(err error) string { return strings.TrimPrefix(fmt.Sprint(err), prefix) }

// Attempt is one wrapping key's failure to unwrap one encrypted data key.
type Attempt struct {
	EDK EncryptedDataKey
	Err error
}

// NoDataKeyError says that no wrapping key of a ring could unwrap any encrypted
// data key of a message. It is used as a pointer.
//
// It matches envelope.ErrAuthentication only if every attempt ended with
// [ErrNotMine] or [ErrNotAuthentic]: where a call failed for another reason (an
// outage, a missing permission, a cancelled context), whether the message is
// authentic is not known.
type NoDataKeyError struct {
	Attempts []Attempt // in the order in which they were made; may be empty
}

// Error names each attempt that failed for a reason other than [ErrNotMine],
// and what to do.
func (e *NoDataKeyError) Error() string {
	var b strings.Builder
	b.WriteString("keyring: no wrapping key opens this message")
	tried, foreign := 0, 0
	for _, a := range e.Attempts {
		if errors.Is(a.Err, ErrNotMine) {
			foreign++
			continue
		}
		if tried++; tried <= maxAttemptsInText {
			b.WriteString("; " + withoutPrefix(a.Err))
		}
	}
	if tried > maxAttemptsInText {
		fmt.Fprintf(&b, "; and %d more", tried-maxAttemptsInText)
	}
	if tried == 0 {
		fmt.Fprintf(&b, ": none of its encrypted data keys is of a key in the ring%s; add the key that sealed it", e.providers())
	}
	return b.String()
}

const maxAttemptsInText = 4

// providers lists, for the error's text, where the message's EDKs come from.
func (e *NoDataKeyError) providers() string {
	var names []string
	seen := map[string]bool{}
	for _, a := range e.Attempts {
		name := fmt.Sprintf("%.40q %.120q", a.EDK.ProviderID, printableInfo(a.EDK.ProviderInfo))
		if seen[name] {
			continue
		}
		seen[name] = true
		if names = append(names, name); len(names) == maxAttemptsInText {
			break
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " (they are of " + strings.Join(names, ", ") + ")"
}

// printableInfo cuts provider info before its first byte that is not printable
// ASCII: raw AES keys put binary fields behind their name.
func printableInfo(info []byte) string {
	for i, c := range info {
		if c < 0x20 || c > 0x7e {
			return string(info[:i])
		}
	}
	return string(info)
}

// Unwrap returns the attempts' errors.
func (e *NoDataKeyError) Unwrap() []error {
	errs := make([]error, len(e.Attempts))
	for i, a := range e.Attempts {
		errs[i] = a.Err
		if errors.Is(a.Err, fault.ErrAuthentication) {
			errs[i] = attemptError{a.Err}
		}
	}
	return errs
}

// attemptError keeps one attempt from speaking for all: whether the message is
// authentic is for [NoDataKeyError.Is] to say.
type attemptError struct{ err error }

func (e attemptError) Error() string { return e.err.Error() }

func (e attemptError) Is(target error) bool {
	return target != fault.ErrAuthentication && errors.Is(e.err, target)
}

func (e attemptError) As(target any) bool { return errors.As(e.err, target) }

// Is makes the error match the authentication category if nothing but the
// message itself can be the reason.
func (e *NoDataKeyError) Is(target error) bool {
	if target != fault.ErrAuthentication {
		return false
	}
	for _, a := range e.Attempts {
		if !errors.Is(a.Err, ErrNotMine) && !errors.Is(a.Err, ErrNotAuthentic) {
			return false
		}
	}
	return true
}
