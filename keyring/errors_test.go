package keyring_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sealwax/sealwax/internal/fault"
	"github.com/sealwax/sealwax/keyring"
)

// An outage never passes for a message that is not authentic.
func TestNoDataKeyErrorMatchesAuthenticationOnlyIfNothingElseFailed(t *testing.T) {
	mine, changed := fmt.Errorf("a: %w", keyring.ErrNotMine), fmt.Errorf("b: %w", keyring.ErrNotAuthentic)
	for _, tt := range []struct {
		what string
		errs []error
		want bool
	}{
		{"no attempt", nil, true},
		{"not mine", []error{mine}, true},
		{"not authentic", []error{changed}, true},
		{"both", []error{mine, changed, mine}, true},
		{"an outage", []error{errOutage}, false},
		{"an outage last", []error{mine, changed, errOutage}, false},
		{"an outage first", []error{errOutage, mine, changed}, false},
		{"cancelled", []error{mine, context.Canceled}, false},
		{"a deadline", []error{context.DeadlineExceeded, changed}, false},
	} {
		t.Run(tt.what, func(t *testing.T) {
			e := &keyring.NoDataKeyError{}
			for _, err := range tt.errs {
				e.Attempts = append(e.Attempts, keyring.Attempt{Err: err})
			}
			wrapped := fmt.Errorf("opening: %w", e)
			if got := errors.Is(wrapped, fault.ErrAuthentication); got != tt.want {
				t.Errorf("matches ErrAuthentication: %v, want %v", got, tt.want)
			}
			for _, category := range []error{fault.ErrFormat, fault.ErrContext, fault.ErrPolicy, fault.ErrTruncated} {
				if errors.Is(wrapped, category) {
					t.Errorf("matches %v", category)
				}
			}
			for _, err := range tt.errs {
				if !errors.Is(wrapped, err) {
					t.Errorf("does not match %v", err)
				}
			}
		})
	}
}

// The text is short whatever the message holds, has the prefix once, and no
// byte that could disturb a terminal or a log.
func TestNoDataKeyErrorText(t *testing.T) {
	nasty := keyring.EncryptedDataKey{
		ProviderID:   strings.Repeat("\x1b[31m\n", 1000),
		ProviderInfo: []byte(strings.Repeat("a", 10000) + "\x00\x01"),
	}
	aes := rawAES(t, "acme", "backup", count(0, 32))
	foreign := &keyring.NoDataKeyError{}
	failed := &keyring.NoDataKeyError{}
	for i := range 1000 {
		edk := nasty
		edk.ProviderInfo = append([]byte(fmt.Sprint(i)), edk.ProviderInfo...)
		foreign.Attempts = append(foreign.Attempts, keyring.Attempt{EDK: edk, Err: keyring.ErrNotMine})
		edk = keyring.EncryptedDataKey{ProviderID: "acme", ProviderInfo: []byte("backup\x00\x00\x00\x80\x00\x00\x00\x0c" + strings.Repeat("n", 12)), Ciphertext: make([]byte, 48)}
		_, err := aes.Unwrap(t.Context(), edk, 32, nil)
		failed.Attempts = append(failed.Attempts, keyring.Attempt{EDK: edk, Err: err})
	}
	for what, e := range map[string]error{"no attempt": &keyring.NoDataKeyError{}, "foreign": foreign, "failed": failed, "nil cause": &keyring.NoDataKeyError{Attempts: []keyring.Attempt{{}}}} {
		text := e.Error()
		if len(text) > 4000 {
			t.Errorf("%s: %d bytes", what, len(text))
		}
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("%s: control characters in %q", what, text)
		}
		if strings.Count(text, "keyring:") != 1 || !strings.HasPrefix(text, "keyring: ") {
			t.Errorf("%s: the prefix is not there once: %s", what, text)
		}
	}
}
