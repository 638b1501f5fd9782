package cache

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyring"
)

type nothing struct{}

func (nothing) EncryptionMaterials(context.Context, *keyring.EncryptionRequest) (*keyring.EncryptionMaterials, error) {
	return nil, nil
}

func (nothing) DecryptionMaterials(context.Context, *keyring.DecryptionRequest) (*keyring.DecryptionMaterials, error) {
	return nil, nil
}

const derives = keyring.AES256GCMHKDFSHA512Commit

// identities holds requests that differ in one thing each, most of them in where
// one field ends and the next begins.
func identities(s *store) map[string]identity {
	seal := func(suite keyring.Suite, ec keyring.EncryptionContext) identity {
		return s.sealIdentity(nil, &keyring.EncryptionRequest{Suite: suite, EncryptionContext: ec})
	}
	open := func(ec keyring.EncryptionContext, edks ...keyring.EncryptedDataKey) identity {
		return s.openIdentity(nil, &keyring.DecryptionRequest{Suite: derives, EncryptionContext: ec, EncryptedDataKeys: edks})
	}
	edk := func(id, info, ciphertext string) keyring.EncryptedDataKey {
		return keyring.EncryptedDataKey{ProviderID: id, ProviderInfo: []byte(info), Ciphertext: []byte(ciphertext)}
	}
	type ec = keyring.EncryptionContext
	long := strings.Repeat("x", 2*wholeIdentity)
	all := map[string]identity{
		"no context":                    seal(derives, nil),
		"another suite":                 seal(keyring.AES256GCMHKDFSHA256, nil),
		"one pair":                      seal(derives, ec{"ab": "c"}),
		"pair cut elsewhere":            seal(derives, ec{"a": "bc"}),
		"pair cut at its end":           seal(derives, ec{"abc": ""}),
		"pair cut at its start":         seal(derives, ec{"": "abc"}),
		"two pairs":                     seal(derives, ec{"a": "b", "c": "d"}),
		"two pairs in one":              seal(derives, ec{"a": "b\x01c\x01d"}),
		"values swapped":                seal(derives, ec{"a": "d", "c": "b"}),
		"empty value":                   seal(derives, ec{"a": ""}),
		"long value":                    seal(derives, ec{"a": long}),
		"other long value":              seal(derives, ec{"a": long[1:] + "y"}),
		"as many pairs as on a stack":   seal(derives, pairs(stackPairs)),
		"one pair more":                 seal(derives, pairs(stackPairs+1)),
		"open without EDKs":             open(nil),
		"open":                          open(nil, edk("a", "b", "c")),
		"open with context":             open(ec{"ab": "c"}, edk("a", "b", "c")),
		"EDK cut elsewhere":             open(nil, edk("ab", "", "c")),
		"EDK cut elsewhere again":       open(nil, edk("a", "bc", "")),
		"two EDKs":                      open(nil, edk("a", "b", "c"), edk("d", "e", "f")),
		"two EDKs the other way round":  open(nil, edk("d", "e", "f"), edk("a", "b", "c")),
		"an EDK twice":                  open(nil, edk("a", "b", "c"), edk("a", "b", "c")),
		"second EDK within the first's": open(nil, edk("a", "b", "c\x01d\x01e\x01f")),
		"long EDK":                      open(nil, edk("a", "b", long)),
	}
	// What a hash of a long identity is, is no other request's whole identity.
	all["bytes of a hash as a value"] = seal(derives, ec{"a": string(all["long value"].bytes)})
	return all
}

func pairs(n int) keyring.EncryptionContext {
	ec := keyring.EncryptionContext{}
	for i := range n {
		ec[fmt.Sprintf("name %02d", i)] = fmt.Sprint(i)
	}
	return ec
}

func TestWhateverMayChangeTheAnswerIsInTheIdentity(t *testing.T) {
	seen := map[string]string{}
	for name, id := range identities(newStore(nothing{}, Options{MaxEntries: 1})) {
		if other, twice := seen[string(id.bytes)]; twice {
			t.Errorf("%q has the identity of %q", name, other)
		}
		seen[string(id.bytes)] = name
		require.LessOrEqual(t, len(id.bytes), wholeIdentity, "%s: an entry's memory is bounded", name)
	}
	require.Len(t, seen, 25)
}

// TestIdentityIsOfTheContentAlone: neither the order of a map, nor the length of
// the message, nor an empty or missing context make a difference.
func TestIdentityIsOfTheContentAlone(t *testing.T) {
	s := newStore(nothing{}, Options{MaxEntries: 1})
	for _, n := range []int{0, 1, 2, stackPairs - 1, stackPairs, stackPairs + 1, 40} {
		want := s.sealIdentity(nil, &keyring.EncryptionRequest{Suite: derives, EncryptionContext: pairs(n)})
		for range 50 {
			ec := keyring.EncryptionContext{}
			maps.Copy(ec, pairs(n))
			got := s.sealIdentity(nil, &keyring.EncryptionRequest{Suite: derives, EncryptionContext: ec, PlaintextLength: 9})
			require.Equal(t, want, got)
		}
	}
	require.Equal(t,
		s.sealIdentity(nil, &keyring.EncryptionRequest{Suite: derives}),
		s.sealIdentity(nil, &keyring.EncryptionRequest{Suite: derives, EncryptionContext: keyring.EncryptionContext{}}))
}

// TestBucketsAreDrawnPerCache: who chooses contexts cannot know which collide.
func TestBucketsAreDrawnPerCache(t *testing.T) {
	req := &keyring.EncryptionRequest{Suite: derives}
	a := newStore(nothing{}, Options{MaxEntries: 1}).sealIdentity(nil, req)
	b := newStore(nothing{}, Options{MaxEntries: 1}).sealIdentity(nil, req)
	require.Equal(t, a.bytes, b.bytes)
	require.NotEqual(t, a.hash, b.hash)
}

// TestTableFindsWhatIsInIt holds entries in one bucket and in many.
func TestTableFindsWhatIsInIt(t *testing.T) {
	for _, buckets := range []int{1, 3, 1 << 20} {
		table := newTable(buckets)
		var in []*entry
		for i := range 50 {
			e := &entry{id: fmt.Sprint(i), hash: uint64(i * i % 7)}
			table.put(e)
			in = append(in, e)
		}
		for len(in) > 0 {
			at := len(in) * 2 / 3
			gone := in[at]
			table.remove(gone)
			in = append(in[:at:at], in[at+1:]...)
			require.Nil(t, table.get(gone.identity()))
			for _, e := range in {
				require.Same(t, e, table.get(e.identity()))
			}
		}
	}
}
