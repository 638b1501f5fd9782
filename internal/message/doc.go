// Package message knows the bytes of a message and no cryptography: it writes
// and parses what package aead seals and opens. All integers are big-endian.
//
//	message       = header ‖ body ‖ footer
//	header        = header body ‖ header authentication
//
//	header body, version 1                   header body, version 2
//	  version            1   01                version            1   02
//	  type               1   80                suite id           2
//	  suite id           2                     message id        32
//	  message id        16                     context length     2
//	  context length     2                     context            …
//	  context            …                     EDK count          2
//	  EDK count          2                     EDKs               …
//	  EDKs               …                     content type       1   01 or 02
//	  content type       1   01 or 02          frame length       4
//	  reserved           4   00000000          key commitment    32
//	  nonce length       1   0C
//	  frame length       4
//
//	header authentication
//	  nonce 12 (version 1 only) ‖ tag 16
//
//	EDK           = length 2 ‖ provider id ‖ length 2 ‖ provider info ‖ length 2 ‖ ciphertext
//
//	framed body (content type 02)
//	  regular frame   sequence number 4 ‖ nonce 12 ‖ ciphertext (frame length) ‖ tag 16
//	  final frame     FFFFFFFF ‖ sequence number 4 ‖ nonce 12 ‖ length 4 ‖ ciphertext (length) ‖ tag 16
//
//	non-framed body (content type 01; read, never written)
//	  nonce 12 ‖ length 8 ‖ ciphertext (length) ‖ tag 16
//
//	footer (signed suites only)
//	  length 2 ‖ signature
//
// Source: docs/format.md; each constant here cites its section.
package message
