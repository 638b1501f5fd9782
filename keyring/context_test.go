package keyring_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sealwax/sealwax/internal/fault"
	"github.com/sealwax/sealwax/keyring"
)

func TestAppendContext(t *testing.T) {
	for _, tt := range []struct {
		what string
		ec   map[string]string
		want string
	}{
		{"nil", nil, ""},
		{"empty", map[string]string{}, ""},
		{"one pair", map[string]string{"k": "value"}, "\x00\x01\x00\x01k\x00\x05value"},
		{"an empty pair", map[string]string{"": ""}, "\x00\x01\x00\x00\x00\x00"},
		{"sorted by bytes", map[string]string{"b": "", "B": "", "\U00010002": "", "\ue000": "", "": ""},
			"\x00\x05\x00\x00\x00\x00\x00\x01B\x00\x00\x00\x01b\x00\x00\x00\x03\ue000\x00\x00\x00\x04\U00010002\x00\x00"},
	} {
		got, err := keyring.AppendContext([]byte("dst"), tt.ec)
		if err != nil || string(got) != "dst"+tt.want {
			t.Errorf("%s: %q, error %v", tt.what, got, err)
		}
	}
	for what, ec := range map[string]map[string]string{
		"name is not UTF-8":  {"\xff": ""},
		"value is not UTF-8": {"": "\xff"},
		"too long":           {"": strings.Repeat("v", 65535-5)},
	} {
		got, err := keyring.AppendContext([]byte("dst"), ec)
		if !errors.Is(err, fault.ErrContext) || string(got) != "dst" {
			t.Errorf("%s: %q, error %v", what, got, err)
		}
	}
}
