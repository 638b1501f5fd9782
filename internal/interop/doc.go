// Package interop proves that sealwax and the official AWS Encryption SDKs open
// each other's messages. It holds tests only, in a module of its own, so that
// nothing the peers need reaches the product's go.mod.
//
// Run it with `make interop` (run.sh here), which installs the JavaScript and
// Python peers. docs/interop.md says what is exchanged, and how peers differ.
package interop
