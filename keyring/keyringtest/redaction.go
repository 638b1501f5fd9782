package keyringtest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"math/bits"
	"strings"
	"testing"
)

// verbs are those of package fmt, with the flags that change what they show.
var verbs = []string{
	"%v", "%+v", "%#v", "%T", "%t", "%b", "%c", "%d", "%o", "%O", "%q", "%+q",
	"%x", "%X", "%#x", "% x", "%U", "%e", "%f", "%g", "%s", "%p", "%w",
}

// TestRedaction renders v in 96 ways: with 23 verbs of package fmt, by itself,
// as an unexported field of a struct, behind a pointer to that, and in a slice;
// in text and JSON logs of package log/slog; in JSON; and in an error. None may
// show one of the secrets, which have at least 16 bytes each.
func TestRedaction[T any](t *testing.T, v T, secrets ...[]byte) {
	t.Helper()
	all := renderings(v)
	for i, secret := range secrets {
		if len(secret) < 16 {
			t.Fatalf("secret %d has %d bytes, which could be anywhere", i, len(secret))
		}
		wanted := needles(secret)
		for _, r := range all {
			if form := find(r.text, wanted); form != "" {
				t.Errorf("%s shows secret %d as %s", r.how, i, form)
			}
		}
	}
}

type rendering struct{ how, text string }

func renderings[T any](v T) []rendering {
	type holder struct{ unexported T }
	h := holder{v}
	var out []rendering
	add := func(how, text string) { out = append(out, rendering{how, text}) }
	for _, verb := range verbs {
		// A variable format keeps vet from checking verbs that are wrong on purpose.
		add(verb, fmt.Sprintf(verb, v))
		add(verb+" in a struct", fmt.Sprintf(verb, h))
		add(verb+" behind a pointer", fmt.Sprintf(verb, &h))
		add(verb+" in a slice", fmt.Sprintf(verb, []any{v}))
	}
	var text, logged bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("", "v", v, "h", h)
	add("text log", text.String())
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("", "v", v, "h", h)
	add("JSON log", logged.String())
	encoded, err := json.Marshal([]any{v, h})
	add("JSON", fmt.Sprintf("%s %v", encoded, err))
	add("an error", fmt.Errorf("v: %v, h: %v", v, h).Error())
	return out
}

// shows returns the form in which text shows a part of secret, "" if it shows
// none.
func shows(text string, secret []byte) string { return find(text, needles(secret)) }

func find(text string, wanted []needle) string {
	for _, n := range wanted {
		if strings.Contains(text, n.text) {
			return n.form
		}
	}
	return ""
}

type needle struct{ form, text string }

// needles lists the ways in which a part of secret may show. A part is enough:
// eight bytes in a row, or a word of a big.Int.
func needles(secret []byte) []needle {
	var out []needle
	seen := map[string]bool{}
	add := func(form, text string) {
		// Short texts would be found by chance.
		if len(text) >= 7 && !seen[text] {
			seen[text] = true
			out = append(out, needle{form, text})
		}
	}
	for at := 0; at+8 <= len(secret); at += 8 {
		part := secret[at : at+8]
		add("raw bytes", string(part))
		add("bytes, %+d", strings.Trim(fmt.Sprintf("%+d", part), "[]"))
		for _, verb := range verbs {
			if verb == "%T" || verb == "%p" {
				continue
			}
			shown := strings.TrimPrefix(fmt.Sprintf(verb, part), "[]byte")
			add("bytes, "+verb, strings.Trim(shown, "[]{}\""))
			// Lists with commas, as JSON has them.
			add("bytes, "+verb+" with commas", strings.ReplaceAll(strings.Trim(shown, "[]{}\""), " ", ","))
		}
		// A base64 rendering is in step with the secret every third byte.
		for shift := range 3 {
			if at+shift+6 <= len(secret) && (at+shift)%3 == 0 {
				add("base64", base64.StdEncoding.EncodeToString(secret[at+shift:at+shift+6]))
				add("URL base64", base64.URLEncoding.EncodeToString(secret[at+shift:at+shift+6]))
			}
		}
	}
	number := new(big.Int).SetBytes(secret)
	add("a decimal number", number.String())
	add("a hexadecimal number", number.Text(16))
	const wordLength = bits.UintSize / 8 // of those that a big.Int holds
	for end := len(secret); end >= wordLength; end -= wordLength {
		word := new(big.Int).SetBytes(secret[end-wordLength : end])
		for _, verb := range []string{"%d", "%x", "%X", "%o", "%b"} {
			add("a word, "+verb, fmt.Sprintf(verb, word))
		}
	}
	return out
}
