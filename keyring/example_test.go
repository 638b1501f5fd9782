package keyring_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log"

	"github.com/sealwax/sealwax/keyring"
)

// A ring of two keys: what it seals, either of them opens. Rings are handed to
// envelope.New, or to a cache; here the ring is asked directly.
func Example() {
	// In production, keys come from a secret store.
	oldKey, _ := hex.DecodeString("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	newKey, _ := hex.DecodeString("202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f")

	primary, err := keyring.NewRawAES("acme", "backup-2026", newKey)
	if err != nil {
		log.Fatal(err)
	}
	former, err := keyring.NewRawAES("acme", "backup-2025", oldKey)
	if err != nil {
		log.Fatal(err)
	}
	ring, err := keyring.New(primary, former)
	if err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	sealed, err := ring.EncryptionMaterials(ctx, &keyring.EncryptionRequest{
		Suite:             keyring.AES256GCMHKDFSHA512Commit,
		EncryptionContext: keyring.EncryptionContext{"purpose": "backup"},
		PlaintextLength:   -1,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer sealed.DataKey.Destroy()
	for _, edk := range sealed.EncryptedDataKeys {
		fmt.Printf("wrapped by %s %s\n", edk.ProviderID, edk.ProviderInfo[:len("backup-2026")])
	}
	fmt.Println("data key:", sealed.DataKey)

	only, err := keyring.New(former)
	if err != nil {
		log.Fatal(err)
	}
	opened, err := only.DecryptionMaterials(ctx, &keyring.DecryptionRequest{
		Suite:             sealed.Suite,
		EncryptionContext: sealed.EncryptionContext,
		EncryptedDataKeys: sealed.EncryptedDataKeys,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer opened.DataKey.Destroy()
	fmt.Println("opened,", opened.DataKey.Len(), "bytes")
	// Output:
	// wrapped by acme backup-2026
	// wrapped by acme backup-2025
	// data key: REDACTED
	// opened, 32 bytes
}

// What a ring that does not open a message says, and what a program can ask.
func ExampleNoDataKeyError() {
	key, err := keyring.NewRawAES("acme", "backup-2026", make([]byte, 32))
	if err != nil {
		log.Fatal(err)
	}
	ring, err := keyring.New(key)
	if err != nil {
		log.Fatal(err)
	}
	_, err = ring.DecryptionMaterials(context.Background(), &keyring.DecryptionRequest{
		Suite: keyring.AES256GCMHKDFSHA512Commit,
		EncryptedDataKeys: []keyring.EncryptedDataKey{
			{ProviderID: "aws-kms", ProviderInfo: []byte("arn:aws:kms:eu-west-1:111122223333:key/1234"), Ciphertext: []byte("…")},
		},
	})
	if none, ok := errors.AsType[*keyring.NoDataKeyError](err); ok {
		for _, a := range none.Attempts {
			fmt.Println(a.EDK.ProviderID, errors.Is(a.Err, keyring.ErrNotMine))
		}
	}
	// Output:
	// aws-kms true
}

// A WrappingKey of one's own binds the data key to this.
func ExampleAppendContext() {
	b, err := keyring.AppendContext(nil, keyring.EncryptionContext{"tenant": "42", "purpose": "backup"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q\n", b)
	// Output:
	// "\x00\x02\x00\apurpose\x00\x06backup\x00\x06tenant\x00\x0242"
}
