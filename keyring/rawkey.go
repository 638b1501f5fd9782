package keyring

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// maxField bounds an EDK's provider id, provider info and ciphertext, in bytes:
// a header gives their lengths as unsigned 16-bit numbers.
const maxField = math.MaxUint16

// kmsPrefix begins the provider ids that KMS keys keep for themselves.
const kmsPrefix = "aws-kms"

// identity is what a raw key is known by. It is public: it stands in messages.
type identity struct {
	namespace, name string
	text            string // "raw AES key "acme" "backup-2026""
	notMine         error  // made once, for it is answered for every EDK of another key
}

// newIdentity checks the names of a raw key. infoLength is the number of bytes
// that the key adds to its name in an EDK's provider info.
func newIdentity(kind, namespace, name string, infoLength int) (identity, error) {
	for _, field := range []struct {
		what, s string
		max     int
	}{
		{"namespace", namespace, maxField},
		{"name", name, maxField - infoLength},
	} {
		switch {
		case field.s == "":
			return identity{}, fmt.Errorf("keyring: %s: the %s is empty", kind, field.what)
		case len(field.s) > field.max:
			return identity{}, fmt.Errorf("keyring: %s: the %s has %d bytes, at most %d are possible", kind, field.what, len(field.s), field.max)
		case !utf8.ValidString(field.s):
			return identity{}, fmt.Errorf("keyring: %s: the %s is not valid UTF-8", kind, field.what)
		}
	}
	if strings.HasPrefix(namespace, kmsPrefix) {
		return identity{}, fmt.Errorf("keyring: %s: the namespace begins with %q, which is kept for KMS keys: choose another", kind, kmsPrefix)
	}
	id := identity{namespace: namespace, name: name, text: fmt.Sprintf("%s %.60q %.120q", kind, namespace, name)}
	id.notMine = id.failure(ErrNotMine, "the encrypted data key is another key's")
	return id, nil
}

// failure returns an error that names the key and matches kind, which may be nil.
func (id *identity) failure(kind error, what string) error {
	return &failure{text: prefix + id.text + ": " + what, kind: kind}
}

// redacted is how the key prints.
func (id *identity) redacted() string { return id.text + " " + redacted }

var errNoDataKey = errors.New("keyring: the data key to wrap is empty or destroyed")
