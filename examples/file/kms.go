package main

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/sealwax/sealwax/keyring"
	"github.com/sealwax/sealwax/keyring/awskms"
)

// keyring is a ring of the keys that the command names.
func (c *command) keyring(ctx context.Context) (*keyring.Ring, error) {
	client, err := c.kmsClient(ctx)
	if err != nil {
		return nil, err
	}
	return awskms.NewKeyring(client, c.keys[0], c.keys[1:]...)
}

func (c *command) kmsClient(ctx context.Context) (*kms.Client, error) {
	region := c.region
	if region == "" {
		region = regionOf(c.keys[0])
	}
	options := []func(*config.LoadOptions) error{config.WithRegion(region)} // "": as configured
	if c.endpoint != "" {
		// Any credentials will do, and the Region only has to be one.
		options = append(options,
			config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("local", "local", "")),
			config.WithDefaultRegion("us-east-1"))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, err
	}
	return kms.NewFromConfig(cfg, func(o *kms.Options) {
		if c.endpoint != "" {
			o.BaseEndpoint = &c.endpoint
		}
	}), nil
}

// regionOf is the Region in an ARN; "" for other names of keys.
func regionOf(key string) string {
	if parts := strings.Split(key, ":"); len(parts) == 6 && parts[0] == "arn" {
		return parts[3]
	}
	return ""
}
