package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/sealwax/sealwax/keyring"
	"github.com/sealwax/sealwax/keyring/awskms"
)

// keyring is a ring of the keys that the command names, each asked in its own Region.
func (c *command) keyring(ctx context.Context) (*keyring.Ring, error) {
	clients := map[string]*kms.Client{} // by Region
	keys := make([]keyring.WrappingKey, len(c.keys))
	for i, name := range c.keys {
		if slices.Contains(c.keys[:i], name) {
			return nil, fmt.Errorf("key %s is given twice", name)
		}
		region := cmp.Or(regionOf(name), c.region)
		if clients[region] == nil {
			client, err := c.kmsClient(ctx, region)
			if err != nil {
				return nil, err
			}
			clients[region] = client
		}
		key, err := awskms.New(clients[region], name, nil)
		if err != nil {
			return nil, err
		}
		keys[i] = key
	}
	return keyring.New(keys[0], keys[1:]...)
}

// kmsClient is a client of one Region; "" is the configured one.
func (c *command) kmsClient(ctx context.Context, region string) (*kms.Client, error) {
	options := []func(*config.LoadOptions) error{config.WithRegion(region)}
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
