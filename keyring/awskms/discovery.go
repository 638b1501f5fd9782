package awskms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sealwax/sealwax/keyring"
)

// DiscoveryFilter says whose keys a [DiscoveryKey] may ask. Without one, whoever
// writes a message decides which account's key the reader calls, and every key
// that the reader may use opens; so a filter is never empty.
type DiscoveryFilter struct {
	Partition string   // "aws", "aws-cn", "aws-us-gov", …
	Accounts  []string // 12-digit ids of the key's owners; at least one
}

// accountLength is that of an AWS account id, in digits.
const accountLength = 12

// checked returns a copy of the filter.
func (f DiscoveryFilter) checked() (DiscoveryFilter, error) {
	if f.Partition == "" {
		return DiscoveryFilter{}, errors.New(`awskms: discovery filter without partition, want one such as "aws"`)
	}
	if len(f.Accounts) == 0 {
		return DiscoveryFilter{}, errors.New("awskms: discovery filter without accounts, want those whose keys may be asked")
	}
	for _, a := range f.Accounts {
		if len(a) != accountLength || strings.Trim(a, "0123456789") != "" {
			return DiscoveryFilter{}, fmt.Errorf("awskms: discovery filter with account %.40q, want %d digits", a, accountLength)
		}
	}
	return DiscoveryFilter{Partition: f.Partition, Accounts: slices.Clone(f.Accounts)}, nil
}

func (f DiscoveryFilter) permits(a arn) bool {
	return a.partition == f.Partition && slices.Contains(f.Accounts, a.account)
}

// DiscoveryKey opens with whatever KMS key a message names, within a filter; it
// cannot seal. [NewDiscovery] and [NewMultiRegionDiscovery] make it. It is safe
// for concurrent use.
type DiscoveryKey struct {
	caller
	filter DiscoveryFilter
	region string // of the client; "" without multi-Region discovery
}

var (
	_ keyring.WrappingKey = (*DiscoveryKey)(nil)
	_ opener              = (*DiscoveryKey)(nil)
)

// NewDiscovery returns a wrapping key that opens with the KMS key that a message
// names, if the filter permits it. Its client asks its own Region, so that only
// keys there open; a ring can hold one for each Region.
func NewDiscovery(client Client, filter DiscoveryFilter, opts *Options) (*DiscoveryKey, error) {
	f, err := filter.checked()
	if err != nil {
		return nil, err
	}
	c, err := newCaller(client, opts)
	if err != nil {
		return nil, err
	}
	return &DiscoveryKey{caller: c, filter: f}, nil
}

// NewMultiRegionDiscovery is [NewDiscovery] for a client of the given Region:
// where a message names a multi-Region key, the replica in that Region is asked;
// single-Region keys of another Region are [keyring.ErrNotMine] without a call.
func NewMultiRegionDiscovery(client Client, region string, filter DiscoveryFilter, opts *Options) (*DiscoveryKey, error) {
	if checkIdentifierText(region) != nil || strings.ContainsAny(region, ":/") {
		return nil, fmt.Errorf("awskms: Region %.40q, want the client's, such as \"eu-central-1\"", region)
	}
	k, err := NewDiscovery(client, filter, opts)
	if err != nil {
		return nil, err
	}
	k.region = region
	return k, nil
}

// String says which keys are asked.
func (k *DiscoveryKey) String() string {
	s := "KMS keys of " + k.filter.Partition + " accounts " + strings.Join(k.filter.Accounts, ", ")
	if k.region != "" {
		s += " in " + k.region
	}
	return s
}

// Wrap answers [keyring.ErrOpenOnly].
func (k *DiscoveryKey) Wrap(context.Context, *keyring.DataKey, keyring.EncryptionContext) (keyring.EncryptedDataKey, error) {
	return keyring.EncryptedDataKey{}, &refusal{"a discovery key opens only: seal with New or NewMultiRegion", keyring.ErrOpenOnly}
}

// Unwrap opens an encrypted data key with at most one call of kms:Decrypt, for
// the KMS key that it names.
//
// Errors: as for [Key.Unwrap].
func (k *DiscoveryKey) Unwrap(ctx context.Context, edk keyring.EncryptedDataKey, size int, ec keyring.EncryptionContext) (*keyring.DataKey, error) {
	t, err := k.locate(edk)
	if err != nil {
		return nil, err
	}
	return k.decrypt(ctx, t, edk, size, ec)
}

func (k *DiscoveryKey) locate(edk keyring.EncryptedDataKey) (target, error) {
	a, err := readInfo(edk)
	if err != nil {
		return target{}, err
	}
	if a.text == "" {
		return target{}, notMine("encrypted data key names no KMS key, discovery needs one: use New")
	}
	if !k.filter.permits(a) {
		return target{}, notMine("encrypted data key of %s, which the discovery filter excludes", a.text)
	}
	if k.region != "" && a.region != k.region {
		if !a.multiRegion() {
			return target{}, notMine("encrypted data key of %s, a single-Region key outside %s", a.text, k.region)
		}
		a = a.in(k.region)
	}
	return target{keyID: a.text, want: a.text}, checkCiphertext(edk.Ciphertext)
}
