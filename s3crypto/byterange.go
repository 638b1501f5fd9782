package s3crypto

import (
	"fmt"
	"strconv"
	"strings"
)

// byteRange is one range of bytes as HTTP writes it.
type byteRange struct {
	text        string
	first, last int64 // last -1: to the end; first -1: the last bytes, as many as last says
}

// parseRange parses bytes=a-b, bytes=a- or bytes=-n.
func parseRange(s string) (byteRange, error) {
	refused := &RangeError{Range: s, Size: -1}
	spec, ok := strings.CutPrefix(s, "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	if !ok || !dash || first == "" && last == "" {
		return byteRange{}, refused
	}
	r := byteRange{text: s, first: -1, last: -1}
	for _, bound := range []struct {
		digits string
		to     *int64
	}{{first, &r.first}, {last, &r.last}} {
		if bound.digits == "" {
			continue
		}
		n, err := strconv.ParseUint(bound.digits, 10, 63)
		if err != nil {
			return byteRange{}, refused
		}
		*bound.to = int64(n)
	}
	if first != "" && last != "" && r.last < r.first {
		return byteRange{}, refused
	}
	return r, nil
}

// within returns where the range begins and ends in size bytes.
func (r byteRange) within(size int64) (start, end int64, err error) {
	start, end = r.first, size
	switch {
	case r.first < 0:
		start = max(0, size-r.last)
	case r.last >= 0 && r.last < size:
		end = r.last + 1
	}
	if start >= end {
		return 0, 0, &RangeError{Range: r.text, Size: size}
	}
	return start, end, nil
}

// contentRange writes the range as a response does.
func contentRange(start, end, size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", start, end-1, size)
}

// parseContentRange parses what S3 answers.
func parseContentRange(s string) (start, size int64, ok bool) {
	var last int64
	_, err := fmt.Sscanf(s, "bytes %d-%d/%d", &start, &last, &size)
	ok = err == nil && start >= 0 && start <= last && last < size && contentRange(start, last+1, size) == s
	return start, size, ok
}
