// Command s3-upload keeps files encrypted in S3: what is stored, and what
// travels, is sealed before it leaves the process.
//
//	s3-upload                                                  without an account: a demonstration
//	s3-upload -bucket B -key KEY [-context name=value]... put FILE OBJECT
//	s3-upload -bucket B -key KEY [-context name=value]... get OBJECT FILE
//
// KEY is a KMS key: an ARN, an alias or a key id. Credentials and Region are those
// of the AWS CLI. -endpoint-s3 and -endpoint-kms name other servers. FILE is - for
// standard input or output: a stream of unknown length goes up in bounded memory,
// and what comes down is complete only if the exit status is 0.
//
// The demonstration runs an S3 and a KMS in this process.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
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
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	stop()
	if errors.Is(err, errUsage) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "s3-upload:", err)
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

func run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) == 0 {
		return demonstrate(ctx, stdout)
	}
	o := options{ec: envelope.Context{}}
	flags := flag.NewFlagSet("s3-upload", flag.ContinueOnError)
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
		fmt.Fprintln(flags.Output(), "usage: s3-upload -bucket B -key KEY [-context NAME=VALUE]... put FILE OBJECT | get OBJECT FILE")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return errUsage
	}
	if o.bucket == "" || o.key == "" || flags.NArg() != 3 {
		flags.Usage()
		return errUsage
	}
	client, err := o.client(ctx)
	if err != nil {
		return err
	}
	switch flags.Arg(0) {
	case "put":
		return put(ctx, client, o.bucket, flags.Arg(2), flags.Arg(1), stdin)
	case "get":
		return get(ctx, client, o.bucket, flags.Arg(1), flags.Arg(2), stdout)
	}
	flags.Usage()
	return errUsage
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

func put(ctx context.Context, client *s3crypto.Client, bucket, object, file string, stdin io.Reader) error {
	in := &s3.PutObjectInput{Bucket: &bucket, Key: &object, Body: stdin}
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		in.Body = f
	}
	_, err := client.PutObject(ctx, in)
	return err
}

func get(ctx context.Context, client *s3crypto.Client, bucket, object, file string, stdout io.Writer) error {
	in := &s3.GetObjectInput{Bucket: &bucket, Key: &object}
	if file == "-" {
		out, err := client.GetObject(ctx, in)
		if err != nil {
			return err
		}
		defer out.Body.Close()
		_, err = io.Copy(stdout, out.Body)
		return err
	}
	// Under another name until all of it has verified.
	f, err := os.CreateTemp(filepath.Dir(file), ".s3-upload-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := client.Download(ctx, in, f); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
