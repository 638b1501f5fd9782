package cache

import (
	"bytes"
	"context"
	"fmt"
	"maps"

	"github.com/sealwax/sealwax/keyring"
)

// request is what the inner keyring is asked: exactly one of seal and open. It
// is the cache's own copy, since a flight outlives its callers' requests, and
// does not change.
type request struct {
	seal *keyring.EncryptionRequest
	open *keyring.DecryptionRequest
}

// copySeal leaves the message's length out: the answer is to serve others.
func copySeal(req *keyring.EncryptionRequest) request {
	return request{seal: &keyring.EncryptionRequest{
		Suite:             req.Suite,
		EncryptionContext: maps.Clone(req.EncryptionContext),
		PlaintextLength:   -1,
	}}
}

func copyOpen(req *keyring.DecryptionRequest) request {
	edks := make([]keyring.EncryptedDataKey, len(req.EncryptedDataKeys))
	for i, edk := range req.EncryptedDataKeys {
		edks[i] = keyring.EncryptedDataKey{
			ProviderID:   edk.ProviderID,
			ProviderInfo: bytes.Clone(edk.ProviderInfo),
			Ciphertext:   bytes.Clone(edk.Ciphertext),
		}
	}
	return request{open: &keyring.DecryptionRequest{
		Suite:             req.Suite,
		EncryptionContext: maps.Clone(req.EncryptionContext),
		EncryptedDataKeys: edks,
	}}
}

// subject is what all events about a request, its flight and its entry tell.
type subject struct {
	operation Operation
	suite     keyring.Suite
}

func (r request) subject() subject {
	if r.seal != nil {
		return subject{Seal, r.seal.Suite}
	}
	return subject{Open, r.open.Suite}
}

func (s subject) event(kind EventKind) Event {
	return Event{Kind: kind, Operation: s.operation, Suite: s.suite}
}

// answer is what the inner keyring said.
type answer struct {
	key   *keyring.DataKey
	terms keyring.EncryptionMaterials // without its data key; zero in opening
}

// ask calls the inner keyring.
func (r request) ask(ctx context.Context, inner keyring.Keyring) (answer, error) {
	if r.seal != nil {
		m, err := askSealing(ctx, inner, r.seal)
		if err != nil {
			return answer{}, err
		}
		return checkSealing(m, r.seal)
	}
	m, err := askOpening(ctx, inner, r.open)
	if err != nil {
		return answer{}, err
	}
	return checkOpening(m, r.open)
}

// askSealing destroys a key that comes along with an error: nobody else will.
func askSealing(ctx context.Context, inner keyring.Keyring, req *keyring.EncryptionRequest) (*keyring.EncryptionMaterials, error) {
	m, err := inner.EncryptionMaterials(ctx, req)
	if err != nil && m != nil {
		m.DataKey.Destroy()
		m = nil
	}
	return m, err
}

func askOpening(ctx context.Context, inner keyring.Keyring, req *keyring.DecryptionRequest) (*keyring.DecryptionMaterials, error) {
	m, err := inner.DecryptionMaterials(ctx, req)
	if err != nil && m != nil {
		m.DataKey.Destroy()
		m = nil
	}
	return m, err
}

// checkSealing looks at an answer before it may serve many messages.
func checkSealing(m *keyring.EncryptionMaterials, req *keyring.EncryptionRequest) (answer, error) {
	if m == nil {
		return answer{}, fmt.Errorf("the inner keyring answered nothing for %v", req.Suite)
	}
	if fault := sealingFault(m, req); fault != "" {
		m.DataKey.Destroy()
		return answer{}, fmt.Errorf("the inner keyring answered %s for %v", fault, req.Suite)
	}
	a := answer{key: m.DataKey, terms: *m}
	a.terms.DataKey = nil
	return a, nil
}

// sealingFault says what is wrong with an answer, or nothing.
func sealingFault(m *keyring.EncryptionMaterials, req *keyring.EncryptionRequest) string {
	_, public := m.EncryptionContext[keyring.PublicKeyName]
	switch signed := req.Suite.Signed(); {
	case m.Suite != req.Suite:
		return fmt.Sprintf("materials of %v", m.Suite)
	case m.DataKey.Len() != req.Suite.KeyLength():
		return fmt.Sprintf("a data key of %d bytes", m.DataKey.Len())
	case len(m.EncryptedDataKeys) == 0:
		return "a data key without an encrypted data key"
	case signed != (m.SigningKey != nil):
		return fmt.Sprintf("materials whose signing key is there: %t", !signed)
	case signed != public:
		return fmt.Sprintf("a context whose pair %q is there: %t", keyring.PublicKeyName, public)
	}
	for name, value := range req.EncryptionContext {
		if got, ok := m.EncryptionContext[name]; !ok || got != value {
			return fmt.Sprintf("a context without the request's pair %.60q", name)
		}
	}
	return ""
}

func checkOpening(m *keyring.DecryptionMaterials, req *keyring.DecryptionRequest) (answer, error) {
	if m == nil {
		return answer{}, fmt.Errorf("the inner keyring answered nothing for %v", req.Suite)
	}
	if m.DataKey.Len() != req.Suite.KeyLength() {
		err := fmt.Errorf("the inner keyring answered a data key of %d bytes for %v", m.DataKey.Len(), req.Suite)
		m.DataKey.Destroy()
		return answer{}, err
	}
	return answer{key: m.DataKey}, nil
}
