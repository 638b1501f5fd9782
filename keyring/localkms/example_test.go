package localkms_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/sealwax/sealwax/keyring/localkms"
)

func Example() {
	ctx := context.Background()
	k, err := localkms.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer k.Close()
	arn, err := k.NewKey("orders")
	if err != nil {
		log.Fatal(err)
	}

	tenant := map[string]string{"tenant": "7"}
	made, err := k.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &arn, KeySpec: types.DataKeySpecAes256, EncryptionContext: tenant})
	if err != nil {
		log.Fatal(err)
	}
	opened, err := k.Decrypt(ctx, &kms.DecryptInput{KeyId: &arn, CiphertextBlob: made.CiphertextBlob, EncryptionContext: tenant})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(opened.Plaintext), "bytes,", k.Calls("*"), "calls")
	// Output: 32 bytes, 2 calls
}

// A real client of any SDK works on it over HTTP.
func ExampleKMS_ServeHTTP() {
	ctx := context.Background()
	k, err := localkms.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer k.Close()
	server := httptest.NewServer(k)
	defer server.Close()

	client := kms.New(kms.Options{
		BaseEndpoint: aws.String(server.URL),
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
	_, err = client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String("alias/nobody")})
	_, missing := errors.AsType[*types.NotFoundException](err)
	fmt.Println("missing:", missing)
	// Output: missing: true
}

func ExampleKMS_SetFault() {
	ctx := context.Background()
	k, err := localkms.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer k.Close()
	k.SetFault("GenerateRandom", localkms.Times(1, localkms.Unavailable()))
	for range 2 {
		_, err := k.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(32)})
		_, outage := errors.AsType[*types.KMSInternalException](err)
		fmt.Println("outage:", outage)
	}
	// Output:
	// outage: true
	// outage: false
}

func ExampleKMS_InRegion() {
	ctx := context.Background()
	k, err := localkms.New(&localkms.Options{Region: "us-east-1"})
	if err != nil {
		log.Fatal(err)
	}
	defer k.Close()
	primary, err := k.CreateKey(ctx, &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})
	if err != nil {
		log.Fatal(err)
	}
	id := primary.KeyMetadata.KeyId
	if _, err := k.ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: id, ReplicaRegion: aws.String("eu-west-1")}); err != nil {
		log.Fatal(err)
	}
	sealed, err := k.Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: []byte("sealed in Virginia")})
	if err != nil {
		log.Fatal(err)
	}
	opened, err := k.InRegion("eu-west-1").Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(opened.Plaintext))
	// Output: sealed in Virginia
}
