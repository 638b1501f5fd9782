package s3crypto

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// checksumFields are the fields of inputs and outputs that hold a checksum.
var checksumFields = []string{
	"ChecksumCRC32", "ChecksumCRC32C", "ChecksumCRC64NVME", "ChecksumMD5", "ChecksumSHA1",
	"ChecksumSHA256", "ChecksumSHA512", "ChecksumType", "ChecksumXXHASH128", "ChecksumXXHASH3",
	"ChecksumXXHASH64", "ContentMD5",
}

// checksum is one that the caller gave for the plaintext.
type checksum struct {
	field string
	want  string // base64
	hash.Hash
}

// crc64NVME is the polynomial of CRC-64/NVME, reversed.
const crc64NVME = 0x9a6c9329ac4bc9b5

// checksumsOf returns the checksums that the caller gave.
func checksumsOf(in *s3.PutObjectInput) ([]checksum, error) {
	for field, value := range map[string]*string{
		"ChecksumXXHASH64": in.ChecksumXXHASH64, "ChecksumXXHASH3": in.ChecksumXXHASH3, "ChecksumXXHASH128": in.ChecksumXXHASH128,
	} {
		if value != nil {
			return nil, &UnsupportedError{"PutObject", field, "it would have to be checked against the plaintext, and the standard library has no XXHash; give ChecksumSHA256 or ChecksumCRC64NVME"}
		}
	}
	var sums []checksum
	add := func(field string, value *string, h func() hash.Hash) {
		if value != nil {
			sums = append(sums, checksum{field, *value, h()})
		}
	}
	add("ChecksumCRC32", in.ChecksumCRC32, func() hash.Hash { return crc32.NewIEEE() })
	add("ChecksumCRC32C", in.ChecksumCRC32C, func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) })
	add("ChecksumCRC64NVME", in.ChecksumCRC64NVME, func() hash.Hash { return crc64.New(crc64.MakeTable(crc64NVME)) })
	add("ChecksumMD5", in.ChecksumMD5, md5.New)
	add("ContentMD5", in.ContentMD5, md5.New)
	add("ChecksumSHA1", in.ChecksumSHA1, sha1.New)
	add("ChecksumSHA256", in.ChecksumSHA256, sha256.New)
	add("ChecksumSHA512", in.ChecksumSHA512, sha512.New)
	return sums, nil
}

// plaintext is the caller's body on its way to being sealed. It ends with
// io.EOF only if the checksums fit, and notices that ctx is done.
type plaintext struct {
	ctx  context.Context
	src  io.Reader
	sums []checksum
}

func (r *plaintext) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, r.ctx.Err()
	}
	n, err := r.src.Read(p)
	if n < 0 || n > len(p) {
		return n, err // which envelope refuses
	}
	for _, sum := range r.sums {
		sum.Write(p[:n])
	}
	if err == io.EOF {
		if mismatch := r.verify(); mismatch != nil {
			return n, mismatch
		}
	}
	return n, err
}

func (r *plaintext) verify() error {
	for _, sum := range r.sums {
		if base64.StdEncoding.EncodeToString(sum.Sum(nil)) != sum.want {
			return fmt.Errorf("%w: %s", ErrChecksum, sum.field)
		}
	}
	return nil
}

// plaintextLength returns how long the plaintext is, in bytes, or -1. A body
// that can seek is measured from where it stands.
func plaintextLength(in *s3.PutObjectInput) (int64, error) {
	if in.ContentLength != nil {
		return *in.ContentLength, nil
	}
	if in.Body == nil {
		return 0, nil
	}
	if sized, ok := in.Body.(interface{ Len() int }); ok {
		return int64(sized.Len()), nil
	}
	seeker, ok := in.Body.(io.Seeker)
	if !ok {
		return -1, nil
	}
	at, err := seeker.Seek(0, io.SeekCurrent)
	if err != nil {
		return -1, nil // a pipe, say
	}
	end, err := seeker.Seek(0, io.SeekEnd)
	if err != nil {
		return -1, nil
	}
	if _, err := seeker.Seek(at, io.SeekStart); err != nil {
		return 0, fmt.Errorf("s3crypto: body cannot seek back: %w", err)
	}
	return max(0, end-at), nil
}
