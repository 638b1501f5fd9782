package integration

import "testing"

// onServers runs a test against every server there is.
func onServers(t *testing.T, test func(*testing.T, *server)) {
	t.Run("gofakes3", func(t *testing.T) { test(t, fake(t)) })
}
