package localkms_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyring/localkms"
)

const jsonType = "application/x-amz-json-1.1"

// request is a raw one, as no SDK would send it.
type request struct {
	method, target, contentType, authorization string
	body                                       io.Reader
}

func post(target, body string) request {
	return request{method: http.MethodPost, target: target, contentType: jsonType, body: strings.NewReader(body)}
}

func (q request) send(t testing.TB, k http.Handler) (*http.Response, map[string]any) {
	t.Helper()
	r := httptest.NewRequest(q.method, "/", q.body)
	r.Header.Set("X-Amz-Target", q.target)
	r.Header.Set("Content-Type", q.contentType)
	r.Header.Set("Authorization", q.authorization)
	w := httptest.NewRecorder()
	k.ServeHTTP(w, r)
	var body map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
	require.Equal(t, jsonType, w.Header().Get("Content-Type"))
	require.Regexp(t, "^[0-9a-f-]{36}$", w.Header().Get("x-amzn-requestid"))
	return w.Result(), body
}

func TestServerRefusesBadRequests(t *testing.T) {
	with := func(q request, change func(*request)) request { change(&q); return q }
	good := post("TrentService.ListKeys", "{}")
	for name, c := range map[string]struct {
		request request
		status  int
		code    string
	}{
		"GET":                         {with(good, func(q *request) { q.method = http.MethodGet }), 405, "UnknownOperationException"},
		"another content type":        {with(good, func(q *request) { q.contentType = "application/json" }), 415, "SerializationException"},
		"no content type":             {with(good, func(q *request) { q.contentType = "" }), 415, "SerializationException"},
		"no target":                   {post("", "{}"), 400, "UnknownOperationException"},
		"target of another service":   {post("DynamoDB_20120810.GetItem", "{}"), 400, "UnknownOperationException"},
		"unknown operation":           {post("TrentService.MeltKey", "{}"), 400, "UnknownOperationException"},
		"operation in another case":   {post("TrentService.listkeys", "{}"), 400, "UnknownOperationException"},
		"method that is no operation": {post("TrentService.NewKey", "{}"), 400, "UnknownOperationException"},
		"broken JSON":                 {post("TrentService.ListKeys", `{"Limit":`), 400, "SerializationException"},
		"two objects":                 {post("TrentService.ListKeys", "{}{}"), 400, "SerializationException"},
		"a list":                      {post("TrentService.ListKeys", "[]"), 400, "SerializationException"},
		"null":                        {post("TrentService.ListKeys", "null"), 400, "SerializationException"},
		"a number for a string":       {post("TrentService.DescribeKey", `{"KeyId":1}`), 400, "SerializationException"},
		"a string for a number":       {post("TrentService.ListKeys", `{"Limit":"1"}`), 400, "SerializationException"},
		"a fraction":                  {post("TrentService.ListKeys", `{"Limit":1.5}`), 400, "SerializationException"},
		"a number beyond 32 bits":     {post("TrentService.ListKeys", `{"Limit":4294967297}`), 400, "SerializationException"},
		"a string for a boolean":      {post("TrentService.CreateKey", `{"MultiRegion":"true"}`), 400, "SerializationException"},
		"a blob that is not base64":   {post("TrentService.Decrypt", `{"CiphertextBlob":"***"}`), 400, "SerializationException"},
		"a list for a context":        {post("TrentService.Encrypt", `{"EncryptionContext":[]}`), 400, "SerializationException"},
		"a number in a context":       {post("TrentService.Encrypt", `{"EncryptionContext":{"a":1}}`), 400, "SerializationException"},
		"a string for a list":         {post("TrentService.Encrypt", `{"GrantTokens":"x"}`), 400, "SerializationException"},
		"a list for a structure":      {post("TrentService.CreateGrant", `{"Constraints":[]}`), 400, "SerializationException"},
		"a time that is no number":    {post("TrentService.ImportKeyMaterial", `{"ValidTo":"2030-01-01"}`), 400, "SerializationException"},
		"a time beyond all times":     {post("TrentService.ImportKeyMaterial", `{"ValidTo":1e300}`), 400, "SerializationException"},
		"nesting without end":         {post("TrentService.ListKeys", strings.Repeat(`[`, 20_000)), 400, "SerializationException"},
		"a body beyond 1 MiB":         {post("TrentService.ListKeys", strings.Repeat(" ", 1<<20+1)), 413, "SerializationException"},
		"a member in another case":    {post("TrentService.DescribeKey", `{"keyId":"x"}`), 400, "ValidationException"},
		"a required member missing":   {post("TrentService.Decrypt", `{}`), 400, "ValidationException"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKMS(t)
			response, body := c.request.send(t, k)
			require.Equal(t, c.status, response.StatusCode)
			require.Equal(t, c.code, body["__type"])
			require.Contains(t, body["message"], "localkms: ")
		})
	}
}

func TestServerTakesWhatSDKsSend(t *testing.T) {
	for name, q := range map[string]request{
		"an empty object":       post("TrentService.ListKeys", "{}"),
		"an empty body":         post("TrentService.ListKeys", ""),
		"an unknown member":     post("TrentService.ListKeys", `{"Colour":"red"}`),
		"a member that is null": post("TrentService.ListKeys", `{"Limit":null}`),
		"a body of 1 MiB":       post("TrentService.ListKeys", "{}"+strings.Repeat(" ", 1<<20-2)),
		"a charset":             {method: http.MethodPost, target: "TrentService.ListKeys", contentType: jsonType + "; charset=utf-8", body: strings.NewReader("{}")},
	} {
		t.Run(name, func(t *testing.T) {
			response, body := q.send(t, newKMS(t))
			require.Equal(t, http.StatusOK, response.StatusCode)
			require.Equal(t, false, body["Truncated"])
			require.Equal(t, []any{}, body["Keys"])
		})
	}
}

func TestServerReadsTheRegionOfTheCredentialScope(t *testing.T) {
	const signature = "AWS4-HMAC-SHA256 Credential=AKID/20260102/%/kms/aws4_request, SignedHeaders=host, Signature=00"
	for name, c := range map[string]struct{ authorization, region string }{
		"a scope":                {strings.Replace(signature, "%", "ap-southeast-2", 1), "ap-southeast-2"},
		"an id with slashes":     {strings.Replace(strings.Replace(signature, "AKID", "a/b/c", 1), "%", "eu-west-1", 1), "eu-west-1"},
		"no header":              {"", "us-east-1"},
		"a scope that is short":  {"AWS4-HMAC-SHA256 Credential=AKID", "us-east-1"},
		"a Region that is none":  {strings.Replace(signature, "%", "../etc", 1), "us-east-1"},
		"another sort of header": {"Bearer token", "us-east-1"},
		"a Region of China":      {strings.Replace(signature, "%", "cn-north-1", 1), "cn-north-1"},
	} {
		t.Run(name, func(t *testing.T) {
			q := post("TrentService.CreateKey", "{}")
			q.authorization = c.authorization
			_, body := q.send(t, newKMS(t))
			arn := body["KeyMetadata"].(map[string]any)["Arn"].(string)
			require.Equal(t, c.region, strings.Split(arn, ":")[3])
			if strings.HasPrefix(c.region, "cn-") {
				require.True(t, strings.HasPrefix(arn, "arn:aws-cn:kms:"))
			}
		})
	}
	t.Run("a view without one", func(t *testing.T) {
		_, body := post("TrentService.CreateKey", "{}").send(t, newKMS(t).InRegion(away))
		require.Contains(t, body["KeyMetadata"].(map[string]any)["Arn"], ":eu-west-1:")
	})
}

func TestTimesTravelInSeconds(t *testing.T) {
	_, body := post("TrentService.CreateKey", "{}").send(t, newKMS(t))
	require.IsType(t, float64(0), body["KeyMetadata"].(map[string]any)["CreationDate"])
}

// FuzzServeHTTP: whatever the body, the answer is JSON, a success or an error with a code, and nothing panics.
func FuzzServeHTTP(f *testing.F) {
	f.Add("Encrypt", []byte(`{"KeyId":"alias/fuzz","Plaintext":"eA==","EncryptionContext":{"a":"b"}}`))
	f.Add("Decrypt", []byte(`{"CiphertextBlob":"ASQ=","EncryptionContext":null}`))
	f.Add("ListKeys", []byte(`{"Limit":1,"Marker":"YWZ0ZXI6"}`))
	f.Add("CreateGrant", []byte(`{"KeyId":"alias/fuzz","Constraints":{"EncryptionContextSubset":{}},"Operations":["Decrypt"]}`))
	f.Fuzz(func(t *testing.T, operation string, body []byte) {
		if bytes.Contains(body, []byte("RSA_")) || bytes.Contains(body, []byte(`\u`)) {
			t.Skip("making RSA keys is slow, escaped names of them too")
		}
		k, err := localkms.New(nil)
		require.NoError(t, err)
		_, err = k.NewKey("fuzz")
		require.NoError(t, err)
		q := post("TrentService."+operation, string(body))
		response, answer := q.send(t, k)
		if response.StatusCode == http.StatusOK {
			return
		}
		require.Less(t, response.StatusCode, 500, "%v", answer)
		require.NotEmpty(t, answer["__type"])
	})
}

func TestFuzzCorpusIsThere(t *testing.T) {
	seeds, err := filepath.Glob(filepath.Join("testdata", "fuzz", "FuzzServeHTTP", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, seeds)
	for _, seed := range seeds {
		content, err := os.ReadFile(seed)
		require.NoError(t, err)
		require.True(t, bytes.HasPrefix(content, []byte("go test fuzz v1\n")), seed)
	}
}
