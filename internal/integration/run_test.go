package integration

import (
	"net/http"
	"os"
	"testing"
)

// onServers runs a test against every server there is: gofakes3 in this process,
// and the real ones that run.sh starts.
func onServers(t *testing.T, test func(*testing.T, *server)) {
	t.Run("gofakes3", func(t *testing.T) { test(t, fake(t)) })
	for _, real := range []struct{ name, variable string }{
		{"versitygw", "SEALWAX_VERSITYGW_URL"},
		{"minio", "SEALWAX_MINIO_URL"},
	} {
		s := &server{name: real.name, url: os.Getenv(real.variable)}
		t.Run(real.name, func(t *testing.T) {
			if s.url == "" {
				t.Skipf("%s is not set: internal/integration/run.sh installs and starts %s", real.variable, real.name)
			}
			test(t, dialled(t, s))
		})
		if real.name != "versitygw" {
			continue
		}
		t.Run(real.name+" over TLS", func(t *testing.T) {
			if s.url == "" {
				t.Skipf("%s is not set: internal/integration/run.sh installs and starts %s", real.variable, real.name)
			}
			s := dialled(t, s)
			test(t, newProxy(t, s, true).behind(s))
		})
	}
}

// dialled returns the server with an HTTP client of the test's own.
func dialled(t *testing.T, s *server) *server {
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	t.Cleanup(transport.CloseIdleConnections)
	seen := *s
	seen.http = &http.Client{Transport: transport}
	return &seen
}
