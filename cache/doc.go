// Package cache is a keyring that remembers: it stands in front of any
// [keyring.Keyring] and lets several messages share a data key, within bounds.
// KMS bills and throttles each call; a service that seals 100,000 small values a
// minute under one encryption context makes one call every few minutes instead
// of 100,000.
//
//	keys, err := cache.New(ring, nil) // careful limits; see Options
//	…
//	defer keys.Close()
//	client, err := envelope.New(keys, nil)
//
// # What shares a key
//
// Two messages share a data key only if everything that may change the answer
// is equal: the operation (sealing or opening), the suite, the whole encryption
// context, and, for opening, every encrypted data key (EDK). A context that is
// different for each message, because it names a row, costs a call for each.
// Two caches never share anything.
//
// # Bounds
//
// There is no unlimited cache. A key is gone from memory [Options.MaxAge] after
// it came, whether or not somebody asks for it. A key that seals is gone after
// [Options.MaxMessages] messages or [Options.MaxBytes] bytes, which are charged
// before the key is handed out, and exactly, however many goroutines seal.
// Of more than [Options.MaxEntries] keys the least recently used is gone. Gone
// means overwritten with zeros, not left to the garbage collector. What those who
// waited for a key have yet to take is bound by the age too (of a second at
// least). Each message works on a copy of its own, which its receiver destroys.
//
// Some messages never share a key, and go straight to the inner keyring: those
// of a suite that uses the data key without derivation (both ways), and, when
// sealing, those whose length is not known beforehand or is above MaxBytes.
//
// # Waiting
//
// A miss calls the inner keyring once, however many goroutines ask meanwhile:
// they share one flight. It belongs to none of them: a caller whose context is
// cancelled leaves, and the flight goes on while anyone waits, within
// [Options.FetchTimeout]. Hence the inner keyring sees neither the deadlines nor
// the values of callers' contexts. Its errors go to those who waited, wrapped,
// and are never remembered.
//
// A hit never waits. When a key in use has spent 60 to 80 % of any limit (which
// point, is drawn for each key, so that a fleet does not refresh in step), a
// single call in the background fetches the next one. While it fails, it is
// repeated with growing pauses, and the key in the cache serves until its
// limits and not longer; then callers get the inner keyring's error, each after
// one more try, until the inner keyring recovers.
//
// Age is measured on the monotonic clock, which stands still while the machine
// sleeps.
package cache
