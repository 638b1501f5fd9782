// Package keyring yields the data keys of messages from wrapping keys.
//
// A [WrappingKey] wraps and unwraps data keys: a KMS key (package awskms), a
// raw AES or RSA key ([RawAES], [RawRSA]), or your own. A [Ring] puts several
// together: the first makes the data key, every one that can wraps it, and any
// one of them opens it again. A Ring is a [Keyring], which is what package
// envelope seals and opens messages with; a cache of package cache is one too.
//
//	aesKey, err := keyring.NewRawAES("acme", "backup-2026", key) // 16, 24 or 32 bytes
//	…
//	ring, err := keyring.New(aesKey)
//	…
//	client, err := envelope.New(ring, nil)
//
// # Errors
//
// A ring that finds no key for a message answers [*NoDataKeyError], which keeps
// every attempt with its cause; [errors.As] reaches the typed errors of the AWS
// SDK through it.
//
// # Secrets
//
// A [DataKey] prints REDACTED in every rendering and is cleared by Destroy.
// What has been erased from it may still stand in copies that the Go runtime
// made (registers, stacks, the key schedules of ciphers) until they are reused.
package keyring
