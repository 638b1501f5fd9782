package sealwax_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// documents are the Markdown files that a reader meets.
func documents(t *testing.T) map[string]string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"*.md", "docs/*.md", "*/README.md", "examples/*/README.md"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		names = append(names, found...)
	}
	docs := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		docs[filepath.ToSlash(name)] = strings.ReplaceAll(string(text), "\r\n", "\n")
	}
	require.Contains(t, docs, "README.md")
	require.Contains(t, docs, "docs/format.md")
	return docs
}

// goBlock matches a fenced block of Go, and the comment right before it, if any.
var goBlock = regexp.MustCompile("(?ms)(?:^<!-- (program[^\n]*) -->\n)?^```go\n(.*?)^```$")

// A whole program in a document compiles, and one with output prints it.
func TestProgramsInDocuments(t *testing.T) {
	programs := 0
	for name, text := range documents(t) {
		for _, block := range goBlock.FindAllStringSubmatch(text, -1) {
			mark, code := block[1], block[2]
			require.Equal(t, strings.HasPrefix(code, "package "), mark != "", "%s: mark whole programs, and them alone, with a comment <!-- program -->:\n%s", name, code)
			if mark == "" {
				continue
			}
			programs++
			t.Run(fmt.Sprintf("%s %d", name, programs), func(t *testing.T) {
				t.Parallel()
				testProgram(t, code, strings.TrimPrefix(mark, "program"))
			})
		}
	}
	require.NotZero(t, programs)
}

// testProgram vets a program that uses this module, and runs it if mark says what it prints.
func testProgram(t *testing.T, code, mark string) {
	file := filepath.Join(t.TempDir(), "main.go")
	require.NoError(t, os.WriteFile(file, []byte(code), 0o600))
	goCommand(t, "vet", file)
	if prints, ok := strings.CutPrefix(mark, ": prints "); ok {
		want, err := strconv.Unquote(prints)
		require.NoError(t, err)
		require.Equal(t, want, goCommand(t, "run", file))
	}
}

// goCommand runs the go command and returns its standard output.
func goCommand(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "go %s: %s", strings.Join(args, " "), &stderr)
	return stdout.String()
}

// Every other piece of Go in a document stands in snippets_test.go, which compiles.
func TestSnippetsCompile(t *testing.T) {
	source, err := os.ReadFile("snippets_test.go")
	require.NoError(t, err)
	compiled := unindent(string(source))
	snippets := 0
	for name, text := range documents(t) {
		for _, block := range goBlock.FindAllStringSubmatch(text, -1) {
			if block[1] != "" {
				continue
			}
			snippets++
			require.Contains(t, compiled, "\n"+unindent(block[2]), "%s: put this snippet into snippets_test.go, so that it compiles", name)
		}
	}
	require.NotZero(t, snippets)
}

// unindent drops the indentation of each line.
func unindent(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimLeft(line, "\t")
	}
	return strings.Join(lines, "\n")
}

var (
	code    = regexp.MustCompile("(?ms)^```.*?^```$|`[^`\n]*`")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
)

// Links to files of the repository, and to headings in them, lead somewhere.
func TestLinksLeadSomewhere(t *testing.T) {
	docs := documents(t)
	for name, text := range docs {
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(text, ""), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			file := name
			if target != "" {
				file = filepath.ToSlash(filepath.Join(filepath.Dir(name), target))
				_, err := os.Stat(file)
				require.NoError(t, err, "%s links to %s", name, m[1])
			}
			if anchor != "" {
				require.Contains(t, anchors(docs[file]), anchor, "%s links to %s", name, m[1])
			}
		}
	}
}

// anchors are the names that headings get on GitHub.
func anchors(text string) []string {
	var names []string
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		name := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

// path matches a file or folder of the repository in running text.
var path = regexp.MustCompile("`(?:go run )?(?:\\./)?((?:envelope|keyring|cache|internal|examples|docs|bench)(?:/[a-z0-9_-]+)*(?:/[a-z0-9_]+\\.[a-z]+)?)[` ]")

// Files and folders that documents name are there.
func TestPathsExist(t *testing.T) {
	found := 0
	for name, text := range documents(t) {
		for _, m := range path.FindAllStringSubmatch(text, -1) {
			found++
			_, err := os.Stat(m[1])
			require.NoError(t, err, "%s names %s", name, m[1])
		}
	}
	require.NotZero(t, found)
}

var (
	tableRow   = regexp.MustCompile("(?m)^\\| (.+) \\| `(.+)` \\| (.+) \\|$")
	testName   = regexp.MustCompile("`(Test\\w+)`")
	vectorName = regexp.MustCompile(`"([^"]+)"`)
)

// The files, tests and test vectors that docs/format.md names beside each rule are there.
func TestRulesOfTheFormat(t *testing.T) {
	_, table, ok := strings.Cut(documents(t)["docs/format.md"], "## Rules and where they are kept")
	require.True(t, ok)
	vectors, err := os.ReadFile("envelope/testdata/vectors.json")
	require.NoError(t, err)
	tests := map[string]bool{}
	for file, source := range goFiles(t) {
		if strings.HasSuffix(file, "_test.go") {
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(source, -1) {
				tests[m[1]] = true
			}
		}
	}
	rows := tableRow.FindAllStringSubmatch(table, -1)
	require.Greater(t, len(rows), 20)
	for _, row := range rows {
		rule, file, proofs := row[1], row[2], row[3]
		require.FileExists(t, file, rule)
		named := testName.FindAllStringSubmatch(proofs, -1)
		for _, m := range named {
			require.True(t, tests[m[1]], "%s: there is no test %s", rule, m[1])
		}
		vectorsNamed := vectorName.FindAllStringSubmatch(proofs, -1)
		for _, m := range vectorsNamed {
			found := bytes.Contains(vectors, []byte(`"name":"`+m[1]+`"`))
			require.True(t, found, "%s: there is no vector %q", rule, m[1])
		}
		require.NotZero(t, len(named)+len(vectorsNamed), rule)
	}
}

// citation matches what comments of the code cite.
var (
	citation    = regexp.MustCompile(`(docs/[a-z-]+\.md)(?:, section "([^"]+)")?`)
	commentLine = regexp.MustCompile(`\s*\n\s*//\s*`)
)

// Documents and sections that comments cite are there.
func TestCitationsExist(t *testing.T) {
	docs := documents(t)
	found := 0
	for file, source := range goFiles(t) {
		if file == "docs_test.go" {
			continue
		}
		for _, m := range citation.FindAllStringSubmatch(commentLine.ReplaceAllString(source, " "), -1) {
			found++
			text, ok := docs[m[1]]
			require.True(t, ok, "%s cites %s", file, m[1])
			section := regexp.MustCompile(`(?m)^#+ ` + regexp.QuoteMeta(m[2]) + `$`)
			require.True(t, m[2] == "" || section.MatchString(text), "%s cites section %q of %s", file, m[2], m[1])
		}
	}
	require.NotZero(t, found)
}
