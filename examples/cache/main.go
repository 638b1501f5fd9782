// Command cache seals 100,000 small messages of ten tenants, with the cache and without, and prints what either costs
// in KMS calls. It runs without an AWS account: the KMS is package localkms, in this process, so that the calls are
// real and counted, and only the network is missing.
//
//	go run ./examples/cache [messages]
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/sealwax/sealwax/cache"
	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring"
	"github.com/sealwax/sealwax/keyring/awskms"
	"github.com/sealwax/sealwax/keyring/localkms"
)

const (
	tenants    = 10
	goroutines = 16

	dollarsPerCall = 0.03 / 10_000 // an assumption; docs/operations.md
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "cache:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	messages, err := count(args)
	if err != nil {
		return err
	}
	kms, err := localkms.New(nil)
	if err != nil {
		return err
	}
	defer kms.Close()
	keyARN, err := kms.NewKey("alias/cache")
	if err != nil {
		return err
	}
	ring, err := awskms.NewKeyring(kms, keyARN)
	if err != nil {
		return err
	}
	keys, err := cache.New(ring, nil)
	if err != nil {
		return err
	}
	defer keys.Close()

	d := demo{kms: kms, messages: messages, out: out}
	if err := d.seal(ctx, "without the cache", ring, messages); err != nil {
		return err
	}
	if err := d.seal(ctx, "with the cache", keys, tenants); err != nil {
		return err
	}
	return d.account(keys.Stats())
}

func count(args []string) (int, error) {
	switch len(args) {
	case 0:
		return 100_000, nil
	case 1:
		// Below the limits of one key, so that what is printed can be foretold.
		if n, err := strconv.Atoi(args[0]); err == nil && n >= goroutines && n <= 100_000 {
			return n, nil
		}
	}
	return 0, fmt.Errorf("usage: cache [messages], %d to 100000", goroutines)
}

type demo struct {
	kms      *localkms.KMS
	messages int
	out      io.Writer
}

// seal seals all messages, from several goroutines at once, and fails unless KMS was called as often as wanted.
func (d demo) seal(ctx context.Context, how string, keys keyring.Keyring, want int) error {
	client, err := envelope.New(keys, nil)
	if err != nil {
		return err
	}
	before, began := d.kms.Calls("*"), time.Now()
	var group sync.WaitGroup
	var errs [goroutines]error
	for g := range goroutines {
		group.Go(func() { errs[g] = d.sealShare(ctx, client, g) })
	}
	group.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	took, calls := time.Since(began), d.kms.Calls("*")-before
	fmt.Fprintf(d.out, "%-18s %d messages, %d KMS calls (%.5f USD), %.1f µs a message\n",
		how, d.messages, calls, float64(calls)*dollarsPerCall, float64(took.Microseconds())/float64(d.messages))
	if calls != want {
		return fmt.Errorf("%s: %d KMS calls, expected %d", how, calls, want)
	}
	return nil
}

// sealShare seals what falls to one of the goroutines.
func (d demo) sealShare(ctx context.Context, client *envelope.Client, g int) error {
	for i := g; i < d.messages; i += goroutines {
		ec := envelope.Context{"tenant": strconv.Itoa(i % tenants)}
		if _, err := client.Seal(ctx, []byte("a small value, like a token or an address"), ec); err != nil {
			return err
		}
	}
	return nil
}

// account prints the cache's own numbers, which must explain each message.
func (d demo) account(stats cache.Stats) error {
	fmt.Fprintf(d.out, "%-18s %d hits, %d misses, %d shared flights, %d refreshes, %d keys\n", "the cache says",
		stats.Hits, stats.Misses, stats.SharedFlights, stats.Refreshes, stats.Entries)
	if stats.Hits+stats.Misses+stats.SharedFlights != uint64(d.messages) {
		return errors.New("the cache lost count of the messages")
	}
	fmt.Fprintln(d.out, "The KMS is in this process. To a real one, each call adds milliseconds, and counts against the account's request quota.")
	return nil
}
