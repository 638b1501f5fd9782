package suite_test

import (
	"crypto"
	"testing"

	"github.com/sealwax/sealwax/internal/suite"
)

// The published table, column by column, written out a second time so that a
// slip in one place shows.
func TestTableIsThePublishedOne(t *testing.T) {
	for _, want := range []struct {
		id        suite.ID
		version   int
		key       int
		kdf       crypto.Hash
		curve     string
		hash      crypto.Hash
		commit    int
		messageID int
	}{
		{0x0014, 1, 16, 0, "", 0, 0, 16},
		{0x0046, 1, 24, 0, "", 0, 0, 16},
		{0x0078, 1, 32, 0, "", 0, 0, 16},
		{0x0114, 1, 16, crypto.SHA256, "", 0, 0, 16},
		{0x0146, 1, 24, crypto.SHA256, "", 0, 0, 16},
		{0x0178, 1, 32, crypto.SHA256, "", 0, 0, 16},
		{0x0214, 1, 16, crypto.SHA256, "P-256", crypto.SHA256, 0, 16},
		{0x0346, 1, 24, crypto.SHA384, "P-384", crypto.SHA384, 0, 16},
		{0x0378, 1, 32, crypto.SHA384, "P-384", crypto.SHA384, 0, 16},
		{0x0478, 2, 32, crypto.SHA512, "", 0, 32, 32},
		{0x0578, 2, 32, crypto.SHA512, "P-384", crypto.SHA384, 32, 32},
	} {
		t.Run(want.id.String(), func(t *testing.T) {
			s, ok := suite.Lookup(want.id)
			if !ok {
				t.Fatal("not in the table")
			}
			if s.MessageVersion != want.version || s.KeyLength != want.key || s.Derivation != want.kdf ||
				s.SignatureHash != want.hash || s.CommitmentLength != want.commit || s.MessageIDLength() != want.messageID {
				t.Errorf("got %+v, want %+v", s, want)
			}
			if s.Signed() != (want.curve != "") || s.Signed() && s.Curve.Params().Name != want.curve {
				t.Errorf("curve: got %v, want %q", s.Curve, want.curve)
			}
			if s.Committing() != (want.commit > 0) || s.Derives() != (want.kdf != 0) {
				t.Errorf("Committing %v, Derives %v", s.Committing(), s.Derives())
			}
		})
	}
	if n := len(suite.All()); n != 11 {
		t.Errorf("the table has %d suites, want 11", n)
	}
}

func TestUnknownSuites(t *testing.T) {
	known := map[suite.ID]bool{}
	for _, s := range suite.All() {
		known[s.ID] = true
	}
	for id := range 1 << 16 {
		if _, ok := suite.Lookup(suite.ID(id)); ok != known[suite.ID(id)] {
			t.Errorf("suite %#04x: known %v", id, ok)
		}
	}
}
