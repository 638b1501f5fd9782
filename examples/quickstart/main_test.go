package main

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// show runs the program and returns its lines.
func show(t *testing.T, args ...string) []string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir) // Windows
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), args, &out))
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "quickstart-*"))
	require.NoError(t, err)
	require.Empty(t, left, "temporary files")
	return strings.Split(strings.TrimSpace(out.String()), "\n")
}

func requireStory(t *testing.T, lines []string) {
	t.Helper()
	var refused []string
	for _, line := range lines {
		if what, ok := strings.CutPrefix(line, "refused"); ok {
			refused = append(refused, strings.Split(strings.TrimSpace(what), ": ")[1])
		}
	}
	require.Equal(t, []string{"ErrContext", "ErrAuthentication", "ErrTruncated"}, refused)
	require.Contains(t, lines[len(lines)-1], "GenerateDataKey 1, Decrypt 3", "a wrong context costs no call")
}

func TestWithoutAFile(t *testing.T) {
	requireStory(t, show(t))
}

func TestFiles(t *testing.T) {
	for name, size := range map[string]int{
		"empty":            0,
		"one byte":         1,
		"one frame":        64 << 10,
		"frames and bytes": 1<<20 + 7,
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "plain")
			content := make([]byte, size)
			_, _ = rand.Read(content)
			require.NoError(t, os.WriteFile(file, content, 0o600))
			requireStory(t, show(t, file))
		})
	}
}

func TestRefusesWhatItCannotRead(t *testing.T) {
	for name, args := range map[string][]string{
		"missing file":   {filepath.Join(t.TempDir(), "missing")},
		"folder":         {t.TempDir()},
		"more arguments": {"a", "b"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Error(t, run(t.Context(), args, &bytes.Buffer{}))
		})
	}
}
