package s3crypto

import (
	"reflect"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
)

func fieldsOf[T any]() []string {
	var names []string
	for i := range reflect.TypeFor[T]().NumField() {
		if f := reflect.TypeFor[T]().Field(i); f.IsExported() {
			names = append(names, f.Name)
		}
	}
	return names
}

// A field that a new version of the SDK adds must not be lost on the way to a
// multipart upload: whoever updates the SDK decides here what becomes of it.
func TestEveryFieldOfAPutHasAPlaceInAMultipartUpload(t *testing.T) {
	create, complete := fieldsOf[s3.CreateMultipartUploadInput](), fieldsOf[s3.CompleteMultipartUploadInput]()
	ours := []string{"Body", "ContentLength", "WriteOffsetBytes"}
	for _, field := range fieldsOf[s3.PutObjectInput]() {
		placed := slices.Contains(create, field) || slices.Contains(complete, field) ||
			slices.Contains(checksumFields, field) || slices.Contains(ours, field)
		require.True(t, placed, field)
	}
	for _, field := range fieldsOf[s3.PutObjectOutput]() {
		known := slices.Contains(fieldsOf[s3.CompleteMultipartUploadOutput](), field)
		// What only the answer to one request has.
		alone := []string{"SSECustomerAlgorithm", "SSECustomerKeyMD5", "SSEKMSEncryptionContext", "Size"}
		require.True(t, known || slices.Contains(alone, field), field)
	}
}

func TestEveryChecksumFieldIsKnown(t *testing.T) {
	for _, fields := range [][]string{fieldsOf[s3.PutObjectInput](), fieldsOf[s3.GetObjectOutput](), fieldsOf[s3.HeadObjectOutput]()} {
		for _, field := range fields {
			if len(field) > 8 && field[:8] == "Checksum" && field != "ChecksumAlgorithm" && field != "ChecksumMode" {
				require.Contains(t, checksumFields, field)
			}
		}
	}
}

// Every field of a later GetObject is either about which object it is, or belongs
// to the first request alone.
func TestEveryFieldOfAGetIsPlaced(t *testing.T) {
	pinned := []string{"Bucket", "Key", "VersionId", "IfMatch", "ChecksumMode", "ExpectedBucketOwner", "RequestPayer", "SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5", "Range"}
	first := []string{"IfModifiedSince", "IfNoneMatch", "IfUnmodifiedSince", "PartNumber", "ResponseCacheControl", "ResponseContentDisposition", "ResponseContentEncoding", "ResponseContentLanguage", "ResponseContentType", "ResponseExpires"}
	require.ElementsMatch(t, append(pinned, first...), fieldsOf[s3.GetObjectInput]())
}
