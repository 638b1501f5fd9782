package localkms

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/smithy-go"
)

const (
	contentType  = "application/x-amz-json-1.1"
	targetPrefix = "TrentService."

	// maxBody is far above the largest request of KMS, and bounds what one can make the server hold.
	maxBody = 1 << 20
)

// ServeHTTP answers AWS JSON 1.1 requests as KMS does, on every path: POST, content type application/x-amz-json-1.1,
// the operation in X-Amz-Target as TrentService.NAME, at most 1 MiB of body. Signatures are not checked; the Region
// in the Authorization header's credential scope picks the Region, and without one it is this view's: Options.Region, or the one given to InRegion.
// Errors are JSON with __type and message. It is safe for concurrent use.
func (k *KMS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("x-amzn-requestid", newUUID())
	out, err := k.InRegion(k.regionOf(r)).answer(w, r)
	if err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, http.StatusOK, out)
}

// statusError is an error of the HTTP layer, with a status that is not the usual one of its code.
type statusError struct {
	error
	status int
}

// HTTPStatusCode is the interface that the SDK's response errors have as well.
func (e *statusError) HTTPStatusCode() int { return e.status }

func (e *statusError) Unwrap() error { return e.error }

// answer is the operation's output as JSON.
func (k *KMS) answer(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, &statusError{unknownOperation("method %s is not allowed; KMS is called by POST", r.Method), http.StatusMethodNotAllowed}
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != contentType {
		return nil, &statusError{malformed("content type %q is not %s", r.Header.Get("Content-Type"), contentType), http.StatusUnsupportedMediaType}
	}
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	if !ok {
		return nil, unknownOperation("header X-Amz-Target names no operation of KMS; it is %sEncrypt or the like", targetPrefix)
	}
	run := operations[name]
	if run == nil {
		return nil, unknownOperation("%q is not an operation of localkms", name)
	}
	request, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	return run(r.Context(), k, request)
}

// readBody is the JSON object of the request; an empty body is an empty object.
func readBody(w http.ResponseWriter, r *http.Request) (map[string]any, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, &statusError{malformed("the body is longer than %d bytes", maxBody), http.StatusRequestEntityTooLarge}
		}
		return nil, malformed("the body broke off: %v", err)
	}
	if len(body) == 0 {
		return nil, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var request any
	if err := decoder.Decode(&request); err != nil {
		return nil, malformed("the body is not JSON: %v", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, malformed("the body goes on after its JSON object")
	}
	object, ok := request.(map[string]any)
	if !ok {
		return nil, malformed("the body is not a JSON object")
	}
	return object, nil
}

// regionOf reads the Region out of a header like
//
//	Authorization: AWS4-HMAC-SHA256 Credential=ID/20060102/us-east-1/kms/aws4_request, SignedHeaders=…, Signature=…
func (k *KMS) regionOf(r *http.Request) string {
	_, rest, ok := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if !ok {
		return k.region
	}
	credential, _, _ := strings.Cut(rest, ",")
	parts := strings.Split(strings.TrimSpace(credential), "/")
	if len(parts) < 5 { // an access key id may have slashes of its own
		return k.region
	}
	if region := parts[len(parts)-3]; isRegion(region) {
		return region
	}
	return k.region
}

// writeError is the inverse of what SDKs do: a status, and the code in __type.
func writeError(w http.ResponseWriter, err error) {
	code, text, status := "InternalFailure", err.Error(), http.StatusInternalServerError
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		code, text = api.ErrorCode(), api.ErrorMessage()
		if api.ErrorFault() == smithy.FaultClient {
			status = http.StatusBadRequest
		}
	} else if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		code, status = "RequestTimeout", http.StatusRequestTimeout
	}
	if s, ok := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](err); ok && s.HTTPStatusCode() >= 400 && s.HTTPStatusCode() <= 599 {
		status = s.HTTPStatusCode()
	}
	body, _ := json.Marshal(map[string]string{"__type": code, "message": text}) // strings always marshal
	writeJSON(w, status, body)
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone, or not
}
