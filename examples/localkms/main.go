// Command localkms serves an embedded KMS over HTTP, so that programs in any language run without an AWS account.
//
//	go run ./examples/localkms -addr 127.0.0.1:8085 -data kms.json -alias orders
//
// Point an AWS SDK at it with AWS_ENDPOINT_URL_KMS=http://127.0.0.1:8085 and any credentials.
//
// FOR DEVELOPMENT AND TESTS ONLY: whoever reaches the address or the file has the keys.
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
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1)
	}
}

// run serves until ctx ends. On stdout it prints the address and the key, each on a line of its own.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("localkms", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "127.0.0.1:8085", "address to listen on; port 0 takes a free one")
	data := flags.String("data", "", "file that keeps the keys, raw; empty keeps them in memory")
	region := flags.String("region", "", "Region of requests that name none (default us-east-1)")
	account := flags.String("account", "", "account id in the ARNs, 12 digits (default 111122223333)")
	alias := flags.String("alias", "local", "alias of a key that is made if it does not exist")
	if err := flags.Parse(args); err != nil {
		return err
	}

	k, err := localkms.New(&localkms.Options{File: *data, Region: *region, AccountID: *account})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.Close()) }()
	name := "alias/" + strings.TrimPrefix(*alias, "alias/")
	arn, err := keyOf(ctx, k, name)
	if err != nil {
		return err
	}

	listener, err := net.Listen("tcp", *addr)
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
