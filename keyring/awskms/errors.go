package awskms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/sealwax/sealwax/keyring"
)

// ErrBadAnswer is matched by the error for an answer of KMS that is not what was
// asked for: of another key, of another length, or with parts missing. No KMS
// gives one; look for what stands between the client and KMS.
var ErrBadAnswer = errors.New("awskms: answer of KMS is not what was asked for")

// CallError is a call to KMS that failed, or whose answer was refused. It is used
// as a pointer. It matches [keyring.ErrNotAuthentic] if KMS says that the
// encrypted data key does not verify, which an alias that names another key than
// the one that made it does not tell; and [ErrBadAnswer]. Through Err,
// [errors.As] reaches the SDK's typed errors.
type CallError struct {
	Operation   string // "GenerateDataKey", "Encrypt", "Decrypt" or "ReEncrypt"
	KeyID       string // as sent to KMS; for ReEncrypt the destination
	SourceKeyID string // as sent to KMS; ReEncrypt only
	Err         error  // the SDK's error, or what is wrong with the answer

	category error  // keyring.ErrNotAuthentic, ErrBadAnswer or nil
	next     string // what to do about it
}

// Error says what was called, how it failed, and what to do.
func (e *CallError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "awskms: %s with %s", e.Operation, e.KeyID)
	if e.SourceKeyID != "" {
		fmt.Fprintf(&b, " from %s", e.SourceKeyID)
	}
	fmt.Fprintf(&b, ": %s", cause(e.Err))
	if e.next != "" {
		fmt.Fprintf(&b, "; %s", e.next)
	}
	return b.String()
}

// Unwrap returns Err and the category.
func (e *CallError) Unwrap() []error {
	return slices.DeleteFunc([]error{e.Err, e.category}, func(err error) bool { return err == nil })
}

// maxCauseLength bounds what a server can write into our errors, in runes.
const maxCauseLength = 600

// cause renders the SDK's errors without their layers: the operation is named
// already, the request id is what AWS support asks for.
func cause(err error) string {
	if err == nil {
		return "no cause given"
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return oneLine(innermost(err))
	}
	text := api.ErrorCode()
	if m := api.ErrorMessage(); m != "" {
		text += ": " + m
	}
	text = oneLine(text)
	if r, ok := errors.AsType[requestIdentifier](err); ok && r.ServiceRequestID() != "" {
		text += oneLine(" (request id " + r.ServiceRequestID() + ")")
	}
	return text
}

// innermost renders what is below the SDK's layers of an error without answer.
func innermost(err error) string {
	if _, ok := errors.AsType[*smithy.DeserializationError](err); ok {
		// Its text may quote the answer, which may hold a data key.
		return fmt.Sprintf("the answer, of HTTP status %d, cannot be read", httpStatus(err))
	}
	if op, ok := errors.AsType[*smithy.OperationError](err); ok && op.Err != nil {
		err = op.Err
	}
	if r, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && r.Err != nil {
		err = r.Err
	}
	return err.Error()
}

// oneLine cuts text to its bound and replaces what would break a log's lines.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, fmt.Sprintf("%.*s", maxCauseLength, text))
}

// requestIdentifier is the SDK's HTTP response error.
type requestIdentifier interface {
	error
	ServiceRequestID() string
}

// refusal is an error that arises without a call. Its text is its own: the
// category's would repeat the package prefix.
type refusal struct {
	text     string
	category error
}

func (r *refusal) Error() string { return "awskms: " + r.text }
func (r *refusal) Unwrap() error { return r.category }

func notMine(format string, args ...any) error {
	return &refusal{fmt.Sprintf(format, args...), keyring.ErrNotMine}
}

func notAuthentic(format string, args ...any) error {
	return &refusal{fmt.Sprintf(format, args...), keyring.ErrNotAuthentic}
}

func unsupported(format string, args ...any) error {
	return &refusal{fmt.Sprintf(format, args...), errors.ErrUnsupported}
}

// failed completes a CallError whose call did not succeed.
func (e *CallError) failed(ctx context.Context, err error) error {
	forgetSnapshot(err)
	e.Err = err
	_, answered := apiError(err)
	if ctxErr := ctx.Err(); ctxErr != nil && !answered && !errors.Is(err, ctxErr) {
		e.Err = fmt.Errorf("%w: %w", ctxErr, err)
	}
	e.next = nextStep(ctx, e)
	if opens(e.Operation) && refusesCiphertext(err) {
		e.category = keyring.ErrNotAuthentic
	}
	return e
}

// badAnswer completes a CallError whose answer was refused.
func (e *CallError) badAnswer(format string, args ...any) error {
	e.Err = fmt.Errorf(format, args...)
	e.category = ErrBadAnswer
	e.next = "check what stands between this client and KMS (endpoint, proxy)"
	return e
}

// notAuthentic completes a CallError whose answer shows that the encrypted data
// key is not what it says.
func (e *CallError) notAuthentic(next, format string, args ...any) error {
	e.Err = fmt.Errorf(format, args...)
	e.category = keyring.ErrNotAuthentic
	e.next = next
	return e
}

// forgetSnapshot drops the copy of a response's first bytes that the SDK keeps
// when it cannot parse them: they may hold a data key.
func forgetSnapshot(err error) {
	if d, ok := errors.AsType[*smithy.DeserializationError](err); ok {
		clear(d.Snapshot)
		d.Snapshot = nil
	}
}

func opens(operation string) bool { return operation == opDecrypt || operation == opReEncrypt }
