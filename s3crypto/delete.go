package s3crypto

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// DeleteObject deletes an object as S3 does. An encrypted object is one object:
// there is nothing else to delete.
func (c *Client) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput, optFns ...func(*s3.Options)) (*s3.DeleteObjectOutput, error) {
	return c.api.DeleteObject(ctx, in, optFns...)
}
