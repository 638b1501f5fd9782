package awskms_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring"
	"github.com/sealwax/sealwax/keyring/awskms"
	"github.com/sealwax/sealwax/keyring/localkms"
)

func ExampleNew() {
	ctx := context.Background()
	client, err := localkms.New(nil) // in production: kms.NewFromConfig(cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if _, err := client.NewKey("alias/orders"); err != nil {
		log.Fatal(err)
	}

	key, err := awskms.New(client, "alias/orders", nil)
	if err != nil {
		log.Fatal(err)
	}
	ring, err := keyring.New(key)
	if err != nil {
		log.Fatal(err)
	}
	sealer, err := envelope.New(ring, nil)
	if err != nil {
		log.Fatal(err)
	}

	tenant := envelope.Context{"tenant": "4711"}
	message, err := sealer.Seal(ctx, []byte("two of the blue ones"), tenant)
	if err != nil {
		log.Fatal(err)
	}
	plaintext, err := sealer.Open(ctx, message, tenant)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", plaintext)
	fmt.Println("KMS calls:", client.Calls("GenerateDataKey"), "to seal,", client.Calls("Decrypt"), "to open")
	// Output:
	// two of the blue ones
	// KMS calls: 1 to seal, 1 to open
}

// A message that two KMS keys seal opens with either of them.
func ExampleNewKeyring() {
	ctx := context.Background()
	client, err := localkms.New(nil) // in production: kms.NewFromConfig(cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	var arns [2]string
	for i := range arns {
		if arns[i], err = client.NewKey(""); err != nil {
			log.Fatal(err)
		}
	}

	ring, err := awskms.NewKeyring(client, arns[0], arns[1])
	if err != nil {
		log.Fatal(err)
	}
	sealer, err := envelope.New(ring, nil)
	if err != nil {
		log.Fatal(err)
	}
	message, err := sealer.Seal(ctx, []byte("two of the blue ones"), nil)
	if err != nil {
		log.Fatal(err)
	}

	// The first key is disabled. The second opens.
	if _, err := client.DisableKey(ctx, &kms.DisableKeyInput{KeyId: aws.String(arns[0])}); err != nil {
		log.Fatal(err)
	}
	plaintext, err := sealer.Open(ctx, message, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", plaintext)
	// Output:
	// two of the blue ones
}

// A reader that need not know which key sealed: whatever key the message names
// is asked, if it is one of the account's.
func ExampleNewDiscovery() {
	ctx := context.Background()
	client, err := localkms.New(&localkms.Options{AccountID: "111122223333"}) // in production: kms.NewFromConfig(cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	arn, err := client.NewKey("")
	if err != nil {
		log.Fatal(err)
	}
	ring, err := awskms.NewKeyring(client, arn)
	if err != nil {
		log.Fatal(err)
	}
	sealer, err := envelope.New(ring, nil)
	if err != nil {
		log.Fatal(err)
	}
	message, err := sealer.Seal(ctx, []byte("two of the blue ones"), nil)
	if err != nil {
		log.Fatal(err)
	}

	key, err := awskms.NewDiscovery(client, awskms.DiscoveryFilter{
		Partition: "aws",
		Accounts:  []string{"111122223333"},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	ring, err = keyring.New(key)
	if err != nil {
		log.Fatal(err)
	}
	opener, err := envelope.New(ring, nil)
	if err != nil {
		log.Fatal(err)
	}
	plaintext, err := opener.Open(ctx, message, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", plaintext)

	_, err = opener.Seal(ctx, plaintext, nil)
	fmt.Println("can only open:", errors.Is(err, keyring.ErrOpenOnly))
	// Output:
	// two of the blue ones
	// can only open: true
}

// A message that was sealed in one Region opens in another.
func ExampleNewMultiRegion() {
	ctx := context.Background()
	frankfurt, err := localkms.New(&localkms.Options{Region: "eu-central-1"}) // in production: one *kms.Client for each Region
	if err != nil {
		log.Fatal(err)
	}
	defer frankfurt.Close()
	dublin := frankfurt.InRegion("eu-west-1")
	primary, err := frankfurt.CreateKey(ctx, &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})
	if err != nil {
		log.Fatal(err)
	}
	replica, err := frankfurt.ReplicateKey(ctx, &kms.ReplicateKeyInput{
		KeyId:         primary.KeyMetadata.KeyId,
		ReplicaRegion: aws.String("eu-west-1"),
	})
	if err != nil {
		log.Fatal(err)
	}

	sealing, err := awskms.NewMultiRegion(frankfurt, *primary.KeyMetadata.Arn, nil)
	if err != nil {
		log.Fatal(err)
	}
	opening, err := awskms.NewMultiRegion(dublin, *replica.ReplicaKeyMetadata.Arn, nil)
	if err != nil {
		log.Fatal(err)
	}
	dataKey, edk, err := sealing.Generate(ctx, 32, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer dataKey.Destroy()
	opened, err := opening.Unwrap(ctx, edk, 32, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer opened.Destroy()
	fmt.Println(opened, opened.Len(), "bytes")
	// Output:
	// REDACTED 32 bytes
}

// A failed call says what was asked of KMS, and the SDK's error is reachable.
func ExampleCallError() {
	client, err := localkms.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	client.SetFault("GenerateDataKey", localkms.Denied())

	key, err := awskms.New(client, "alias/orders", nil)
	if err != nil {
		log.Fatal(err)
	}
	_, _, err = key.Generate(context.Background(), 32, nil)
	if call, ok := errors.AsType[*awskms.CallError](err); ok {
		fmt.Println(call.Operation, call.KeyID)
	}
	// Output:
	// GenerateDataKey alias/orders
}
