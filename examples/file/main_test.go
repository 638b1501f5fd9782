package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/message"
	"github.com/sealwax/sealwax/keyring/localkms"
)

// bench is a KMS that is served, and a folder to work in.
type bench struct {
	t      *testing.T
	kms    *localkms.KMS
	keyARN string
	flags  []string // that reach the KMS
	dir    string
}

func newBench(t *testing.T) *bench {
	// Whatever AWS configuration the machine has is not for tests.
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	k, err := localkms.New(nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, k.Close()) })
	arn, err := k.NewKey("alias/files")
	require.NoError(t, err)
	server := httptest.NewServer(k)
	t.Cleanup(server.Close)
	return &bench{t: t, kms: k, keyARN: arn, flags: []string{"-endpoint", server.URL, "-key", arn}, dir: t.TempDir()}
}

// call runs the program with the flags that reach the KMS.
func (b *bench) call(stdin, verb string, args ...string) (status int, stdout, stderr string) {
	return call(b.t.Context(), strings.NewReader(stdin), append(append([]string{verb}, b.flags...), args...)...)
}

func call(ctx context.Context, stdin io.Reader, args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = run(ctx, args, stdin, &out, &errs)
	return status, out.String(), errs.String()
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) write(name, content string) string {
	require.NoError(b.t, os.WriteFile(b.path(name), []byte(content), 0o644))
	return b.path(name)
}

// files lists the folder.
func (b *bench) files() []string {
	entries, err := os.ReadDir(b.dir)
	require.NoError(b.t, err)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestFilesThereAndBack(t *testing.T) {
	for name, size := range map[string]int{"empty": 0, "a byte": 1, "a frame": 64 << 10, "many frames": 3<<20 + 1} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			content := make([]byte, size)
			_, _ = rand.Read(content)
			plain := b.write("plain", string(content))

			status, out, errs := b.call("", "seal", "-context", "tenant=4711", "-o", b.path("sealed"), plain)
			require.Zero(t, status, errs)
			require.Empty(t, out)
			status, _, errs = b.call("", "open", "-context", "tenant=4711", "-o", b.path("opened"), b.path("sealed"))
			require.Zero(t, status, errs)

			opened, err := os.ReadFile(b.path("opened"))
			require.NoError(t, err)
			require.True(t, bytes.Equal(content, opened))
			require.Equal(t, []string{"opened", "plain", "sealed"}, b.files())
			require.Equal(t, 1, b.kms.Calls("GenerateDataKey"))
			require.Equal(t, 1, b.kms.Calls("Decrypt"))
		})
	}
}

func TestStandardInputAndOutput(t *testing.T) {
	b := newBench(t)
	status, sealed, errs := b.call("some text", "seal")
	require.Zero(t, status, errs)
	require.NotContains(t, sealed, "some text")
	status, opened, errs := b.call(sealed, "open", "-o", "-", "-")
	require.Zero(t, status, errs)
	require.Equal(t, "some text", opened)
}

func TestAnyOfSeveralKeysOpens(t *testing.T) {
	b := newBench(t)
	second, err := b.kms.NewKey("alias/second")
	require.NoError(t, err)
	_, sealed, _ := b.call("text", "seal", "-key", "alias/second")

	b.flags[3] = second
	status, opened, errs := b.call(sealed, "open")
	require.Zero(t, status, errs)
	require.Equal(t, "text", opened)
}

// Each key is asked in the Region of its ARN, and those without ARN in -region.
func TestKeysOfSeveralRegions(t *testing.T) {
	b := newBench(t)
	away, err := b.kms.InRegion("eu-west-1").NewKey("alias/away")
	require.NoError(t, err)
	north, err := b.kms.InRegion("eu-north-1").NewKey("alias/north")
	require.NoError(t, err)
	status, sealed, errs := b.call("text", "seal", "-key", away, "-key", "alias/north", "-region", "eu-north-1")
	require.Zero(t, status, errs)
	for _, key := range []string{b.keyARN, away, north} {
		b.flags[3] = key
		status, opened, errs := b.call(sealed, "open")
		require.Zero(t, status, errs)
		require.Equal(t, "text", opened)
	}
}

func TestInspectTakesNoKey(t *testing.T) {
	b := newBench(t)
	status, _, errs := b.call("12345", "seal", "-context", "tenant=4711", "-o", b.path("sealed"))
	require.Zero(t, status, errs)

	status, out, errs := call(t.Context(), nil, "inspect", b.path("sealed"))
	require.Zero(t, status, errs)
	for _, want := range []string{"not", "0x0478", `"tenant" = "4711"`, b.keyARN, "5 bytes"} {
		require.Contains(t, out, want)
	}
	require.Zero(t, b.kms.Calls("Decrypt"))
}

// Whatever goes wrong, no output file appears, and none that was there changes.
func TestNothingIsLeftAfterAFailure(t *testing.T) {
	b := newBench(t)
	_, sealed, _ := b.call(strings.Repeat("x", 64<<10+1), "seal", "-context", "tenant=4711")
	flipped := []byte(sealed)
	flipped[len(flipped)-1] ^= 1
	right := []string{"-context", "tenant=4711"}

	cases := map[string]struct {
		verb, stdin string
		args        []string
	}{
		"another context":      {"open", sealed, []string{"-context", "tenant=4712"}},
		"no context":           {"open", sealed, nil},
		"a bit flipped":        {"open", string(flipped), right},
		"cut off in a frame":   {"open", sealed[:len(sealed)-1], right},
		"cut off at a frame":   {"open", sealed[:len(sealed)-(1+message.FinalFrameOverhead)], right},
		"bytes behind":         {"open", sealed + "x", right},
		"no message":           {"open", "plain text", right},
		"nothing":              {"open", "", right},
		"missing input":        {"seal", "", []string{b.path("missing")}},
		"folder as input":      {"seal", "", []string{b.dir}},
		"reserved context":     {"seal", "text", []string{"-context", "aws-crypto-x=1"}},
		"malformed key":        {"seal", "text", []string{"-key", "arn:aws:kms:"}},
		"key that is not":      {"seal", "text", []string{"-key", "alias/missing"}},
		"same key given twice": {"seal", "text", []string{"-key", b.keyARN}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			status, out, errs := b.call(c.stdin, c.verb, append([]string{"-o", b.path("out")}, c.args...)...)
			require.Equal(t, 1, status, errs)
			require.Empty(t, out)
			require.NotEmpty(t, errs)
			require.Empty(t, b.files())
		})
	}

	b.write("out", "precious")
	status, _, _ := b.call(string(flipped), "open", "-context", "tenant=4711", "-f", "-o", b.path("out"))
	require.Equal(t, 1, status)
	b.requirePrecious()
}

func (b *bench) requirePrecious() {
	kept, err := os.ReadFile(b.path("out"))
	require.NoError(b.t, err)
	require.Equal(b.t, "precious", string(kept))
	require.Equal(b.t, []string{"out"}, b.files())
}

func TestOverwritesOnlyWhenTold(t *testing.T) {
	b := newBench(t)
	b.write("out", "precious")
	status, _, _ := b.call("text", "seal", "-o", b.path("out"))
	require.Equal(t, 1, status)
	b.requirePrecious()
	require.Zero(t, b.kms.Calls("*"), "refused before any work")

	status, _, errs := b.call("text", "seal", "-f", "-o", b.path("out"))
	require.Zero(t, status, errs)
	status, opened, errs := b.call("", "open", b.path("out"))
	require.Zero(t, status, errs)
	require.Equal(t, "text", opened)
}

// A name that is taken while the file is sealed is not overwritten either.
func TestNameTakenMeanwhile(t *testing.T) {
	b := newBench(t)
	taking := readerFunc(func(p []byte) (int, error) {
		b.write("out", "precious")
		return 0, io.EOF
	})
	args := append(append([]string{"seal"}, b.flags...), "-o", b.path("out"))
	status, _, errs := call(t.Context(), taking, args...)
	require.Equal(t, 1, status, errs)
	b.requirePrecious()
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A file sealed over itself is read to its end before it is replaced.
func TestSealsAFileOverItself(t *testing.T) {
	b := newBench(t)
	file := b.write("file", strings.Repeat("text", 100_000))
	status, _, errs := b.call("", "seal", "-f", "-o", file, file)
	require.Zero(t, status, errs)
	status, opened, errs := b.call("", "open", file)
	require.Zero(t, status, errs)
	require.Equal(t, strings.Repeat("text", 100_000), opened)
}

func TestInterruptLeavesNothing(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	endless := readerFunc(func(p []byte) (int, error) {
		cancel()
		return len(p), nil
	})
	args := append(append([]string{"seal"}, b.flags...), "-o", b.path("out"))
	status, _, _ := call(ctx, endless, args...)
	require.Equal(t, 1, status)
	require.Empty(t, b.files())
}

// A read that waits for its pipe's writer keeps neither the program nor its
// temporary file.
func TestInterruptOfABlockedRead(t *testing.T) {
	b := newBench(t)
	_, sealed, _ := b.call(strings.Repeat("secret", 100_000), "seal")
	for verb, begin := range map[string]string{"seal": "some text", "open": sealed[:len(sealed)-1], "inspect": "\x02"} {
		t.Run(verb, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			begun, blocked, ended := strings.NewReader(begin), make(chan struct{}), make(chan struct{})
			pipe := readerFunc(func(p []byte) (int, error) {
				if n, err := begun.Read(p); err == nil {
					return n, nil
				}
				defer close(ended)
				cancel()
				<-blocked
				return 0, io.ErrClosedPipe
			})
			args := []string{verb}
			if verb != "inspect" {
				args = append(append(args, b.flags...), "-o", b.path("out"))
			}
			status := run(ctx, args, pipe, io.Discard, io.Discard)
			require.Equal(t, 1, status)
			require.Empty(t, b.files())
			close(blocked)
			<-ended
		})
	}
}

const runMain = "SEALWAX_EXAMPLE_FILE_MAIN"

// TestMain is the program itself in the process of TestSignalLeavesNothing.
func TestMain(m *testing.M) {
	if os.Getenv(runMain) != "" {
		main()
	}
	os.Exit(m.Run())
}

func TestSignalLeavesNothing(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such signals")
	}
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			b := newBench(t)
			_, sealed, _ := b.call(strings.Repeat("secret", 100_000), "seal")
			program := exec.CommandContext(t.Context(), os.Args[0], append(append([]string{"open"}, b.flags...), "-o", b.path("out"))...)
			program.Env = append(os.Environ(), runMain+"=1")
			stdin, err := program.StdinPipe()
			require.NoError(t, err)
			require.NoError(t, program.Start())
			_, err = io.WriteString(stdin, sealed[:len(sealed)-1])
			require.NoError(t, err)
			require.Eventually(t, func() bool { return b.size() > 64<<10 }, 10*time.Second, time.Millisecond, "the plaintext begins")

			require.NoError(t, program.Process.Signal(sig))
			require.Error(t, program.Wait())
			require.Equal(t, 1, program.ProcessState.ExitCode())
			require.Empty(t, b.files())
		})
	}
}

// size is that of all files in the folder, in bytes.
func (b *bench) size() (total int64) {
	for _, name := range b.files() {
		if info, err := os.Stat(b.path(name)); err == nil {
			total += info.Size()
		}
	}
	return total
}

func TestHelpIsNoFailure(t *testing.T) {
	status, out, errs := call(t.Context(), nil, "seal", "-h")
	require.Zero(t, status)
	require.Empty(t, out)
	require.NotEmpty(t, errs)
}

func TestWrongUsage(t *testing.T) {
	for name, args := range map[string][]string{
		"nothing":              nil,
		"unknown command":      {"nonsense"},
		"unknown flag":         {"seal", "-nonsense"},
		"no key":               {"seal", "file"},
		"two files":            {"open", "-key", "alias/a", "one", "two"},
		"flags behind":         {"open", "-key", "alias/a", "one", "-f"},
		"context without sign": {"seal", "-key", "alias/a", "-context", "tenant"},
		"context twice":        {"seal", "-key", "alias/a", "-context", "a=1", "-context", "a=2"},
		"inspect with a key":   {"inspect", "-key", "alias/a"},
	} {
		t.Run(name, func(t *testing.T) {
			status, out, errs := call(t.Context(), nil, args...)
			require.Equal(t, 2, status)
			require.Empty(t, out)
			require.NotEmpty(t, errs)
		})
	}
}

func TestRegionOfKeys(t *testing.T) {
	for key, want := range map[string]string{
		"arn:aws:kms:eu-west-1:111122223333:key/1":   "eu-west-1",
		"arn:aws:kms:eu-west-1:111122223333:alias/a": "eu-west-1",
		"alias/a": "",
		"1234":    "",
		"":        "",
	} {
		require.Equal(t, want, regionOf(key), key)
	}
}
