package s3crypto_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/s3crypto"
)

func TestNewRefusesWhatCannotWork(t *testing.T) {
	env, err := newEnvelope()
	require.NoError(t, err)
	api := s3.New(s3.Options{})
	var none *s3.Client
	for _, given := range []s3crypto.API{nil, none} {
		_, err := s3crypto.New(given, env, nil)
		require.Error(t, err)
	}
	_, err = s3crypto.New(api, nil, nil)
	require.Error(t, err)
	for name, opts := range map[string]s3crypto.Options{
		"parts below S3's least":         {PartSize: 5<<20 - 1},
		"parts above S3's most":          {PartSize: 5<<30 + 1},
		"negative parts":                 {PartSize: -1},
		"negative concurrency":           {Concurrency: -1},
		"more concurrency than parts":    {Concurrency: 10_001},
		"copied parts below S3's least":  {CopyPartSize: 5<<20 - 1},
		"copied parts longer than 5 GiB": {CopyPartSize: 5<<30 + 1},
	} {
		_, err := s3crypto.New(api, env, &opts)
		require.Error(t, err, name)
	}
	for name, opts := range map[string]*s3crypto.Options{
		"none": nil, "zero": {}, "least": {PartSize: 5 << 20, Concurrency: 1, CopyPartSize: 5 << 20},
	} {
		_, err := s3crypto.New(api, env, opts)
		require.NoError(t, err, name)
	}
}

func TestPresigningNeedsAPresignClient(t *testing.T) {
	env, err := newEnvelope()
	require.NoError(t, err)
	c, err := s3crypto.New(s3.New(s3.Options{}), env, nil)
	require.NoError(t, err)
	var none *s3.PresignClient
	for _, presigner := range []s3crypto.PresignAPI{nil, none} {
		_, err := c.PresignPutObject(t.Context(), presigner, &s3.PutObjectInput{Bucket: new("b"), Key: new("k")})
		require.Error(t, err)
	}
}
