package awskms

import (
	"fmt"

	"github.com/sealwax/sealwax/keyring"
)

// NewKeyring returns a ring of KMS keys of one client, each as [New] makes it:
// keyID makes and wraps data keys, others wrap them too, and any one of them
// opens. For options, multi-Region keys or several clients, put the wrapping
// keys into [keyring.New].
//
// A key that is named twice is an error, by its key ARN and its key id too. Which
// key an alias names is for KMS to say: an alias beside another name of its key
// passes, and makes a second, useless encrypted data key in every message.
func NewKeyring(client Client, keyID string, others ...string) (*keyring.Ring, error) {
	names := append([]string{keyID}, others...)
	keys := make([]*Key, len(names))
	for i, name := range names {
		key, err := New(client, name, nil)
		if err != nil {
			return nil, err
		}
		for _, earlier := range keys[:i] {
			if key.id.sameKey(earlier.id) {
				return nil, fmt.Errorf("awskms: %s and %s are one key: name it once", earlier, key)
			}
		}
		keys[i] = key
	}
	rest := make([]keyring.WrappingKey, len(others))
	for i, key := range keys[1:] {
		rest[i] = key
	}
	return keyring.New(keys[0], rest...)
}
