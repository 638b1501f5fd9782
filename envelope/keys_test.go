package envelope_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"
	"testing"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/signature"
	"github.com/sealwax/sealwax/internal/suite"
	"github.com/sealwax/sealwax/internal/vectors"
	"github.com/sealwax/sealwax/keyring"
)

// testKeys is a keyring that holds one data key, which it gives to whoever shows
// one of its EDKs, whatever the context: what it lets pass, the message itself
// must refuse. It counts calls. Safe for concurrent use.
type testKeys struct {
	key  func(suite envelope.Suite) []byte
	edks []keyring.EncryptedDataKey

	sealed, opened atomic.Int64
	lastDecryption atomic.Pointer[keyring.DecryptionRequest]
	lastEncryption atomic.Pointer[keyring.EncryptionRequest]
}

func newTestKeys() *testKeys {
	return &testKeys{
		key:  func(s envelope.Suite) []byte { return vectors.Bytes("test keys", s.KeyLength()) },
		edks: []keyring.EncryptedDataKey{testEDK},
	}
}

var testEDK = keyring.EncryptedDataKey{ProviderID: "test", ProviderInfo: []byte("key"), Ciphertext: []byte("opaque")}

func (k *testKeys) EncryptionMaterials(ctx context.Context, req *keyring.EncryptionRequest) (*keyring.EncryptionMaterials, error) {
	k.sealed.Add(1)
	k.lastEncryption.Store(req)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m := &keyring.EncryptionMaterials{
		Suite: req.Suite, EncryptionContext: maps.Clone(req.EncryptionContext),
		DataKey: keyring.NewDataKey(k.key(req.Suite)), EncryptedDataKeys: k.edks,
	}
	if req.Suite.Signed() {
		addSigningKey(m)
	}
	return m, nil
}

// addSigningKey does what a keyring does for a signed suite.
func addSigningKey(m *keyring.EncryptionMaterials) {
	s, _ := suite.Lookup(suite.ID(m.Suite))
	key, err := ecdsa.GenerateKey(s.Curve, rand.Reader)
	if err != nil {
		panic(err)
	}
	encoded, err := signature.EncodePublicKey(&key.PublicKey)
	if err != nil {
		panic(err)
	}
	if m.EncryptionContext == nil {
		m.EncryptionContext = envelope.Context{}
	}
	m.EncryptionContext[keyring.PublicKeyName] = encoded
	m.SigningKey = key
}

func (k *testKeys) DecryptionMaterials(ctx context.Context, req *keyring.DecryptionRequest) (*keyring.DecryptionMaterials, error) {
	k.opened.Add(1)
	k.lastDecryption.Store(req)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, edk := range req.EncryptedDataKeys {
		for _, mine := range k.edks {
			if sameEDK(edk, mine) {
				return &keyring.DecryptionMaterials{DataKey: keyring.NewDataKey(k.key(req.Suite))}, nil
			}
		}
	}
	return nil, &keyring.NoDataKeyError{Attempts: []keyring.Attempt{{Err: keyring.ErrNotMine}}}
}

func sameEDK(a, b keyring.EncryptedDataKey) bool {
	return a.ProviderID == b.ProviderID && bytes.Equal(a.ProviderInfo, b.ProviderInfo) && bytes.Equal(a.Ciphertext, b.Ciphertext)
}

// holding returns a keyring that gives one data key whatever it is asked.
func holding(key []byte) keyring.Keyring { return keyHolder(key) }

type keyHolder []byte

func (k keyHolder) EncryptionMaterials(context.Context, *keyring.EncryptionRequest) (*keyring.EncryptionMaterials, error) {
	return nil, errors.New("opens only")
}

func (k keyHolder) DecryptionMaterials(context.Context, *keyring.DecryptionRequest) (*keyring.DecryptionMaterials, error) {
	return &keyring.DecryptionMaterials{DataKey: keyring.NewDataKey(bytes.Clone(k))}, nil
}

// keyringFuncs is a keyring of two functions.
type keyringFuncs struct {
	seal func(*keyring.EncryptionRequest) (*keyring.EncryptionMaterials, error)
	open func(*keyring.DecryptionRequest) (*keyring.DecryptionMaterials, error)
}

func (k keyringFuncs) EncryptionMaterials(_ context.Context, req *keyring.EncryptionRequest) (*keyring.EncryptionMaterials, error) {
	return k.seal(req)
}

func (k keyringFuncs) DecryptionMaterials(_ context.Context, req *keyring.DecryptionRequest) (*keyring.DecryptionMaterials, error) {
	return k.open(req)
}

// allSuites are the eleven.
func allSuites() (all []envelope.Suite) {
	for _, s := range suite.All() {
		all = append(all, envelope.Suite(s.ID))
	}
	return all
}

// policyOf returns a policy that seals the suite, and opens all.
func policyOf(s envelope.Suite) envelope.CommitmentPolicy {
	if s.Committing() {
		return envelope.RequireEncryptAllowDecrypt
	}
	return envelope.ForbidEncryptAllowDecrypt
}

// optionsOf returns options that seal the suite, open everything, and let all
// ways of opening have a go at it.
func optionsOf(s envelope.Suite, frameLength, workers int) *envelope.Options {
	return &envelope.Options{
		Suite: s, FrameLength: frameLength, Workers: workers, Commitment: policyOf(s),
		AllowUnverifiedSignature: true, MaxEncryptedDataKeys: 1<<16 - 1,
	}
}

func newClient(t testing.TB, keys keyring.Keyring, opts *envelope.Options) *envelope.Client {
	t.Helper()
	c, err := envelope.New(keys, opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// seal returns a message; no way of sealing is under test.
func seal(t testing.TB, c *envelope.Client, plaintext []byte, ec envelope.Context) []byte {
	t.Helper()
	msg, err := c.Seal(t.Context(), plaintext, ec)
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

// pattern returns n bytes in which no two frames look alike.
func pattern(n int) []byte { return bytes.Clone(patternBytes(n)) }

// patternBytes is pattern without the copy: not to be changed.
func patternBytes(n int) []byte {
	if n > len(longPattern) {
		panic(fmt.Sprint("no pattern of ", n, " bytes"))
	}
	return longPattern[:n]
}

var longPattern = vectors.Bytes("pattern", 6<<20)

// categories are what every refusal of a message must match one of.
var categories = []error{envelope.ErrFormat, envelope.ErrAuthentication, envelope.ErrContext, envelope.ErrPolicy, envelope.ErrTruncated}

func isRefusal(err error) bool {
	for _, category := range categories {
		if errors.Is(err, category) {
			return true
		}
	}
	return false
}

// sealAs answers every request with materials of the given suite.
func sealAs(s envelope.Suite) func(*keyring.EncryptionRequest) (*keyring.EncryptionMaterials, error) {
	return func(req *keyring.EncryptionRequest) (*keyring.EncryptionMaterials, error) {
		other := *req
		other.Suite = s
		return newTestKeys().EncryptionMaterials(context.Background(), &other)
	}
}

func cancelled(t *testing.T) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx, cancel
}

// failingKeys is a keyring that is out of order.
func failingKeys(err error) keyring.Keyring {
	return keyringFuncs{
		seal: func(*keyring.EncryptionRequest) (*keyring.EncryptionMaterials, error) { return nil, err },
		open: func(*keyring.DecryptionRequest) (*keyring.DecryptionMaterials, error) { return nil, err },
	}
}

func suiteID(s envelope.Suite) suite.ID { return suite.ID(s) }
