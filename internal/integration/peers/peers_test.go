// Package peers has the official AWS Encryption SDKs open what package s3crypto
// stores, downloaded by plain SDK calls, and the reverse.
package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"

	mpl "github.com/aws/aws-cryptographic-material-providers-library/releases/go/mpl/awscryptographymaterialproviderssmithygenerated"
	mpltypes "github.com/aws/aws-cryptographic-material-providers-library/releases/go/mpl/awscryptographymaterialproviderssmithygeneratedtypes"
	esdk "github.com/aws/aws-encryption-sdk/releases/go/encryption-sdk/awscryptographyencryptionsdksmithygenerated"
	esdktypes "github.com/aws/aws-encryption-sdk/releases/go/encryption-sdk/awscryptographyencryptionsdksmithygeneratedtypes"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring/awskms"
	"github.com/sealwax/sealwax/keyring/localkms"
	"github.com/sealwax/sealwax/s3crypto"
)

const bucketName = "bucket"

var (
	ec    = map[string]string{"tenant": "7"}
	creds = credentials.NewStaticCredentialsProvider("peer", "peer", "")
)

// peer is another implementation.
type peer struct {
	seal, open func(ctx context.Context, b []byte) ([]byte, error)
}

func goPeer(t *testing.T, endpoint, arn string) peer {
	providers, err := mpl.NewClient(mpltypes.MaterialProvidersConfig{})
	require.NoError(t, err)
	client := kms.New(kms.Options{BaseEndpoint: &endpoint, Region: "us-east-1", Credentials: creds})
	ring, err := providers.CreateAwsKmsKeyring(t.Context(), mpltypes.CreateAwsKmsKeyringInput{KmsClient: client, KmsKeyId: arn})
	require.NoError(t, err)
	sdk, err := esdk.NewClient(esdktypes.AwsEncryptionSdkConfig{})
	require.NoError(t, err)
	return peer{
		seal: func(ctx context.Context, b []byte) ([]byte, error) {
			out, err := sdk.Encrypt(ctx, esdktypes.EncryptInput{Plaintext: append([]byte{}, b...), EncryptionContext: ec, Keyring: ring})
			if err != nil {
				return nil, err
			}
			return out.Ciphertext, nil
		},
		open: func(ctx context.Context, b []byte) ([]byte, error) {
			out, err := sdk.Decrypt(ctx, esdktypes.DecryptInput{Ciphertext: b, EncryptionContext: ec, Keyring: ring})
			if err != nil {
				return nil, err
			}
			return out.Plaintext, nil
		},
	}
}

func javaScriptPeer(t *testing.T, endpoint, arn string) peer {
	if _, err := os.Stat("node_modules/@aws-crypto/client-node"); err != nil {
		t.Skip("the SDK for JavaScript is not there: run npm ci in this directory, with Node.js 20 or later")
	}
	pairs, err := json.Marshal(ec)
	require.NoError(t, err)
	run := func(operation string) func(context.Context, []byte) ([]byte, error) {
		return func(ctx context.Context, b []byte) ([]byte, error) {
			var out, complaint bytes.Buffer
			cmd := exec.CommandContext(ctx, "node", "peer.mjs", operation, endpoint, arn, string(pairs))
			cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(b), &out, &complaint
			if err := cmd.Run(); err != nil {
				return nil, fmt.Errorf("%w: %s", err, complaint.Bytes())
			}
			return out.Bytes(), nil
		}
	}
	return peer{seal: run("seal"), open: run("open")}
}

func TestOfficialSDKsOpenWhatIsStoredAndTheReverse(t *testing.T) {
	local, err := localkms.New(nil)
	require.NoError(t, err)
	defer local.Close()
	arn, err := local.NewKey("alias/test")
	require.NoError(t, err)
	kmsServer := httptest.NewServer(local)
	defer kmsServer.Close()
	s3Server := httptest.NewServer(gofakes3.New(s3mem.New(), gofakes3.WithMetadataSizeLimit(2600)).Server())
	defer s3Server.Close()
	api := s3.New(s3.Options{BaseEndpoint: &s3Server.URL, Region: "us-east-1", Credentials: creds, UsePathStyle: true})
	_, err = api.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: new(bucketName)})
	require.NoError(t, err)
	ring, err := awskms.NewKeyring(local, arn)
	require.NoError(t, err)

	for _, signed := range []bool{false, true} {
		opts := &envelope.Options{}
		if signed {
			opts.Suite = envelope.AES256GCMHKDFSHA512CommitECDSAP384
		}
		env, err := envelope.New(ring, opts)
		require.NoError(t, err)
		c, err := s3crypto.New(api, env, &s3crypto.Options{PartSize: 5 << 20})
		require.NoError(t, err)
		c = c.With(s3crypto.WithContext(ec))
		for name, connect := range map[string]func(*testing.T, string, string) peer{"Go": goPeer, "JavaScript": javaScriptPeer} {
			for _, n := range []int{0, 1, 65536, 100_000, 6 << 20} {
				t.Run(fmt.Sprintf("%s, %d bytes, signed %t", name, n, signed), func(t *testing.T) {
					p := connect(t, kmsServer.URL, arn)
					want := content(n)
					// Ours, downloaded plainly, and opened by the peer.
					_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: new(bucketName), Key: new("ours"), Body: bytes.NewReader(want)})
					require.NoError(t, err)
					stored, err := api.GetObject(t.Context(), &s3.GetObjectInput{Bucket: new(bucketName), Key: new("ours")})
					require.NoError(t, err)
					defer stored.Body.Close()
					sealed, err := io.ReadAll(stored.Body)
					require.NoError(t, err)
					opened, err := p.open(t.Context(), sealed)
					require.NoError(t, err)
					require.True(t, bytes.Equal(want, opened))

					// The peer's, uploaded plainly, and read by us. Their default
					// suite is signed, with frames of 4 KiB.
					sealed, err = p.seal(t.Context(), want)
					require.NoError(t, err)
					_, err = api.PutObject(t.Context(), &s3.PutObjectInput{Bucket: new(bucketName), Key: new("theirs"), Body: bytes.NewReader(sealed)})
					require.NoError(t, err)
					out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: new(bucketName), Key: new("theirs")})
					require.NoError(t, err)
					defer out.Body.Close()
					opened, err = io.ReadAll(out.Body)
					require.NoError(t, err)
					require.True(t, bytes.Equal(want, opened))
					head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: new(bucketName), Key: new("theirs")})
					require.NoError(t, err)
					require.InDelta(t, n, *head.ContentLength, 4, "signatures of other lengths make the arithmetic inexact")
				})
			}
		}
	}
}

func content(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}
