package sealwax_test

import (
	"context"
	"crypto/fips140"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/aead"
	"github.com/sealwax/sealwax/keyring"
)

// inOwnProcess names, in the environment, a function below that a process of its own runs instead of the tests: the
// FIPS mode of a process is settled when it starts.
const inOwnProcess = "SEALWAX_TEST_IN_OWN_PROCESS"

func TestMain(m *testing.M) {
	switch os.Getenv(inOwnProcess) {
	case "":
		os.Exit(m.Run())
	case "messages":
		messagesUnderFIPS()
	}
}

// underFIPS returns what messagesUnderFIPS prints under a setting of GODEBUG.
func underFIPS(t *testing.T, mode string) []string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), "GODEBUG=fips140="+mode, inOwnProcess+"=messages")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// docs/fips.md says what each mode does.
func TestFIPSModes(t *testing.T) {
	all := []string{"raw AES key: done", "seal without enforcement: done", "seal: done", "open: done", "open without enforcement: done"}
	require.Equal(t, append([]string{"enabled false, enforced false"}, all...), underFIPS(t, "off"))
	require.Equal(t, append([]string{"enabled true, enforced false"}, all...), underFIPS(t, "on"))
	require.Equal(t, []string{
		"enabled true, enforced true",
		"raw AES key: refused",
		"seal without enforcement: done",
		"seal: refused",
		"open: refused",
		"open without enforcement: done",
	}, underFIPS(t, "only"))
}

func messagesUnderFIPS() {
	fmt.Printf("enabled %v, enforced %v\n", fips140.Enabled(), fips140.Enforced())
	ctx := context.Background()

	_, err := keyring.NewRawAES("fips", "aes", make([]byte, 32))
	report("raw AES key", err)

	private, err := rsa.GenerateKey(rand.Reader, 2048)
	fatal(err)
	wrapping, err := keyring.NewRawRSA("fips", "rsa", keyring.OAEPSHA256, &private.PublicKey, private)
	fatal(err)
	ring, err := keyring.New(wrapping)
	fatal(err)
	client, err := envelope.New(ring, &envelope.Options{Suite: envelope.AES256GCMHKDFSHA512CommitECDSAP384})
	fatal(err)

	var message []byte
	fips140.WithoutEnforcement(func() { message, err = client.Seal(ctx, []byte("text"), nil) })
	report("seal without enforcement", err)
	_, err = client.Seal(ctx, []byte("text"), nil)
	report("seal", err)
	_, err = client.Open(ctx, message, nil)
	report("open", err)
	fips140.WithoutEnforcement(func() { _, err = client.Open(ctx, message, nil) })
	report("open without enforcement", err)
}

// report prints whether the mode of the process refused what was done.
func report(what string, err error) {
	switch {
	case err == nil:
		fmt.Println(what + ": done")
	case errors.Is(err, aead.ErrFIPSOnly):
		fmt.Println(what + ": refused")
	default:
		fmt.Println(what+":", err)
	}
}

func fatal(err error) {
	if err != nil {
		panic(err)
	}
}
