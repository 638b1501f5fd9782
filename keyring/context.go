package keyring

import (
	"strings"

	"github.com/sealwax/sealwax/internal/fault"
	"github.com/sealwax/sealwax/internal/message"
)

// AppendContext appends the canonical serialization of ec to dst: what a
// WrappingKey binds a data key to. An empty context appends nothing; the pairs
// of any other are sorted by the UTF-8 bytes of their names.
//
// An error matches envelope.ErrContext: a name or value is not valid UTF-8, or
// the serialization is longer than 65,535 bytes. It comes with dst as it was.
//
// Source: docs/format.md, section "Encryption context".
func AppendContext(dst []byte, ec EncryptionContext) ([]byte, error) {
	dst, err := message.AppendContext(dst, ec)
	if err != nil {
		return dst, contextError(err)
	}
	return dst, nil
}

// checkContext says why ec has no serialization, if that is so.
func checkContext(ec EncryptionContext) error {
	if _, err := message.ContextLength(ec); err != nil {
		return contextError(err)
	}
	return nil
}

// checkOwnNames refuses the names that the format keeps for itself.
func checkOwnNames(ec EncryptionContext) error {
	for name := range ec {
		if strings.HasPrefix(name, ReservedPrefix) {
			return failuref(fault.ErrContext, "encryption context has the name %.60q: names that begin with %q are reserved, choose another", name, ReservedPrefix)
		}
	}
	return nil
}

func contextError(err error) error {
	return &failure{text: prefix + err.Error(), kind: fault.ErrContext, cause: err}
}
