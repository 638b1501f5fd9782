package localkms

import (
	"encoding/base64"
	"encoding/hex"
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
	maxGrantTokens     = 10
	maxGrantTokenBytes = 8192
	maxGrantName       = 256
)

// grant is kept and listed; what it allows is not looked at, since localkms allows everything.
type grant struct {
	ID       string    `json:"id"` // 64 hexadecimal digits
	Token    string    `json:"token"`
	Region   string    `json:"region"`
	KeyID    string    `json:"keyId"`
	Created  time.Time `json:"created"`
	Name     string    `json:"name,omitempty"`
	Grantee  principal `json:"grantee"`
	Retiring principal `json:"retiring"`

	Operations  []types.GrantOperation  `json:"operations"`
	Constraints *types.GrantConstraints `json:"constraints,omitempty"`
}

// principal is an IAM principal's ARN or an AWS service's name.
type principal struct {
	ARN     string `json:"arn,omitempty"`
	Service string `json:"service,omitempty"`
}

// checkGrantTokens refuses tokens that are no live grant's, and records the others for GrantTokens. The lock is held.
func (k *KMS) checkGrantTokens(operation string, tokens []string) error {
	if len(tokens) > maxGrantTokens {
		return invalid("there are %d GrantTokens; there may be %d", len(tokens), maxGrantTokens)
	}
	for i, token := range tokens {
		if len(token) < 1 || len(token) > maxGrantTokenBytes {
			return invalid("GrantTokens[%d] has %d bytes; it may have 1 to %d", i, len(token), maxGrantTokenBytes)
		}
		if k.core.state.grantByToken(token) == nil {
			return invalidGrantToken("GrantTokens[%d] is not the token of a grant that exists; use GrantToken as CreateGrant answered it", i)
		}
	}
	k.core.watch.recordGrantTokens(operation, tokens)
	return nil
}

func (s *state) grantByToken(token string) *grant {
	return s.grantWhere(func(g *grant) bool { return g.Token == token })
}

func (s *state) grantWhere(is func(*grant) bool) *grant {
	if i := slices.IndexFunc(s.Grants, is); i >= 0 {
		return s.Grants[i]
	}
	return nil
}

func (k *KMS) createGrant(in *kms.CreateGrantInput) (*kms.CreateGrantOutput, error) {
	asked, err := newGrant(in)
	if err != nil {
		return nil, err
	}
	out := &kms.CreateGrantOutput{}
	return out, k.change(in.KeyId, func(key *key) error {
		if err := k.checkGrantTokens("CreateGrant", in.GrantTokens); err != nil {
			return err
		}
		if err := k.core.checkEnabled(key); err != nil {
			return err
		}
		if aws.ToBool(in.DryRun) {
			return dryRun()
		}
		asked.KeyID, asked.Region = key.ID, key.Region
		made := k.core.state.grantWhere(asked.repeats)
		if made == nil {
			k.core.state.Grants = append(k.core.state.Grants, asked)
			made = asked
		}
		out.GrantId, out.GrantToken = aws.String(made.ID), aws.String(made.Token)
		return nil
	})
}

func newGrant(in *kms.CreateGrantInput) (*grant, error) {
	g := &grant{
		ID:          hex.EncodeToString(randomBytes(32)),
		Token:       base64.StdEncoding.EncodeToString(randomBytes(96)),
		Created:     now(),
		Name:        aws.ToString(in.Name),
		Grantee:     principal{ARN: aws.ToString(in.GranteePrincipal), Service: aws.ToString(in.GranteeServicePrincipal)},
		Retiring:    principal{ARN: aws.ToString(in.RetiringPrincipal), Service: aws.ToString(in.RetiringServicePrincipal)},
		Operations:  slices.Clone(in.Operations),
		Constraints: copyConstraints(in.Constraints),
	}
	if len(g.Name) > maxGrantName {
		return nil, invalid("Name has %d bytes; it may have %d", len(g.Name), maxGrantName)
	}
	if len(g.Operations) == 0 {
		return nil, invalid("Operations are required: what the grant is to allow")
	}
	for _, operation := range g.Operations {
		if !slices.Contains(operation.Values(), operation) {
			return nil, invalid("%q is not an operation that a grant can allow; it may be one of %v", operation, operation.Values())
		}
	}
	if (g.Grantee.ARN == "") == (g.Grantee.Service == "") {
		return nil, invalid("give either GranteePrincipal or GranteeServicePrincipal")
	}
	for _, arn := range []string{g.Grantee.ARN, g.Retiring.ARN} {
		if arn != "" && !strings.HasPrefix(arn, "arn:") {
			return nil, invalidArn("%q is not the ARN of a principal", arn)
		}
	}
	return g, nil
}

// repeats tells a grant that an earlier request made already: a name and the same everything.
func (g *grant) repeats(old *grant) bool {
	return g.Name != "" && g.Name == old.Name &&
		g.KeyID == old.KeyID && g.Region == old.Region &&
		g.Grantee == old.Grantee && g.Retiring == old.Retiring &&
		slices.Equal(g.Operations, old.Operations) &&
		sameConstraints(g.Constraints, old.Constraints)
}

func sameConstraints(a, b *types.GrantConstraints) bool {
	if a == nil || b == nil {
		return a == b
	}
	return maps.Equal(a.EncryptionContextEquals, b.EncryptionContextEquals) &&
		maps.Equal(a.EncryptionContextSubset, b.EncryptionContextSubset) &&
		aws.ToString(a.SourceArn) == aws.ToString(b.SourceArn)
}

func copyConstraints(c *types.GrantConstraints) *types.GrantConstraints {
	if c == nil {
		return nil
	}
	return &types.GrantConstraints{
		EncryptionContextEquals: maps.Clone(c.EncryptionContextEquals),
		EncryptionContextSubset: maps.Clone(c.EncryptionContextSubset),
		SourceArn:               copyString(c.SourceArn),
	}
}

func copyString(s *string) *string {
	if s == nil {
		return nil
	}
	c := *s
	return &c
}

func (k *KMS) listGrants(in *kms.ListGrantsInput) (*kms.ListGrantsOutput, error) {
	if in.GrantId != nil && !isGrantID(*in.GrantId) {
		return nil, invalidGrantID(*in.GrantId)
	}
	out := &kms.ListGrantsOutput{}
	return out, k.look(in.KeyId, func(key *key) error {
		if err := k.core.checkNotPending(key); err != nil {
			return err
		}
		var err error
		out.Grants, out.NextMarker, err = k.pageOfGrants(in.Limit, in.Marker, func(g *grant) bool {
			return g.KeyID == key.ID && g.Region == key.Region &&
				matches(in.GrantId, g.ID) &&
				matches(in.GranteePrincipal, g.Grantee.ARN) &&
				matches(in.GranteeServicePrincipal, g.Grantee.Service)
		})
		out.Truncated = out.NextMarker != nil
		return err
	})
}

func (k *KMS) listRetirableGrants(in *kms.ListRetirableGrantsInput) (*kms.ListRetirableGrantsOutput, error) {
	if in.RetiringPrincipal == nil && in.RetiringServicePrincipal == nil {
		return nil, invalid("RetiringPrincipal is required: the ARN whose grants are listed")
	}
	unlock, err := k.core.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	out := &kms.ListRetirableGrantsOutput{}
	out.Grants, out.NextMarker, err = k.pageOfGrants(in.Limit, in.Marker, func(g *grant) bool {
		return g.Region == k.region &&
			matches(in.RetiringPrincipal, g.Retiring.ARN) &&
			matches(in.RetiringServicePrincipal, g.Retiring.Service)
	})
	out.Truncated = out.NextMarker != nil
	return out, err
}

func matches(filter *string, s string) bool { return filter == nil || *filter == s }

func (k *KMS) pageOfGrants(limit *int32, marker *string, of func(*grant) bool) ([]types.GrantListEntry, *string, error) {
	var all []*grant
	for _, g := range k.core.state.Grants {
		if of(g) {
			all = append(all, g)
		}
	}
	slices.SortFunc(all, func(a, b *grant) int { return strings.Compare(a.ID, b.ID) })
	all, next, err := page(all, limit, marker, 100, func(g *grant) string { return g.ID })
	if err != nil {
		return nil, nil, err
	}
	entries := []types.GrantListEntry{}
	for _, g := range all {
		entries = append(entries, types.GrantListEntry{
			GrantId:                  aws.String(g.ID),
			KeyId:                    aws.String(k.core.arn(g.Region, keyPrefix+g.KeyID)),
			CreationDate:             copyTime(&g.Created),
			Name:                     optional(g.Name),
			IssuingAccount:           aws.String("arn:" + partition(g.Region) + ":iam::" + k.core.account + ":root"),
			GranteePrincipal:         optional(g.Grantee.ARN),
			GranteeServicePrincipal:  optional(g.Grantee.Service),
			RetiringPrincipal:        optional(g.Retiring.ARN),
			RetiringServicePrincipal: optional(g.Retiring.Service),
			Operations:               slices.Clone(g.Operations),
			Constraints:              copyConstraints(g.Constraints),
		})
	}
	return entries, next, nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (k *KMS) revokeGrant(in *kms.RevokeGrantInput) (*kms.RevokeGrantOutput, error) {
	return &kms.RevokeGrantOutput{}, k.endGrant(in.KeyId, in.GrantId, in.DryRun)
}

func (k *KMS) retireGrant(in *kms.RetireGrantInput) (*kms.RetireGrantOutput, error) {
	out := &kms.RetireGrantOutput{}
	byToken, byID := in.GrantToken != nil, in.KeyId != nil && in.GrantId != nil
	if byToken == byID {
		return nil, invalid("give either GrantToken, or KeyId and GrantId")
	}
	if byID {
		return out, k.endGrant(in.KeyId, in.GrantId, in.DryRun)
	}
	unlock, err := k.core.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	g := k.core.state.grantByToken(*in.GrantToken)
	if g == nil {
		return nil, invalidGrantToken("GrantToken is not the token of a grant that exists; use it as CreateGrant answered it")
	}
	if g.Region != k.region {
		return nil, notFound("grant %s is in %s, not here in %s", g.ID, g.Region, k.region)
	}
	return out, k.core.deleteGrant(g, in.DryRun)
}

func (k *KMS) endGrant(keyID, grantID *string, dry *bool) error {
	id := aws.ToString(grantID)
	if !isGrantID(id) {
		return invalidGrantID(id)
	}
	return k.locked(keyID, func(key *key) error {
		if err := k.core.checkNotPending(key); err != nil {
			return err
		}
		g := k.core.state.grantWhere(func(g *grant) bool { return g.ID == id && g.KeyID == key.ID && g.Region == key.Region })
		if g == nil {
			return notFound("grant %s is not one of %s; ListGrants shows them", id, k.core.keyARN(key))
		}
		return k.core.deleteGrant(g, dry)
	})
}

func (c *core) deleteGrant(g *grant, dry *bool) error {
	if aws.ToBool(dry) {
		return dryRun()
	}
	c.state.Grants = slices.DeleteFunc(c.state.Grants, func(other *grant) bool { return other == g })
	return c.commit()
}

var grantIDPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

func isGrantID(id string) bool { return grantIDPattern.MatchString(id) }
