// Command localkms serves an embedded KMS over HTTP, so that programs in any language run without an AWS account.
//
//	go run ./examples/localkms -addr 127.0.0.1:8085 -data kms.json -alias orders
//
// Point an AWS SDK at it with AWS_ENDPOINT_URL_KMS=http://127.0.0.1:8085 and any credentials.
//
// FOR DEVELOPMENT AND TESTS ONLY: whoever reaches the address or the file has the keys.
//
// Exit status: 0 stopped by a signal, 1 failed, 2 wrong usage.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/sealwax/sealwax/keyring/localkms"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is the program, which serves until ctx ends; it returns its exit status. On stdout it prints the address and the
// key, each on a line of its own.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2
	}
	if err := s.run(ctx, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// settings are what the command line asks for.
type settings struct {
	addr, alias string
	options     localkms.Options
}

// parse reads the command line. What is wrong stands on stderr already.
func parse(args []string, stderr io.Writer) (*settings, error) {
	s := &settings{}
	flags := flag.NewFlagSet("localkms", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.addr, "addr", "127.0.0.1:8085", "address to listen on; port 0 takes a free one")
	flags.StringVar(&s.options.File, "data", "", "file that keeps the keys, raw; empty keeps them in memory")
	flags.StringVar(&s.options.Region, "region", "", "Region of requests that name none (default us-east-1)")
	flags.StringVar(&s.options.AccountID, "account", "", "account id in the ARNs, 12 digits (default 111122223333)")
	flags.StringVar(&s.alias, "alias", "local", "alias of a key that is made if it does not exist")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 { // a file without -data would not keep the keys
		err := fmt.Errorf("there is no use for %q: everything is given by flags", flags.Arg(0))
		fmt.Fprintln(stderr, err)
		flags.Usage()
		return nil, err
	}
	return s, nil
}

func (s *settings) run(ctx context.Context, stdout, stderr io.Writer) (err error) {
	k, err := localkms.New(&s.options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.Close()) }()
	name := "alias/" + strings.TrimPrefix(s.alias, "alias/")
	arn, err := keyOf(ctx, k, name)
	if err != nil {
		return err
	}

	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		return err
	}
	fmt.Fprintln(stderr, "localkms: FOR DEVELOPMENT AND TESTS ONLY: whoever reaches this address or the data file has the keys")
	fmt.Fprintf(stdout, "listening on http://%s\n", listener.Addr())
	fmt.Fprintf(stdout, "key %s %s\n", arn, name)
	return serve(ctx, k, listener)
}

// keyOf is the ARN of the key that an alias names; key and alias are made when they do not exist.
func keyOf(ctx context.Context, k *localkms.KMS, alias string) (string, error) {
	found, err := k.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(alias)})
	if err == nil {
		return *found.KeyMetadata.Arn, nil
	}
	if _, missing := errors.AsType[*types.NotFoundException](err); !missing {
		return "", err
	}
	return k.NewKey(alias)
}

func serve(ctx context.Context, handler http.Handler, listener net.Listener) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	wait, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := server.Shutdown(wait)
	if served := <-served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
