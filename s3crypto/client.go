package s3crypto

import (
	"errors"
	"fmt"
	"maps"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/nilcheck"
)

// Options configures a [Client]. The zero Options is the careful choice.
type Options struct {
	// PartSize is the length in bytes of the parts of a multipart upload, and up to
	// 8 MiB of the ranges of a Download: 5 MiB to 5 GiB. Zero: 8 MiB. Objects that
	// fit one part are uploaded in one request. Larger parts are taken where an
	// object would need more than the 10,000 that S3 allows.
	PartSize int64
	// Concurrency is how many parts of one upload or Download are in flight at
	// once. Zero: 5. Where parts have grown beyond PartSize, fewer are, but at
	// least two: the bytes in flight stay about PartSize times Concurrency.
	Concurrency int
	// CopyPartSize is the length in bytes of stored objects above which CopyObject
	// copies by parts, and of those parts: 5 MiB to 5 GiB. Zero: 5 GiB, which is the
	// most that S3 copies at once.
	CopyPartSize int64
	// BindName puts the bucket and the key into the encryption context, so that
	// an object in another's place does not open. Copies and renames do not open
	// either: they need envelope's Reseal. Without it, who can write to the
	// bucket can swap whole objects of equal context unnoticed.
	BindName bool
	// AllowUnencrypted reads objects that are not encrypted as they are, instead
	// of failing with [ErrNotEncrypted]. Nothing proves such content authentic:
	// who can write to the bucket can put it in the place of encrypted content.
	// Results are marked; see [InfoOf] and [Object.Header].
	AllowUnencrypted bool
}

const (
	defaultPartSize    = 8 << 20
	defaultConcurrency = 5

	minPartSize = 5 << 20
	maxPartSize = 5 << 30
	maxParts    = 10_000
)

// Client reads and writes encrypted objects. It is safe for concurrent use, and
// never changes: [Client.With] makes another one.
type Client struct {
	api  API
	env  *envelope.Client
	opts Options
	ec   envelope.Context
}

// New returns a client that keeps objects in api, sealed by env. opts may be
// nil; it is copied.
func New(api API, env *envelope.Client, opts *Options) (*Client, error) {
	if nilcheck.IsNil(api) || env == nil {
		return nil, errors.New("s3crypto: New needs an S3 client and an envelope client")
	}
	c := &Client{api: api, env: env}
	if opts != nil {
		c.opts = *opts
	}
	if c.opts.PartSize == 0 {
		c.opts.PartSize = defaultPartSize
	}
	if c.opts.Concurrency == 0 {
		c.opts.Concurrency = defaultConcurrency
	}
	if c.opts.CopyPartSize == 0 {
		c.opts.CopyPartSize = maxPartSize
	}
	if n := c.opts.PartSize; n < minPartSize || n > largestPart {
		return nil, fmt.Errorf("s3crypto: PartSize is %d, want %d to %d bytes", n, minPartSize, int64(largestPart))
	}
	if n := c.opts.CopyPartSize; n < minPartSize || n > maxPartSize {
		return nil, fmt.Errorf("s3crypto: CopyPartSize is %d, want %d to %d bytes", n, minPartSize, int64(maxPartSize))
	}
	if n := c.opts.Concurrency; n < 1 || n > maxParts {
		return nil, fmt.Errorf("s3crypto: Concurrency is %d, want 1 to %d", n, maxParts)
	}
	return c, nil
}

// Option changes a client in [Client.With].
type Option func(*Client)

// With returns a client that differs by opts, for a call or a tenant. It is
// cheap, and c stays as it is.
func (c *Client) With(opts ...Option) *Client {
	changed := *c
	for _, opt := range opts {
		opt(&changed)
	}
	return &changed
}

// WithContext sets the encryption context that objects are sealed and opened
// with, in place of the one before. It is public: KMS logs it, and anyone who
// can read the object can read it.
func WithContext(ec envelope.Context) Option {
	ec = maps.Clone(ec)
	return func(c *Client) { c.ec = ec }
}

// WithBindName sets [Options.BindName].
func WithBindName(bind bool) Option {
	return func(c *Client) { c.opts.BindName = bind }
}

// WithAllowUnencrypted sets [Options.AllowUnencrypted].
func WithAllowUnencrypted(allow bool) Option {
	return func(c *Client) { c.opts.AllowUnencrypted = allow }
}
