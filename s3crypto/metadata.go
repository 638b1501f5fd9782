package s3crypto

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/message"
	"github.com/sealwax/sealwax/keyring"
)

// User metadata of this package. docs/format.md has the layout.
const (
	reservedMetadata = "sealwax-" // names that begin so are this package's
	messageKey       = "sealwax-message"
	edksKey          = "sealwax-edks"
)

// Bounds on user metadata in bytes, names and values together. Some servers
// count the prefix of the header's name too, which is 11 bytes for each entry.
const (
	maxMetadata    = 2048
	metadataPrefix = len("x-amz-meta-")
)

// maxMetadataEDKs bounds what is taken from metadata.
const maxMetadataEDKs = 64

// note is what the metadata says of the message in the body. It is written by
// whoever can write the object.
type note struct {
	suite                     envelope.Suite
	headerLength, frameLength int
	id                        string // message id, base64url without padding
}

func noteOf(h *envelope.Header) note {
	return note{h.Suite, h.Length, h.FrameLength, base64.RawURLEncoding.EncodeToString(h.MessageID)}
}

func (n note) String() string {
	return fmt.Sprintf("v=1,suite=%04x,header=%d,frame=%d,id=%s", uint16(n.suite), n.headerLength, n.frameLength, n.id)
}

var errNote = errors.New("metadata " + messageKey + " cannot be parsed")

func parseNote(s string) (note, error) {
	var n note
	var id uint16
	_, err := fmt.Sscanf(s, "v=1,suite=%x,header=%d,frame=%d,id=%s", &id, &n.headerLength, &n.frameLength, &n.id)
	n.suite = envelope.Suite(id)
	if err != nil || n.headerLength <= 0 || n.frameLength < 0 || n.String() != s {
		return note{}, errNote
	}
	return n, nil
}

// header returns as much of a header as the note tells.
func (n note) header() *envelope.Header {
	return &envelope.Header{Suite: n.suite, FrameLength: n.frameLength, Length: n.headerLength}
}

// checkUserMetadata refuses names that are this package's.
func checkUserMetadata(user map[string]string) error {
	for name := range user {
		if strings.HasPrefix(strings.ToLower(name), reservedMetadata) {
			return fmt.Errorf("s3crypto: %w: names that begin with %s are reserved, and %q does", ErrMetadata, reservedMetadata, name)
		}
		if format := otherFormat(map[string]string{strings.ToLower(name): ""}); format != "" {
			return fmt.Errorf("s3crypto: %w: %q marks objects of the %s", ErrMetadata, name, format)
		}
	}
	return nil
}

// objectMetadata returns the caller's metadata with this package's for a message.
func objectMetadata(user map[string]string, h *envelope.Header) (map[string]string, error) {
	all := maps.Clone(user)
	if all == nil {
		all = map[string]string{}
	}
	all[messageKey] = noteOf(h).String()
	if err := checkMetadataSize(all); err != nil {
		return nil, err
	}
	edks, err := encodeEDKs(h.EncryptedDataKeys)
	if err != nil {
		return nil, err
	}
	if metadataSize(all)+len(edksKey)+len(edks)+metadataPrefix*(len(all)+1) <= maxMetadata {
		all[edksKey] = edks
	}
	return all, nil
}

func metadataSize(m map[string]string) int {
	n := 0
	for name, value := range m {
		n += len(name) + len(value)
	}
	return n
}

func checkMetadataSize(all map[string]string) error {
	if n := metadataSize(all); n > maxMetadata {
		ours := n - metadataSize(userMetadata(all))
		return fmt.Errorf("s3crypto: %w: it takes %d bytes with the %d of this package, more than the %d that S3 allows", ErrMetadata, n, ours, maxMetadata)
	}
	return nil
}

// userMetadata returns the metadata without this package's.
func userMetadata(all map[string]string) map[string]string {
	user := maps.Clone(all)
	maps.DeleteFunc(user, func(name, _ string) bool { return strings.HasPrefix(strings.ToLower(name), reservedMetadata) })
	return user
}

// encodeEDKs writes EDKs as a header does, in base64.
func encodeEDKs(edks []keyring.EncryptedDataKey) (string, error) {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(edks)))
	for _, edk := range edks {
		var err error
		if b, err = message.AppendEDK(b, message.EDK(edk)); err != nil {
			return "", fmt.Errorf("s3crypto: %w", err)
		}
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

var errEDKs = errors.New("metadata " + edksKey + " cannot be parsed")

func decodeEDKs(s string) ([]keyring.EncryptedDataKey, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(b) < 2 {
		return nil, errEDKs
	}
	count := int(binary.BigEndian.Uint16(b))
	if b = b[2:]; count > maxMetadataEDKs {
		return nil, errEDKs
	}
	var edks []keyring.EncryptedDataKey
	for range count {
		var field [3][]byte
		for i := range field {
			if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
				return nil, errEDKs
			}
			end := 2 + int(binary.BigEndian.Uint16(b))
			field[i], b = b[2:end], b[end:]
		}
		edks = append(edks, keyring.EncryptedDataKey{ProviderID: string(field[0]), ProviderInfo: field[1], Ciphertext: field[2]})
	}
	if len(b) > 0 {
		return nil, errEDKs
	}
	return edks, nil
}

// marks is what an object's metadata says.
type marks struct {
	marked bool // there is a note, if not one that can be parsed
	note   note
	edks   []keyring.EncryptedDataKey
	errs   []error // what could not be parsed; it counts as absent
}

// readMarks reads the metadata of an object.
func readMarks(bucket, key string, metadata map[string]string) (marks, error) {
	var m marks
	all := make(map[string]string, len(metadata))
	for name, value := range metadata {
		all[strings.ToLower(name)] = value
	}
	value, marked := all[messageKey]
	m.marked = marked
	if other := otherFormat(all); other != "" {
		if marked {
			return m, objectError(bucket, key, fmt.Errorf("%w: it has the metadata of two formats, this package's and the %s", envelope.ErrFormat, other))
		}
		return m, &OtherFormatError{bucket, key, other}
	}
	if marked {
		n, err := parseNote(value)
		if err != nil {
			m.errs = append(m.errs, err)
		}
		m.note = n
	}
	if value, ok := all[edksKey]; ok {
		edks, err := decodeEDKs(value)
		if err != nil {
			m.errs = append(m.errs, err)
		}
		m.edks = edks
	}
	return m, nil
}

// otherFormat names the S3 Encryption Client's format that the metadata marks.
func otherFormat(all map[string]string) string {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { _, ok := all[name]; return ok })
	}
	switch {
	case has("x-amz-3", "x-amz-c", "x-amz-d", "x-amz-i"):
		return "Amazon S3 Encryption Client V3"
	case has("x-amz-key-v2"):
		return "Amazon S3 Encryption Client V2"
	case has("x-amz-key"):
		return "Amazon S3 Encryption Client V1"
	case has("x-amz-crypto-instr-file"):
		return "Amazon S3 Encryption Client (an instruction file)"
	}
	return ""
}

// besides returns the EDKs of the metadata that the header does not have too.
func (m marks) besides(h *envelope.Header) []keyring.EncryptedDataKey {
	var edks []keyring.EncryptedDataKey
	for _, edk := range m.edks {
		if !slices.ContainsFunc(h.EncryptedDataKeys, func(in keyring.EncryptedDataKey) bool { return sameEDK(in, edk) }) {
			edks = append(edks, edk)
		}
	}
	return edks
}

func sameEDK(a, b keyring.EncryptedDataKey) bool {
	return a.ProviderID == b.ProviderID && string(a.ProviderInfo) == string(b.ProviderInfo) && string(a.Ciphertext) == string(b.Ciphertext)
}
