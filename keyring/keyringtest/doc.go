// Package keyringtest tests implementations of [keyring.WrappingKey] and
// [keyring.Keyring] for conformance: what package keyring's documentation asks
// of them, and what an attacker who owns the storage would try.
//
// In the tests of an implementation:
//
//	func TestConformance(t *testing.T) {
//		keyringtest.TestWrappingKey(t, myKey, &keyringtest.Options{
//			Other:   myOtherKey,
//			Secrets: [][]byte{secret},
//		})
//	}
//
// Package keyringtest imports package testing, and is for tests only.
package keyringtest
