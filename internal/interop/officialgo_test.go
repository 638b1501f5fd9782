package interop

import (
	"context"
	"fmt"

	mpl "github.com/aws/aws-cryptographic-material-providers-library/releases/go/mpl/awscryptographymaterialproviderssmithygenerated"
	mpltypes "github.com/aws/aws-cryptographic-material-providers-library/releases/go/mpl/awscryptographymaterialproviderssmithygeneratedtypes"
	esdk "github.com/aws/aws-encryption-sdk/releases/go/encryption-sdk/awscryptographyencryptionsdksmithygenerated"
	esdktypes "github.com/aws/aws-encryption-sdk/releases/go/encryption-sdk/awscryptographyencryptionsdksmithygeneratedtypes"

	"github.com/sealwax/sealwax/keyring"
)

// officialGo is the official AWS Encryption SDK for Go, in this process.
type officialGo struct{}

func (officialGo) seal(ctx context.Context, req *request, plaintext []byte) (message []byte, err error) {
	client, materials, err := newOfficialClient(ctx, req)
	if err != nil {
		return nil, err
	}
	defer recoverRefusal(&err)
	out, err := client.Encrypt(ctx, esdktypes.EncryptInput{
		Plaintext:         notNil(plaintext), // nil panics
		AlgorithmSuiteId:  new(officialSuite(req.Suite)),
		EncryptionContext: req.Context,
		FrameLength:       new(int64(req.FrameLength)),
		MaterialsManager:  materials,
	})
	if err != nil {
		return nil, refusal(err.Error())
	}
	return out.Ciphertext, nil
}

func (officialGo) open(ctx context.Context, req *request, message []byte) (o *opened, err error) {
	client, materials, err := newOfficialClient(ctx, req)
	if err != nil {
		return nil, err
	}
	defer recoverRefusal(&err)
	out, err := client.Decrypt(ctx, esdktypes.DecryptInput{
		Ciphertext:        notNil(message),
		EncryptionContext: req.Context,
		MaterialsManager:  materials,
	})
	if err != nil {
		return nil, refusal(err.Error())
	}
	return newOpened(out.Plaintext, out.EncryptionContext), nil
}

// recoverRefusal makes a panic of the SDK, which is what some of its refusals
// are, an error.
func recoverRefusal(err *error) {
	if r := recover(); r != nil {
		*err = refusal(fmt.Sprintf("panic: %v", r))
	}
}

// officialSuite returns the SDK's name for a suite.
func officialSuite(s keyring.Suite) mpltypes.ESDKAlgorithmSuiteId {
	return mpltypes.ESDKAlgorithmSuiteId(fmt.Sprintf("0x%04x", uint16(s)))
}

func newOfficialClient(ctx context.Context, req *request) (*esdk.Client, mpltypes.ICryptographicMaterialsManager, error) {
	providers, err := mpl.NewClient(mpltypes.MaterialProvidersConfig{})
	if err != nil {
		return nil, nil, err
	}
	materials, err := officialMaterials(ctx, providers, req)
	if err != nil {
		return nil, nil, err
	}
	client, err := esdk.NewClient(esdktypes.AwsEncryptionSdkConfig{
		CommitmentPolicy: new(mpltypes.ESDKCommitmentPolicy(req.Policy)),
	})
	return client, materials, err
}

func officialMaterials(ctx context.Context, providers *mpl.Client, req *request) (mpltypes.ICryptographicMaterialsManager, error) {
	ring, err := officialKeyring(ctx, providers, req)
	if err != nil {
		return nil, err
	}
	materials, err := providers.CreateDefaultCryptographicMaterialsManager(ctx, mpltypes.CreateDefaultCryptographicMaterialsManagerInput{Keyring: ring})
	if err != nil || len(req.Unstored) == 0 {
		return materials, err
	}
	return providers.CreateRequiredEncryptionContextCMM(ctx, mpltypes.CreateRequiredEncryptionContextCMMInput{
		RequiredEncryptionContextKeys: req.Unstored,
		UnderlyingCMM:                 materials,
	})
}

func officialKeyring(ctx context.Context, providers *mpl.Client, req *request) (mpltypes.IKeyring, error) {
	var rings []mpltypes.IKeyring
	for _, k := range req.Keys {
		ring, err := officialWrappingKey(ctx, providers, k, req.KMS)
		if err != nil {
			return nil, err
		}
		rings = append(rings, ring)
	}
	if len(rings) == 1 {
		return rings[0], nil
	}
	return providers.CreateMultiKeyring(ctx, mpltypes.CreateMultiKeyringInput{Generator: rings[0], ChildKeyrings: rings[1:]})
}

var officialAES = map[int]mpltypes.AesWrappingAlg{
	16: mpltypes.AesWrappingAlgAlgAes128GcmIv12Tag16,
	24: mpltypes.AesWrappingAlgAlgAes192GcmIv12Tag16,
	32: mpltypes.AesWrappingAlgAlgAes256GcmIv12Tag16,
}

func officialWrappingKey(ctx context.Context, providers *mpl.Client, k wrappingKey, endpoint string) (mpltypes.IKeyring, error) {
	filter := &mpltypes.DiscoveryFilter{Partition: k.Partition, AccountIds: k.Accounts}
	switch k.Kind {
	case rawAES:
		return providers.CreateRawAesKeyring(ctx, mpltypes.CreateRawAesKeyringInput{
			KeyNamespace: k.Namespace, KeyName: k.Name, WrappingKey: k.Key, WrappingAlg: officialAES[len(k.Key)],
		})
	case rawRSA:
		return providers.CreateRawRsaKeyring(ctx, mpltypes.CreateRawRsaKeyringInput{
			KeyNamespace: k.Namespace, KeyName: k.Name, PaddingScheme: mpltypes.PaddingScheme(k.Padding),
			PublicKey: optionalBytes(k.PublicKey), PrivateKey: optionalBytes(k.PrivateKey),
		})
	case kmsKey:
		return providers.CreateAwsKmsKeyring(ctx, mpltypes.CreateAwsKmsKeyringInput{
			KmsClient: kmsClient(endpoint, k.Region), KmsKeyId: k.KeyID,
		})
	case kmsDiscovery:
		return providers.CreateAwsKmsDiscoveryKeyring(ctx, mpltypes.CreateAwsKmsDiscoveryKeyringInput{
			KmsClient: kmsClient(endpoint, k.Region), DiscoveryFilter: filter,
		})
	case kmsMultiRegion:
		return providers.CreateAwsKmsMrkKeyring(ctx, mpltypes.CreateAwsKmsMrkKeyringInput{
			KmsClient: kmsClient(endpoint, k.Region), KmsKeyId: k.KeyID,
		})
	case kmsMultiRegionDiscovery:
		return providers.CreateAwsKmsMrkDiscoveryKeyring(ctx, mpltypes.CreateAwsKmsMrkDiscoveryKeyringInput{
			KmsClient: kmsClient(endpoint, k.Region), Region: k.Region, DiscoveryFilter: filter,
		})
	}
	return nil, fmt.Errorf("unknown kind of wrapping key %q", k.Kind)
}

func optionalBytes(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}
