package localkms

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// change runs f on the key that a key id or key ARN names, and makes what f changed last. f checks before it changes.
func (k *KMS) change(identifier *string, f func(*key) error) error {
	return k.locked(identifier, func(key *key) error {
		if err := f(key); err != nil {
			return err
		}
		return k.core.commit()
	})
}

// look runs f on the key that a key id or key ARN names. f changes nothing.
func (k *KMS) look(identifier *string, f func(*key) error) error {
	return k.locked(identifier, f)
}

func (k *KMS) locked(identifier *string, f func(*key) error) error {
	unlock, err := k.core.lock()
	if err != nil {
		return err
	}
	defer unlock()
	key, err := k.core.findKey(k.region, identifier)
	if err != nil {
		return err
	}
	return f(key)
}

// checkEnabled refuses keys in a state in which they do not work.
func (c *core) checkEnabled(k *key) error {
	switch k.State {
	case types.KeyStateEnabled:
		return nil
	case types.KeyStateDisabled:
		return disabled(c.keyARN(k))
	default:
		return c.stateError(k)
	}
}

// checkNotPending refuses keys that are about to be deleted.
func (c *core) checkNotPending(k *key) error {
	if k.isPendingDeletion() {
		return c.stateError(k)
	}
	return nil
}

func (c *core) stateError(k *key) error {
	switch k.State {
	case types.KeyStatePendingImport:
		return invalidState("%s is pending import; give it its key material with ImportKeyMaterial", c.keyARN(k))
	default:
		return invalidState("%s is pending deletion; CancelKeyDeletion keeps it", c.keyARN(k))
	}
}

// keyView is what a cryptographic operation uses of a key, after the lock is let go.
type keyView struct {
	arn       string
	id        string
	spec      types.KeySpec
	origin    types.OriginType
	materials []*material
	current   int
}

func (v *keyView) material() *material { return v.materials[v.current] }

// materialID is what answers show of symmetric keys; other keys have none to show.
func (v *keyView) materialID(m *material) *string {
	if v.spec != types.KeySpecSymmetricDefault {
		return nil
	}
	id := m.ID
	return &id
}

// use is the enabled key that an identifier names for an operation of a usage. Grant tokens are checked and recorded.
func (k *KMS) use(operation string, identifier *string, tokens []string, usage types.KeyUsageType) (*keyView, error) {
	unlock, err := k.core.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := k.checkGrantTokens(operation, tokens); err != nil {
		return nil, err
	}
	key, err := k.core.findForUse(k.region, identifier)
	if err != nil {
		return nil, err
	}
	return k.core.view(key, usage)
}

// findForUse is find with the errors of cryptographic operations, which do not tell a malformed ARN from a missing key.
func (c *core) findForUse(region string, identifier *string) (*key, error) {
	key, err := c.find(region, identifier)
	if malformed, ok := errors.AsType[*types.InvalidArnException](err); ok {
		return nil, &types.NotFoundException{Message: malformed.Message}
	}
	return key, err
}

func (c *core) view(k *key, usage types.KeyUsageType) (*keyView, error) {
	if err := c.checkEnabled(k); err != nil {
		return nil, err
	}
	if k.Usage != usage {
		return nil, invalidKeyUsage("%s has KeyUsage %s; this operation takes keys of %s", c.keyARN(k), k.Usage, usage)
	}
	return &keyView{
		arn:       c.keyARN(k),
		id:        k.ID,
		spec:      k.Spec,
		origin:    k.Origin,
		materials: append([]*material(nil), k.Materials...),
		current:   k.Current,
	}, nil
}

// page is one page of a list, with the marker of the next page or nil. id tells items apart.
func page[T any](all []T, limit *int32, marker *string, maxLimit int, id func(T) string) ([]T, *string, error) {
	size := min(100, maxLimit)
	if limit != nil {
		size = int(*limit)
	}
	if size < 1 || size > maxLimit {
		return nil, nil, invalid("Limit is %d; it may be 1 to %d", size, maxLimit)
	}
	if marker != nil {
		last, err := parseMarker(*marker)
		if err != nil {
			return nil, nil, err
		}
		all = after(all, last, id)
	}
	if len(all) <= size {
		return all, nil, nil
	}
	next := newMarker(id(all[size-1]))
	return all[:size], &next, nil
}

// after is the rest of a list behind the item with an id. When that item is gone meanwhile, the list is one that is
// ordered by id (rotations, the only ones in another order, are never gone while another follows them).
func after[T any](all []T, last string, id func(T) string) []T {
	if i := slices.IndexFunc(all, func(item T) bool { return id(item) == last }); i >= 0 {
		return all[i+1:]
	}
	if i := slices.IndexFunc(all, func(item T) bool { return id(item) > last }); i >= 0 {
		return all[i:]
	}
	return nil
}

const markerPrefix = "after:"

func newMarker(id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(markerPrefix + id))
}

func parseMarker(marker string) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(marker)
	if err != nil {
		return "", invalidMarker()
	}
	id, ok := strings.CutPrefix(string(b), markerPrefix)
	if !ok {
		return "", invalidMarker()
	}
	return id, nil
}

func copyTime(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	c := *t
	return &c
}
