package keyring

import "crypto"

// SigningSecret returns the private number of a signing key made by a ring.
func SigningSecret(k crypto.Signer) []byte {
	b, err := k.(*signingKey).s.key.Bytes()
	if err != nil {
		panic(err)
	}
	return b
}
