package awskms

import (
	"fmt"
	"slices"

	"github.com/sealwax/sealwax/keyring"
)

// NewKeyring returns a ring of KMS keys of one client, each as [New] makes it:
// keyID makes and wraps data keys, others wrap them too, and any one of them
// opens. For options, multi-Region keys or several clients, put the wrapping
// keys into [keyring.New].
func NewKeyring(client Client, keyID string, others ...string) (*keyring.Ring, error) {
	primary, err := New(client, keyID, nil)
	if err != nil {
		return nil, err
	}
	rest := make([]keyring.WrappingKey, len(others))
	for i, id := range others {
		if id == keyID || slices.Contains(others[:i], id) {
			return nil, fmt.Errorf("awskms: key %s is named twice", id)
		}
		if rest[i], err = New(client, id, nil); err != nil {
			return nil, err
		}
	}
	return keyring.New(primary, rest...)
}
