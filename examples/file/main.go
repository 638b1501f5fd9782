// Command file seals and opens files with a KMS key.
//
//	file seal    -key KEY [-context name=value]... [-o FILE] [FILE]
//	file open    -key KEY [-context name=value]... [-o FILE] [FILE]
//	file inspect [FILE]
//
// KEY is a key ARN, alias ARN, alias or key id; several seal for all, and any one of them opens. Credentials and Region
// are those of the AWS CLI (environment, shared files, instance role). Without an account, serve a KMS in another
// terminal and name it:
//
//	go run ./examples/localkms
//	go run ./examples/file seal -endpoint http://127.0.0.1:8085 -key alias/local -o notes.sealed notes.txt
//
// FILE is - for standard input or output, which is also the default. An output file is written beside its place under
// another name, and takes its place only when all has verified: after an error, an interrupt or SIGTERM, nothing is
// left. What goes to standard output is complete only if the exit status is 0.
//
// Exit status: 0 done, 1 failed, 2 wrong usage.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/sealwax/sealwax/envelope"
)

const usage = `usage: file seal|open -key KEY [-context name=value]... [-o FILE] [-f] [FILE]
       file inspect [FILE]
flags of seal and open:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	status := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is the program; it returns its exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := command{stdin: stdin, stdout: stdout}
	if err := c.parse(args, stderr); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if err := c.do(ctx); err != nil {
		fmt.Fprintf(stderr, "file %s: %v\n", c.verb, err)
		return 1
	}
	return 0
}

// command is what the command line asks for.
type command struct {
	stdin  io.Reader
	stdout io.Writer

	verb     string // seal, open or inspect
	keys     list
	region   string
	endpoint string
	ec       contextFlag
	in, out  string // "-": standard input or output
	force    bool
}

// parse fills in c. What is wrong stands on stderr already.
func (c *command) parse(args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("file", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	c.ec = contextFlag{}
	flags.Var(&c.keys, "key", "`KEY` that seals or opens; may be repeated")
	flags.Var(c.ec, "context", "`name=value` that the message is bound to; may be repeated")
	flags.StringVar(&c.region, "region", "", "Region of keys that are not named by an ARN (default: that of the AWS configuration)")
	flags.StringVar(&c.endpoint, "endpoint", "", "`URL` of a KMS that asks for no credentials, such as examples/localkms")
	flags.StringVar(&c.out, "o", "-", "output `FILE`")
	flags.BoolVar(&c.force, "f", false, "overwrite the output file")

	wrong := func(format string, args ...any) error {
		err := fmt.Errorf(format, args...)
		fmt.Fprintln(stderr, err)
		flags.Usage()
		return err
	}
	if len(args) == 0 {
		return wrong("say what to do")
	}
	c.verb = args[0]
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch rest := flags.Args(); len(rest) {
	case 0:
		c.in = "-"
	case 1:
		c.in = rest[0]
	default:
		return wrong("one file at a time, and flags stand before it")
	}
	switch c.verb {
	case "seal", "open":
		if len(c.keys) == 0 {
			return wrong("%s needs -key", c.verb)
		}
	case "inspect":
		if flags.NFlag() > 0 {
			return wrong("inspect takes no flags")
		}
	default:
		return wrong("there is no command %q", c.verb)
	}
	return nil
}

func (c *command) do(ctx context.Context) error {
	src, err := c.source(ctx)
	if err != nil {
		return err
	}
	defer src.Close()
	if c.verb == "inspect" {
		return await(ctx, func() error { return inspect(src, c.stdout) })
	}
	keys, err := c.keyring(ctx)
	if err != nil {
		return err
	}
	// RequireEncryptAllowDecrypt instead would open messages of old suites too.
	client, err := envelope.New(keys, nil)
	if err != nil {
		return err
	}
	interruptible := &contextReader{ctx: ctx, src: src}
	move := open
	if c.verb == "seal" {
		move = seal
	}
	return c.writeOutput(ctx, func(dst io.Writer) error {
		err := move(ctx, client, dst, interruptible, envelope.Context(c.ec))
		// Now already: the output may be to replace it, which Windows allows of closed files only.
		return errors.Join(err, src.Close())
	})
}

func seal(ctx context.Context, client *envelope.Client, dst io.Writer, src io.Reader, ec envelope.Context) error {
	w, err := client.NewWriter(ctx, dst, ec)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, src); err != nil {
		return err
	}
	return w.Close()
}

func open(ctx context.Context, client *envelope.Client, dst io.Writer, src io.Reader, ec envelope.Context) error {
	r, err := client.NewReader(ctx, src, ec)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, r)
	return err
}

// await runs f, but waits no longer than until ctx ends: a read from a pipe or a terminal cannot be interrupted. What f
// does from then on is lost.
func await(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// contextReader fails once its context is done, so that what await left behind ends with its next read.
type contextReader struct {
	ctx context.Context
	src io.Reader
}

func (r *contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.src.Read(p)
}

// list is a flag that may be repeated.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

// contextFlag is an encryption context given pair by pair.
type contextFlag envelope.Context

func (c contextFlag) String() string { return "" }

func (c contextFlag) Set(pair string) error {
	name, value, ok := strings.Cut(pair, "=")
	if !ok {
		return errors.New("want name=value")
	}
	if _, twice := c[name]; twice {
		return fmt.Errorf("%q is given twice", name)
	}
	c[name] = value
	return nil
}
