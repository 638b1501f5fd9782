package awskms

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// Client is the part of [*kms.Client] that wrapping keys call. An implementation
// is safe for concurrent use. It changes nothing in a request, and keeps nothing
// of a request or an answer once it returned: plaintexts are cleared then.
type Client interface {
	GenerateDataKey(ctx context.Context, in *kms.GenerateDataKeyInput, optFns ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error)
	Encrypt(ctx context.Context, in *kms.EncryptInput, optFns ...func(*kms.Options)) (*kms.EncryptOutput, error)
	Decrypt(ctx context.Context, in *kms.DecryptInput, optFns ...func(*kms.Options)) (*kms.DecryptOutput, error)
}

// ReEncrypter is what [Key.Rewrap] needs of a [Client] besides. [*kms.Client]
// has it.
type ReEncrypter interface {
	ReEncrypt(ctx context.Context, in *kms.ReEncryptInput, optFns ...func(*kms.Options)) (*kms.ReEncryptOutput, error)
}

var (
	_ Client      = (*kms.Client)(nil)
	_ ReEncrypter = (*kms.Client)(nil)
)
