package keyringtest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/sealwax/sealwax/internal/fault"
	"github.com/sealwax/sealwax/keyring"
	"github.com/sealwax/sealwax/keyring/keyringtest"
)

// The suites find each of these faults: the test binary runs itself with one
// fault at a time, and must fail in the subtest that the fault belongs to.

func newRawAES(name string) *keyring.RawAES {
	k, err := keyring.NewRawAES("acme", name, []byte(strings.Repeat(name, 32)))
	if err != nil {
		panic(err)
	}
	return k
}

// faulty is a raw AES key with hooks for faults.
type faulty struct {
	wrap   func(ctx context.Context, k *keyring.RawAES, dk *keyring.DataKey, ec keyring.EncryptionContext) (keyring.EncryptedDataKey, error)
	unwrap func(ctx context.Context, k *keyring.RawAES, edk keyring.EncryptedDataKey, size int, ec keyring.EncryptionContext) (*keyring.DataKey, error)
}

func (f *faulty) Wrap(ctx context.Context, dk *keyring.DataKey, ec keyring.EncryptionContext) (keyring.EncryptedDataKey, error) {
	if f.wrap == nil {
		return newRawAES("k").Wrap(ctx, dk, ec)
	}
	return f.wrap(ctx, newRawAES("k"), dk, ec)
}

func (f *faulty) Unwrap(ctx context.Context, edk keyring.EncryptedDataKey, size int, ec keyring.EncryptionContext) (*keyring.DataKey, error) {
	if f.unwrap == nil {
		return newRawAES("k").Unwrap(ctx, edk, size, ec)
	}
	return f.unwrap(ctx, newRawAES("k"), edk, size, ec)
}

// onError answers what f makes of an error of Unwrap.
func onError(f func(err error, size int) (*keyring.DataKey, error)) *faulty {
	return &faulty{unwrap: func(ctx context.Context, k *keyring.RawAES, edk keyring.EncryptedDataKey, size int, ec keyring.EncryptionContext) (*keyring.DataKey, error) {
		dk, err := k.Unwrap(ctx, edk, size, ec)
		if err != nil {
			return f(err, max(size, 0))
		}
		return dk, nil
	}}
}

// looseInfo is a key whose provider info ends in a byte that is not bound. If
// other is not nil, EDKs with that byte changed open to what it returns.
func looseInfo(other func() *keyring.DataKey) *faulty {
	return &faulty{
		wrap: func(ctx context.Context, k *keyring.RawAES, dk *keyring.DataKey, ec keyring.EncryptionContext) (keyring.EncryptedDataKey, error) {
			edk, err := k.Wrap(ctx, dk, ec)
			edk.ProviderInfo = append(edk.ProviderInfo, 'R')
			return edk, err
		},
		unwrap: func(ctx context.Context, k *keyring.RawAES, edk keyring.EncryptedDataKey, size int, ec keyring.EncryptionContext) (*keyring.DataKey, error) {
			n := max(len(edk.ProviderInfo), 1) - 1
			changed := len(edk.ProviderInfo) > n && edk.ProviderInfo[n] != 'R'
			edk.ProviderInfo = edk.ProviderInfo[:n]
			dk, err := k.Unwrap(ctx, edk, size, ec)
			if err == nil && changed && other != nil {
				return other(), nil
			}
			return dk, err
		},
	}
}

// looseLength is that of looseInfo's provider infos: a name of one byte, two
// numbers, a nonce, and the byte that is not bound.
const looseLength = 1 + 4 + 4 + 12 + 1

var shared *keyring.DataKey

var keyFaults = map[string]struct {
	in  string // subtest that fails
	key keyring.WrappingKey
}{
	"context not bound": {"another context does not open", &faulty{
		wrap: func(ctx context.Context, k *keyring.RawAES, dk *keyring.DataKey, _ keyring.EncryptionContext) (keyring.EncryptedDataKey, error) {
			return k.Wrap(ctx, dk, nil)
		},
		unwrap: func(ctx context.Context, k *keyring.RawAES, edk keyring.EncryptedDataKey, size int, _ keyring.EncryptionContext) (*keyring.DataKey, error) {
			return k.Unwrap(ctx, edk, size, nil)
		}}},
	"wrong key released": {"a changed EDK does not open", onError(func(err error, size int) (*keyring.DataKey, error) {
		if errors.Is(err, keyring.ErrNotMine) {
			return nil, err
		}
		return keyring.NewDataKey(make([]byte, size)), nil
	})},
	"key beside an error": {"a changed EDK does not open", onError(func(err error, size int) (*keyring.DataKey, error) {
		return keyring.NewDataKey(make([]byte, size)), err
	})},
	"not mine not told": {"another key's EDK is not mine", onError(func(error, int) (*keyring.DataKey, error) {
		return nil, keyring.ErrNotAuthentic
	})},
	"errors not told apart": {"a changed EDK does not open", onError(func(error, int) (*keyring.DataKey, error) {
		return nil, errors.New("no")
	})},
	"data key in an error": {"a changed EDK does not open", onError(func(err error, _ int) (*keyring.DataKey, error) {
		var b []byte
		_ = shared.Do(func(k []byte) error { b = k; return nil })
		return nil, fmt.Errorf("%w: %x", err, b)
	})},
	"context changed": {"arguments stay as they are", &faulty{
		unwrap: func(ctx context.Context, k *keyring.RawAES, edk keyring.EncryptedDataKey, size int, ec keyring.EncryptionContext) (*keyring.DataKey, error) {
			dk, err := k.Unwrap(ctx, edk, size, ec)
			if len(ec) == 3 {
				delete(ec, "purpose")
			}
			return dk, err
		}}},
	"EDK changed": {"arguments stay as they are", &faulty{
		unwrap: func(ctx context.Context, k *keyring.RawAES, edk keyring.EncryptedDataKey, size int, ec keyring.EncryptionContext) (*keyring.DataKey, error) {
			dk, err := k.Unwrap(ctx, edk, size, ec)
			if len(ec) == 3 {
				clear(edk.Ciphertext)
			}
			return dk, err
		}}},
	"data key destroyed": {"arguments stay as they are", &faulty{
		wrap: func(ctx context.Context, k *keyring.RawAES, dk *keyring.DataKey, ec keyring.EncryptionContext) (keyring.EncryptedDataKey, error) {
			defer dk.Destroy()
			return k.Wrap(ctx, dk, ec)
		}}},
	"one data key for all": {"answers are copies", &faulty{
		unwrap: func(ctx context.Context, k *keyring.RawAES, edk keyring.EncryptedDataKey, size int, ec keyring.EncryptionContext) (*keyring.DataKey, error) {
			dk, err := k.Unwrap(ctx, edk, size, ec)
			if err != nil || size != 32 {
				return dk, err
			}
			return shared, nil
		}}},
	"one buffer for the EDK": {"answers are copies", &faulty{
		wrap: func(ctx context.Context, k *keyring.RawAES, dk *keyring.DataKey, ec keyring.EncryptionContext) (keyring.EncryptedDataKey, error) {
			edk, err := k.Wrap(ctx, dk, ec)
			n := len(edk.ProviderInfo)
			b := append(slices.Clone(edk.ProviderInfo), edk.Ciphertext...)
			edk.ProviderInfo, edk.Ciphertext = b[:n], b[n:]
			return edk, err
		}}},
	"empty key wrapped": {"an empty data key is not wrapped", &faulty{
		wrap: func(ctx context.Context, k *keyring.RawAES, dk *keyring.DataKey, ec keyring.EncryptionContext) (keyring.EncryptedDataKey, error) {
			if dk.Len() == 0 {
				dk = keyring.NewDataKey(make([]byte, 32))
			}
			return k.Wrap(ctx, dk, ec)
		}}},
	"another size opened": {"another size does not open", &faulty{
		unwrap: func(ctx context.Context, k *keyring.RawAES, edk keyring.EncryptedDataKey, _ int, ec keyring.EncryptionContext) (*keyring.DataKey, error) {
			return k.Unwrap(ctx, edk, len(edk.Ciphertext)-16, ec)
		}}},
	"a cancelled call is a verdict": {"an ended context is no verdict", &faulty{
		unwrap: func(ctx context.Context, k *keyring.RawAES, edk keyring.EncryptedDataKey, size int, ec keyring.EncryptionContext) (*keyring.DataKey, error) {
			if err := ctx.Err(); err != nil {
				return nil, fmt.Errorf("%w: %w", err, keyring.ErrNotAuthentic)
			}
			return k.Unwrap(ctx, edk, size, ec)
		}}},
	"provider info not bound": {"a changed EDK does not open", looseInfo(nil)},
	"another key for an unbound info": {"a changed EDK does not open", looseInfo(func() *keyring.DataKey {
		return keyring.NewDataKey(make([]byte, 32))
	})},
	"open only, but wraps": {"a key that can only open says so", &faulty{}},
	"secret shown":         {"renderings show no secret", &inlineKey{faulty{}, []byte(strings.Repeat("k", 32))}},
}

type inlineKey struct {
	faulty
	secret []byte
}

// faultyKeyring is a ring of a raw AES key, with hooks for faults.
type faultyKeyring struct {
	encrypted func(req *keyring.EncryptionRequest, m *keyring.EncryptionMaterials, err error) (*keyring.EncryptionMaterials, error)
	decrypted func(req *keyring.DecryptionRequest, m *keyring.DecryptionMaterials, err error) (*keyring.DecryptionMaterials, error)
}

func ring() *keyring.Ring {
	r, err := keyring.New(newRawAES("k"))
	if err != nil {
		panic(err)
	}
	return r
}

func (f *faultyKeyring) EncryptionMaterials(ctx context.Context, req *keyring.EncryptionRequest) (*keyring.EncryptionMaterials, error) {
	m, err := ring().EncryptionMaterials(ctx, req)
	if f.encrypted == nil {
		return m, err
	}
	return f.encrypted(req, m, err)
}

func (f *faultyKeyring) DecryptionMaterials(ctx context.Context, req *keyring.DecryptionRequest) (*keyring.DecryptionMaterials, error) {
	m, err := ring().DecryptionMaterials(ctx, req)
	if f.decrypted == nil {
		return m, err
	}
	return f.decrypted(req, m, err)
}

// sealed changes materials that were made.
func sealed(f func(req *keyring.EncryptionRequest, m *keyring.EncryptionMaterials)) *faultyKeyring {
	return &faultyKeyring{encrypted: func(req *keyring.EncryptionRequest, m *keyring.EncryptionMaterials, err error) (*keyring.EncryptionMaterials, error) {
		if err == nil {
			f(req, m)
		}
		return m, err
	}}
}

var keyringFaults = map[string]struct {
	in   string
	keys keyring.Keyring
}{
	"no signing key": {keyring.AES256GCMHKDFSHA384ECDSAP384.String(), sealed(func(_ *keyring.EncryptionRequest, m *keyring.EncryptionMaterials) {
		delete(m.EncryptionContext, keyring.PublicKeyName)
	})},
	"another signing key": {keyring.AES128GCMHKDFSHA256ECDSAP256.String(), sealed(func(req *keyring.EncryptionRequest, m *keyring.EncryptionMaterials) {
		if m.SigningKey != nil {
			other, _ := ring().EncryptionMaterials(context.Background(), req)
			m.SigningKey = other.SigningKey
		}
	})},
	"no EDK": {keyring.AES256GCMHKDFSHA512Commit.String(), sealed(func(_ *keyring.EncryptionRequest, m *keyring.EncryptionMaterials) {
		m.EncryptedDataKeys = nil
	})},
	"a short data key": {keyring.AES256GCMHKDFSHA512Commit.String(), sealed(func(_ *keyring.EncryptionRequest, m *keyring.EncryptionMaterials) {
		m.DataKey = keyring.NewDataKey(make([]byte, 16))
	})},
	"the request's context kept": {"answers are copies", sealed(func(req *keyring.EncryptionRequest, m *keyring.EncryptionMaterials) {
		if !m.Suite.Signed() {
			m.EncryptionContext = req.EncryptionContext
		}
	})},
	"reserved names taken": {"reserved names are refused", &faultyKeyring{encrypted: func(_ *keyring.EncryptionRequest, m *keyring.EncryptionMaterials, err error) (*keyring.EncryptionMaterials, error) {
		if errors.Is(err, fault.ErrContext) {
			return &keyring.EncryptionMaterials{}, nil
		}
		return m, err
	}}},
	"anything opens": {"no EDK, foreign and changed ones do not open", &faultyKeyring{decrypted: func(req *keyring.DecryptionRequest, m *keyring.DecryptionMaterials, err error) (*keyring.DecryptionMaterials, error) {
		if err != nil {
			return &keyring.DecryptionMaterials{DataKey: keyring.NewDataKey(make([]byte, req.Suite.KeyLength()))}, nil
		}
		return m, nil
	}}},
	"one data key for all": {"answers are copies", func() *faultyKeyring {
		var first *keyring.DecryptionMaterials
		return &faultyKeyring{decrypted: func(_ *keyring.DecryptionRequest, m *keyring.DecryptionMaterials, err error) (*keyring.DecryptionMaterials, error) {
			if err == nil && first != nil && first.DataKey.Len() == m.DataKey.Len() {
				return first, nil
			}
			if err == nil {
				first = m
			}
			return m, err
		}}
	}()},
	"a cancelled call is a verdict": {"an ended context is no verdict", &faultyKeyring{decrypted: func(_ *keyring.DecryptionRequest, m *keyring.DecryptionMaterials, err error) (*keyring.DecryptionMaterials, error) {
		if errors.Is(err, context.Canceled) {
			return nil, fmt.Errorf("%w: %w", err, fault.ErrAuthentication)
		}
		return m, err
	}}},
}

const faultVariable = "KEYRINGTEST_FAULT"

// TestWithFault is run by TestSuitesFindFaults, in a process of its own.
func TestWithFault(t *testing.T) {
	name, ok := os.LookupEnv(faultVariable)
	if !ok {
		t.Skip("run by TestSuitesFindFaults")
	}
	shared = keyring.NewDataKey(recognizable())
	if f, ok := keyFaults[name]; ok {
		opts := &keyringtest.Options{Other: newRawAES("o"), Secrets: [][]byte{[]byte(strings.Repeat("k", 32))}}
		if name == "open only, but wraps" {
			opts.Sealer = newRawAES("k")
		}
		if name == "another key for an unbound info" {
			opts.InfoUnbound = func(info []byte) bool { return len(info) == looseLength }
		}
		keyringtest.TestWrappingKey(t, f.key, opts)
	}
	if f, ok := keyringFaults[strings.TrimPrefix(name, "keyring: ")]; ok {
		keyringtest.TestKeyring(t, f.keys, nil)
	}
}

// recognizable is the data key of 32 bytes that the suite wraps.
func recognizable() []byte {
	b := make([]byte, 32)
	for i := range b {
		b[i] = byte(0xa1 + 37*i)
	}
	return b
}

func TestSuitesFindFaults(t *testing.T) {
	faults := map[string]string{}
	for name, f := range keyFaults {
		faults[name] = f.in
	}
	for name, f := range keyringFaults {
		faults["keyring: "+name] = f.in
	}
	for _, name := range slices.Sorted(maps.Keys(faults)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWithFault$", "-test.v")
			c.Env = append(os.Environ(), faultVariable+"="+name)
			out, err := c.CombinedOutput()
			if _, failed := errors.AsType[*exec.ExitError](err); !failed {
				t.Fatalf("the suite passed: %v", err)
			}
			want := "--- FAIL: TestWithFault/" + strings.ReplaceAll(faults[name], " ", "_")
			if !strings.Contains(string(out), want) {
				t.Errorf("no line %q in\n%s", want, out)
			}
			if strings.Contains(string(out), "panic:") {
				t.Errorf("the suite panicked:\n%s", out)
			}
		})
	}
}

// Without a fault the suites pass, so that it is the fault that they find.
func TestSuitesPassWithoutFaults(t *testing.T) {
	keyringtest.TestWrappingKey(t, &faulty{}, &keyringtest.Options{Other: newRawAES("o")})
	keyringtest.TestWrappingKey(t, looseInfo(nil), &keyringtest.Options{
		Other:       newRawAES("o"),
		InfoUnbound: func(info []byte) bool { return len(info) == looseLength },
	})
	keyringtest.TestKeyring(t, &faultyKeyring{}, nil)
}
