package localkms

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

const (
	defaultRegion  = "us-east-1"
	defaultAccount = "111122223333"
)

// Options are the knobs of New. The zero value is ready: a KMS in memory that forgets everything when it is dropped.
type Options struct {
	// File keeps the state (keys, aliases, grants) across restarts; empty keeps it in memory.
	//
	// It is JSON with the raw key bytes in base64, made with mode 0600, replaced atomically and synced on every change
	// of state. Symbolic links are followed. New takes the rights of others on it away, and removes the temporary files
	// (File + digits + ".tmp") that a crash left. File + ".lock" beside it is locked while the KMS is open, so that a second KMS on the same file, in this
	// process or another, is refused by New (on Windows, Plan 9, Solaris and AIX nothing is locked: there it is up to you).
	File string

	// Region answers requests that name none. Empty: us-east-1.
	Region string

	// AccountID is the account in every ARN, 12 digits. Empty: the one in File, or 111122223333.
	AccountID string
}

// KMS is one account of a key management service, seen from one Region. Make it with New. It is safe for concurrent use.
//
// For development and tests only: see the package comment.
type KMS struct {
	core   *core
	region string
}

// core is what all Regions' views of one KMS share. It is only reached through KMS.
type core struct {
	account string

	mu      sync.Mutex // guards all down to closed
	state   *state
	due     time.Time                     // when something in state happens by itself next (deletion, rotation, expiry); zero: never
	imports map[keyName]*importParameters // of keys that exist
	file    *file                         // nil in memory
	closed  bool

	watch *watch // has its own lock
}

// New makes a KMS; nil options are ready. It fails on a malformed Region or AccountID, on a file that is damaged, that
// belongs to another account or that cannot be read or written, and on one that another KMS has open.
// Close releases the file.
func New(opts *Options) (*KMS, error) {
	if opts == nil {
		opts = &Options{}
	}
	region := opts.Region
	if region == "" {
		region = defaultRegion
	}
	if !isRegion(region) {
		return nil, fmt.Errorf("localkms: %q is not a Region; give one like %s", region, defaultRegion)
	}
	if opts.AccountID != "" && !isAccount(opts.AccountID) {
		return nil, fmt.Errorf("localkms: %q is not an account id; give 12 digits", opts.AccountID)
	}
	c := &core{account: opts.AccountID, imports: map[keyName]*importParameters{}, watch: newWatch()}
	if err := c.open(opts.File); err != nil {
		return nil, err
	}
	return &KMS{core: c, region: region}, nil
}

// InRegion is the same KMS seen from another Region: multi-Region keys replicated there are found under that Region's
// ARNs, other keys and aliases are not. Call counts, faults, the file and Close are shared by all views.
// The name is taken as it is; it needs not be a Region that AWS has.
func (k *KMS) InRegion(region string) *KMS {
	return &KMS{core: k.core, region: region}
}

// NewKey makes a symmetric encryption key, with an alias unless that is empty, and answers the key's ARN.
// The alias is given with or without its "alias/" prefix. Errors are those of CreateKey and CreateAlias
// (*types.AlreadyExistsException for an alias that is taken, *types.InvalidAliasNameException for a malformed one);
// then no key was made. It is not counted by Calls and meets no fault.
func (k *KMS) NewKey(alias string) (arn string, err error) {
	unlock, err := k.core.lock()
	if err != nil {
		return "", err
	}
	defer unlock()

	name := alias
	if name != "" && !strings.HasPrefix(name, aliasPrefix) {
		name = aliasPrefix + name
	}
	if name != "" {
		if err := k.core.checkNewAlias(k.region, name); err != nil {
			return "", err
		}
	}
	made, err := newKey(k.region, types.KeySpecSymmetricDefault, types.KeyUsageTypeEncryptDecrypt, types.OriginTypeAwsKms, false)
	if err != nil {
		return "", err
	}
	k.core.state.add(made)
	if name != "" {
		k.core.state.setAlias(k.region, name, made.ID, now())
	}
	if err := k.core.commit(); err != nil {
		return "", err
	}
	return k.core.keyARN(made), nil
}

// Close releases the file and its lock, and drops the keys. Later calls, through any Region's view, fail. Calls in flight
// finish. It is no error to close twice.
func (k *KMS) Close() error {
	return k.core.close()
}

// String names the Region and the account; nothing that KMS prints holds key material.
func (k *KMS) String() string {
	return fmt.Sprintf("localkms.KMS(%s, %s)", k.region, k.core.account)
}

// Format prints the same as String for every verb, so that no verb can reach the keys.
func (k *KMS) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, k.String())
}

// call runs one operation: it counts it, meets its fault, and honours a Region given for this call alone.
func call[In, Out any](ctx context.Context, k *KMS, operation string, in *In, optFns []func(*kms.Options), run func(*KMS, *In) (*Out, error)) (*Out, error) {
	if in == nil {
		in = new(In)
	}
	if err := k.core.watch.begin(ctx, operation); err != nil {
		return nil, err
	}
	if len(optFns) > 0 {
		o := kms.Options{Region: k.region}
		for _, f := range optFns {
			f(&o)
		}
		k = k.InRegion(o.Region)
	}
	out, err := run(k, in)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// lock takes the lock and lets what has become due happen first. The caller calls unlock unless there is an error.
func (c *core) lock() (unlock func(), err error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, errClosed
	}
	if t := now(); !c.due.IsZero() && !t.Before(c.due) {
		// A state that cannot be saved is left as it was, and this is tried again on the next call.
		c.state.settle(t)
		_ = c.commit()
		c.forgetImports()
	}
	return c.mu.Unlock, nil
}

// commit makes a change of state last: call it after the last change, with the lock held. When the file cannot be
// written, the state goes back to the last one saved.
func (c *core) commit() error {
	err := c.save()
	c.due = c.state.nextDue()
	return err
}

// now is the time that keys remember: in UTC and in milliseconds, as it travels over HTTP.
func now() time.Time {
	return time.Now().UTC().Truncate(time.Millisecond)
}

var (
	regionPattern  = regexp.MustCompile(`^[a-z]{2,8}(-[a-z0-9]{1,16}){1,4}$`)
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
)

func isRegion(s string) bool  { return regionPattern.MatchString(s) }
func isAccount(s string) bool { return accountPattern.MatchString(s) }
