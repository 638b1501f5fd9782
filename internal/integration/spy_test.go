package integration

import (
	"bytes"
	"io"
	"net/http"
	"sync/atomic"
)

// spy looks for plaintext in all that is sent.
type spy struct {
	http.RoundTripper
	secret          []byte
	requests, leaks atomic.Int64
}

func (s *spy) RoundTrip(r *http.Request) (*http.Response, error) {
	s.requests.Add(1)
	if r.Body != nil && r.Body != http.NoBody {
		r = r.Clone(r.Context())
		r.Body = &spiedBody{ReadCloser: r.Body, spy: s}
		r.GetBody = nil
	}
	return s.RoundTripper.RoundTrip(r)
}

type spiedBody struct {
	io.ReadCloser
	spy  *spy
	last []byte // the end of what was read, where the secret may begin
}

func (b *spiedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.last = append(b.last, p[:n]...)
	if bytes.Contains(b.last, b.spy.secret) {
		b.spy.leaks.Add(1)
	}
	b.last = bytes.Clone(b.last[max(0, len(b.last)-len(b.spy.secret)):])
	return n, err
}
