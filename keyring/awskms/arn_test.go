package awskms

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	plainKey   = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	mrkWest    = "arn:aws:kms:us-west-2:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab"
	mrkEast    = "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab"
	aliasOfMrk = "arn:aws:kms:us-west-2:111122223333:alias/mrk-1234abcd12ab34cd56ef1234567890ab"
)

func TestParseARN(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     arn
	}{
		{"key", plainKey,
			arn{plainKey, "aws", "us-west-2", "111122223333", kindKey, "1234abcd-12ab-34cd-56ef-1234567890ab"}},
		{"alias", "arn:aws:kms:us-west-2:111122223333:alias/orders",
			arn{"arn:aws:kms:us-west-2:111122223333:alias/orders", "aws", "us-west-2", "111122223333", kindAlias, "orders"}},
		{"slashes after the first belong to the id", "arn:aws-cn:kms:cn-north-1:1:alias/a/b",
			arn{"arn:aws-cn:kms:cn-north-1:1:alias/a/b", "aws-cn", "cn-north-1", "1", kindAlias, "a/b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseARN(tt.in)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestParseARNRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":               "",
		"a bare id":             "1234abcd-12ab-34cd-56ef-1234567890ab",
		"an alias name":         "alias/orders",
		"another scheme":        "nra:aws:kms:us-west-2:111122223333:key/k",
		"upper case scheme":     "ARN:aws:kms:us-west-2:111122223333:key/k",
		"no partition":          "arn::kms:us-west-2:111122223333:key/k",
		"another service":       "arn:aws:s3:us-west-2:111122223333:key/k",
		"no service":            "arn:aws::us-west-2:111122223333:key/k",
		"no region":             "arn:aws:kms::111122223333:key/k",
		"no account":            "arn:aws:kms:us-west-2::key/k",
		"no resource":           "arn:aws:kms:us-west-2:111122223333:",
		"no slash":              "arn:aws:kms:us-west-2:111122223333:key",
		"colon for slash":       "arn:aws:kms:us-west-2:111122223333:key:k",
		"no id":                 "arn:aws:kms:us-west-2:111122223333:key/",
		"no kind":               "arn:aws:kms:us-west-2:111122223333:/k",
		"another kind":          "arn:aws:kms:us-west-2:111122223333:grant/k",
		"five parts":            "arn:aws:kms:us-west-2:key/k",
		"seven parts":           "arn:aws:kms:us-west-2:111122223333:key/k:1",
		"leading space":         " " + plainKey,
		"trailing newline":      plainKey + "\n",
		"a zero byte":           plainKey + "\x00",
		"a byte above ASCII":    plainKey + "\xe4",
		"more than 2,048 bytes": plainKey + strings.Repeat("k", 2049-len(plainKey)),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseARN(in)
			require.Error(t, err)
		})
	}
}

func TestParseARNAcceptsTheLongest(t *testing.T) {
	_, err := parseARN(plainKey + strings.Repeat("k", 2048-len(plainKey)))
	require.NoError(t, err)
}

func TestParseKeyARNRefusesAnAlias(t *testing.T) {
	_, err := parseKeyARN(aliasOfMrk)
	require.Error(t, err)
}

func TestMultiRegion(t *testing.T) {
	for in, want := range map[string]bool{plainKey: false, mrkWest: true, aliasOfMrk: false} {
		a, err := parseARN(in)
		require.NoError(t, err)
		require.Equal(t, want, a.multiRegion(), in)
	}
}

func TestRelated(t *testing.T) {
	for _, tt := range []struct {
		name, a, b string
		want       bool
	}{
		{"the same single-Region key", plainKey, plainKey, true},
		{"the same replica", mrkWest, mrkWest, true},
		{"replicas in two Regions", mrkWest, mrkEast, true},
		{"single-Region keys in two Regions", plainKey, strings.Replace(plainKey, "us-west-2", "us-east-1", 1), false},
		{"another partition", mrkWest, strings.Replace(mrkEast, "arn:aws:", "arn:aws-cn:", 1), false},
		{"another account", mrkWest, strings.Replace(mrkEast, "111122223333", "444455556666", 1), false},
		{"another id", mrkWest, mrkEast + "0", false},
		{"a multi-Region and a single-Region key", mrkWest, plainKey, false},
		{"aliases in two Regions", aliasOfMrk, strings.Replace(aliasOfMrk, "us-west-2", "us-east-1", 1), false},
		{"an alias that is called like a key", aliasOfMrk, mrkEast, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := parseARN(tt.a)
			require.NoError(t, err)
			b, err := parseARN(tt.b)
			require.NoError(t, err)
			require.Equal(t, tt.want, a.related(b))
			require.Equal(t, tt.want, b.related(a))
		})
	}
}

func TestReplicaARN(t *testing.T) {
	a, err := parseARN(mrkWest)
	require.NoError(t, err)
	want, err := parseARN(mrkEast)
	require.NoError(t, err)
	require.Equal(t, want, a.in("us-east-1"))
}

func TestParseIdentifier(t *testing.T) {
	for in, want := range map[string]identifierKind{
		plainKey:   keyARN,
		mrkWest:    keyARN,
		aliasOfMrk: aliasARN,
		"arn:aws:kms:us-west-2:111122223333:alias/a/b": aliasARN,
		"alias/orders":                         aliasName,
		"alias/team/orders":                    aliasName,
		"alias/mrk-1":                          aliasName,
		"1234abcd-12ab-34cd-56ef-1234567890ab": keyID,
		"mrk-1234abcd12ab34cd56ef1234567890ab": keyID,
	} {
		id, err := parseIdentifier(in)
		require.NoError(t, err, in)
		require.Equal(t, want, id.kind, in)
		require.Equal(t, in, id.text)
	}
}

func TestParseIdentifierRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":            "",
		"an ARN of a bucket": "arn:aws:s3:::bucket",
		"an ARN cut short":   "arn:aws:kms:us-west-2",
		"a grant":            "arn:aws:kms:us-west-2:111122223333:grant/1",
		"a resource":         "key/1234abcd-12ab-34cd-56ef-1234567890ab",
		"an empty alias":     "alias/",
		"a colon":            "aws:1234",
		"a colon in alias":   "alias/a:b",
		"a space":            "my key",
		"a newline":          "alias/orders\n",
		"not ASCII":          "alias/größe",
		"2,049 bytes":        strings.Repeat("k", 2049),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseIdentifier(in)
			require.Error(t, err)
		})
	}
}

func TestIdentifierPermits(t *testing.T) {
	key, err := parseARN(plainKey)
	require.NoError(t, err)
	elsewhere := func(old, new string) arn {
		a, err := parseARN(strings.Replace(plainKey, old, new, 1))
		require.NoError(t, err)
		return a
	}
	for _, tt := range []struct {
		name, id string
		a        arn
		want     bool
	}{
		{"key ARN, its key", plainKey, key, true},
		{"key ARN, another Region", plainKey, elsewhere("us-west-2", "us-east-1"), false},
		{"key ARN, another id", plainKey, elsewhere("key/1", "key/2"), false},
		{"key id, its key", key.id, key, true},
		{"key id, its key in another Region", key.id, elsewhere("us-west-2", "us-east-1"), true},
		{"key id, another id", key.id, elsewhere("key/1", "key/2"), false},
		{"alias, any key", "alias/a", key, true},
		{"alias ARN, same account", "arn:aws:kms:us-west-2:111122223333:alias/a", key, true},
		{"alias ARN, another account", "arn:aws:kms:us-west-2:444455556666:alias/a", key, false},
		{"alias ARN, another Region", "arn:aws:kms:us-east-1:111122223333:alias/a", key, false},
		{"alias ARN, another partition", "arn:aws-cn:kms:us-west-2:111122223333:alias/a", key, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id, err := parseIdentifier(tt.id)
			require.NoError(t, err)
			require.Equal(t, tt.want, id.permits(tt.a))
		})
	}
}

func FuzzParseARN(f *testing.F) {
	for _, s := range []string{plainKey, mrkWest, aliasOfMrk, "", "arn:aws:kms:us-west-2:111122223333:key/", "alias/orders"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseARN(s)
		if err != nil {
			require.Zero(t, a)
			return
		}
		require.Equal(t, s, a.text)
		require.Equal(t, a, a.in(a.region), "the parts make up the text")
		require.True(t, a.related(a))
		if a.multiRegion() {
			replica := a.in("elsewhere-1")
			require.True(t, a.related(replica))
			again, err := parseKeyARN(replica.text)
			require.NoError(t, err)
			require.Equal(t, replica, again)
		}
		_, err = parseIdentifier(s)
		require.NoError(t, err)
	})
}
