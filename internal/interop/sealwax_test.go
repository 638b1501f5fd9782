package interop

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring"
	"github.com/sealwax/sealwax/keyring/awskms"
)

// sealwax is our side.
type sealwax struct{}

func (sealwax) seal(ctx context.Context, req *request, plaintext []byte) ([]byte, error) {
	client, err := newSealingClient(req)
	if err != nil {
		return nil, err
	}
	return client.Seal(ctx, plaintext, req.Context)
}

func (sealwax) open(ctx context.Context, req *request, message []byte) (*opened, error) {
	client, err := newOpeningClient(req)
	if err != nil {
		return nil, err
	}
	plaintext, err := client.Open(ctx, message, req.Context)
	if err != nil {
		return nil, err
	}
	return newOpened(plaintext, req.Context), nil
}

// newSealingClient returns a client that seals as req says.
func newSealingClient(req *request) (*envelope.Client, error) {
	ring, err := newRing(req)
	if err != nil {
		return nil, err
	}
	return envelope.New(ring, &envelope.Options{
		Suite:           req.Suite,
		FrameLength:     req.FrameLength,
		Commitment:      commitments[req.Policy],
		UnstoredContext: req.Unstored,
	})
}

// newOpeningClient returns a client that knows of a message what a reader knows:
// keys and policy, neither suite nor frame length.
func newOpeningClient(req *request) (*envelope.Client, error) {
	ring, err := newRing(req)
	if err != nil {
		return nil, err
	}
	return envelope.New(ring, &envelope.Options{
		Commitment:      commitments[req.Policy],
		UnstoredContext: req.Unstored,
	})
}

var commitments = map[string]envelope.CommitmentPolicy{
	requireRequire: envelope.RequireEncryptRequireDecrypt,
	requireAllow:   envelope.RequireEncryptAllowDecrypt,
	forbidAllow:    envelope.ForbidEncryptAllowDecrypt,
}

func newRing(req *request) (*keyring.Ring, error) {
	var keys []keyring.WrappingKey
	for _, k := range req.Keys {
		key, err := newWrappingKey(k, req.KMS)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keyring.New(keys[0], keys[1:]...)
}

func newWrappingKey(k wrappingKey, endpoint string) (keyring.WrappingKey, error) {
	filter := awskms.DiscoveryFilter{Partition: k.Partition, Accounts: k.Accounts}
	switch k.Kind {
	case rawAES:
		return keyring.NewRawAES(k.Namespace, k.Name, k.Key)
	case rawRSA:
		return newRawRSA(k)
	case kmsKey:
		return awskms.New(kmsClient(endpoint, k.Region), k.KeyID, nil)
	case kmsDiscovery:
		return awskms.NewDiscovery(kmsClient(endpoint, k.Region), filter, nil)
	case kmsMultiRegion:
		return awskms.NewMultiRegion(kmsClient(endpoint, k.Region), k.KeyID, nil)
	case kmsMultiRegionDiscovery:
		return awskms.NewMultiRegionDiscovery(kmsClient(endpoint, k.Region), k.Region, filter, nil)
	}
	return nil, fmt.Errorf("unknown kind of wrapping key %q", k.Kind)
}

var rsaPaddings = map[string]keyring.RSAPadding{
	"PKCS1":            keyring.PKCS1v15,
	"OAEP_SHA1_MGF1":   keyring.OAEPSHA1,
	"OAEP_SHA256_MGF1": keyring.OAEPSHA256,
	"OAEP_SHA384_MGF1": keyring.OAEPSHA384,
	"OAEP_SHA512_MGF1": keyring.OAEPSHA512,
}

func newRawRSA(k wrappingKey) (*keyring.RawRSA, error) {
	var public *rsa.PublicKey
	if k.PublicKey != "" {
		parsed, err := x509.ParsePKIXPublicKey(pemBytes(k.PublicKey))
		if err != nil {
			return nil, err
		}
		public = parsed.(*rsa.PublicKey)
	}
	var private *rsa.PrivateKey
	if k.PrivateKey != "" {
		parsed, err := x509.ParsePKCS8PrivateKey(pemBytes(k.PrivateKey))
		if err != nil {
			return nil, err
		}
		private = parsed.(*rsa.PrivateKey)
	}
	return keyring.NewRawRSA(k.Namespace, k.Name, rsaPaddings[k.Padding], public, private)
}

func pemBytes(text string) []byte {
	block, _ := pem.Decode([]byte(strings.TrimSpace(text)))
	return block.Bytes
}

// kmsClient returns a client of the KMS at endpoint, in a Region.
func kmsClient(endpoint, region string) *kms.Client {
	return kms.New(kms.Options{
		BaseEndpoint:     aws.String(endpoint),
		Region:           region,
		Credentials:      credentials.NewStaticCredentialsProvider("interop", "interop", ""),
		RetryMaxAttempts: 1,
	})
}
