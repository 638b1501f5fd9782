package localkms

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

const (
	maxAliasName     = 256
	maxAliasesPerKey = 50
)

// alias points at a key of its Region.
type alias struct {
	KeyID   string    `json:"keyId"`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
}

var aliasPattern = regexp.MustCompile(`^alias/[a-zA-Z0-9/_-]+$`)

func checkAliasName(name string) error {
	if name == "" || len(name) > maxAliasName {
		return invalid("AliasName has %d bytes; it may have 1 to %d", len(name), maxAliasName)
	}
	if !aliasPattern.MatchString(name) {
		return invalidAliasName("%q is not an alias name; it is alias/ and then letters, digits, and / _ -", name)
	}
	if strings.HasPrefix(name, "alias/aws/") || name == "alias/aws" {
		return invalidAliasName("%q is not free to use; names that begin with alias/aws/ are for AWS", name)
	}
	return nil
}

// checkNewAlias is for aliases that must not exist yet.
func (c *core) checkNewAlias(region, name string) error {
	if err := checkAliasName(name); err != nil {
		return err
	}
	if c.state.alias(region, name) != nil {
		return alreadyExists("alias %s exists; UpdateAlias points it at another key", c.arn(region, name))
	}
	return nil
}

func (s *state) alias(region, name string) *alias { return s.Aliases[region][name] }

func (s *state) setAlias(region, name, keyID string, t time.Time) {
	if s.Aliases[region] == nil {
		s.Aliases[region] = map[string]*alias{}
	}
	created := t
	if old := s.Aliases[region][name]; old != nil {
		created = old.Created
	}
	s.Aliases[region][name] = &alias{KeyID: keyID, Created: created, Updated: t}
}

func (s *state) aliasesOf(k *key) int {
	n := 0
	for _, a := range s.Aliases[k.Region] {
		if a.KeyID == k.ID {
			n++
		}
	}
	return n
}

func (k *KMS) createAlias(in *kms.CreateAliasInput) (*kms.CreateAliasOutput, error) {
	name := aws.ToString(in.AliasName)
	return &kms.CreateAliasOutput{}, k.changeAlias(in.TargetKeyId, func(target *key) error {
		if err := k.core.checkNewAlias(k.region, name); err != nil {
			return err
		}
		return k.pointAlias(name, target)
	})
}

func (k *KMS) updateAlias(in *kms.UpdateAliasInput) (*kms.UpdateAliasOutput, error) {
	name := aws.ToString(in.AliasName)
	return &kms.UpdateAliasOutput{}, k.changeAlias(in.TargetKeyId, func(target *key) error {
		if err := checkAliasName(name); err != nil {
			return err
		}
		a := k.core.state.alias(k.region, name)
		if a == nil {
			return notFound("alias %s is not found; CreateAlias makes it", k.core.arn(k.region, name))
		}
		if a.KeyID == target.ID {
			return nil
		}
		if old := k.core.state.key(k.region, a.KeyID); old != nil && !old.isAlike(target) {
			return invalid("alias %s points at a key of %s for %s; the new key must be alike, but is of %s for %s", name, old.Spec, old.Usage, target.Spec, target.Usage)
		}
		return k.pointAlias(name, target)
	})
}

// isAlike is the condition under which an alias may move: the same usage and the same sort of key.
func (k *key) isAlike(other *key) bool {
	return k.Usage == other.Usage && specs[k.Spec].isPair() == specs[other.Spec].isPair()
}

// changeAlias is change with the error of a target that is itself an alias.
func (k *KMS) changeAlias(target *string, f func(*key) error) error {
	if target != nil && isAlias(*target) {
		return invalid("TargetKeyId %s is an alias; an alias points at a key id or key ARN", *target)
	}
	return k.change(target, f)
}

func (k *KMS) pointAlias(name string, target *key) error {
	if err := k.core.checkNotPending(target); err != nil {
		return err
	}
	if k.core.state.aliasesOf(target) >= maxAliasesPerKey {
		return limitExceeded("%s has %d aliases, as many as a key may have", k.core.keyARN(target), maxAliasesPerKey)
	}
	k.core.state.setAlias(k.region, name, target.ID, now())
	return nil
}

func (k *KMS) deleteAlias(in *kms.DeleteAliasInput) (*kms.DeleteAliasOutput, error) {
	unlock, err := k.core.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	name := aws.ToString(in.AliasName)
	if err := checkAliasName(name); err != nil {
		return nil, err
	}
	if k.core.state.alias(k.region, name) == nil {
		return nil, notFound("alias %s is not found", k.core.arn(k.region, name))
	}
	delete(k.core.state.Aliases[k.region], name)
	return &kms.DeleteAliasOutput{}, k.core.commit()
}

func (k *KMS) listAliases(in *kms.ListAliasesInput) (*kms.ListAliasesOutput, error) {
	unlock, err := k.core.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	var of *key
	if in.KeyId != nil {
		if of, err = k.core.findKey(k.region, in.KeyId); err != nil {
			return nil, err
		}
	}
	aliases := k.core.state.Aliases[k.region]
	names := slices.Sorted(maps.Keys(aliases))
	if of != nil {
		names = slices.DeleteFunc(names, func(name string) bool { return aliases[name].KeyID != of.ID })
	}
	names, next, err := page(names, in.Limit, in.Marker, 100, func(name string) string { return name })
	if err != nil {
		return nil, err
	}
	out := &kms.ListAliasesOutput{Aliases: []types.AliasListEntry{}, NextMarker: next, Truncated: next != nil}
	for _, name := range names {
		a := aliases[name]
		out.Aliases = append(out.Aliases, types.AliasListEntry{
			AliasName:       aws.String(name),
			AliasArn:        aws.String(k.core.arn(k.region, name)),
			TargetKeyId:     aws.String(a.KeyID),
			CreationDate:    copyTime(&a.Created),
			LastUpdatedDate: copyTime(&a.Updated),
		})
	}
	return out, nil
}
