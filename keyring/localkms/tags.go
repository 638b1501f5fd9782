package localkms

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

func (k *KMS) tagResource(in *kms.TagResourceInput) (*kms.TagResourceOutput, error) {
	return &kms.TagResourceOutput{}, k.change(in.KeyId, func(key *key) error {
		if err := k.core.checkNotPending(key); err != nil {
			return err
		}
		tags, err := withTags(key.Tags, in.Tags)
		if err != nil {
			return err
		}
		key.Tags = tags
		return nil
	})
}

// withTags is old and more tags; old stays as it is.
func withTags(old map[string]string, more []types.Tag) (map[string]string, error) {
	tags := map[string]string{}
	maps.Copy(tags, old)
	for _, tag := range more {
		name, value := aws.ToString(tag.TagKey), aws.ToString(tag.TagValue)
		if name == "" || len(name) > maxTagKey || len(value) > maxTagValue {
			return nil, invalid("tag %q: a key may have 1 to %d bytes, a value %d", name, maxTagKey, maxTagValue)
		}
		if strings.HasPrefix(strings.ToLower(name), "aws:") {
			return nil, invalidTag("tag %q: keys that begin with aws: are for AWS", name)
		}
		tags[name] = value
	}
	if len(tags) > maxTags {
		return nil, limitExceeded("the key would have %d tags; it may have %d", len(tags), maxTags)
	}
	return tags, nil
}

func (k *KMS) untagResource(in *kms.UntagResourceInput) (*kms.UntagResourceOutput, error) {
	return &kms.UntagResourceOutput{}, k.change(in.KeyId, func(key *key) error {
		if err := k.core.checkNotPending(key); err != nil {
			return err
		}
		for _, name := range in.TagKeys {
			delete(key.Tags, name)
		}
		return nil
	})
}

func (k *KMS) listResourceTags(in *kms.ListResourceTagsInput) (*kms.ListResourceTagsOutput, error) {
	out := &kms.ListResourceTagsOutput{}
	return out, k.look(in.KeyId, func(key *key) error {
		var err error
		out.Tags, out.NextMarker, err = page(tagList(key.Tags), in.Limit, in.Marker, maxTags, func(t types.Tag) string { return *t.TagKey })
		out.Truncated = out.NextMarker != nil
		return err
	})
}

// tagList is ordered by key.
func tagList(tags map[string]string) []types.Tag {
	list := []types.Tag{}
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{TagKey: aws.String(name), TagValue: aws.String(tags[name])})
	}
	return list
}
