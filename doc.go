// Package sealwax holds the documentation of its module: envelope encryption for Go services on AWS KMS, in the message
// format of the AWS Encryption SDK. There is no code in it; start with package envelope.
//
// The packages:
//
//   - [github.com/sealwax/sealwax/envelope]: seal and open messages, in memory, streamed, at random
//   - [github.com/sealwax/sealwax/keyring]: data keys from wrapping keys; raw AES and RSA keys
//   - [github.com/sealwax/sealwax/keyring/awskms]: wrapping keys of AWS KMS
//   - [github.com/sealwax/sealwax/keyring/localkms]: an embedded KMS, for development and tests
//   - [github.com/sealwax/sealwax/keyring/keyringtest]: conformance of wrapping keys and keyrings of your own
//   - [github.com/sealwax/sealwax/cache]: a bounded keyring that remembers data keys
//
// README.md begins with two programs to copy, docs/format.md holds every byte of a message, docs/glossary.md the words.
package sealwax
