package awskms

import (
	"errors"
	"fmt"
	"slices"
)

// Options are the knobs of every wrapping key of this package. Nil is the zero
// Options.
type Options struct {
	// GrantTokens go along with every call, for grants that are too young to be
	// known everywhere in KMS: at most 10, each of 1 to 8,192 bytes.
	GrantTokens []string
}

// KMS's own limits.
const (
	maxGrantTokens      = 10
	maxGrantTokenLength = 8192 // bytes
)

// grantTokens returns a checked copy of the tokens.
func (o *Options) grantTokens() ([]string, error) {
	if o == nil {
		return nil, nil
	}
	if n := len(o.GrantTokens); n > maxGrantTokens {
		return nil, fmt.Errorf("awskms: %d grant tokens, KMS takes at most %d", n, maxGrantTokens)
	}
	for i, t := range o.GrantTokens {
		if len(t) == 0 || len(t) > maxGrantTokenLength {
			return nil, fmt.Errorf("awskms: grant token %d has %d bytes, want 1 to %d", i, len(t), maxGrantTokenLength)
		}
	}
	return slices.Clone(o.GrantTokens), nil
}

var errNoClient = errors.New("awskms: the client is nil, want a *kms.Client (kms.NewFromConfig)")
