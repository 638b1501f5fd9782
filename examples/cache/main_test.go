package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRun(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"1000"}, &out))
	require.Contains(t, out.String(), "1000 messages, 1000 KMS calls")
	require.Contains(t, out.String(), "1000 messages, 10 KMS calls")
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"x"}, {"-1"}, {"100001"}, {"20", "20"}} {
		require.Error(t, run(t.Context(), args, new(bytes.Buffer)))
	}
}
