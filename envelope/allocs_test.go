package envelope_test

import (
	"testing"

	"github.com/sealwax/sealwax/envelope"
)

// Short messages are cheap: at most 24 allocations with a keyring that hands
// out copies of a key, as a cache does.
func TestAllocationsOfShortMessages(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates too")
	}
	const most = 24
	ec := envelope.Context{"tenant": "4711", "purpose": "orders"}
	keys := newStaticKeyring(t, envelope.AES256GCMHKDFSHA512Commit, ec)
	keys.enc.EncryptedDataKeys[0].ProviderID = "aws-kms" // names of raw keys take an allocation more to open
	c := newClient(t, keys, nil)
	plaintext := pattern(64)
	msg := seal(t, c, plaintext, ec)
	room := make([]byte, 0, 1000)
	for what, f := range map[string]func() error{
		"Seal":       func() error { _, err := c.Seal(t.Context(), plaintext, ec); return err },
		"AppendSeal": func() error { _, err := c.AppendSeal(t.Context(), room, plaintext, ec); return err },
		"Open":       func() error { _, err := c.Open(t.Context(), msg, ec); return err },
		"AppendOpen": func() error { _, err := c.AppendOpen(t.Context(), room, msg, ec); return err },
	} {
		got := testing.AllocsPerRun(200, func() {
			if err := f(); err != nil {
				t.Error(err)
			}
		})
		if got > most {
			t.Errorf("%s of 64 bytes: %v allocations, at most %d are allowed", what, got, most)
		}
		t.Logf("%s of 64 bytes: %v allocations", what, got)
	}
}
