package localkms

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

const (
	minRotationDays     = 90
	maxRotationDays     = 2560
	defaultRotationDays = 365

	// maxOnDemandRotations is KMS's quota for the life of a key.
	maxOnDemandRotations = 25
)

func (k *KMS) enableKeyRotation(in *kms.EnableKeyRotationInput) (*kms.EnableKeyRotationOutput, error) {
	days := defaultRotationDays
	if in.RotationPeriodInDays != nil {
		days = int(*in.RotationPeriodInDays)
	}
	if days < minRotationDays || days > maxRotationDays {
		return nil, invalid("RotationPeriodInDays is %d; it may be %d to %d", days, minRotationDays, maxRotationDays)
	}
	return &kms.EnableKeyRotationOutput{}, k.change(in.KeyId, func(key *key) error {
		if err := k.core.checkRotates(key); err != nil {
			return err
		}
		if key.Origin != types.OriginTypeAwsKms {
			return unsupported("%s has imported key material, which does not rotate by itself; use RotateKeyOnDemand", k.core.keyARN(key))
		}
		next := now().AddDate(0, 0, days)
		key.RotationDays, key.NextRotation = days, &next
		return nil
	})
}

func (k *KMS) disableKeyRotation(in *kms.DisableKeyRotationInput) (*kms.DisableKeyRotationOutput, error) {
	return &kms.DisableKeyRotationOutput{}, k.change(in.KeyId, func(key *key) error {
		if err := k.core.checkRotates(key); err != nil {
			return err
		}
		key.RotationDays, key.NextRotation = 0, nil
		return nil
	})
}

// checkRotates refuses keys that have no rotation, and those whose rotation is their primary key's.
func (c *core) checkRotates(k *key) error {
	if err := c.checkEnabled(k); err != nil {
		return err
	}
	if !k.isSymmetric() {
		return unsupported("%s has KeySpec %s; only symmetric encryption keys rotate", c.keyARN(k), k.Spec)
	}
	if !k.isPrimary() {
		return unsupported("%s is a replica; rotation is set on its primary key in %s", c.keyARN(k), k.Primary)
	}
	return nil
}

func (k *KMS) getKeyRotationStatus(in *kms.GetKeyRotationStatusInput) (*kms.GetKeyRotationStatusOutput, error) {
	out := &kms.GetKeyRotationStatusOutput{}
	return out, k.look(in.KeyId, func(key *key) error {
		if !key.isSymmetric() {
			return unsupported("%s has KeySpec %s; only symmetric encryption keys rotate", k.core.keyARN(key), key.Spec)
		}
		out.KeyId = aws.String(k.core.keyARN(key))
		if key.RotationDays != 0 {
			out.KeyRotationEnabled = !key.isPendingDeletion()
			out.RotationPeriodInDays = aws.Int32(int32(key.RotationDays))
			out.NextRotationDate = copyTime(key.NextRotation)
		}
		return nil
	})
}

func (k *KMS) rotateKeyOnDemand(in *kms.RotateKeyOnDemandInput) (*kms.RotateKeyOnDemandOutput, error) {
	out := &kms.RotateKeyOnDemandOutput{}
	return out, k.change(in.KeyId, func(key *key) error {
		if err := k.core.checkRotates(key); err != nil {
			return err
		}
		if key.onDemandRotations() >= maxOnDemandRotations {
			return limitExceeded("%s was rotated on demand %d times, as often as it may be", k.core.keyARN(key), maxOnDemandRotations)
		}
		if key.Origin == types.OriginTypeExternal {
			if !key.takePending(now()) {
				return invalidState("%s has no imported key material waiting; use ImportKeyMaterial with ImportType NEW_KEY_MATERIAL first", k.core.keyARN(key))
			}
		} else {
			key.rotate(types.RotationTypeOnDemand, now())
		}
		out.KeyId = aws.String(k.core.keyARN(key))
		return nil
	})
}

func (f *family) onDemandRotations() int {
	n := 0
	for _, m := range f.Materials {
		if m.Rotation == types.RotationTypeOnDemand {
			n++
		}
	}
	return n
}

// rotate gives a symmetric key new material; ciphertexts made with the old ones still decrypt.
func (f *family) rotate(rotation types.RotationType, t time.Time) {
	b := randomBytes(specs[f.Spec].size)
	f.Materials = append(f.Materials, &material{ID: materialID(b), Secret: newSecret(b), Created: t, Rotation: rotation})
	f.Current = len(f.Materials) - 1
}

// takePending makes imported material that waits for a rotation the current one; false if none waits.
func (f *family) takePending(t time.Time) bool {
	i := f.pending()
	if i < 0 {
		return false
	}
	m := *f.Materials[i]
	m.Pending, m.Created, m.Rotation = false, t, types.RotationTypeOnDemand
	f.Materials[i], f.Current = &m, i
	return true
}

// pending is the index of the material that waits for a rotation, which is the last, or -1.
func (f *family) pending() int {
	return slices.IndexFunc(f.Materials, func(m *material) bool { return m.Pending })
}

// rotateIfDue catches up with one rotation, however many periods passed while nothing ran.
func (f *family) rotateIfDue(t time.Time) {
	if f.NextRotation == nil || t.Before(*f.NextRotation) {
		return
	}
	next := *f.NextRotation
	for !next.After(t) {
		next = next.AddDate(0, 0, f.RotationDays)
	}
	f.NextRotation = &next
	if primary := f.Regions[f.Primary]; primary != nil && primary.State == types.KeyStateEnabled {
		f.rotate(types.RotationTypeAutomatic, t)
	}
}

func (k *KMS) listKeyRotations(in *kms.ListKeyRotationsInput) (*kms.ListKeyRotationsOutput, error) {
	out := &kms.ListKeyRotationsOutput{}
	return out, k.look(in.KeyId, func(key *key) error {
		if !key.isSymmetric() {
			return unsupported("%s has KeySpec %s; only symmetric encryption keys rotate", k.core.keyARN(key), key.Spec)
		}
		var all []types.RotationsListEntry
		for i, m := range key.Materials {
			if m.Rotation != "" || in.IncludeKeyMaterial == types.IncludeKeyMaterialAllKeyMaterial {
				all = append(all, key.rotationEntry(k.core.keyARN(key), i))
			}
		}
		var err error
		out.Rotations, out.NextMarker, err = page(all, in.Limit, in.Marker, 1000, func(e types.RotationsListEntry) string { return *e.KeyMaterialId })
		out.Truncated = out.NextMarker != nil
		return err
	})
}

func (k *key) rotationEntry(arn string, i int) types.RotationsListEntry {
	m := k.Materials[i]
	e := types.RotationsListEntry{
		KeyId:            aws.String(arn),
		KeyMaterialId:    aws.String(m.ID),
		KeyMaterialState: types.KeyMaterialStateNonCurrent,
		RotationType:     m.Rotation,
	}
	if m.Rotation != "" {
		e.RotationDate = copyTime(&m.Created)
	}
	switch {
	case m.Pending:
		e.KeyMaterialState = types.KeyMaterialStatePendingRotation
	case i == k.Current:
		e.KeyMaterialState = types.KeyMaterialStateCurrent
	}
	if k.Origin != types.OriginTypeExternal {
		return e
	}
	e.ExpirationModel, e.ValidTo = m.expirationModel(), copyTime(m.ValidTo)
	e.ImportState = types.ImportStateImported
	if m.lost() {
		e.ImportState = types.ImportStatePendingImport
	}
	if m.Description != "" {
		e.KeyMaterialDescription = aws.String(m.Description)
	}
	return e
}

func (m *material) expirationModel() types.ExpirationModelType {
	if m.ValidTo != nil {
		return types.ExpirationModelTypeKeyMaterialExpires
	}
	return types.ExpirationModelTypeKeyMaterialDoesNotExpire
}
