package localkms

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/stretchr/testify/require"
)

// TestDecodeStateRefuses: a state that the rest of the package could stumble over is refused, though its checksum fits.
func TestDecodeStateRefuses(t *testing.T) {
	for name, damage := range map[string]func(s *state, f *family){
		"account":                    func(s *state, _ *family) { s.AccountID = "1" },
		"no keys":                    func(s *state, _ *family) { s.Families = nil },
		"no aliases":                 func(s *state, _ *family) { s.Aliases = nil },
		"key under another id":       func(_ *state, f *family) { f.ID = "x" },
		"key that is null":           func(s *state, f *family) { s.Families[f.ID] = nil },
		"unknown KeySpec":            func(_ *state, f *family) { f.Spec = "AES_512" },
		"key in no Region":           func(_ *state, f *family) { f.Regions = nil },
		"Region under another name":  func(_ *state, f *family) { f.Regions[defaultRegion].Region = "x" },
		"Region that is null":        func(_ *state, f *family) { f.Regions["eu-west-1"] = nil },
		"current material beyond":    func(_ *state, f *family) { f.Current = 1 },
		"current material before":    func(_ *state, f *family) { f.Current = -1 },
		"no material":                func(_ *state, f *family) { f.Materials = nil },
		"material that is null":      func(_ *state, f *family) { f.Materials = append(f.Materials, nil) },
		"material of another length": func(_ *state, f *family) { f.Materials[0].Secret = newSecret(make([]byte, 16)) },
		"material of another id":     func(_ *state, f *family) { f.Materials[0].Secret = newSecret(make([]byte, 32)) },
		"current material waiting":   func(_ *state, f *family) { f.Materials[0].Pending = true },
		"disabled without material":  func(_ *state, f *family) { f.Regions[defaultRegion].State, f.Materials = types.KeyStateDisabled, nil },
		"rotation without a period":  func(_ *state, f *family) { t := now(); f.NextRotation = &t },
		"alias of no key":            func(s *state, _ *family) { s.setAlias(defaultRegion, "alias/x", "nobody", now()) },
		"alias that is null":         func(s *state, _ *family) { s.Aliases["x"] = map[string]*alias{"alias/x": nil} },
		"grant for no key":           func(s *state, _ *family) { s.Grants = append(s.Grants, &grant{}) },
		"grant that is null":         func(s *state, _ *family) { s.Grants = append(s.Grants, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			k, err := newKey(defaultRegion, types.KeySpecSymmetricDefault, types.KeyUsageTypeEncryptDecrypt, types.OriginTypeAwsKms, false)
			require.NoError(t, err)
			s := newState(defaultAccount)
			s.add(k)
			good, err := json.Marshal(s)
			require.NoError(t, err)
			_, err = decodeState(good)
			require.NoError(t, err)

			damage(s, k.family)
			bad, err := json.Marshal(s)
			require.NoError(t, err)
			_, err = decodeState(bad)
			require.Error(t, err)
		})
	}
}

func TestContextsThatDifferLookDifferent(t *testing.T) {
	header := []byte("header")
	require.Equal(t, associatedData(header, nil), associatedData(header, map[string]string{}))
	seen := map[string]bool{}
	for _, context := range []map[string]string{
		nil,
		{"": ""},
		{"a": ""},
		{"": "a"},
		{"a": "b"},
		{"ab": ""},
		{"a": "", "b": ""},
		{"a": "b", "c": "d"},
		{"a": "bc", "d": ""},
	} {
		data := string(associatedData(header, context))
		require.False(t, seen[data], context)
		seen[data] = true
	}
}
