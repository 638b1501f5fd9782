package integration

import (
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func (p *proxy) noteConn(c net.Conn, state http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch state {
	case http.StateActive:
		p.conns[c.RemoteAddr().String()] = true
	default: // idle ones are the client's to keep
		delete(p.conns, c.RemoteAddr().String())
	}
}

// requireIdle fails if a connection stays busy.
func (p *proxy) requireIdle(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.conns) == 0
	}, 10*time.Second, 5*time.Millisecond, "connections are still busy")
}
