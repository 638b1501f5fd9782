package keyring_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/sealwax/sealwax/keyring"
)

// count returns n bytes that count up from the first.
func count(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

func rawAES(t testing.TB, namespace, name string, key []byte) *keyring.RawAES {
	t.Helper()
	k, err := keyring.NewRawAES(namespace, name, key)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func rawRSA(t testing.TB, namespace, name string, padding keyring.RSAPadding, public *rsa.PublicKey, private *rsa.PrivateKey) *keyring.RawRSA {
	t.Helper()
	k, err := keyring.NewRawRSA(namespace, name, padding, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newRing(t testing.TB, primary keyring.WrappingKey, others ...keyring.WrappingKey) *keyring.Ring {
	t.Helper()
	r, err := keyring.New(primary, others...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// bytesOf returns a copy of a data key's bytes.
func bytesOf(dk *keyring.DataKey) (b []byte) {
	_ = dk.Do(func(k []byte) error { b = append(b, k...); return nil })
	return b
}

// paddings are all that there are.
var paddings = []keyring.RSAPadding{keyring.PKCS1v15, keyring.OAEPSHA1, keyring.OAEPSHA256, keyring.OAEPSHA384, keyring.OAEPSHA512}

// javaScript is testdata/javascript.json: what the AWS Encryption SDK for
// JavaScript wrapped. The raw AES keys count up from 0.
var javaScript = sync.OnceValue(func() (v struct {
	RSA    string `json:"rsa"`
	RawAES []struct {
		KeyLength int `json:"key_length"`
		javaScriptEDK
	} `json:"raw_aes"`
	RawRSA []struct {
		Padding string `json:"padding"`
		javaScriptEDK
	} `json:"raw_rsa"`
}) {
	b, err := os.ReadFile("testdata/javascript.json")
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		panic(err)
	}
	return v
})

type javaScriptEDK struct {
	Name         string            `json:"name"`
	Context      map[string]string `json:"context"`
	DataKey      []byte            `json:"data_key"`
	ProviderID   string            `json:"provider_id"`
	ProviderInfo []byte            `json:"provider_info"`
	Ciphertext   []byte            `json:"ciphertext"`
}

func (e *javaScriptEDK) edk() keyring.EncryptedDataKey {
	return keyring.EncryptedDataKey{ProviderID: e.ProviderID, ProviderInfo: e.ProviderInfo, Ciphertext: e.Ciphertext}
}

// testRSA is an RSA key of 2,048 bits.
var testRSA = sync.OnceValue(func() *rsa.PrivateKey {
	block, _ := pem.Decode([]byte(strings.ReplaceAll(javaScript().RSA, "TESTING KEY", "PRIVATE KEY")))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		panic(err)
	}
	return key.(*rsa.PrivateKey)
})
