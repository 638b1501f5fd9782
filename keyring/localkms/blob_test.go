package localkms

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/stretchr/testify/require"
)

// TestForgedMaterialNumber: whoever forges a ciphertext may name any material, numbers that are no int of 32 bits
// included.
func TestForgedMaterialNumber(t *testing.T) {
	k, err := New(nil)
	require.NoError(t, err)
	defer k.Close()
	arn, err := k.NewKey("")
	require.NoError(t, err)
	sealed, err := k.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &arn, Plaintext: []byte("secret")})
	require.NoError(t, err)

	body := sealed.CiphertextBlob[:len(sealed.CiphertextBlob)-blobChecksumSize]
	place := 2 + int(body[1])
	for _, number := range []uint32{1, math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32} {
		forged := append([]byte(nil), body...)
		binary.BigEndian.PutUint32(forged[place:], number)
		sum := sha256.Sum256(forged)
		_, err := k.Decrypt(t.Context(), &kms.DecryptInput{KeyId: aws.String(arn), CiphertextBlob: append(forged, sum[:blobChecksumSize]...)})
		var invalid *types.InvalidCiphertextException
		require.ErrorAs(t, err, &invalid, "material %d", number)
	}
}
