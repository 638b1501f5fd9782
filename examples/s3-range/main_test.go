package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDemonstrationDownloadsLittle(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out))
	require.Contains(t, out.String(), "one small file among large ones")
	counted := 0
	for line := range strings.Lines(out.String()) {
		var how string
		var requests, n int64
		if _, err := fmt.Sscanf(line, "%s with %d requests, %d bytes", &how, &requests, &n); err == nil {
			counted++
			require.LessOrEqual(t, requests, int64(3))
			require.Less(t, n, int64(400_000), "of more than 32 MiB")
		}
	}
	require.Equal(t, 2, counted)
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"object"}, {"-bucket", "b", "object"}, {"-bucket", "b", "-key", "k"}, {"-context", "x"}} {
		require.Error(t, run(t.Context(), args, &bytes.Buffer{}))
	}
}
