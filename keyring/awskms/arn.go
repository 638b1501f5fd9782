package awskms

import (
	"errors"
	"fmt"
	"strings"
)

// arn is the ARN of a KMS key or alias:
//
//	arn:partition:kms:region:account:key/id
//	arn:partition:kms:region:account:alias/name
//
// The zero arn is none.
type arn struct {
	text                       string // as it was written
	partition, region, account string
	kind                       resourceKind
	id                         string // what follows the first slash
}

type resourceKind string

const (
	kindKey   resourceKind = "key"
	kindAlias resourceKind = "alias"
)

// maxIdentifierLength is KMS's bound on anything that names a key, in bytes.
const maxIdentifierLength = 2048

// parseARN reads the ARN of a KMS key or alias. None of its six parts may be
// empty.
func parseARN(s string) (arn, error) {
	if err := checkIdentifierText(s); err != nil {
		return arn{}, err
	}
	parts := strings.Split(s, ":")
	if len(parts) != 6 || parts[0] != "arn" {
		return arn{}, errors.New("not an ARN of six parts")
	}
	if parts[2] != "kms" {
		return arn{}, fmt.Errorf("ARN of service %q, want kms", parts[2])
	}
	kind, id, ok := strings.Cut(parts[5], "/")
	a := arn{
		text: s, partition: parts[1], region: parts[3], account: parts[4],
		kind: resourceKind(kind), id: id,
	}
	if !ok || a.partition == "" || a.region == "" || a.account == "" || a.id == "" {
		return arn{}, errors.New("ARN with an empty part")
	}
	if a.kind != kindKey && a.kind != kindAlias {
		return arn{}, fmt.Errorf("ARN of a %q, want key or alias", kind)
	}
	return a, nil
}

// parseKeyARN reads the ARN of a KMS key, which is what a message's encrypted
// data keys and KMS's answers hold.
func parseKeyARN(s string) (arn, error) {
	a, err := parseARN(s)
	if err != nil {
		return arn{}, err
	}
	if a.kind != kindKey {
		return arn{}, errors.New("ARN of an alias, want that of a key")
	}
	return a, nil
}

// sameAccount reports whether both stand in one partition, Region and account.
func (a arn) sameAccount(b arn) bool {
	return a.partition == b.partition && a.region == b.region && a.account == b.account
}

// checkIdentifierText bounds what may stand in an identifier: it goes to KMS,
// and into errors and logs.
func checkIdentifierText(s string) error {
	if s == "" {
		return errors.New("empty")
	}
	if len(s) > maxIdentifierLength {
		return fmt.Errorf("of %d bytes, at most %d are allowed", len(s), maxIdentifierLength)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return fmt.Errorf("with byte 0x%02x at %d, only printable ASCII without spaces is allowed", s[i], i)
		}
	}
	return nil
}
