// Command s3-range lists an encrypted zip archive in S3 and reads one of its
// entries, without downloading the rest.
//
//	s3-range                                                   without an account: a demonstration
//	s3-range -bucket B -key KEY [-context name=value]... OBJECT [ENTRY]
//
// KEY is a KMS key: an ARN, an alias or a key id. Credentials and Region are those
// of the AWS CLI. -endpoint-s3 and -endpoint-kms name other servers. The entry goes
// to standard output, and is complete only if the exit status is 0.
//
// The demonstration runs an S3 and a KMS in this process, and makes its archive.
package main

import (
	"archive/zip"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring/awskms"
	"github.com/sealwax/sealwax/s3crypto"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if errors.Is(err, errUsage) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "s3-range:", err)
		os.Exit(1)
	}
}

// errUsage is a command line that cannot be obeyed; standard error says why.
var errUsage = errors.New("wrong usage")

// options are the flags.
type options struct {
	bucket, key, endpointS3, endpointKMS string
	ec                                   envelope.Context
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) == 0 {
		return demonstrate(ctx, stdout)
	}
	o := options{ec: envelope.Context{}}
	flags := flag.NewFlagSet("s3-range", flag.ContinueOnError)
	flags.StringVar(&o.bucket, "bucket", "", "bucket")
	flags.StringVar(&o.key, "key", "", "KMS key")
	flags.StringVar(&o.endpointS3, "endpoint-s3", "", "URL of another S3")
	flags.StringVar(&o.endpointKMS, "endpoint-kms", "", "URL of another KMS")
	flags.Func("context", "pair of the encryption context, name=value; may be repeated", func(s string) error {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return errors.New("want name=value")
		}
		o.ec[name] = value
		return nil
	})
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: s3-range -bucket B -key KEY [-context NAME=VALUE]... OBJECT [ENTRY]")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return errUsage
	}
	if o.bucket == "" || o.key == "" || flags.NArg() < 1 || flags.NArg() > 2 {
		flags.Usage()
		return errUsage
	}
	client, err := o.client(ctx)
	if err != nil {
		return err
	}
	if flags.NArg() == 1 {
		return list(ctx, client, o.bucket, flags.Arg(0), stdout)
	}
	return extract(ctx, client, o.bucket, flags.Arg(0), flags.Arg(1), stdout)
}

// client returns a client for the account that the environment names.
func (o *options) client(ctx context.Context) (*s3crypto.Client, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := awskms.NewKeyring(kms.NewFromConfig(cfg, func(k *kms.Options) {
		if o.endpointKMS != "" {
			k.BaseEndpoint = &o.endpointKMS
		}
	}), o.key)
	if err != nil {
		return nil, err
	}
	env, err := envelope.New(keys, nil)
	if err != nil {
		return nil, err
	}
	client, err := s3crypto.New(s3.NewFromConfig(cfg, func(s *s3.Options) {
		if o.endpointS3 != "" {
			s.BaseEndpoint, s.UsePathStyle = &o.endpointS3, true
		}
	}), env, nil)
	if err != nil {
		return nil, err
	}
	return client.With(s3crypto.WithContext(o.ec)), nil
}

// list writes the names and lengths of the entries of an archive.
func list(ctx context.Context, client *s3crypto.Client, bucket, object string, out io.Writer) error {
	archive, err := client.Open(ctx, bucket, object)
	if err != nil {
		return err
	}
	defer archive.Close()
	entries, err := zip.NewReader(archive, archive.Size())
	if err != nil {
		return err
	}
	for _, entry := range entries.File {
		fmt.Fprintf(out, "%12d %s\n", entry.UncompressedSize64, entry.Name)
	}
	return nil
}

// extract writes one entry of an archive.
func extract(ctx context.Context, client *s3crypto.Client, bucket, object, name string, out io.Writer) error {
	archive, err := client.Open(ctx, bucket, object)
	if err != nil {
		return err
	}
	defer archive.Close()
	entries, err := zip.NewReader(archive, archive.Size())
	if err != nil {
		return err
	}
	entry, err := entries.Open(name)
	if err != nil {
		return err
	}
	defer entry.Close()
	_, err = io.Copy(out, entry)
	return err
}
