package sealwax_test

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/sealwax/sealwax"

// rooms says what each package may import besides the standard library: packages of this module without its path, and
// others by the beginning of theirs. The longest name that fits decides. Imports point one way: who is named here
// never imports who names it.
var rooms = map[string][]string{
	"":                    {},
	"envelope":            {"internal", "keyring"},
	"keyring":             {"internal"},
	"keyring/awskms":      {"internal", "keyring", awsSDK, smithy},
	"keyring/branchkey":   {"internal", "keyring", "keyring/awskms", awsSDK, smithy},
	"keyring/localkms":    {"internal", awsSDK, smithy},
	"keyring/keyringtest": {"internal", "keyring"},
	"cache":               {"internal", "keyring"},
	"s3crypto":            {"internal", "envelope", "keyring", "keyring/awskms", awsSDK, smithy, sync},
	"sqlcrypto":           {"internal", "envelope", "keyring", "keyring/branchkey"},
	"internal":            {"internal"},
	"examples": {"envelope", "keyring", "keyring/awskms", "keyring/branchkey", "keyring/localkms", "cache", "s3crypto",
		"sqlcrypto", awsSDK, smithy, sync},
}

const (
	awsSDK  = "github.com/aws/aws-sdk-go-v2"
	smithy  = "github.com/aws/smithy-go"
	sync    = "golang.org/x/sync"
	testify = "github.com/stretchr/testify"
)

// requirements are the modules that this one may need directly.
var requirements = []string{awsSDK, smithy, sync, testify}

type goPackage struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

// goPackages are the packages of this module, but not of those below it.
func goPackages(t *testing.T) []goPackage {
	t.Helper()
	var packages []goPackage
	list := json.NewDecoder(strings.NewReader(goCommand(t, "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")))
	for {
		var p goPackage
		err := list.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		packages = append(packages, p)
	}
	require.Greater(t, len(packages), 10)
	return packages
}

// local is the path of a package within the module; ok is false for others.
func local(importPath string) (path string, ok bool) {
	if importPath == module {
		return "", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

func isStandard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

// within reports whether path is name or lies below it.
func within(path, name string) bool { return path == name || strings.HasPrefix(path, name+"/") }

// roomOf is the name in rooms that holds a package: the longest that fits.
func roomOf(path string) (string, bool) {
	for name := path; ; {
		if _, ok := rooms[name]; ok {
			return name, name != "" || path == ""
		}
		at := strings.LastIndexByte(name, '/')
		if at < 0 {
			return "", false
		}
		name = name[:at]
	}
}

func mayImport(room, importPath string) bool {
	if isStandard(importPath) {
		return true
	}
	path, ours := local(importPath)
	if !ours {
		return slices.ContainsFunc(rooms[room], func(name string) bool { return within(importPath, name) })
	}
	other, known := roomOf(path)
	return known && (other == room || slices.Contains(rooms[room], other))
}

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range goPackages(t) {
		path, ours := local(p.ImportPath)
		require.True(t, ours)
		room, known := roomOf(path)
		require.True(t, known, "%s is in no room: say in architecture_test.go what it may import", p.ImportPath)
		for _, imported := range p.Imports {
			require.True(t, mayImport(room, imported), "%s may not import %s", p.ImportPath, imported)
		}
	}
}

// The rule has teeth.
func TestImportsThatWouldPointTheOtherWay(t *testing.T) {
	for _, c := range []struct{ room, imports string }{
		{"envelope", "github.com/aws/aws-sdk-go-v2/service/kms"},
		{"envelope", module + "/cache"},
		{"envelope", module + "/keyring/awskms"},
		{"keyring", module + "/envelope"},
		{"keyring", module + "/keyring/awskms"},
		{"cache", module + "/envelope"},
		{"cache", module + "/s3crypto"},
		{"s3crypto", module + "/cache"},
		{"s3crypto", module + "/sqlcrypto"},
		{"sqlcrypto", module + "/s3crypto"},
		{"internal", module + "/keyring"},
		{"internal", module + "/envelope"},
		{"keyring/awskms", module + "/keyring/localkms"},
		{"keyring/localkms", module + "/keyring"},
		{"cache", "golang.org/x/sync/singleflight"},
		{"envelope", module + "/somewhere"},
	} {
		require.False(t, mayImport(c.room, c.imports), "%s imports %s", c.room, c.imports)
	}
}

func TestTestsImportNothingElse(t *testing.T) {
	for _, p := range goPackages(t) {
		for _, imported := range append(p.TestImports, p.XTestImports...) {
			if _, ours := local(imported); ours || isStandard(imported) {
				continue
			}
			allowed := slices.ContainsFunc(requirements, func(m string) bool { return within(imported, m) })
			require.True(t, allowed, "tests of %s import %s", p.ImportPath, imported)
		}
	}
}

func TestRequirements(t *testing.T) {
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	require.NoError(t, json.Unmarshal([]byte(goCommand(t, "mod", "edit", "-json")), &mod))
	require.NotEmpty(t, mod.Require)
	for _, r := range mod.Require {
		allowed := slices.ContainsFunc(requirements, func(m string) bool { return within(r.Path, m) })
		require.True(t, r.Indirect || allowed, "go.mod requires %s", r.Path)
	}
}

// goFiles are the Go files of this module by name, tests included, but not of the modules below it.
func goFiles(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, fs.WalkDir(os.DirFS("."), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if _, err := os.Stat(filepath.Join(name, "go.mod")); name != "." && (err == nil || entry.Name() == "testdata" || entry.Name()[0] == '.') {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		source, err := os.ReadFile(name)
		files[name] = string(source)
		return err
	}))
	require.Greater(t, len(files), 50)
	return files
}

// Whoever asks what can repeat a nonce reads one package.
func TestOnlyPackageAEADMakesGCM(t *testing.T) {
	for name, source := range goFiles(t) {
		if within(name, "internal/aead") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		require.NotContains(t, source, "cipher.NewGCM(", "%s: use aead.NewGCM", name)
		require.NotContains(t, source, "cipher.NewGCMWithNonceSize(", "%s: use aead.NewGCM", name)
		require.NotContains(t, source, "cipher.NewGCMWithTagSize(", "%s: use aead.NewGCM", name)
	}
}

// foreignWords are other libraries' names of what docs/glossary.md names otherwise.
var foreignWords = regexp.MustCompile(`\b(?:DEK|KEK|CMK|CMM|[Mm]aster key|[Cc]rypto(?:graphic)? materials manager|[Ee]ncryption segment)s?\b`)

func TestOneConceptHasOneName(t *testing.T) {
	for name, source := range goFiles(t) {
		if name == "architecture_test.go" {
			continue
		}
		require.NotRegexp(t, foreignWords, source, "%s: docs/glossary.md has the word", name)
	}
}
