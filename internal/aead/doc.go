// Package aead seals and opens the pieces of messages: it derives content keys,
// makes the one kind of cipher, and holds the counters. No nonce can be chosen
// from outside: a [Sealer] hands out sequence numbers, each once, and a nonce is
// made from nothing else.
package aead
