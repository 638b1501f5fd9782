package cache

import (
	"errors"
	"fmt"
)

// ErrClosed is matched by the errors of a closed cache.
var ErrClosed = errors.New("cache: closed")

// PanicError is a panic of the inner keyring. The goroutines that waited for
// the call panic with it; a refresh in the background reports it as its error.
// It is used as a pointer.
type PanicError struct {
	Value any    // what the inner keyring panicked with
	Stack []byte // where
}

// Error returns the panic's value and stack.
func (e *PanicError) Error() string {
	return fmt.Sprintf("cache: the inner keyring panicked: %v\n\n%s", e.Value, e.Stack)
}

// Unwrap returns the panic's value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// errNoAnswer stands for a call that ended its goroutine instead of returning.
var errNoAnswer = errors.New("the inner keyring did not return")
