package keyring_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/sealwax/sealwax/keyring"
	"github.com/sealwax/sealwax/keyring/keyringtest"
)

// dataKeySizes are around those of the suites, and around what is held inline.
var dataKeySizes = []int{0, 1, 16, 24, 31, 32, 33, 64, 1000}

func TestNewDataKeyCopiesAndClears(t *testing.T) {
	for _, n := range dataKeySizes {
		b := count(1, n)
		dk := keyring.NewDataKey(b)
		if !bytes.Equal(b, make([]byte, n)) {
			t.Errorf("%d bytes: the argument was not cleared", n)
		}
		if dk.Len() != n || !bytes.Equal(bytesOf(dk), count(1, n)) {
			t.Errorf("%d bytes: the key has %d, or others", n, dk.Len())
		}
	}
}

func TestDestroyClearsTheMemory(t *testing.T) {
	for _, n := range dataKeySizes {
		dk := keyring.NewDataKey(count(1, n))
		var memory []byte
		_ = dk.Do(func(b []byte) error { memory = b; return nil })
		if !bytes.Equal(memory, count(1, n)) {
			t.Fatalf("%d bytes: this is not the key's memory", n)
		}
		dk.Destroy()
		if !bytes.Equal(memory, make([]byte, n)) {
			t.Errorf("%d bytes: % x is left", n, memory)
		}
		if dk.Len() != 0 || len(bytesOf(dk)) != 0 {
			t.Errorf("%d bytes: the key still has %d", n, dk.Len())
		}
		dk.Destroy()
	}
}

func TestCloneHasALifeOfItsOwn(t *testing.T) {
	for _, n := range dataKeySizes {
		dk := keyring.NewDataKey(count(1, n))
		c := dk.Clone()
		dk.Destroy()
		if !bytes.Equal(bytesOf(c), count(1, n)) {
			t.Errorf("%d bytes: the clone was destroyed with its origin", n)
		}
	}
}

func TestNilAndZeroDataKeysAreEmpty(t *testing.T) {
	for what, dk := range map[string]*keyring.DataKey{"nil": nil, "zero": {}} {
		dk.Destroy()
		if dk.Len() != 0 || dk.Clone().Len() != 0 {
			t.Errorf("%s: not empty", what)
		}
		called := false
		if err := dk.Do(func(b []byte) error { called = true; return nil }); err != nil || !called {
			t.Errorf("%s: called %v, error %v", what, called, err)
		}
	}
}

func TestDoReturnsTheError(t *testing.T) {
	want := errors.New("x")
	if err := keyring.NewDataKey(count(1, 32)).Do(func([]byte) error { return want }); err != want {
		t.Errorf("error %v", err)
	}
}

func TestDataKeyIsSafeForConcurrentUse(t *testing.T) {
	dk := keyring.NewDataKey(count(1, 32))
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			if i == 8 {
				dk.Destroy()
				return
			}
			if b := bytesOf(dk); len(b) != 0 && !bytes.Equal(b, count(1, 32)) {
				t.Errorf("half a key: % x", b)
			}
			if c := bytesOf(dk.Clone()); len(c) != 0 && !bytes.Equal(c, count(1, 32)) {
				t.Errorf("half a clone: % x", c)
			}
		})
	}
	all.Wait()
}

func TestDataKeyRedactsItself(t *testing.T) {
	for _, n := range []int{16, 32, 64} {
		dk := keyring.NewDataKey(count(0x61, n))
		keyringtest.TestRedaction(t, dk, count(0x61, n))
		keyringtest.TestRedaction(t, *dk, count(0x61, n))
	}
	dk := keyring.NewDataKey(count(0x61, 32))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{dk, *dk} {
			if got := fmt.Sprintf(verb, v); got != "REDACTED" {
				t.Errorf("%s prints %s", verb, got)
			}
		}
	}
	if got, err := json.Marshal(dk); err != nil || string(got) != `"REDACTED"` {
		t.Errorf("JSON: %s, %v", got, err)
	}
}

// A cache copies a key for every message.
func TestCloneIsOneAllocation(t *testing.T) {
	dk := keyring.NewDataKey(count(1, 32))
	if n := testing.AllocsPerRun(100, func() { kept = dk.Clone() }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

var kept *keyring.DataKey
