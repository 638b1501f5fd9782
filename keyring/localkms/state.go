package localkms

import (
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// state is all that a KMS remembers, in the shape of its file. The core's lock guards it.
type state struct {
	AccountID string                       `json:"accountId"`
	Families  map[string]*family           `json:"keys"`    // by key id
	Aliases   map[string]map[string]*alias `json:"aliases"` // by Region, then by name
	Grants    []*grant                     `json:"grants"`  // in order of creation
}

// family is what the Regions of a multi-Region key share. A key of a single Region is a family of one.
type family struct {
	ID          string             `json:"id"`
	Spec        types.KeySpec      `json:"spec"`
	Usage       types.KeyUsageType `json:"usage"`
	Origin      types.OriginType   `json:"origin"`
	MultiRegion bool               `json:"multiRegion,omitempty"`
	Primary     string             `json:"primary"` // Region
	Regions     map[string]*key    `json:"regions"`

	// Materials only grows, but for one that waits for a rotation, which may go again: a ciphertext names its material
	// by the place in this list.
	Materials []*material `json:"materials"`
	Current   int         `json:"current"` // index in Materials

	RotationDays int        `json:"rotationDays,omitempty"` // 0: not rotated by itself
	NextRotation *time.Time `json:"nextRotation,omitempty"`
}

// key is a key in one Region.
type key struct {
	*family `json:"-"` // its owner

	Region        string         `json:"region"`
	State         types.KeyState `json:"state"`
	Created       time.Time      `json:"created"`
	DeletionDate  *time.Time     `json:"deletionDate,omitempty"`
	PendingWindow int32          `json:"pendingWindow,omitempty"` // days, while a deletion is pending
	AwaitsImport  bool           `json:"awaitsImport,omitempty"`  // while a deletion is pending: it waits for an import, too

	attributes
}

// attributes are what callers say of a key in one Region.
type attributes struct {
	Description string            `json:"description,omitempty"`
	Policy      string            `json:"policy,omitempty"` // empty: the default policy
	Tags        map[string]string `json:"tags,omitempty"`
}

// material is one backing key. All but Secret, private and ValidTo stay as they were made, and those change only when
// imported material is deleted or imported again, by a new material in its place: a reader of a *material needs no lock.
type material struct {
	ID          string             `json:"id"`     // 64 hexadecimal digits, from the secret
	Secret      secret             `json:"secret"` // empty: imported material that was deleted or has expired
	Created     time.Time          `json:"created"`
	Rotation    types.RotationType `json:"rotation,omitempty"` // what made it current; empty for a key's first material
	Pending     bool               `json:"pending,omitempty"`  // imported, and waits for RotateKeyOnDemand
	Description string             `json:"description,omitempty"`
	ValidTo     *time.Time         `json:"validTo,omitempty"`

	private func() crypto.Signer // of a key pair; a function, so that it is not printed
}

func newState(account string) *state {
	return &state{AccountID: account, Families: map[string]*family{}, Aliases: map[string]map[string]*alias{}}
}

// newMaterial takes b over. Its id is a hash, as long as KMS's; of 28 random bytes or more, it tells nothing.
func newMaterial(s *spec, b []byte, t time.Time) (*material, error) {
	private, err := s.parse(b)
	if err != nil {
		return nil, err
	}
	m := &material{ID: materialID(b), Secret: newSecret(b), Created: t}
	if private != nil {
		m.private = func() crypto.Signer { return private }
	}
	return m, nil
}

func materialID(b []byte) string {
	h := sha256.New()
	h.Write([]byte("sealwax/localkms/material"))
	h.Write(b)
	return hex.EncodeToString(h.Sum(nil))
}

func (m *material) lost() bool { return m.Secret.bytes() == nil }

// without is the material after its bytes were deleted.
func (m *material) without() *material {
	return &material{ID: m.ID, Created: m.Created, Rotation: m.Rotation, Description: m.Description}
}

// newKey makes a key that is not in the state yet.
func newKey(region string, name types.KeySpec, usage types.KeyUsageType, origin types.OriginType, multiRegion bool) (*key, error) {
	t := now()
	f := &family{
		ID:          newKeyID(multiRegion),
		Spec:        name,
		Usage:       usage,
		Origin:      origin,
		MultiRegion: multiRegion,
		Primary:     region,
		Regions:     map[string]*key{},
	}
	k := f.join(region, t)
	if origin == types.OriginTypeExternal {
		k.State = types.KeyStatePendingImport
		return k, nil
	}
	b, err := specs[name].newMaterial()
	if err != nil {
		return nil, internal(err)
	}
	m, err := newMaterial(specs[name], b, t)
	if err != nil {
		return nil, internal(err)
	}
	f.Materials = []*material{m}
	return k, nil
}

// join adds a Region to the family.
func (f *family) join(region string, t time.Time) *key {
	k := &key{family: f, Region: region, State: types.KeyStateEnabled, Created: t}
	f.Regions[region] = k
	return k
}

// material is the one that new ciphertexts are made with; nil before the first import.
func (f *family) material() *material {
	if len(f.Materials) == 0 {
		return nil
	}
	return f.Materials[f.Current]
}

func (f *family) isSymmetric() bool { return f.Spec == types.KeySpecSymmetricDefault }

func (k *key) isPrimary() bool { return k.Region == k.Primary }

func (k *key) isPendingDeletion() bool {
	return k.State == types.KeyStatePendingDeletion || k.State == types.KeyStatePendingReplicaDeletion
}

// awaitsImport says that the key has no material in its Region, be it about to be deleted or not.
func (k *key) awaitsImport() bool { return k.AwaitsImport || k.State == types.KeyStatePendingImport }

func (s *state) add(k *key) { s.Families[k.ID] = k.family }

// key is nil if there is none.
func (s *state) key(region, id string) *key {
	f := s.Families[id]
	if f == nil {
		return nil
	}
	return f.Regions[region]
}

// keys are those of a Region, ordered by id.
func (s *state) keys(region string) []*key {
	var keys []*key
	for _, f := range s.Families {
		if k := f.Regions[region]; k != nil {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b *key) int { return strings.Compare(a.ID, b.ID) })
	return keys
}

// remove deletes a key with its aliases and grants.
func (s *state) remove(k *key) {
	for name, a := range s.Aliases[k.Region] {
		if a.KeyID == k.ID {
			delete(s.Aliases[k.Region], name)
		}
	}
	s.Grants = slices.DeleteFunc(s.Grants, func(g *grant) bool { return g.KeyID == k.ID && g.Region == k.Region })
	delete(k.Regions, k.Region)
	if len(k.Regions) == 0 {
		delete(s.Families, k.ID)
		return
	}
	k.dropUnheld()
	k.releasePrimary(now())
}

// dropUnheld drops the bytes of imported material that no Region has any more.
func (f *family) dropUnheld() {
	for _, k := range f.Regions {
		if !k.awaitsImport() {
			return
		}
	}
	for i, m := range slices.Backward(f.Materials) {
		if !m.lost() {
			f.lose(i)
		}
	}
}

// releasePrimary starts the waiting period of a primary key that waited for its replicas, when the last is gone.
func (f *family) releasePrimary(t time.Time) {
	primary := f.Regions[f.Primary]
	if len(f.Regions) == 1 && primary != nil && primary.State == types.KeyStatePendingReplicaDeletion {
		primary.pendDeletion(t)
	}
}

func (k *key) pendDeletion(t time.Time) {
	k.State = types.KeyStatePendingDeletion
	date := t.AddDate(0, 0, int(k.PendingWindow))
	k.DeletionDate = &date
}

// nextDue is when settle will have something to do; zero: never.
func (s *state) nextDue() time.Time {
	var due time.Time
	sooner := func(t *time.Time) {
		if t != nil && (due.IsZero() || t.Before(due)) {
			due = *t
		}
	}
	for _, f := range s.Families {
		sooner(f.NextRotation)
		for _, k := range f.Regions {
			sooner(k.DeletionDate)
		}
		for _, m := range f.Materials {
			if !m.lost() {
				sooner(m.ValidTo)
			}
		}
	}
	return due
}

// settle does what has become due: deletions, rotations, and the expiry of imported material.
func (s *state) settle(t time.Time) {
	for _, f := range s.Families {
		f.expire(t)
		f.rotateIfDue(t)
		for _, k := range f.Regions {
			if k.DeletionDate != nil && !t.Before(*k.DeletionDate) {
				s.remove(k)
			}
		}
	}
}

func (f *family) expire(t time.Time) {
	for i, m := range slices.Backward(f.Materials) { // lose may shorten the list
		if m.ValidTo != nil && !m.lost() && !t.Before(*m.ValidTo) {
			f.lose(i)
		}
	}
}

// lose drops the bytes of an imported material, after which the key waits for them to be imported again. Material that
// waited for a rotation is dropped whole: it is the last of the list, and no ciphertext names it.
func (f *family) lose(i int) {
	if f.Materials[i].Pending {
		f.Materials = slices.Delete(f.Materials, i, i+1)
		return
	}
	f.Materials[i] = f.Materials[i].without()
	for _, k := range f.Regions {
		if k.isPendingDeletion() {
			k.AwaitsImport = true
			continue
		}
		k.State = types.KeyStatePendingImport
	}
}
