package awskms

import "strings"

// multiRegionPrefix begins the id of every multi-Region key, in all its
// replicas. A name of an alias that begins so means nothing.
const multiRegionPrefix = "mrk-"

// multiRegion reports whether a is the ARN of a multi-Region key.
func (a arn) multiRegion() bool {
	return a.kind == kindKey && strings.HasPrefix(a.id, multiRegionPrefix)
}

// related reports whether a and b name the same key, or replicas of the same
// multi-Region key: everything but the Region is equal.
func (a arn) related(b arn) bool {
	if a.text == b.text {
		return true
	}
	return a.multiRegion() && b.multiRegion() &&
		a.partition == b.partition && a.account == b.account && a.id == b.id
}

// in returns the ARN of the replica in region.
func (a arn) in(region string) arn {
	a.region = region
	a.text = strings.Join([]string{"arn", a.partition, "kms", region, a.account, string(a.kind) + "/" + a.id}, ":")
	return a
}
