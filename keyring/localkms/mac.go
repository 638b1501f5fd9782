package localkms

import (
	"crypto"
	"crypto/hmac"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

var macHashes = map[types.MacAlgorithmSpec]crypto.Hash{
	types.MacAlgorithmSpecHmacSha224: crypto.SHA224,
	types.MacAlgorithmSpecHmacSha256: crypto.SHA256,
	types.MacAlgorithmSpecHmacSha384: crypto.SHA384,
	types.MacAlgorithmSpecHmacSha512: crypto.SHA512,
}

func (k *KMS) generateMac(in *kms.GenerateMacInput) (*kms.GenerateMacOutput, error) {
	v, err := k.useToMac("GenerateMac", in.KeyId, in.GrantTokens, in.MacAlgorithm, in.Message)
	if err != nil {
		return nil, err
	}
	if aws.ToBool(in.DryRun) {
		return nil, dryRun()
	}
	return &kms.GenerateMacOutput{KeyId: aws.String(v.arn), Mac: v.mac(in.MacAlgorithm, in.Message), MacAlgorithm: in.MacAlgorithm}, nil
}

func (k *KMS) verifyMac(in *kms.VerifyMacInput) (*kms.VerifyMacOutput, error) {
	v, err := k.useToMac("VerifyMac", in.KeyId, in.GrantTokens, in.MacAlgorithm, in.Message)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(v.mac(in.MacAlgorithm, in.Message), in.Mac) {
		return nil, &types.KMSInvalidMacException{Message: message("%s did not make this mac of this message", v.arn)}
	}
	if aws.ToBool(in.DryRun) {
		return nil, dryRun()
	}
	return &kms.VerifyMacOutput{KeyId: aws.String(v.arn), MacAlgorithm: in.MacAlgorithm, MacValid: true}, nil
}

func (k *KMS) useToMac(operation string, identifier *string, tokens []string, algorithm types.MacAlgorithmSpec, message []byte) (*keyView, error) {
	if !slices.Contains(algorithm.Values(), algorithm) {
		return nil, invalid("%q is not a MacAlgorithm; it may be one of %v", algorithm, algorithm.Values())
	}
	if len(message) < 1 || len(message) > maxMessage {
		return nil, invalid("Message has %d bytes; it may have 1 to %d", len(message), maxMessage)
	}
	v, err := k.use(operation, identifier, tokens, types.KeyUsageTypeGenerateVerifyMac)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(specs[v.spec].mac, algorithm) {
		return nil, invalidKeyUsage("%s has KeySpec %s; MacAlgorithm must be one of %v, not %s", v.arn, v.spec, specs[v.spec].mac, algorithm)
	}
	return v, nil
}

func (v *keyView) mac(algorithm types.MacAlgorithmSpec, message []byte) []byte {
	h := hmac.New(macHashes[algorithm].New, v.material().Secret.bytes())
	h.Write(message)
	return h.Sum(nil)
}
