package s3crypto

import (
	"fmt"
	"maps"

	"github.com/sealwax/sealwax/envelope"
)

// The pairs that Options.BindName adds to the encryption context.
const (
	bucketPair = "s3-bucket"
	keyPair    = "s3-key"
)

// contextFor returns the encryption context of an object.
func (c *Client) contextFor(bucket, key string) (envelope.Context, error) {
	if !c.opts.BindName {
		return c.ec, nil
	}
	ec := maps.Clone(c.ec)
	if ec == nil {
		ec = envelope.Context{}
	}
	for name, value := range map[string]string{bucketPair: bucket, keyPair: key} {
		if given, ok := ec[name]; ok && given != value {
			return nil, fmt.Errorf("s3crypto: %w: pair %q is another object's, and BindName sets it", envelope.ErrContext, name)
		}
		ec[name] = value
	}
	return ec, nil
}
