package awskms

import (
	"errors"
	"fmt"
	"strings"
)

// identifier names a KMS key in one of the four ways that KMS knows.
type identifier struct {
	text string // as configured, and as sent to KMS
	kind identifierKind
	arn  arn // of a keyARN or aliasARN
}

type identifierKind int

const (
	keyARN    identifierKind = iota // arn:…:key/id
	aliasARN                        // arn:…:alias/name
	aliasName                       // alias/name
	keyID                           // id
)

// parseIdentifier reads a configured key name.
func parseIdentifier(s string) (identifier, error) {
	id, err := classify(s)
	if err != nil {
		return identifier{}, fmt.Errorf("awskms: key %.120q: %w; want a key ARN, alias ARN, alias/name or key id", s, err)
	}
	return id, nil
}

func classify(s string) (identifier, error) {
	if err := checkIdentifierText(s); err != nil {
		return identifier{}, err
	}
	if strings.HasPrefix(s, "arn:") {
		a, err := parseARN(s)
		if err != nil {
			return identifier{}, err
		}
		return identifierOf(a), nil
	}
	if name, ok := strings.CutPrefix(s, "alias/"); ok {
		if name == "" || strings.Contains(name, ":") {
			return identifier{}, errors.New("not an alias name")
		}
		return identifier{text: s, kind: aliasName}, nil
	}
	if strings.ContainsAny(s, ":/") {
		return identifier{}, errors.New("not a key id")
	}
	return identifier{text: s, kind: keyID}, nil
}

func identifierOf(a arn) identifier {
	id := identifier{text: a.text, kind: keyARN, arn: a}
	if a.kind == kindAlias {
		id.kind = aliasARN
	}
	return id
}

// permits reports whether a can be the key that the identifier names, as far as
// that is known without asking KMS. An alias has the partition, Region and
// account of its key; of an alias without ARN nothing is known.
func (id identifier) permits(a arn) bool {
	switch id.kind {
	case keyARN:
		return a.text == id.text
	case aliasARN:
		return a.sameAccount(id.arn)
	case keyID:
		return a.id == id.text
	default:
		return true
	}
}

// sameKey reports whether both are known to name one key of one Region and
// account, which all calls of a client go to. What an alias names is not known.
func (id identifier) sameKey(other identifier) bool {
	if id.kind == keyID && other.kind == keyARN {
		return id.text == other.arn.id
	}
	if id.kind == keyARN && other.kind == keyID {
		return id.arn.id == other.text
	}
	return id.text == other.text
}

// isAlias reports whether the identifier can come to name another key.
func (id identifier) isAlias() bool { return id.kind == aliasARN || id.kind == aliasName }
