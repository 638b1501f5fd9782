package s3crypto

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring"
)

func testHeader(edks int) *envelope.Header {
	h := &envelope.Header{Version: 2, Suite: envelope.AES256GCMHKDFSHA512Commit, MessageID: make([]byte, 32), FrameLength: 65536, Length: 500}
	for range edks {
		h.EncryptedDataKeys = append(h.EncryptedDataKeys, keyring.EncryptedDataKey{
			ProviderID: "aws-kms", ProviderInfo: []byte("arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"), Ciphertext: make([]byte, 184),
		})
	}
	return h
}

func TestNotesComeBack(t *testing.T) {
	n := noteOf(testHeader(1))
	require.Equal(t, "v=1,suite=0478,header=500,frame=65536,id="+strings.Repeat("A", 43), n.String())
	back, err := parseNote(n.String())
	require.NoError(t, err)
	require.Equal(t, n, back)
	size, err := back.header().PlaintextSize(500 + 40)
	require.NoError(t, err)
	require.Zero(t, size)

	for _, s := range []string{
		"", "v=1", "v=2,suite=0478,header=500,frame=65536,id=A", "v=1,suite=478,header=500,frame=65536,id=A",
		"v=1,suite=0478,header=-1,frame=65536,id=A", "v=1,suite=0478,header=0,frame=65536,id=A", "v=1,suite=0478,header=500,frame=-1,id=A",
		"v=1,suite=0478,header=+500,frame=65536,id=A", "v=1,suite=0478,header=500,frame=65536", "v=1,suite=0478,header=500,frame=65536,id=A ",
		"v=1,suite=0478,header=99999999999999999999,frame=65536,id=A", " v=1,suite=0478,header=500,frame=65536,id=A", "v=1,suite=10478,header=500,frame=65536,id=A",
	} {
		_, err := parseNote(s)
		require.ErrorIs(t, err, errNote, "%q", s)
	}
}

func TestEDKsComeBack(t *testing.T) {
	for n := range 4 {
		s, err := encodeEDKs(testHeader(n).EncryptedDataKeys)
		require.NoError(t, err)
		edks, err := decodeEDKs(s)
		require.NoError(t, err)
		require.Equal(t, testHeader(n).EncryptedDataKeys, edks)
		raw, err := base64.StdEncoding.DecodeString(s)
		require.NoError(t, err)
		for cut := range len(raw) {
			_, err := decodeEDKs(base64.StdEncoding.EncodeToString(raw[:cut]))
			require.ErrorIs(t, err, errEDKs, cut)
		}
		_, err = decodeEDKs(base64.StdEncoding.EncodeToString(append(raw, 0)))
		require.ErrorIs(t, err, errEDKs)
	}
	many, err := encodeEDKs(testHeader(maxMetadataEDKs + 1).EncryptedDataKeys)
	require.NoError(t, err)
	_, err = decodeEDKs(many)
	require.ErrorIs(t, err, errEDKs)
}

func TestMetadataStaysWithinItsBounds(t *testing.T) {
	const noteSize = len(messageKey) + len("v=1,suite=0478,header=500,frame=65536,id=") + 43
	for _, row := range []struct {
		name     string
		edks     int
		user     int // bytes of user metadata, the name of one byte included
		repeated bool
		err      error
	}{
		{"one EDK", 1, 1, true, nil},
		{"four EDKs", 4, 1, true, nil},
		{"EDKs that do not fit", 6, 1, false, nil},
		{"user metadata that leaves no room for EDKs", 1, 1800, false, nil},
		{"user metadata that just fits", 1, maxMetadata - noteSize, false, nil},
		{"one byte too many", 1, maxMetadata - noteSize + 1, false, ErrMetadata},
	} {
		t.Run(row.name, func(t *testing.T) {
			user := map[string]string{"x": strings.Repeat("y", row.user-1)}
			all, err := objectMetadata(user, testHeader(row.edks))
			require.ErrorIs(t, err, row.err)
			require.Len(t, user, 1, "the caller's map is as it was")
			if err != nil {
				return
			}
			require.LessOrEqual(t, metadataSize(all), maxMetadata)
			require.Contains(t, all, messageKey)
			_, repeated := all[edksKey]
			require.Equal(t, row.repeated, repeated)
			require.Equal(t, user, userMetadata(all))
		})
	}
}

func TestEDKsOfTheHeaderAreNotAskedForTwice(t *testing.T) {
	h := testHeader(2)
	other := keyring.EncryptedDataKey{ProviderID: "aws-kms", ProviderInfo: []byte("arn"), Ciphertext: []byte{1}}
	m := marks{edks: append([]keyring.EncryptedDataKey{other}, h.EncryptedDataKeys...)}
	require.Equal(t, []keyring.EncryptedDataKey{other}, m.besides(h))
	require.Empty(t, marks{edks: h.EncryptedDataKeys}.besides(h))
	require.Empty(t, marks{}.besides(h))
}

// Whoever can write an object writes its metadata.
func FuzzMetadata(f *testing.F) {
	h := testHeader(1)
	edks, err := encodeEDKs(h.EncryptedDataKeys)
	require.NoError(f, err)
	f.Add(noteOf(h).String(), edks)
	f.Add("v=1,suite=0578,header=1,frame=0,id=", "AAA=")
	f.Add("", "//8=")
	f.Fuzz(func(t *testing.T, note, edks string) {
		m, err := readMarks("b", "k", map[string]string{messageKey: note, edksKey: edks})
		require.NoError(t, err)
		require.LessOrEqual(t, len(m.edks), maxMetadataEDKs)
		if m.note.headerLength != 0 {
			require.Equal(t, note, m.note.String())
			_, _ = plaintextSize(m.note.header(), 1<<40)
		}
		if m.edks != nil {
			again, err := encodeEDKs(m.edks)
			require.NoError(t, err)
			back, err := decodeEDKs(again)
			require.NoError(t, err)
			require.Equal(t, len(m.edks), len(back))
		}
	})
}

func TestHeadArithmeticBearsSignaturesOfUnusualLength(t *testing.T) {
	h := &envelope.Header{Suite: envelope.AES256GCMHKDFSHA512CommitECDSAP384, FrameLength: 4096, Length: 700}
	for _, n := range []int64{0, 1, 4095, 4096, 4097, 6 << 20} {
		usual, err := h.SealedSize(n)
		require.NoError(t, err)
		for slack := int64(-2); slack <= 2; slack++ {
			got, err := plaintextSize(h, usual+slack)
			require.NoError(t, err)
			require.InDelta(t, n, got, 2)
		}
	}
	unsigned := &envelope.Header{Suite: envelope.AES256GCMHKDFSHA512Commit, FrameLength: 4096, Length: 700}
	usual, err := unsigned.SealedSize(4096)
	require.NoError(t, err)
	_, err = plaintextSize(unsigned, usual+1)
	require.ErrorIs(t, err, envelope.ErrFormat)
}
