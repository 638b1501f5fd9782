package interop

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sealwax/sealwax/envelope"
)

// foreignOrder is how the JavaScript SDK sorts the names of a context by itself.
type foreignOrder int

const (
	sameOrder    foreignOrder = iota // as everybody else
	knownOrder                       // in an order that our raw AES keys try, too
	unknownOrder                     // in one of its locale's that we do not
)

type contextCase struct {
	name  string
	order foreignOrder
	pairs map[string]string
}

// contexts are encryption contexts by what is hard about them.
var contexts = []contextCase{
	{"none", sameOrder, map[string]string{}},
	{"one pair", sameOrder, map[string]string{"tenant": "4711"}},
	{"empty value", sameOrder, map[string]string{"tenant": ""}},
	{"upper and lower case", knownOrder, map[string]string{"b": "1", "A": "2", "a": "3", "B": "4"}},
	{"punctuation", knownOrder, map[string]string{"a-b": "1", "a_b": "2", "ab": "3", "a b": "4", "a.b": "5"}},
	{"within the BMP", knownOrder, map[string]string{"clé": "valeur", "キー": "値", "ключ": "значение", "key": "value"}},
	{"astral", sameOrder, map[string]string{"😀": "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "🔑": "🗝"}},
	// U+1F600 is D83D DE00 in UTF-16 and stands before U+FF5E there, behind it in UTF-8.
	{"orders of UTF-8 and UTF-16 differ", knownOrder, map[string]string{"～": "wide tilde", "😀": "astral"}},
	{"combining and right to left", knownOrder, map[string]string{"e\u0301": "1", "é": "2", "שלום": "3", "a\u200db": "4"}},
	{"control characters and escapes", unknownOrder, map[string]string{`"\/`: "\b\f\n\r\t", "\u2028": "\u0000", "<&>": "\u007f"}},
	{"many pairs", sameOrder, manyPairs(50)},
	{"more pairs", sameOrder, manyPairs(200)},
	{"very many pairs", sameOrder, manyPairs(2000)},
	{"long value", sameOrder, map[string]string{"long": strings.Repeat("x", 60_000)}},
}

// forEachContext runs f for every context that p can cope with.
func forEachContext(t *testing.T, p *peer, f func(t *testing.T, c contextCase)) {
	for _, c := range contexts {
		t.Run(c.name, func(t *testing.T) {
			if p.maxPairs > 0 && len(c.pairs) > p.maxPairs {
				t.Skipf("a context of %d pairs is too much for this SDK: see docs/interop.md", len(c.pairs))
			}
			f(t, c)
		})
	}
}

// The context is bound to raw AES EDKs in the order of UTF-8 bytes.
func TestContexts(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		forEachContext(t, p, func(t *testing.T, c contextCase) {
			for _, suite := range formSuites {
				req := newRequest(suite, 512).with(func(r *request) { r.Context = c.pairs })
				exchange(t, p, req, content(700))
			}
		})
	})
}

// Left to itself, the JavaScript SDK sorts the context of raw AES keys by locale.
// What it seals so we open all the same; what we seal it opens if the two orders
// agree.
func TestContextsSortedByLocale(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		if !p.sortsByLocale {
			t.Skip("this SDK sorts by UTF-8 bytes")
		}
		forEachContext(t, p, func(t *testing.T, c contextCase) {
			req := newRequest(envelope.AES256GCMHKDFSHA512Commit, 512).with(func(r *request) {
				key := aesKey(32)
				key.UTF8Sorting = false
				r.Context, r.Keys = c.pairs, []wrappingKey{key}
			})
			if c.order != unknownOrder {
				theySealWeOpen(t, p, req, req, content(700))
			}
			if c.order == sameOrder {
				weSealTheyOpen(t, p, req, req, content(700))
			}
		})
	})
}

// The names that the header does not store are authenticated all the same, and
// the reader must give them.
func TestUnstoredContext(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		if !p.takesContext {
			t.Skip("this SDK stores every pair, and takes none for opening")
		}
		for _, suite := range suites {
			for _, unstored := range [][]string{{"tenant"}, {"tenant", "клиент"}, {"tenant", "клиент", "😀", "～"}} {
				req := newRequest(suite, 512).with(func(r *request) {
					r.Context = map[string]string{"tenant": "4711", "клиент": "ООО", "😀": "astral", "～": "wide tilde"}
					r.Unstored = unstored
				})
				exchange(t, p, req, content(700))
			}
		}
	})
}

// A reader that lacks a pair, or has another value for it, gets nothing.
func TestUnstoredContextRefusals(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		if !p.takesContext {
			t.Skip("this SDK stores every pair, and takes none for opening")
		}
		for _, suite := range suites {
			req := newRequest(suite, 512).with(func(r *request) { r.Unstored = []string{"tenant"} })
			for _, by := range []party{sealwax{}, p} {
				message := mustSeal(t, by, req, content(700))
				for why, ec := range map[string]map[string]string{
					"another value of an unstored pair": {"tenant": "4712", "purpose": "interop"},
					"another value of a stored pair":    {"tenant": "4711", "purpose": "proof"},
					"a pair that was never sealed":      {"tenant": "4711", "purpose": "interop", "more": "1"},
					"no unstored pair":                  {"purpose": "interop"},
				} {
					bothRefuse(t, p, req.with(func(r *request) { r.Context = ec }), message, why)
				}
			}
		}
	})
}

func manyPairs(n int) map[string]string {
	ec := make(map[string]string, n)
	for i := range n {
		ec[fmt.Sprintf("name %04d", i)] = fmt.Sprintf("value %d", i)
	}
	return ec
}
