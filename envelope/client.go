package envelope

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"

	"github.com/sealwax/sealwax/internal/message"
	"github.com/sealwax/sealwax/internal/nilcheck"
	"github.com/sealwax/sealwax/internal/suite"
	"github.com/sealwax/sealwax/keyring"
)

// Context holds the public name–value pairs that are bound to a message.
type Context = keyring.EncryptionContext

// CommitmentPolicy says whether messages must commit to their data key. A
// message that does not can be made to open differently under two keys.
type CommitmentPolicy int

// The policies.
const (
	// RequireEncryptRequireDecrypt seals and opens committing suites only.
	RequireEncryptRequireDecrypt CommitmentPolicy = iota
	// RequireEncryptAllowDecrypt seals committing suites, and opens all.
	RequireEncryptAllowDecrypt
	// ForbidEncryptAllowDecrypt seals suites that do not commit, for readers
	// that know no other, and opens all.
	ForbidEncryptAllowDecrypt
)

// ContextMatch says how the caller's encryption context and the pairs in a
// message's header must agree on opening. In every mode the same name with
// another value is [ErrContext]; and pairs of the caller's that the header lacks
// are taken as authenticated but not stored, so that they fail unless they were
// sealed.
type ContextMatch int

// The modes.
const (
	// MatchExact: the caller must give every pair that the header stores.
	MatchExact ContextMatch = iota
	// MatchSubset: the header must store every pair that the caller gives, save
	// those of Options.UnstoredContext; it may store more.
	MatchSubset
	// MatchAny: the header may store more, and the caller may give more.
	MatchAny
)

// Options configures a [Client]. The zero Options is the careful choice.
type Options struct {
	// Suite seals. Zero: AES256GCMHKDFSHA512Commit (0x0478); under
	// ForbidEncryptAllowDecrypt AES256GCMHKDFSHA256 (0x0178).
	Suite Suite
	// FrameLength is the length of the content of a frame, in bytes, 1 to
	// MaxFrameLength. Zero: 64 KiB. A shorter message is one frame, no longer
	// than it needs. A message has at most 2^32-1 frames.
	FrameLength int
	// Workers is how many cores one message may keep busy, 1 to 1,024; memory
	// is bounded by 2 MiB for each, or a few frames for each if they are longer
	// than 256 KiB. Zero: GOMAXPROCS. 1: no goroutine is ever started.
	Workers int
	// Commitment decides which suites seal and open.
	Commitment CommitmentPolicy
	// ContextMatch decides how contexts must agree on opening.
	ContextMatch ContextMatch
	// UnstoredContext names pairs that are authenticated but not written into
	// the message. Sealing needs all of them in its context; opening needs the
	// same values again.
	UnstoredContext []string
	// RefuseSigned makes opening fail right after the header of a signed
	// message, for readers that must never release content whose signature is
	// not verified yet.
	RefuseSigned bool
	// AllowUnverifiedSignature lets NewReaderAt open signed messages. Each frame
	// is authenticated, the signature is not checked.
	AllowUnverifiedSignature bool
	// MaxEncryptedDataKeys bounds the EDKs of a message. Zero: 64. At most 65,535.
	MaxEncryptedDataKeys int
	// MaxHeaderSize bounds the header in bytes, for sealing and for opening.
	// Zero: 1 MiB.
	MaxHeaderSize int
	// MaxFrameLength bounds the content of a frame in bytes; non-framed bodies
	// too, which are withheld whole until their tag verifies. Zero: 64 MiB.
	MaxFrameLength int
}

const (
	// maxFrameLength is the longest frame of the format, as far as an int can
	// count it and what is around it.
	maxFrameLength = min(math.MaxUint32, math.MaxInt-nonFramedOverhead-message.FinalFrameOverhead)
	mostWorkers    = 1024
)

// What zero options mean.
const (
	defaultFrameLength          = 64 << 10
	defaultMaxEncryptedDataKeys = 64
	defaultMaxHeaderSize        = 1 << 20
	defaultMaxFrameLength       = 64 << 20
)

// Client seals and opens messages with the keys of a keyring. It is safe for
// concurrent use.
type Client struct {
	keys     keyring.Keyring
	opts     Options
	unstored map[string]bool
	limits   message.Limits
}

// New returns a client. opts may be nil; it is copied.
func New(keys keyring.Keyring, opts *Options) (*Client, error) {
	if nilcheck.IsNil(keys) {
		return nil, errors.New("envelope: New needs a keyring")
	}
	c := &Client{keys: keys, unstored: map[string]bool{}}
	if opts != nil {
		c.opts = *opts
	}
	if err := c.opts.setDefaults(); err != nil {
		return nil, err
	}
	c.opts.UnstoredContext = slices.Clone(c.opts.UnstoredContext)
	for _, name := range c.opts.UnstoredContext {
		if strings.HasPrefix(name, keyring.ReservedPrefix) {
			return nil, errorf(ErrContext, "UnstoredContext names %q, and names that begin with %s are reserved", name, keyring.ReservedPrefix)
		}
		c.unstored[name] = true
	}
	c.limits = message.Limits{
		HeaderLength:      c.opts.MaxHeaderSize,
		EncryptedDataKeys: c.opts.MaxEncryptedDataKeys,
		FrameLength:       uint32(c.opts.MaxFrameLength),
	}
	return c, nil
}

// Keyring returns the keyring that New was given.
func (c *Client) Keyring() keyring.Keyring { return c.keys }

func (o *Options) setDefaults() error {
	if o.Commitment < RequireEncryptRequireDecrypt || o.Commitment > ForbidEncryptAllowDecrypt {
		return fmt.Errorf("envelope: unknown commitment policy %d", o.Commitment)
	}
	if o.ContextMatch < MatchExact || o.ContextMatch > MatchAny {
		return fmt.Errorf("envelope: unknown context match %d", o.ContextMatch)
	}
	if o.Suite == 0 {
		o.Suite = AES256GCMHKDFSHA512Commit
		if o.Commitment == ForbidEncryptAllowDecrypt {
			o.Suite = AES256GCMHKDFSHA256
		}
	}
	if err := o.checkSealingSuite(o.Suite); err != nil {
		return err
	}
	// First, as it bounds the frame length.
	if err := setKnob("MaxFrameLength", &o.MaxFrameLength, defaultMaxFrameLength, maxFrameLength); err != nil {
		return err
	}
	return cmp.Or(
		setKnob("FrameLength", &o.FrameLength, min(defaultFrameLength, o.MaxFrameLength), o.MaxFrameLength),
		setKnob("Workers", &o.Workers, min(runtime.GOMAXPROCS(0), mostWorkers), mostWorkers),
		setKnob("MaxEncryptedDataKeys", &o.MaxEncryptedDataKeys, defaultMaxEncryptedDataKeys, 1<<16-1),
		setKnob("MaxHeaderSize", &o.MaxHeaderSize, defaultMaxHeaderSize, math.MaxInt32),
	)
}

// setKnob gives a zero knob its default, and refuses values that are not 1 to most.
func setKnob(name string, value *int, zero, most int) error {
	if *value == 0 {
		*value = zero
	}
	if *value < 1 || *value > most {
		return fmt.Errorf("envelope: %s is %d, want 1 to %d", name, *value, most)
	}
	return nil
}

// checkSealingSuite applies the commitment policy to a suite that is to seal.
func (o *Options) checkSealingSuite(s Suite) error {
	if !s.Known() {
		return errorf(ErrPolicy, "%v", s)
	}
	if forbid := o.Commitment == ForbidEncryptAllowDecrypt; s.Committing() == forbid {
		return errorf(ErrPolicy, "the commitment policy does not let %v seal; see Options.Commitment", s)
	}
	return nil
}

// checkOpeningSuite applies the commitment policy to a suite that is to be opened.
func (o *Options) checkOpeningSuite(s *suite.Suite) error {
	if o.Commitment == RequireEncryptRequireDecrypt && !s.Committing() {
		return errorf(ErrPolicy, "message of suite %v does not commit to its key; RequireEncryptAllowDecrypt would open it", s.ID)
	}
	if s.Signed() && o.RefuseSigned {
		return errorf(ErrPolicy, "message of suite %v is signed, and Options.RefuseSigned is set", s.ID)
	}
	return nil
}

// MessageOption configures one message.
type MessageOption func(*messageOptions)

type messageOptions struct {
	length int64 // of the plaintext; -1: not known
	edks   []keyring.EncryptedDataKey

	noReadAhead bool
}

// WithLength announces the length of the plaintext in bytes, for sealing. A
// plaintext of another length fails with [ErrLength], and no valid message
// results. A cache charges the length before it hands out a data key; without
// it, the message takes a data key of its own.
func WithLength(n int64) MessageOption {
	return func(o *messageOptions) { o.length = n }
}

// WithEncryptedDataKeys gives EDKs that stand beside the message, for opening.
// They are tried before those in the header, if the message's suite commits to
// its data key, and ignored if it does not: only the commitment tells whether
// they belong to the message. Options.MaxEncryptedDataKeys bounds both together.
func WithEncryptedDataKeys(edks ...keyring.EncryptedDataKey) MessageOption {
	return func(o *messageOptions) { o.edks = append(o.edks, edks...) }
}

// WithoutReadAhead keeps [Client.NewReaderAt] from reading more of its source
// than what is asked for, for sources that read ahead themselves.
func WithoutReadAhead() MessageOption {
	return func(o *messageOptions) { o.noReadAhead = true }
}

func sealingOptions(opts []MessageOption) (messageOptions, error) {
	o := messageOptions{length: -1}
	for _, opt := range opts {
		opt(&o)
	}
	if o.length < -1 {
		return o, errorf(ErrLength, "WithLength(%d)", o.length)
	}
	if len(o.edks) > 0 {
		return o, errors.New("envelope: WithEncryptedDataKeys is for opening")
	}
	if o.noReadAhead {
		return o, errors.New("envelope: WithoutReadAhead is for NewReaderAt")
	}
	return o, nil
}

func openingOptions(opts []MessageOption) (messageOptions, error) {
	o := messageOptions{length: -1}
	for _, opt := range opts {
		opt(&o)
	}
	if o.length != -1 {
		return o, errors.New("envelope: WithLength is for sealing")
	}
	return o, nil
}
