package integration

import (
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// proxy stands between client and server, and does what networks and servers do.
// Hosts are kept, so that signatures hold.
type proxy struct {
	url    string
	http   *http.Client // set for TLS
	target *url.URL
	to     http.RoundTripper

	mu    sync.Mutex
	rule  func(*request) fault // guarded by mu; so is all that follows
	log   []*request
	conns map[string]bool // open connections of clients
}

// request is what the proxy saw.
type request struct {
	operation string // as the SDK names it
	part      int
	attempt   int // of the same operation and part, from 1 on
	header    http.Header
	query     url.Values
	bodyHash  [32]byte // of the request's body; zero if it was cut
	bodyCRC32 uint32   // of the same
	received  int64    // bytes of the response's body that were sent on
}

// fault is what happens to a request. The zero fault is none.
type fault struct {
	before       func() // runs before the request is passed on
	status       int    // answer so, once the body is read, without passing it on
	code         string // of the error in that answer
	corrupt      int64  // change the byte of the request's body at this place, from 1 on
	cutRequest   bool   // close the connection in the middle of the request's body
	loseAnswer   bool   // pass the request on, and close the connection instead of answering
	cutResponse  int64  // close the connection after so many bytes of the response's body
	shorten      int64  // leave so many bytes out at the end, and say so in Content-Length
	corruptAt    int64  // change the byte of the response's body at this place, from 1 on
	pieces       int    // take the request's body and send the response in pieces of so many bytes,
	pause        time.Duration
	dropResponse bool // no bytes of the response's body at all, and then a cut
}

func newProxy(t testing.TB, s *server, tls bool) *proxy {
	t.Helper()
	target, err := url.Parse(s.url)
	require.NoError(t, err)
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 32}
	if behind, ok := s.http.Transport.(*http.Transport); ok {
		transport.TLSClientConfig = behind.TLSClientConfig
	}
	p := &proxy{target: target, to: transport, conns: map[string]bool{}}
	listener := httptest.NewUnstartedServer(p)
	listener.Config.ConnState = p.noteConn
	if tls {
		listener.StartTLS()
	} else {
		listener.Start()
	}
	p.url, p.http = listener.URL, listener.Client()
	t.Cleanup(func() {
		listener.Close()
		transport.CloseIdleConnections()
	})
	return p
}

// behind returns the server as it is seen through the proxy.
func (p *proxy) behind(s *server) *server {
	seen := *s
	seen.url, seen.http = p.url, p.http
	return &seen
}

// do sets what happens from now on, and forgets what was.
func (p *proxy) do(rule func(*request) fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rule, p.log = rule, nil
}

// seen returns the requests of an operation, or all of them.
func (p *proxy) seen(operation string) []*request {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []*request
	for _, r := range p.log {
		if operation == "" || r.operation == operation {
			found = append(found, r)
		}
	}
	return found
}

// received returns the bytes of responses to an operation.
func (p *proxy) received(operation string) int64 {
	n := int64(0)
	for _, r := range p.seen(operation) {
		n += r.received
	}
	return n
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	seen, f := p.note(r)
	if f.before != nil {
		f.before()
	}
	if f.cutRequest {
		_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
		panic(http.ErrAbortHandler)
	}
	body, err := receive(r.Body, f)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	p.mu.Lock()
	seen.bodyHash, seen.bodyCRC32 = sha256.Sum256(body), crc32.ChecksumIEEE(body)
	p.mu.Unlock()
	if f.status != 0 {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(f.status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>fault</Message></Error>", f.code)
		return
	}
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host = p.target.Scheme, p.target.Host
	out.RequestURI = ""
	out.Body, out.ContentLength, out.TransferEncoding = io.NopCloser(strings.NewReader(string(body))), int64(len(body)), nil
	resp, err := p.to.RoundTrip(out)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer resp.Body.Close()
	if f.loseAnswer {
		_, _ = io.Copy(io.Discard, resp.Body)
		panic(http.ErrAbortHandler)
	}
	p.answer(w, r, resp, seen, f)
}

// receive reads a request's body, with the fault.
func receive(r io.Reader, f fault) ([]byte, error) {
	if f.pieces > 0 {
		r = &slowReader{r, f}
	}
	body, err := io.ReadAll(r)
	if f.corrupt > 0 && f.corrupt <= int64(len(body)) {
		body[f.corrupt-1] ^= 0x10
	}
	return body, err
}

type slowReader struct {
	io.Reader
	f fault
}

func (r *slowReader) Read(p []byte) (int, error) {
	time.Sleep(r.f.pause)
	return r.Reader.Read(p[:min(len(p), r.f.pieces)])
}

// answer sends the response on, with the fault.
func (p *proxy) answer(w http.ResponseWriter, r *http.Request, resp *http.Response, seen *request, f fault) {
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	length, known := resp.ContentLength, resp.ContentLength >= 0
	if f.shorten > 0 {
		length = max(0, length-f.shorten)
		w.Header().Set("Content-Length", strconv.FormatInt(length, 10))
	}
	w.WriteHeader(resp.StatusCode)
	if r.Method == http.MethodHead {
		return
	}
	if f.dropResponse {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	size := 64 << 10
	if f.pieces > 0 {
		size = f.pieces
	}
	buf, sent := make([]byte, size), int64(0)
	for !known || sent < length {
		n, err := resp.Body.Read(buf)
		if known {
			n = int(min(int64(n), length-sent))
		}
		if f.corruptAt > sent && f.corruptAt <= sent+int64(n) {
			buf[f.corruptAt-sent-1] ^= 0x10
		}
		cut := f.cutResponse > 0 && sent+int64(n) >= f.cutResponse
		if cut {
			n = int(f.cutResponse - sent)
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return
		}
		sent += int64(n)
		p.mu.Lock()
		seen.received += int64(n)
		p.mu.Unlock()
		if cut {
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		if f.pause > 0 {
			_ = http.NewResponseController(w).Flush()
			time.Sleep(f.pause)
		}
		if err != nil {
			return
		}
	}
}

// note takes down a request, and decides what happens to it.
func (p *proxy) note(r *http.Request) (*request, fault) {
	query := r.URL.Query()
	seen := &request{operation: operationOf(r, query), header: r.Header.Clone(), query: query, attempt: 1}
	seen.part, _ = strconv.Atoi(query.Get("partNumber"))
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, earlier := range p.log {
		if earlier.operation == seen.operation && earlier.part == seen.part {
			seen.attempt++
		}
	}
	p.log = append(p.log, seen)
	if p.rule == nil {
		return seen, fault{}
	}
	return seen, p.rule(seen)
}

func operationOf(r *http.Request, query url.Values) string {
	upload, copied := query.Has("uploadId"), r.Header.Get("X-Amz-Copy-Source") != ""
	switch {
	case r.Method == http.MethodPut && upload && copied:
		return "UploadPartCopy"
	case r.Method == http.MethodPut && upload:
		return "UploadPart"
	case r.Method == http.MethodPut && copied:
		return "CopyObject"
	case r.Method == http.MethodPut:
		return "PutObject"
	case r.Method == http.MethodPost && query.Has("uploads"):
		return "CreateMultipartUpload"
	case r.Method == http.MethodPost && upload:
		return "CompleteMultipartUpload"
	case r.Method == http.MethodDelete && upload:
		return "AbortMultipartUpload"
	case r.Method == http.MethodDelete:
		return "DeleteObject"
	case r.Method == http.MethodHead:
		return "HeadObject"
	case r.Method == http.MethodGet && query.Has("tagging"):
		return "GetObjectTagging"
	}
	return "GetObject"
}
