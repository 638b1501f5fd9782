package integration

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// server is an S3 server that tests run against.
type server struct {
	name string
	url  string
	http *http.Client // nil: the default
	// What it cannot do, where tests depend on it.
	noSSE, noCopyVersion bool
}

// The credentials of every server here.
const accessKey, secretKey = "testkey", "testsecret"

// client returns an SDK client for the server, or for what stands before it at url.
func (s *server) client(url string, optFns ...func(*s3.Options)) *s3.Client {
	o := s3.Options{
		BaseEndpoint: &url,
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
		UsePathStyle: true,
		// As config.LoadDefaultConfig has them, and s3.Options alone has not.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxBackoff = 20 * time.Millisecond
			o.RateLimiter = noRateLimit{}
		}),
	}
	if s.http != nil {
		o.HTTPClient = s.http
	}
	return s3.New(o, optFns...)
}

// noRateLimit never runs out of retries, which tests of faults spend freely.
type noRateLimit struct{}

func (noRateLimit) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}
func (noRateLimit) AddTokens(uint) error { return nil }

// fake starts gofakes3, which keeps all in memory.
func fake(t testing.TB) *server {
	t.Helper()
	handler := gofakes3.New(s3mem.New(),
		gofakes3.WithMetadataSizeLimit(2600), // it counts the prefixes of names, S3 does not
		gofakes3.WithV4Auth(map[string]string{accessKey: secretKey}),
	).Server()
	listener := httptest.NewServer(handler)
	t.Cleanup(listener.Close)
	return &server{name: "gofakes3", url: listener.URL, http: listener.Client(), noSSE: true, noCopyVersion: true}
}

// bucket makes a bucket of its own for a test.
func bucket(t testing.TB, api *s3.Client) string {
	t.Helper()
	name := "b" + time.Now().UTC().Format("20060102150405.000000000")
	_, err := api.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name})
	require.NoError(t, err)
	return name
}
