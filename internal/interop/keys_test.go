package interop

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"sync"
)

// aesKey returns a raw AES wrapping key of size bytes, the same at each call.
func aesKey(size int) wrappingKey {
	return wrappingKey{
		Kind:        rawAES,
		Namespace:   "sealwax interop",
		Name:        fmt.Sprintf("aes-%d", 8*size),
		Key:         bytes.Repeat([]byte{byte(size)}, size),
		UTF8Sorting: true,
	}
}

// The paddings of raw RSA keys.
var paddings = []string{"PKCS1", "OAEP_SHA1_MGF1", "OAEP_SHA256_MGF1", "OAEP_SHA384_MGF1", "OAEP_SHA512_MGF1"}

// rsaKey returns a raw RSA wrapping key with both halves, the same at each call.
func rsaKey(bits int, padding string) wrappingKey {
	pair := rsaPair(rsaID{bits: bits})
	return wrappingKey{
		Kind:       rawRSA,
		Namespace:  "sealwax interop",
		Name:       fmt.Sprintf("rsa-%d-%s", bits, padding),
		Padding:    padding,
		PublicKey:  pair.public,
		PrivateKey: pair.private,
	}
}

type pemPair struct{ public, private string }

var (
	rsaMu    sync.Mutex
	rsaPairs = map[rsaID]pemPair{}
)

// rsaID says which of the key pairs of a run is meant.
type rsaID struct{ bits, number int }

func rsaPair(id rsaID) pemPair {
	rsaMu.Lock()
	defer rsaMu.Unlock()
	if pair, ok := rsaPairs[id]; ok {
		return pair
	}
	key, err := rsa.GenerateKey(rand.Reader, id.bits)
	if err != nil {
		panic(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		panic(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	pair := pemPair{
		public:  string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		private: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	}
	rsaPairs[id] = pair
	return pair
}
