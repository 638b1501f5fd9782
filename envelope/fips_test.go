package envelope_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/aead"
	"github.com/sealwax/sealwax/internal/vectors"
	"github.com/sealwax/sealwax/keyring"
)

// The format prescribes its nonces, which GODEBUG=fips140=only does not allow.
// Messages fail there with an error that says so, and work under fips140=on.
func TestFIPS(t *testing.T) {
	for mode, want := range map[string]string{"on": "messages work", "only": "messages are refused"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFIPSChild$", "-test.v")
		cmd.Env = append(os.Environ(), "GODEBUG=fips140="+mode, fipsChild+"="+mode)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("fips140=%s: error %v, want %q in\n%s", mode, err, want, out)
		}
	}
}

// fipsChild names the variable that makes TestFIPSChild do something.
const fipsChild = "SEALWAX_TEST_FIPS"

func TestFIPSChild(t *testing.T) {
	mode := os.Getenv(fipsChild)
	if mode == "" {
		t.Skip("run by TestFIPS, in a process of its own")
	}
	keys := keyringFuncs{
		seal: func(req *keyring.EncryptionRequest) (*keyring.EncryptionMaterials, error) {
			m := &keyring.EncryptionMaterials{Suite: req.Suite, EncryptionContext: req.EncryptionContext,
				DataKey: keyring.NewDataKey(vectors.Bytes("key", 32)), EncryptedDataKeys: []keyring.EncryptedDataKey{testEDK}}
			if req.Suite.Signed() {
				addSigningKey(m)
			}
			return m, nil
		},
		open: func(*keyring.DecryptionRequest) (*keyring.DecryptionMaterials, error) {
			return &keyring.DecryptionMaterials{DataKey: keyring.NewDataKey(vectors.Bytes("key", 32))}, nil
		},
	}
	for _, suite := range allSuites() {
		if suite.KeyLength() != 32 {
			continue
		}
		c := newClient(t, keys, optionsOf(suite, 16, 2))
		for _, way := range sealingWays(16) {
			_, err := way.seal(context.Background(), c, []byte("content"), nil)
			checkFIPS(t, mode, way.name, err)
		}
	}
	for _, v := range committedVectors(t) {
		if v.Refused != "" || !strings.HasSuffix(v.Name, "three frames") || !strings.Contains("0078 0178 0378 0478 0578", v.Suite) {
			continue
		}
		c := newClient(t, holding(vectors.Bytes("data key", 32)), &envelope.Options{Commitment: envelope.RequireEncryptAllowDecrypt, AllowUnverifiedSignature: true})
		for _, way := range openingWays() {
			_, err := way.open(context.Background(), c, v.Message, v.Context)
			checkFIPS(t, mode, way.name, err)
		}
	}
	if t.Failed() {
		return
	}
	t.Log(map[string]string{"on": "messages work", "only": "messages are refused"}[mode])
}

func checkFIPS(t *testing.T, mode, what string, err error) {
	t.Helper()
	if mode == "on" && err != nil || mode == "only" && (!errors.Is(err, aead.ErrFIPSOnly) || isRefusal(err)) {
		t.Errorf("fips140=%s, %s: error %v", mode, what, err)
	}
}
