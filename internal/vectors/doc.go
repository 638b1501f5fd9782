// Package vectors writes messages field by field: those that package envelope
// writes, those that only other software writes, and those that nobody should.
// It is a second implementation of the format, written from docs/format.md, that
// shares no code with packages message and aead but the making of the cipher.
//
// [Corpus] is what nobody publishes; envelope/testdata/vectors.json holds it, as
// docs/vectors.md describes. For tests only.
package vectors

//go:generate go run ./generate ../../envelope/testdata/vectors.json
