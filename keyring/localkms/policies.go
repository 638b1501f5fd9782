package localkms

import (
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

const (
	policyName = "default" // the only one KMS has
	maxPolicy  = 32768
)

// checkPolicy looks at the form alone: policies are kept, not enforced.
func checkPolicy(policy *string) error {
	if policy == nil {
		return nil
	}
	if len(*policy) < 1 || len(*policy) > maxPolicy {
		return invalid("Policy has %d bytes; it may have 1 to %d", len(*policy), maxPolicy)
	}
	var document map[string]any
	if err := json.Unmarshal([]byte(*policy), &document); err != nil {
		return malformedPolicy()
	}
	return nil
}

func checkPolicyName(name *string) error {
	if name != nil && *name != policyName {
		return notFound("there is no policy %q; the only one is %s", *name, policyName)
	}
	return nil
}

func (k *KMS) putKeyPolicy(in *kms.PutKeyPolicyInput) (*kms.PutKeyPolicyOutput, error) {
	if in.Policy == nil {
		return nil, invalid("Policy is required")
	}
	if err := checkPolicyName(in.PolicyName); err != nil {
		return nil, err
	}
	if err := checkPolicy(in.Policy); err != nil {
		return nil, err
	}
	return &kms.PutKeyPolicyOutput{}, k.change(in.KeyId, func(key *key) error {
		if err := k.core.checkNotPending(key); err != nil {
			return err
		}
		key.Policy = *in.Policy
		return nil
	})
}

func (k *KMS) getKeyPolicy(in *kms.GetKeyPolicyInput) (*kms.GetKeyPolicyOutput, error) {
	if err := checkPolicyName(in.PolicyName); err != nil {
		return nil, err
	}
	out := &kms.GetKeyPolicyOutput{PolicyName: aws.String(policyName)}
	return out, k.look(in.KeyId, func(key *key) error {
		out.Policy = aws.String(k.core.policy(key))
		return nil
	})
}

func (k *KMS) listKeyPolicies(in *kms.ListKeyPoliciesInput) (*kms.ListKeyPoliciesOutput, error) {
	return &kms.ListKeyPoliciesOutput{PolicyNames: []string{policyName}}, k.look(in.KeyId, func(*key) error { return nil })
}

// policy is the key's own, or the one that KMS gives to keys made without.
func (c *core) policy(k *key) string {
	if k.Policy != "" {
		return k.Policy
	}
	return `{"Version":"2012-10-17","Id":"key-default-1","Statement":[{"Sid":"Enable IAM User Permissions","Effect":"Allow",` +
		`"Principal":{"AWS":"arn:` + partition(k.Region) + `:iam::` + c.account + `:root"},"Action":"kms:*","Resource":"*"}]}`
}
