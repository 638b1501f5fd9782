// Package awskms wraps data keys with keys of AWS KMS.
//
//	cfg, err := config.LoadDefaultConfig(ctx)
//	…
//	key, err := awskms.New(kms.NewFromConfig(cfg), "alias/orders", nil)
//	…
//	ring, err := keyring.New(key)
//	…
//	client, err := envelope.New(ring, nil)
//	…
//	message, err := client.Seal(ctx, plaintext, envelope.Context{"tenant": "4711"})
//
// [NewKeyring] makes the ring in one call. Tests and laptops use package
// localkms in the place of the client; it needs no AWS account.
//
// # Which constructor
//
//   - [New]: one KMS key, named by its key ARN (safest), alias ARN, alias or key
//     id. Seals, and opens what that very key sealed. Start here.
//   - [NewMultiRegion]: one multi-Region key, named by the ARN of the replica in
//     the client's Region. Opens what any related replica sealed.
//   - [NewDiscovery]: whatever key the message names, within the partition and
//     accounts of a filter. Opens only.
//   - [NewMultiRegionDiscovery]: the same, and asks the replica in the client's
//     Region for multi-Region keys.
//
// Wrapping keys are symmetric encryption keys; KMS never sees a plaintext other
// than the data key, and never a message.
//
// # Permissions
//
// The key policy and the caller's IAM policy together must allow:
//
//   - sealing with this key as the ring's first: kms:GenerateDataKey
//   - sealing with this key as one of the others: kms:Encrypt
//   - opening: kms:Decrypt
//   - Rewrap: kms:ReEncryptFrom on the old key, kms:ReEncryptTo on the new one
//
// Permissions are granted on keys; naming a key by its alias changes nothing. The
// encryption context goes along with every call, stands in CloudTrail in plain
// text, and can be a condition of a policy (kms:EncryptionContext:name).
//
// # Aliases and key ids
//
// A message always names the ARN of the key that sealed it. Other SDKs compare
// that ARN with the configured name, so that what they seal by an alias they can
// not open by it. This package departs from the published rule: Decrypt asks
// for the configured alias or id, never for the ARN in the message, and the key
// that KMS reports must be the one that the message names. An alias thus opens
// what it sealed until it is pointed to another key; to open older messages from
// then on, put the old key's ARN into the ring. Until then they fail with an error
// that does not match [keyring.ErrNotAuthentic], nor envelope.ErrAuthentication:
// whether such a message was changed is not known. A configured key ARN is compared
// before any call, and so are the parts of an alias ARN or key id that are known.
//
// # Regions
//
// A wrapping key calls the Region of its client, and no other. KMS answers
// NotFoundException for the ARN of a key elsewhere.
//
// # Errors
//
// An encrypted data key that another key made is answered with
// [keyring.ErrNotMine], without a call wherever that can be known without one;
// one that KMS refuses to decrypt with [keyring.ErrNotAuthentic], unless an alias
// was asked that names another key than the one that made it. Every call that
// failed is a [*CallError]: it says what to do, and [errors.As] reaches the
// SDK's typed errors through it. An answer that is not what was asked for
// matches [ErrBadAnswer].
package awskms
