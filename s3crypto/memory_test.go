package s3crypto_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring/awskms"
	"github.com/sealwax/sealwax/keyring/localkms"
)

// memory is as much of S3 as the examples need: whole objects, put, got, asked
// about and deleted. What S3 does besides is tested against servers that know
// it, in internal/integration.
type memory struct {
	mu      sync.Mutex
	objects map[string]object // guarded by mu
}

type object struct {
	body   []byte
	header http.Header
}

func (m *memory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch r.Method {
	case http.MethodPut:
		b, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		o := object{body: b, header: http.Header{}}
		for name, values := range r.Header {
			if strings.HasPrefix(name, "X-Amz-Meta-") {
				o.header[name] = values
			}
		}
		sum := md5.Sum(b)
		o.header.Set("ETag", `"`+hex.EncodeToString(sum[:])+`"`)
		m.objects[r.URL.Path] = o
		w.Header().Set("ETag", o.header.Get("ETag"))
	case http.MethodGet, http.MethodHead:
		o, ok := m.objects[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, "<Error><Code>NoSuchKey</Code></Error>")
			return
		}
		for name, values := range o.header {
			w.Header()[name] = values
		}
		w.Header().Set("Content-Type", "binary/octet-stream")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(o.body))
	case http.MethodDelete:
		delete(m.objects, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	}
}

// newMemory returns an SDK client of an S3 in memory.
func newMemory() (api *s3.Client, stop func()) {
	server := httptest.NewServer(&memory{objects: map[string]object{}})
	api = s3.New(s3.Options{
		BaseEndpoint: &server.URL,
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider("key", "secret", ""),
		UsePathStyle: true,
		HTTPClient:   server.Client(),
	})
	return api, server.Close
}

// newEnvelope returns an envelope client with a KMS key of its own.
func newEnvelope() (*envelope.Client, error) {
	kms, err := localkms.New(nil)
	if err != nil {
		return nil, err
	}
	arn, err := kms.NewKey("alias/objects")
	if err != nil {
		return nil, err
	}
	keys, err := awskms.NewKeyring(kms, arn)
	if err != nil {
		return nil, err
	}
	return envelope.New(keys, nil)
}
