package integration

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring"
	"github.com/sealwax/sealwax/keyring/awskms"
	"github.com/sealwax/sealwax/s3crypto"
)

// storeRig is a bucket whose owner changes what is stored.
type storeRig struct {
	*keys
	api  *s3.Client
	name string
	c    *s3crypto.Client
}

func newStoreRig(t *testing.T, opts *s3crypto.Options) *storeRig {
	s := fake(t)
	r := &storeRig{keys: newKeys(t), api: s.client(s.url)}
	r.name = bucket(t, r.api)
	r.c = r.crypto(t, r.api, opts)
	return r
}

// store puts bytes and metadata as they are.
func (r *storeRig) store(t *testing.T, key string, b []byte, metadata map[string]string) {
	t.Helper()
	_, err := r.api.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &r.name, Key: &key, Body: bytes.NewReader(b), Metadata: metadata})
	require.NoError(t, err)
}

// readings read an object in every way, and return what they released.
func (r *storeRig) readings(c *s3crypto.Client, key string) map[string]func() ([]byte, error) {
	d := &downloadRig{keys: r.keys, direct: r.api, name: r.name, key: key, c: c}
	readings := map[string]func() ([]byte, error){}
	for name, read := range d.ways() {
		readings[name] = func() ([]byte, error) { return read(context.Background()) }
	}
	return readings
}

var refusals = []error{
	envelope.ErrAuthentication, envelope.ErrFormat, envelope.ErrPolicy, envelope.ErrTruncated, envelope.ErrContext, s3crypto.ErrNotEncrypted,
}

func requireRefused(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	for _, refusal := range refusals {
		if errors.Is(err, refusal) {
			return
		}
	}
	require.Fail(t, "no category", "%v", err)
}

func TestTamperedBodiesAreRefused(t *testing.T) {
	r := newStoreRig(t, nil)
	want := content(3*frame + 100)
	put(t, r.c, r.name, "good", want)
	_, other := func() (*s3.GetObjectOutput, []byte) {
		put(t, r.c, r.name, "other", want)
		return getPlain(t, r.api, r.name, "other")
	}()
	out, stored := getPlain(t, r.api, r.name, "good")
	header, err := envelope.ReadHeader(bytes.NewReader(stored))
	require.NoError(t, err)
	h, period := header.Length, frame+32
	at := func(n int) []byte { return bytes.Clone(stored[:n]) }
	cases := map[string][]byte{
		"first byte":          flip(stored, 0),
		"suite":               flip(stored, 2),
		"message id":          flip(stored, 10),
		"EDK":                 flip(stored, h-200),
		"header tag":          flip(stored, h-1),
		"sequence":            flip(stored, h+3),
		"nonce":               flip(stored, h+8),
		"content":             flip(stored, h+100),
		"tag of a frame":      flip(stored, h+period-1),
		"second frame":        flip(stored, h+period+500),
		"mark of the final":   flip(stored, h+3*period),
		"length of the final": flip(stored, h+3*period+23),
		"last byte":           flip(stored, len(stored)-1),
		"without its end":     at(len(stored) - 1),
		"without its final":   at(h + 3*period),
		"header alone":        at(h),
		"half a header":       at(h / 2),
		"one more byte":       append(at(len(stored)), 0),
		"twice":               append(at(len(stored)), stored...),
		"first frame dropped": append(at(h), stored[h+period:]...),
		"first frame doubled": append(at(h+period), stored[h:]...),
		"frames swapped":      append(append(append(at(h), stored[h+period:h+2*period]...), stored[h:h+period]...), stored[h+2*period:]...),
		"another's frame":     append(append(at(h), other[h:h+period]...), stored[h+period:]...),
		"another's end":       append(at(h+3*period), other[h+3*period:]...),
		"another's header":    append(bytes.Clone(other[:h]), stored[h:]...),
		"nothing":             {},
		"plaintext":           want,
	}
	for name, b := range cases {
		r.store(t, "bad", b, out.Metadata)
		for way, read := range r.readings(r.c, "bad") {
			t.Run(name+", "+way, func(t *testing.T) {
				got, err := read()
				requireRefused(t, err)
				require.True(t, bytes.HasPrefix(want, got), "wrong bytes were released")
			})
		}
	}
	t.Run("a wrong end is noticed before anything is released", func(t *testing.T) {
		r.store(t, "bad", cases["without its final"], nil)
		_, err := r.c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &r.name, Key: new("bad")})
		requireRefused(t, err)
	})
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// edksMetadata writes EDKs as the metadata holds them.
func edksMetadata(edks ...keyring.EncryptedDataKey) string {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(edks)))
	for _, edk := range edks {
		for _, field := range [][]byte{[]byte(edk.ProviderID), edk.ProviderInfo, edk.Ciphertext} {
			b = binary.BigEndian.AppendUint16(b, uint16(len(field)))
			b = append(b, field...)
		}
	}
	return base64.StdEncoding.EncodeToString(b)
}

func TestTamperedMetadataNeverChangesWhatIsRead(t *testing.T) {
	r := newStoreRig(t, nil)
	want := content(3*frame + 100)
	ec := envelope.Context{"tenant": "7"}
	c := r.c.With(s3crypto.WithContext(ec))
	put(t, c, r.name, "good", want)
	out, stored := getPlain(t, r.api, r.name, "good")
	require.Contains(t, out.Metadata, "sealwax-message")
	require.Contains(t, out.Metadata, "sealwax-edks")

	// A stranger's data key, wrapped for our own key and by theirs.
	stranger := newKeys(t)
	strangers, err := stranger.envelope(t, nil).Seal(t.Context(), want, ec)
	require.NoError(t, err)
	theirs, err := envelope.ReadHeader(bytes.NewReader(strangers))
	require.NoError(t, err)
	sealed, err := r.envelope(t, nil).Seal(t.Context(), want, ec)
	require.NoError(t, err)
	ours, err := envelope.ReadHeader(bytes.NewReader(sealed))
	require.NoError(t, err)
	header, err := envelope.ReadHeader(bytes.NewReader(stored))
	require.NoError(t, err)
	many := make([]keyring.EncryptedDataKey, 64)
	for i := range many {
		many[i] = keyring.EncryptedDataKey{ProviderID: "nobody", ProviderInfo: []byte{byte(i)}, Ciphertext: []byte("y")}
	}
	unknown := keyring.EncryptedDataKey{ProviderID: "nobody", ProviderInfo: []byte("x"), Ciphertext: []byte("y")}

	for name, changes := range map[string]map[string]string{
		"none at all":                   nil,
		"EDK of a stranger":             {"sealwax-edks": edksMetadata(theirs.EncryptedDataKeys...)},
		"EDK of another message":        {"sealwax-edks": edksMetadata(ours.EncryptedDataKeys...)},
		"EDK of an unknown provider":    {"sealwax-edks": edksMetadata(unknown)},
		"several EDKs":                  {"sealwax-edks": edksMetadata(unknown, theirs.EncryptedDataKeys[0], header.EncryptedDataKeys[0])},
		"EDKs, as many as there may be": {"sealwax-edks": edksMetadata(many[:63]...)},
		"EDKs beyond what may be":       {"sealwax-edks": edksMetadata(many...)},
		"EDKs that are no base64":       {"sealwax-edks": "?"},
		"EDKs that are cut":             {"sealwax-edks": out.Metadata["sealwax-edks"][:40]},
		"65,535 EDKs":                   {"sealwax-edks": "//8AAA=="},
		"other geometry":                {"sealwax-message": "v=1,suite=0478,header=10,frame=1,id=AAAA"},
		"another suite":                 {"sealwax-message": "v=1,suite=0578,header=600,frame=65536,id=AAAA"},
		"a note that cannot be parsed":  {"sealwax-message": "v=2"},
		"a note of a later version":     {"sealwax-message": "v=2,suite=0478"},
		"marked twice, in another case": {"Sealwax-Message": out.Metadata["sealwax-message"]},
	} {
		metadata := maps.Clone(out.Metadata)
		if changes == nil {
			metadata = nil
		}
		maps.Copy(metadata, changes)
		r.store(t, "bad", stored, metadata)
		for way, read := range r.readings(c, "bad") {
			t.Run(name+", "+way, func(t *testing.T) {
				got, err := read()
				require.NoError(t, err)
				require.True(t, bytes.Equal(want, got))
			})
		}
	}

	t.Run("EDKs count for nothing without commitment", func(t *testing.T) {
		env := r.envelope(t, &envelope.Options{Commitment: envelope.ForbidEncryptAllowDecrypt})
		c, err := s3crypto.New(r.api, env, nil)
		require.NoError(t, err)
		put(t, c, r.name, "version 1", want)
		out, stored := getPlain(t, r.api, r.name, "version 1")
		for _, planted := range [][]keyring.EncryptedDataKey{theirs.EncryptedDataKeys, ours.EncryptedDataKeys, many} {
			out.Metadata["sealwax-edks"] = edksMetadata(planted...)
			r.store(t, "version 1", stored, out.Metadata)
			for way, read := range r.readings(c, "version 1") {
				got, err := read()
				require.NoError(t, err, way)
				require.True(t, bytes.Equal(want, got), way)
			}
		}
	})
	t.Run("another context is refused", func(t *testing.T) {
		for _, ec := range []envelope.Context{nil, {"tenant": "8"}, {"tenant": "7", "more": "x"}} {
			_, err := r.c.With(s3crypto.WithContext(ec)).GetObject(t.Context(), &s3.GetObjectInput{Bucket: &r.name, Key: new("good")})
			require.ErrorIs(t, err, envelope.ErrContext)
		}
	})
	t.Run("what could not be parsed is named when it may matter", func(t *testing.T) {
		r.store(t, "bad", flip(stored, header.Length-200), map[string]string{"sealwax-message": "v=2", "sealwax-edks": "?"})
		_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &r.name, Key: new("bad")})
		require.Error(t, err)
		require.Contains(t, err.Error(), "sealwax-message")
		require.Contains(t, err.Error(), "sealwax-edks")
	})
}

// The EDKs beside a message are what opens it when those in its header no longer
// do, as after a re-wrap.
func TestKeysBesideTheMessageOpenIt(t *testing.T) {
	r := newStoreRig(t, nil)
	want := content(1000)
	put(t, r.c, r.name, "good", want)
	_, stored := getPlain(t, r.api, r.name, "good")
	header, err := envelope.ReadHeader(bytes.NewReader(stored))
	require.NoError(t, err)

	arn, err := r.kms.NewKey("alias/new")
	require.NoError(t, err)
	fresh, err := awskms.New(r.kms, arn, nil)
	require.NoError(t, err)
	materials, err := r.ring.DecryptionMaterials(t.Context(), &keyring.DecryptionRequest{Suite: header.Suite, EncryptedDataKeys: header.EncryptedDataKeys})
	require.NoError(t, err)
	edk, err := fresh.Wrap(t.Context(), materials.DataKey, nil)
	require.NoError(t, err)
	r.store(t, "good", stored, map[string]string{"sealwax-edks": edksMetadata(edk)})

	ring, err := keyring.New(fresh)
	require.NoError(t, err)
	env, err := envelope.New(ring, nil)
	require.NoError(t, err)
	c, err := s3crypto.New(r.api, env, nil)
	require.NoError(t, err)
	_, got := get(t, c, &s3.GetObjectInput{Bucket: &r.name, Key: new("good")})
	require.True(t, bytes.Equal(want, got))
}

func TestBindNameRefusesAnotherObjectInItsPlace(t *testing.T) {
	r := newStoreRig(t, &s3crypto.Options{BindName: true})
	a, b := content(100), content(200)
	put(t, r.c, r.name, "a", a)
	put(t, r.c, r.name, "b", b)
	_, got := get(t, r.c, &s3.GetObjectInput{Bucket: &r.name, Key: new("a")})
	require.Equal(t, a, got)

	out, stored := getPlain(t, r.api, r.name, "b")
	r.store(t, "a", stored, out.Metadata)
	for way, read := range r.readings(r.c, "a") {
		_, err := read()
		require.ErrorIs(t, err, envelope.ErrContext, way)
	}
	loose := r.c.With(s3crypto.WithBindName(false))
	_, err := loose.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &r.name, Key: new("b")})
	require.ErrorIs(t, err, envelope.ErrContext, "the reader must know that the name is bound")
	put(t, loose, r.name, "c", a)
	_, err = r.c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &r.name, Key: new("c")})
	require.ErrorIs(t, err, envelope.ErrContext, "an unbound object in a bound one's place")
	out, stored = getPlain(t, r.api, r.name, "c")
	r.store(t, "d", stored, out.Metadata)
	_, got = get(t, loose, &s3.GetObjectInput{Bucket: &r.name, Key: new("d")})
	require.Equal(t, a, got, "without BindName a swap goes unnoticed: docs/threat-model.md says so")

	// The pairs are ordinary ones: any AWS Encryption SDK can give them.
	opened, err := r.envelope(t, nil).Open(t.Context(), func() []byte { _, s := getPlain(t, r.api, r.name, "b"); return s }(),
		envelope.Context{"s3-bucket": r.name, "s3-key": "b"})
	require.NoError(t, err)
	require.Equal(t, b, opened)
	_, err = r.c.With(s3crypto.WithContext(envelope.Context{"s3-key": "other"})).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &r.name, Key: new("a")})
	require.ErrorIs(t, err, envelope.ErrContext)
	_, err = r.c.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: &r.name, Key: new("z"), CopySource: new(r.name + "/b")})
	var unsupported *s3crypto.UnsupportedError
	require.ErrorAs(t, err, &unsupported)
}

func TestObjectsThatAreNotEncrypted(t *testing.T) {
	r := newStoreRig(t, nil)
	for name, b := range map[string][]byte{
		"text": []byte("plain text"), "empty": {}, "large": content(2 << 20), "like a message, and cut": {2, 4, 0x78}, "one byte": {1},
	} {
		r.store(t, "plain", b, map[string]string{"color": "green"})
		for way, read := range r.readings(r.c, "plain") {
			t.Run(name+", "+way, func(t *testing.T) {
				got, err := read()
				require.ErrorIs(t, err, s3crypto.ErrNotEncrypted)
				require.Empty(t, got)
			})
		}
		_, err := r.c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &r.name, Key: new("plain")})
		require.ErrorIs(t, err, s3crypto.ErrNotEncrypted)
		_, err = r.c.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: &r.name, Key: new("z"), CopySource: new(r.name + "/plain")})
		require.ErrorIs(t, err, s3crypto.ErrNotEncrypted)

		lenient := r.c.With(s3crypto.WithAllowUnencrypted(true))
		for way, read := range r.readings(lenient, "plain") {
			t.Run(name+", passed through, "+way, func(t *testing.T) {
				if len(b) == 0 && way == "GetObject with a range" {
					_, err := read()
					requireCode(t, err, "InvalidRange")
					return
				}
				got, err := read()
				require.NoError(t, err)
				require.True(t, bytes.Equal(b, got))
			})
		}
		out, _ := get(t, lenient, &s3.GetObjectInput{Bucket: &r.name, Key: new("plain")})
		info, ok := s3crypto.InfoOf(out.ResultMetadata)
		require.True(t, ok)
		require.False(t, info.Encrypted)
		require.Nil(t, info.Header)
		require.Equal(t, "green", out.Metadata["color"])
		head, err := lenient.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &r.name, Key: new("plain")})
		require.NoError(t, err)
		require.EqualValues(t, len(b), *head.ContentLength)
		info, _ = s3crypto.InfoOf(head.ResultMetadata)
		require.False(t, info.Encrypted)
	}
	t.Run("a message that is refused is not passed through", func(t *testing.T) {
		long := append([]byte{2, 0x04, 0x78}, make([]byte, 32+2)...) // message id, and no context
		long = append(long, 0, 40)
		for range 40 {
			edk := append([]byte{0, 1, 'p', 0, 1, 'i', 0xff, 0xff}, make([]byte, 0xffff)...)
			long = append(long, edk...)
		}
		r.store(t, "long", long, nil)
		for way, read := range r.readings(r.c.With(s3crypto.WithAllowUnencrypted(true)), "long") {
			got, err := read()
			require.ErrorIs(t, err, envelope.ErrPolicy, way)
			require.NotErrorIs(t, err, s3crypto.ErrNotEncrypted, way)
			require.Empty(t, got)
		}
	})
	t.Run("what is marked is not passed through", func(t *testing.T) {
		put(t, r.c, r.name, "marked", []byte("x"))
		out, _ := getPlain(t, r.api, r.name, "marked")
		r.store(t, "marked", []byte("an attacker's text"), out.Metadata)
		for way, read := range r.readings(r.c.With(s3crypto.WithAllowUnencrypted(true)), "marked") {
			_, err := read()
			require.ErrorIs(t, err, envelope.ErrFormat, way)
		}
	})
}

func TestOtherFormatsAreNamed(t *testing.T) {
	r := newStoreRig(t, &s3crypto.Options{AllowUnencrypted: true})
	for _, format := range []struct {
		name     string
		metadata map[string]string
	}{
		{"Amazon S3 Encryption Client V1", map[string]string{"x-amz-key": "AA==", "x-amz-iv": "AA==", "x-amz-matdesc": "{}"}},
		{"Amazon S3 Encryption Client V2", map[string]string{"x-amz-key-v2": "AA==", "x-amz-iv": "AA==", "x-amz-wrap-alg": "kms+context"}},
		{"Amazon S3 Encryption Client V3", map[string]string{"x-amz-3": "AA==", "x-amz-c": "115", "x-amz-d": "AA==", "x-amz-i": "AA=="}},
		{"Amazon S3 Encryption Client V3", map[string]string{"x-amz-c": "115", "x-amz-d": "AA==", "x-amz-i": "AA=="}},
	} {
		r.store(t, "other", []byte("ciphertext"), format.metadata)
		var other *s3crypto.OtherFormatError
		for way, read := range r.readings(r.c, "other") {
			_, err := read()
			require.ErrorAs(t, err, &other, way)
			require.Equal(t, format.name, other.Format)
		}
		_, err := r.c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &r.name, Key: new("other")})
		require.ErrorAs(t, err, &other)

		put(t, r.c, r.name, "both", []byte("x"))
		out, stored := getPlain(t, r.api, r.name, "both")
		maps.Copy(out.Metadata, format.metadata)
		r.store(t, "both", stored, out.Metadata)
		_, err = r.c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &r.name, Key: new("both")})
		require.ErrorIs(t, err, envelope.ErrFormat)
	}
}

func TestHeadersOfUnmarkedMessagesAreLookedAt(t *testing.T) {
	r := newStoreRig(t, nil)
	for _, n := range []int{0, 1, frame, 3*frame + 9} {
		sealed, err := r.envelope(t, nil).Seal(t.Context(), content(n), nil)
		require.NoError(t, err)
		r.store(t, "bare", sealed, nil)
		head, err := r.c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &r.name, Key: new("bare")})
		require.NoError(t, err)
		require.EqualValues(t, n, *head.ContentLength)
	}
}

func TestSignedAndOlderMessages(t *testing.T) {
	r := newStoreRig(t, nil)
	want := content(2<<20 + 77)
	for name, o := range map[string]*envelope.Options{
		"signed":       {Suite: envelope.AES256GCMHKDFSHA512CommitECDSAP384},
		"version 1":    {Commitment: envelope.ForbidEncryptAllowDecrypt},
		"small frames": {FrameLength: 1000},
	} {
		t.Run(name, func(t *testing.T) {
			env := r.envelope(t, o)
			c, err := s3crypto.New(r.api, env, nil)
			require.NoError(t, err)
			for _, n := range []int{0, 5, len(want)} {
				key := fmt.Sprint(name, n)
				put(t, c, r.name, key, want[:n])
				out, got := get(t, c, &s3.GetObjectInput{Bucket: &r.name, Key: &key})
				require.True(t, bytes.Equal(want[:n], got))
				var w writerAt
				down, err := c.Download(t.Context(), &s3.GetObjectInput{Bucket: &r.name, Key: &key}, &w)
				require.NoError(t, err)
				require.True(t, bytes.Equal(want[:n], w.b))
				require.EqualValues(t, n, *down.ContentLength)
				head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &r.name, Key: &key})
				require.NoError(t, err)
				require.EqualValues(t, n, *head.ContentLength)
				if name == "signed" {
					require.Nil(t, out.ContentLength, "not certain before the signature")
					_, err = c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &r.name, Key: &key, Range: new("bytes=0-1")})
					require.ErrorIs(t, err, envelope.ErrPolicy)
					_, err = c.Open(t.Context(), r.name, key)
					require.ErrorIs(t, err, envelope.ErrPolicy)
				} else {
					require.EqualValues(t, n, *out.ContentLength)
				}
			}
		})
	}
	t.Run("a signature that was taken off", func(t *testing.T) {
		out, stored := getPlain(t, r.api, r.name, fmt.Sprint("signed", len(want)))
		r.store(t, "bad", flip(stored, len(stored)-1), out.Metadata)
		env := r.envelope(t, &envelope.Options{Suite: envelope.AES256GCMHKDFSHA512CommitECDSAP384})
		c, err := s3crypto.New(r.api, env, nil)
		require.NoError(t, err)
		got, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &r.name, Key: new("bad")})
		require.NoError(t, err)
		_, err = io.ReadAll(got.Body)
		require.ErrorIs(t, err, envelope.ErrAuthentication)
		require.NoError(t, got.Body.Close())
	})
}
