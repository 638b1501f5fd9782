package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/sealwax/sealwax/envelope"
)

// inspect prints a message's header, for which it takes no key.
func inspect(src io.Reader, out io.Writer) error {
	h, err := envelope.ReadHeader(src)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "nothing here is authenticated: anybody may have written it")
	fmt.Fprintf(out, "suite     %v, message version %d\n", h.Suite, h.Version)
	for _, name := range slices.Sorted(maps.Keys(h.Context)) {
		fmt.Fprintf(out, "context   %q = %q\n", name, h.Context[name])
	}
	for _, edk := range h.EncryptedDataKeys {
		fmt.Fprintf(out, "data key  wrapped by %q %q, %d bytes\n", edk.ProviderID, edk.ProviderInfo, len(edk.Ciphertext))
	}
	if h.FrameLength == 0 {
		fmt.Fprintf(out, "header    %d bytes; the body is one piece\n", h.Length)
	} else {
		fmt.Fprintf(out, "header    %d bytes; frames of %d bytes\n", h.Length, h.FrameLength)
	}
	if f, ok := src.(*os.File); ok {
		return inspectSize(h, f, out)
	}
	return nil
}

// inspectSize tells the length of the content, which follows from that of the message.
func inspectSize(h *envelope.Header, f *os.File, out io.Writer) error {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	size, err := h.PlaintextSize(info.Size())
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "content   %d bytes\n", size)
	return nil
}
