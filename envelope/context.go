package envelope

import (
	"maps"
	"strings"

	"github.com/sealwax/sealwax/internal/message"
	"github.com/sealwax/sealwax/keyring"
)

// checkSealingContext refuses a context that cannot be sealed.
func (c *Client) checkSealingContext(ec Context) error {
	for name := range ec {
		if strings.HasPrefix(name, keyring.ReservedPrefix) {
			return errorf(ErrContext, "name %.60q begins with %s, which is reserved", name, keyring.ReservedPrefix)
		}
	}
	for _, name := range c.opts.UnstoredContext {
		if _, ok := ec[name]; !ok {
			return errorf(ErrContext, "pair %.60q, which Options.UnstoredContext names, is missing", name)
		}
	}
	return checkSerializable(ec)
}

func checkSerializable(ec Context) error {
	if _, err := message.ContextLength(ec); err != nil {
		return errorf(ErrContext, "%v", err)
	}
	return nil
}

// splitStored parts a context to be sealed into the pairs that the header
// stores and the serialization of those that it does not.
func (c *Client) splitStored(ec Context) (stored Context, unstored []byte, err error) {
	if len(c.unstored) == 0 {
		return ec, nil, nil
	}
	stored, kept := make(Context, len(ec)), make(Context)
	for name, value := range ec {
		if c.unstored[name] {
			kept[name] = value
		} else {
			stored[name] = value
		}
	}
	unstored, err = message.AppendContext(nil, kept)
	return stored, unstored, err
}

// matchedContext is how the contexts of caller and header fit together.
type matchedContext struct {
	full     Context // what the keyring is asked with
	unstored []byte  // serialization of the caller's pairs that the header lacks
}

// matchContext compares the header's pairs with the caller's, before any key
// call. stored includes a signed suite's public key, which is not the caller's
// to give.
func (c *Client) matchContext(stored, given Context, signed bool) (matchedContext, error) {
	var extra Context
	for name, value := range given {
		got, ok := stored[name]
		switch {
		case ok && got != value:
			return matchedContext{}, errorf(ErrContext, "pair %.60q has another value in the message", name)
		case ok:
			continue
		case strings.HasPrefix(name, keyring.ReservedPrefix):
			return matchedContext{}, errorf(ErrContext, "name %.60q begins with %s, which is reserved", name, keyring.ReservedPrefix)
		case c.opts.ContextMatch == MatchSubset && !c.unstored[name]:
			return matchedContext{}, errorf(ErrContext, "the message has no pair %.60q", name)
		}
		if extra == nil {
			extra = make(Context)
		}
		extra[name] = value
	}
	if c.opts.ContextMatch == MatchExact {
		for name := range stored {
			if _, ok := given[name]; !ok && !(signed && name == keyring.PublicKeyName) {
				return matchedContext{}, errorf(ErrContext, "the message has a pair %.60q that the caller did not give; see Options.ContextMatch", name)
			}
		}
	}
	if extra == nil {
		return matchedContext{full: stored}, nil
	}
	unstored, err := message.AppendContext(nil, extra)
	if err != nil {
		return matchedContext{}, errorf(ErrContext, "%v", err)
	}
	maps.Copy(extra, stored)
	if err := checkSerializable(extra); err != nil {
		return matchedContext{}, err
	}
	return matchedContext{full: extra, unstored: unstored}, nil
}
