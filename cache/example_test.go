package cache_test

import (
	"context"
	"expvar"
	"fmt"
	"log"
	"sync"

	"github.com/sealwax/sealwax/cache"
	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring"
	"github.com/sealwax/sealwax/keyring/awskms"
	"github.com/sealwax/sealwax/keyring/localkms"
)

// A thousand messages of two tenants cost two KMS calls.
func ExampleNew() {
	kms, err := localkms.New(nil) // in production: kms.NewFromConfig(cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer kms.Close()
	keyARN, err := kms.NewKey("alias/app")
	if err != nil {
		log.Fatal(err)
	}
	ring, err := awskms.NewKeyring(kms, keyARN)
	if err != nil {
		log.Fatal(err)
	}

	keys, err := cache.New(ring, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer keys.Close()
	client, err := envelope.New(keys, nil)
	if err != nil {
		log.Fatal(err)
	}

	var wg sync.WaitGroup
	for i := range 1_000 {
		wg.Go(func() {
			tenant := fmt.Sprint(i % 2)
			if _, err := client.Seal(context.Background(), []byte("…"), envelope.Context{"tenant": tenant}); err != nil {
				log.Fatal(err)
			}
		})
	}
	wg.Wait()
	fmt.Println("KMS calls:", kms.Calls("GenerateDataKey"))
	fmt.Println("keys in the cache:", keys.Stats().Entries)
	// Output:
	// KMS calls: 2
	// keys in the cache: 2
}

// Events become metrics: here, with the standard library, the evictions by
// cause. Stats has the same numbers, and the others.
func ExampleOptions_observer() {
	wrapping, err := keyring.NewRawAES("acme", "example", make([]byte, 32)) // a key of your own
	if err != nil {
		log.Fatal(err)
	}
	ring, err := keyring.New(wrapping)
	if err != nil {
		log.Fatal(err)
	}

	evictions := new(expvar.Map)
	keys, err := cache.New(ring, &cache.Options{
		Observer: func(e cache.Event) {
			if e.Kind == cache.EventEviction {
				evictions.Add(e.Eviction.String(), 1)
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	client, err := envelope.New(keys, nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.Seal(context.Background(), []byte("…"), nil); err != nil {
		log.Fatal(err)
	}
	keys.Close()
	fmt.Println(evictions, keys.Stats().Evictions.Purge)
	// Output: {"purge": 1} 1
}
