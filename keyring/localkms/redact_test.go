package localkms

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/stretchr/testify/require"
)

// holder has a KMS where fmt cannot call its methods.
type holder struct {
	k *KMS
	c *core
	s *state
	f *family
	m *material
	v *keyView
	x secret
}

// TestNothingPrintsKeys renders a KMS, and what it is made of, in every way that fmt, slog and json have.
func TestNothingPrintsKeys(t *testing.T) {
	k, err := New(nil)
	require.NoError(t, err)
	private, err := newKey(defaultRegion, types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify, types.OriginTypeAwsKms, false)
	require.NoError(t, err)
	k.core.state.add(private)
	_, err = k.NewKey("orders")
	require.NoError(t, err)

	forms := [][]byte{}
	for _, f := range k.core.state.Families {
		forms = append(forms, formsOf(f.Materials[0].Secret.bytes())...)
	}
	check := func(what, text string) {
		t.Helper()
		for _, form := range forms {
			require.NotContains(t, strings.ToLower(text), strings.ToLower(string(form)), what)
		}
	}

	symmetric := k.core.state.alias(defaultRegion, "alias/orders").KeyID
	f := k.core.state.Families[symmetric]
	for _, f := range []*family{f, private.family} {
		v := &keyView{materials: f.Materials}
		h := holder{k: k, c: k.core, s: k.core.state, f: f, m: f.Materials[0], v: v, x: f.Materials[0].Secret}
		values := []any{k, h, &h, []any{k, h}, k.core, k.core.state, f, f.Materials[0], v, h.x, &h.x}
		for _, verb := range "vtbcdoOqxXUeEfFgGspTwz" {
			for _, flag := range []string{"", "+", "#"} {
				for i, value := range values {
					format := "%" + flag + string(verb)
					check(fmt.Sprint(format, " of value ", i), fmt.Sprintf(format, value))
				}
			}
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "kms", k, "holder", holder{k: k, m: f.Materials[0]})
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "kms", k, "holder", holder{k: k, m: f.Materials[0]})
	check("slog", log.String())
	text, err := json.Marshal(map[string]any{"kms": k, "holder": holder{k: k}})
	require.NoError(t, err)
	check("json", string(text))
	require.Equal(t, "localkms.KMS(us-east-1, 111122223333)", fmt.Sprintf("%v", k))
}

// formsOf are the ways in which the last 16 bytes of a secret could show.
func formsOf(secret []byte) [][]byte {
	tail := secret[len(secret)-16:]
	decimal := strings.Trim(fmt.Sprint(tail), "[]")
	return [][]byte{
		tail,
		[]byte(hex.EncodeToString(tail)),
		[]byte(base64.StdEncoding.EncodeToString(secret)),
		[]byte(decimal),
		[]byte(strings.ReplaceAll(decimal, " ", ", ")),
	}
}

// TestMaterialIDTellsNothing: what answers and errors name of a key's material is a hash.
func TestMaterialIDTellsNothing(t *testing.T) {
	b := randomBytes(32)
	id := materialID(b)
	require.Len(t, id, 64)
	require.NotContains(t, id, hex.EncodeToString(b[:8]))
}
