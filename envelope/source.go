package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// contentSource reads from a caller's reader, which may not be trusted to keep
// to the contract of io.Reader.
type contentSource struct {
	src   io.Reader
	ended bool // src has returned io.EOF
}

// read reads once, more often only as long as nothing comes. The source's end is
// no error here.
func (s *contentSource) read(p []byte) (int, error) {
	for range mostEmptyReads {
		n, err := s.src.Read(p)
		if n < 0 || n > len(p) {
			return 0, wrap(errCount)
		}
		if err == io.EOF {
			s.ended = true
			return n, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

// takeMemory returns what is left of a source that lies in memory, which need
// not be copied, and whether it does. Then nothing is left to read.
func (s *contentSource) takeMemory() ([]byte, bool) {
	src, ok := s.src.(*bytes.Reader)
	if !ok {
		return nil, false
	}
	var m memory
	_, _ = src.WriteTo(&m) // never fails
	s.ended = true
	return m.b, true
}

// memory keeps the one slice that a bytes.Reader writes, which is its own.
type memory struct{ b []byte }

func (m *memory) Write(b []byte) (int, error) {
	m.b = b
	return len(b), nil
}

// mostEmptyReads is how often a source may return neither bytes nor an error.
const mostEmptyReads = 100

var errCount = errors.New("source returned an impossible count from Read")

// ended turns the end of a message's source within the named part into
// ErrTruncated: whether the source just ends, or says itself that it was cut off.
func ended(part string, err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return truncated(part)
	}
	return fmt.Errorf("envelope: reading the %s: %w", part, err)
}
