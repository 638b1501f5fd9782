package interop

import (
	"context"
	"maps"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring"
)

// party is an implementation of the message format: ours or a peer's.
type party interface {
	seal(ctx context.Context, req *request, plaintext []byte) (message []byte, err error)
	open(ctx context.Context, req *request, message []byte) (*opened, error)
}

// request says how a message is sealed or opened, in terms that every party
// understands. Peers in other languages read it as JSON.
type request struct {
	Policy      string            `json:"policy"` // one of the constants below
	Suite       keyring.Suite     `json:"suite"`
	FrameLength int               `json:"frameLength"` // bytes; 0: a non-framed body
	Context     map[string]string `json:"context"`
	Unstored    []string          `json:"unstored,omitempty"` // names in Context that the header does not store
	Keys        []wrappingKey     `json:"keys"`               // the first generates
	KMS         string            `json:"kms,omitempty"`      // URL
}

// The commitment policies, by the name that all official SDKs use.
const (
	requireRequire = "REQUIRE_ENCRYPT_REQUIRE_DECRYPT"
	requireAllow   = "REQUIRE_ENCRYPT_ALLOW_DECRYPT"
	forbidAllow    = "FORBID_ENCRYPT_ALLOW_DECRYPT"
)

// refusal is the error of a peer's SDK that will not seal or open. Other errors of
// a peer are the tests' own.
type refusal string

func (r refusal) Error() string { return string(r) }

// opened is what opening a message yields.
type opened struct {
	plaintext []byte
	context   map[string]string // as the party reports it, without the public key of a signed suite
}

func newOpened(plaintext []byte, ec map[string]string) *opened {
	ec = maps.Clone(ec)
	delete(ec, keyring.PublicKeyName)
	return &opened{plaintext: plaintext, context: ec}
}

// wrappingKey describes one wrapping key; Kind says which fields count.
type wrappingKey struct {
	Kind string `json:"kind"`

	Namespace   string `json:"namespace,omitempty"` // raw keys
	Name        string `json:"name,omitempty"`
	Key         []byte `json:"key,omitempty"` // rawAES
	UTF8Sorting bool   `json:"utf8Sorting"`   // rawAES; JavaScript alone looks at it
	Padding     string `json:"padding,omitempty"`
	PublicKey   string `json:"publicKey,omitempty"`  // rawRSA; PEM, SPKI
	PrivateKey  string `json:"privateKey,omitempty"` // rawRSA; PEM, PKCS #8

	KeyID     string   `json:"keyId,omitempty"` // KMS keys
	Region    string   `json:"region,omitempty"`
	Partition string   `json:"partition,omitempty"` // discovery
	Accounts  []string `json:"accounts,omitempty"`
}

// The kinds of wrapping key.
const (
	rawAES                  = "raw-aes"
	rawRSA                  = "raw-rsa"
	kmsKey                  = "kms"
	kmsDiscovery            = "kms-discovery"
	kmsMultiRegion          = "kms-multi-region"
	kmsMultiRegionDiscovery = "kms-multi-region-discovery"
)

// suites are all that are published.
var suites = []keyring.Suite{
	envelope.AES128GCM, envelope.AES192GCM, envelope.AES256GCM,
	envelope.AES128GCMHKDFSHA256, envelope.AES192GCMHKDFSHA256, envelope.AES256GCMHKDFSHA256,
	envelope.AES128GCMHKDFSHA256ECDSAP256, envelope.AES192GCMHKDFSHA384ECDSAP384, envelope.AES256GCMHKDFSHA384ECDSAP384,
	envelope.AES256GCMHKDFSHA512Commit, envelope.AES256GCMHKDFSHA512CommitECDSAP384,
}

// policies returns those under which a message of the suite can be sealed.
func policies(s keyring.Suite) []string {
	if s.Committing() {
		return []string{requireRequire, requireAllow}
	}
	return []string{forbidAllow}
}

// newRequest returns a request for suite s with one raw AES key.
func newRequest(s keyring.Suite, frameLength int) *request {
	return &request{
		Policy:      policies(s)[0],
		Suite:       s,
		FrameLength: frameLength,
		Context:     map[string]string{"tenant": "4711", "purpose": "interop"},
		Keys:        []wrappingKey{aesKey(32)},
	}
}

// with returns a copy that change has changed.
func (r *request) with(change func(*request)) *request {
	c := *r
	change(&c)
	return &c
}

// stored returns the pairs that the header stores.
func (r *request) stored() map[string]string {
	ec := maps.Clone(r.Context)
	for _, name := range r.Unstored {
		delete(ec, name)
	}
	return ec
}
