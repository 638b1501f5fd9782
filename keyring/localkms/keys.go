package localkms

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

const maxDescription = 8192

func (k *KMS) createKey(in *kms.CreateKeyInput) (*kms.CreateKeyOutput, error) {
	key, err := k.newKeyFrom(in)
	if err != nil {
		return nil, err
	}
	unlock, err := k.core.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	k.core.state.add(key)
	if err := k.core.commit(); err != nil {
		return nil, err
	}
	return &kms.CreateKeyOutput{KeyMetadata: k.core.metadata(key)}, nil
}

// newKeyFrom makes the key without the lock, since RSA keys take their time.
func (k *KMS) newKeyFrom(in *kms.CreateKeyInput) (*key, error) {
	if in.CustomKeyStoreId != nil {
		return nil, noCustomKeyStore(*in.CustomKeyStoreId)
	}
	asked := in.KeySpec
	if asked == "" {
		asked = types.KeySpec(in.CustomerMasterKeySpec) //lint:ignore SA1019 KMS still takes the old name
	}
	name, usage, err := choose(asked, in.KeyUsage)
	if err != nil {
		return nil, err
	}
	origin, err := chooseOrigin(in.Origin, name)
	if err != nil {
		return nil, err
	}
	given, err := newAttributes(in.Description, in.Policy, in.Tags)
	if err != nil {
		return nil, err
	}
	key, err := newKey(k.region, name, usage, origin, aws.ToBool(in.MultiRegion))
	if err != nil {
		return nil, err
	}
	key.attributes = given
	return key, nil
}

func chooseOrigin(origin types.OriginType, name types.KeySpec) (types.OriginType, error) {
	switch origin {
	case "", types.OriginTypeAwsKms:
		return types.OriginTypeAwsKms, nil
	case types.OriginTypeExternal:
		if specs[name].bits != 0 {
			return "", unsupported("import of RSA key material is not supported by localkms")
		}
		return origin, nil
	case types.OriginTypeAwsCloudhsm, types.OriginTypeExternalKeyStore:
		return "", unsupported("Origin %s is not supported: localkms has no custom key stores", origin)
	default:
		return "", invalid("%q is not an Origin; it may be one of %v", origin, origin.Values())
	}
}

// newAttributes checks what CreateKey and ReplicateKey are given.
func newAttributes(description, policy *string, tags []types.Tag) (attributes, error) {
	if err := checkDescription(description); err != nil {
		return attributes{}, err
	}
	if err := checkPolicy(policy); err != nil {
		return attributes{}, err
	}
	checked, err := withTags(nil, tags)
	if err != nil {
		return attributes{}, err
	}
	return attributes{Description: aws.ToString(description), Policy: aws.ToString(policy), Tags: checked}, nil
}

func checkDescription(description *string) error {
	if n := len(aws.ToString(description)); n > maxDescription {
		return invalid("Description has %d bytes; it may have %d", n, maxDescription)
	}
	return nil
}

func (k *KMS) describeKey(in *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
	unlock, err := k.core.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := k.checkGrantTokens("DescribeKey", in.GrantTokens); err != nil {
		return nil, err
	}
	key, err := k.core.find(k.region, in.KeyId)
	if err != nil {
		return nil, err
	}
	return &kms.DescribeKeyOutput{KeyMetadata: k.core.metadata(key)}, nil
}

func (k *KMS) listKeys(in *kms.ListKeysInput) (*kms.ListKeysOutput, error) {
	unlock, err := k.core.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	keys, next, err := page(k.core.state.keys(k.region), in.Limit, in.Marker, 1000, func(k *key) string { return k.ID })
	if err != nil {
		return nil, err
	}
	out := &kms.ListKeysOutput{Keys: []types.KeyListEntry{}, NextMarker: next, Truncated: next != nil}
	for _, key := range keys {
		out.Keys = append(out.Keys, types.KeyListEntry{KeyId: aws.String(key.ID), KeyArn: aws.String(k.core.keyARN(key))})
	}
	return out, nil
}

func (k *KMS) updateKeyDescription(in *kms.UpdateKeyDescriptionInput) (*kms.UpdateKeyDescriptionOutput, error) {
	if err := checkDescription(in.Description); err != nil {
		return nil, err
	}
	return &kms.UpdateKeyDescriptionOutput{}, k.change(in.KeyId, func(key *key) error {
		if err := k.core.checkNotPending(key); err != nil {
			return err
		}
		key.Description = aws.ToString(in.Description)
		return nil
	})
}

// metadata is what CreateKey, DescribeKey and ReplicateKey tell of a key.
func (c *core) metadata(k *key) *types.KeyMetadata {
	s := specs[k.Spec]
	m := &types.KeyMetadata{
		KeyId:                 aws.String(k.ID),
		Arn:                   aws.String(c.keyARN(k)),
		AWSAccountId:          aws.String(c.account),
		CreationDate:          copyTime(&k.Created),
		Description:           aws.String(k.Description),
		Enabled:               k.State == types.KeyStateEnabled,
		KeyManager:            types.KeyManagerTypeCustomer,
		KeySpec:               k.Spec,
		CustomerMasterKeySpec: types.CustomerMasterKeySpec(k.Spec), //lint:ignore SA1019 KMS still answers the old name
		KeyState:              k.State,
		KeyUsage:              k.Usage,
		Origin:                k.Origin,
		MultiRegion:           aws.Bool(k.MultiRegion),
		DeletionDate:          copyTime(k.DeletionDate),
	}
	switch k.Usage {
	case types.KeyUsageTypeEncryptDecrypt:
		m.EncryptionAlgorithms = slices.Clone(s.encryption)
	case types.KeyUsageTypeSignVerify:
		m.SigningAlgorithms = slices.Clone(s.signing)
	case types.KeyUsageTypeKeyAgreement:
		m.KeyAgreementAlgorithms = slices.Clone(s.agreement)
	case types.KeyUsageTypeGenerateVerifyMac:
		m.MacAlgorithms = slices.Clone(s.mac)
	}
	if k.State == types.KeyStatePendingReplicaDeletion {
		m.PendingDeletionWindowInDays = aws.Int32(k.PendingWindow)
	}
	if k.MultiRegion {
		m.MultiRegionConfiguration = c.multiRegionConfiguration(k)
	}
	current := k.material()
	if current == nil {
		return m
	}
	if k.isSymmetric() {
		m.CurrentKeyMaterialId = aws.String(current.ID)
	}
	if k.Origin == types.OriginTypeExternal && k.State != types.KeyStatePendingImport {
		m.ExpirationModel, m.ValidTo = current.expirationModel(), copyTime(current.ValidTo)
	}
	return m
}

func (k *KMS) getPublicKey(in *kms.GetPublicKeyInput) (*kms.GetPublicKeyOutput, error) {
	unlock, err := k.core.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := k.checkGrantTokens("GetPublicKey", in.GrantTokens); err != nil {
		return nil, err
	}
	key, err := k.core.find(k.region, in.KeyId)
	if err != nil {
		return nil, err
	}
	if !specs[key.Spec].isPair() {
		return nil, unsupported("%s has KeySpec %s and so no public key", k.core.keyARN(key), key.Spec)
	}
	if err := k.core.checkEnabled(key); err != nil {
		return nil, err
	}
	public, err := publicKey(key.material())
	if err != nil {
		return nil, err
	}
	m := k.core.metadata(key)
	return &kms.GetPublicKeyOutput{
		CustomerMasterKeySpec:  types.CustomerMasterKeySpec(key.Spec), //lint:ignore SA1019 KMS still answers the old name
		EncryptionAlgorithms:   m.EncryptionAlgorithms,
		KeyAgreementAlgorithms: m.KeyAgreementAlgorithms,
		SigningAlgorithms:      m.SigningAlgorithms,
		KeyId:                  m.Arn,
		KeySpec:                m.KeySpec,
		KeyUsage:               m.KeyUsage,
		PublicKey:              public,
	}, nil
}

const (
	minPendingWindow     = 7
	maxPendingWindow     = 30
	defaultPendingWindow = 30
)

func (k *KMS) enableKey(in *kms.EnableKeyInput) (*kms.EnableKeyOutput, error) {
	return &kms.EnableKeyOutput{}, k.setState(in.KeyId, types.KeyStateEnabled)
}

func (k *KMS) disableKey(in *kms.DisableKeyInput) (*kms.DisableKeyOutput, error) {
	return &kms.DisableKeyOutput{}, k.setState(in.KeyId, types.KeyStateDisabled)
}

func (k *KMS) setState(identifier *string, to types.KeyState) error {
	return k.change(identifier, func(key *key) error {
		switch key.State {
		case types.KeyStateEnabled, types.KeyStateDisabled:
			key.State = to
			return nil
		default:
			return k.core.stateError(key)
		}
	})
}

func (k *KMS) scheduleKeyDeletion(in *kms.ScheduleKeyDeletionInput) (*kms.ScheduleKeyDeletionOutput, error) {
	window := int32(defaultPendingWindow)
	if in.PendingWindowInDays != nil {
		window = *in.PendingWindowInDays
	}
	if window < minPendingWindow || window > maxPendingWindow {
		return nil, invalid("PendingWindowInDays is %d; it may be %d to %d", window, minPendingWindow, maxPendingWindow)
	}
	out := &kms.ScheduleKeyDeletionOutput{}
	return out, k.change(in.KeyId, func(key *key) error {
		if err := k.core.checkNotPending(key); err != nil {
			return err
		}
		key.PendingWindow, key.AwaitsImport = window, key.awaitsImport()
		if key.isPrimary() && len(key.Regions) > 1 {
			key.State = types.KeyStatePendingReplicaDeletion
		} else {
			key.pendDeletion(now())
		}
		out.KeyId = aws.String(k.core.keyARN(key))
		out.KeyState = key.State
		out.DeletionDate = copyTime(key.DeletionDate)
		out.PendingWindowInDays = aws.Int32(window)
		return nil
	})
}

// cancelKeyDeletion leaves the key disabled, as KMS does, or waiting for its import.
func (k *KMS) cancelKeyDeletion(in *kms.CancelKeyDeletionInput) (*kms.CancelKeyDeletionOutput, error) {
	out := &kms.CancelKeyDeletionOutput{}
	return out, k.change(in.KeyId, func(key *key) error {
		if !key.isPendingDeletion() {
			return invalidState("%s is not pending deletion", k.core.keyARN(key))
		}
		key.State = types.KeyStateDisabled
		if key.AwaitsImport {
			key.State = types.KeyStatePendingImport
		}
		key.DeletionDate, key.PendingWindow, key.AwaitsImport = nil, 0, false
		out.KeyId = aws.String(k.core.keyARN(key))
		return nil
	})
}

// lacksMaterial says that imported material is missing.
func (f *family) lacksMaterial() bool {
	return len(f.Materials) == 0 || slices.ContainsFunc(f.Materials, (*material).lost)
}

func (k *KMS) replicateKey(in *kms.ReplicateKeyInput) (*kms.ReplicateKeyOutput, error) {
	region := aws.ToString(in.ReplicaRegion)
	if !isRegion(region) {
		return nil, invalid("ReplicaRegion %q is not a Region", region)
	}
	given, err := newAttributes(in.Description, in.Policy, in.Tags)
	if err != nil {
		return nil, err
	}
	out := &kms.ReplicateKeyOutput{}
	return out, k.change(in.KeyId, func(primary *key) error {
		if err := k.core.checkReplicates(primary, region); err != nil {
			return err
		}
		replica := primary.join(region, now())
		if primary.Origin == types.OriginTypeExternal {
			replica.State = types.KeyStatePendingImport
		}
		replica.attributes = given
		out.ReplicaKeyMetadata = k.core.metadata(replica)
		out.ReplicaPolicy = aws.String(k.core.policy(replica))
		out.ReplicaTags = tagList(replica.Tags)
		return nil
	})
}

func (c *core) checkReplicates(primary *key, region string) error {
	arn := c.keyARN(primary)
	if !primary.MultiRegion {
		return unsupported("%s is not a multi-Region key; CreateKey makes one with MultiRegion", arn)
	}
	if !primary.isPrimary() {
		return unsupported("%s is a replica; replicate its primary key in %s", arn, primary.Primary)
	}
	if partition(region) != partition(primary.Region) {
		return invalid("ReplicaRegion %s is in another partition than %s", region, primary.Region)
	}
	if primary.Regions[region] != nil {
		return alreadyExists("%s exists in %s", arn, region)
	}
	return c.checkEnabled(primary)
}

// updatePrimaryRegion makes a replica the primary key.
func (k *KMS) updatePrimaryRegion(in *kms.UpdatePrimaryRegionInput) (*kms.UpdatePrimaryRegionOutput, error) {
	region := aws.ToString(in.PrimaryRegion)
	return &kms.UpdatePrimaryRegionOutput{}, k.change(in.KeyId, func(primary *key) error {
		if !primary.MultiRegion || !primary.isPrimary() {
			return unsupported("%s is not a multi-Region primary key", k.core.keyARN(primary))
		}
		if err := k.core.checkEnabled(primary); err != nil {
			return err
		}
		replica := primary.Regions[region]
		if replica == nil {
			return notFound("%s has no replica in %s; ReplicateKey makes one", k.core.keyARN(primary), region)
		}
		if err := k.core.checkEnabled(replica); err != nil {
			return err
		}
		primary.Primary = region
		return nil
	})
}

func (c *core) multiRegionConfiguration(k *key) *types.MultiRegionConfiguration {
	m := &types.MultiRegionConfiguration{
		MultiRegionKeyType: types.MultiRegionKeyTypeReplica,
		ReplicaKeys:        []types.MultiRegionKey{},
	}
	if k.isPrimary() {
		m.MultiRegionKeyType = types.MultiRegionKeyTypePrimary
	}
	for _, member := range k.Regions {
		entry := types.MultiRegionKey{Arn: aws.String(c.keyARN(member)), Region: aws.String(member.Region)}
		if member.isPrimary() {
			m.PrimaryKey = &entry
			continue
		}
		m.ReplicaKeys = append(m.ReplicaKeys, entry)
	}
	slices.SortFunc(m.ReplicaKeys, func(a, b types.MultiRegionKey) int { return strings.Compare(*a.Region, *b.Region) })
	return m
}
