package localkms

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
)

const (
	aliasPrefix       = "alias/"
	keyPrefix         = "key/"
	multiRegionPrefix = "mrk-"
)

// newKeyID is a version 4 UUID, or the form of it that multi-Region keys have.
func newKeyID(multiRegion bool) string {
	if multiRegion {
		return multiRegionPrefix + hex.EncodeToString(randomUUID())
	}
	return newUUID()
}

func newUUID() string {
	u := randomUUID()
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

func randomUUID() []byte {
	u := randomBytes(16)
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return u
}

// randomBytes never fails: crypto/rand.Read does not return errors.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	default:
		return "aws"
	}
}

// arn is the ARN of a resource ("key/…", "alias/…") of this account.
func (c *core) arn(region, resource string) string {
	return "arn:" + partition(region) + ":kms:" + region + ":" + c.account + ":" + resource
}

func (c *core) keyARN(k *key) string { return c.arn(k.Region, keyPrefix+k.ID) }

// resource is what an identifier names in this Region and account: "key/ID" or "alias/NAME".
func (c *core) resource(region, identifier string) (string, error) {
	if !strings.HasPrefix(identifier, "arn:") {
		if strings.HasPrefix(identifier, aliasPrefix) {
			return identifier, nil
		}
		return keyPrefix + identifier, nil
	}
	parts := strings.SplitN(identifier, ":", 6)
	if len(parts) != 6 || parts[2] != "kms" {
		return "", invalidArn("%q is not the ARN of a KMS key or alias", identifier)
	}
	resource := parts[5]
	if !strings.HasPrefix(resource, keyPrefix) && !strings.HasPrefix(resource, aliasPrefix) {
		return "", invalidArn("%q is not the ARN of a KMS key or alias", identifier)
	}
	if parts[3] != region {
		return "", notFound("invalid arn %s: this is Region %s, and %s lies in another; send the request there", parts[3], region, identifier)
	}
	if parts[1] != partition(region) || parts[4] != c.account {
		return "", notFound("%s does not exist: this is partition %s, account %s", identifier, partition(region), c.account)
	}
	return resource, nil
}

// find is the key that a key id, key ARN, alias or alias ARN names in a Region. The lock is held.
func (c *core) find(region string, identifier *string) (*key, error) {
	if identifier == nil || *identifier == "" {
		return nil, invalid("KeyId is required: a key id, key ARN, alias or alias ARN")
	}
	if len(*identifier) > 2048 {
		return nil, invalid("KeyId has %d bytes; it may have 2048", len(*identifier))
	}
	resource, err := c.resource(region, *identifier)
	if err != nil {
		return nil, err
	}
	if id, ok := strings.CutPrefix(resource, keyPrefix); ok {
		return c.findID(region, id)
	}
	a := c.state.alias(region, resource)
	if a == nil {
		return nil, notFound("alias %s is not found; CreateAlias makes it", c.arn(region, resource))
	}
	return c.findID(region, a.KeyID)
}

func (c *core) findID(region, id string) (*key, error) {
	if k := c.state.key(region, id); k != nil {
		return k, nil
	}
	return nil, notFound("key %s does not exist; CreateKey makes one, ListKeys shows them", c.arn(region, keyPrefix+id))
}

// findKey is find for the operations that take a key id or key ARN, but no alias.
func (c *core) findKey(region string, identifier *string) (*key, error) {
	if identifier != nil && isAlias(*identifier) {
		return nil, invalidArn("%s is an alias; this operation takes a key id or key ARN", *identifier)
	}
	return c.find(region, identifier)
}

func isAlias(identifier string) bool {
	if strings.HasPrefix(identifier, aliasPrefix) {
		return true
	}
	return strings.HasPrefix(identifier, "arn:") && strings.Contains(identifier, ":"+aliasPrefix)
}
