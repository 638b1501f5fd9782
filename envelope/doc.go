// Package envelope seals and opens messages of the AWS Encryption SDK's format.
//
// A message is plaintext in frames, each sealed by AES-GCM under a key that is
// derived from a data key; a header that carries the data key, wrapped by the
// wrapping keys of a keyring; and the encryption context, public pairs to which
// all of it is bound. Every AWS Encryption SDK opens what this package seals,
// and the reverse.
//
//	keys, err := awskms.NewKeyring(kmsClient, keyARN) // or keyring.New with keys of other kinds
//	…
//	client, err := envelope.New(keys, nil)
//	…
//	ec := envelope.Context{"tenant": "4711"}
//	message, err := client.Seal(ctx, plaintext, ec)
//	…
//	plaintext, err = client.Open(ctx, message, ec)
//
// # Streams and random access
//
// [Client.NewWriter] and [Client.NewSealingReader] seal streams of any length,
// [Client.NewReader] opens them; memory is bounded by a few frames for each
// worker. A message is complete only when Close has returned nil, and a reader
// has seen all of it only when it returns io.EOF: nothing that was cut off on
// the way passes for whole. [Client.NewReaderAt] opens any part of a message
// without the rest.
//
// # What is released
//
// No byte is released before the tag over it has verified. [Client.Open]
// releases nothing before everything has. A stream releases a frame at a time;
// if the message is signed, the last one waits for the signature.
//
// # Errors
//
// Errors match one of the categories [ErrFormat], [ErrAuthentication],
// [ErrContext], [ErrPolicy], [ErrTruncated] and [ErrLength], unless they come
// from a source, a destination or the keyring: those are returned wrapped, and
// errors.Is and errors.As reach them. A wrong context that only shows when a tag
// fails matches ErrContext and ErrAuthentication.
//
// # Safety
//
// The zero Options are the careful choice: messages commit to their key, the
// caller must give the whole context on opening, and what hostile messages can
// ask for is bounded. Clients and ReaderAts are safe for concurrent use; Writers,
// Readers and SealingReaders are not. A source or destination that panics makes
// the Writer or Reader refuse to go on, so that a deferred Close does not
// complete a message with a hole in it.
//
// The bytes are described in docs/format.md, the decisions in docs/design.md.
package envelope
