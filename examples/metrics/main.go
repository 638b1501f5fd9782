// Command metrics shows a cache's numbers in two ways: with the standard library's expvar, from Stats, and with
// OpenTelemetry, from Options.Observer. It runs offline and ends by itself: the KMS is in this process, and instead of
// being sent anywhere, both sets of metrics are printed and compared.
//
//	go run .
package main

import (
	"context"
	"encoding/json"
	"expvar"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/sealwax/sealwax/cache"
	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring/awskms"
	"github.com/sealwax/sealwax/keyring/localkms"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "metrics:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	kms, err := localkms.New(nil)
	if err != nil {
		return err
	}
	defer kms.Close()
	keyARN, err := kms.NewKey("alias/metrics")
	if err != nil {
		return err
	}
	ring, err := awskms.NewKeyring(kms, keyARN)
	if err != nil {
		return err
	}

	// In production, a periodic reader with an exporter stands in place of the manual one.
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	defer provider.Shutdown(ctx)
	instruments, err := newInstruments(provider.Meter("github.com/sealwax/sealwax/cache"))
	if err != nil {
		return err
	}
	keys, err := cache.New(ring, &cache.Options{MaxEntries: 4, MaxAge: time.Minute, Observer: instruments.observe})
	if err != nil {
		return err
	}
	defer keys.Close()
	if err := instruments.watch(keys); err != nil {
		return err
	}
	// What http.DefaultServeMux serves at /debug/vars. It holds numbers only: no key and no context.
	cacheVar := expvar.Func(func() any { return keys.Stats() })
	if expvar.Get("sealwax_cache") == nil {
		expvar.Publish("sealwax_cache", cacheVar)
	}

	if err := traffic(ctx, kms, keys); err != nil {
		return err
	}
	if err := keys.Close(); err != nil { // and what ran in the background has been reported
		return err
	}

	fmt.Fprintln(out, "expvar")
	fmt.Fprintf(out, "  sealwax_cache %s\n", cacheVar)
	fmt.Fprintln(out, "OpenTelemetry")
	collected, err := collect(ctx, reader, out)
	if err != nil {
		return err
	}
	return compare(cacheVar.String(), collected)
}

// traffic makes each kind of event happen, but for refreshes, which take time.
func traffic(ctx context.Context, kms *localkms.KMS, keys *cache.Keyring) error {
	client, err := envelope.New(keys, nil)
	if err != nil {
		return err
	}
	for i := range 300 { // hits, misses, and evictions of the six tenants' keys from four places
		ec := envelope.Context{"tenant": strconv.Itoa(i / 50)}
		message, err := client.Seal(ctx, []byte("a small value"), ec)
		if err != nil {
			return err
		}
		if _, err := client.Open(ctx, message, ec); err != nil {
			return err
		}
	}
	w, err := client.NewWriter(ctx, io.Discard, nil) // a bypass: its length is not known
	if err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	kms.SetFault("GenerateDataKey", localkms.Throttled())
	defer kms.SetFault("GenerateDataKey", nil)
	if _, err := client.Seal(ctx, nil, envelope.Context{"tenant": "throttled"}); err == nil {
		return fmt.Errorf("sealed although KMS throttles")
	}
	return nil
}

// compare fails unless the two ways tell the same.
func compare(stats string, collected map[string]int64) error {
	var s cache.Stats
	if err := json.Unmarshal([]byte(stats), &s); err != nil {
		return err
	}
	for name, want := range map[string]uint64{
		"hit": s.Hits, "miss": s.Misses, "shared flight": s.SharedFlights, "bypass": s.Bypasses,
		"fetch": s.Fetches, "refresh": s.Refreshes, "eviction": s.Evictions.Total(),
		"failed": s.FetchFailures + s.RefreshFailures + s.BypassFailures, "entries": uint64(s.Entries),
	} {
		if got := collected[name]; uint64(got) != want {
			return fmt.Errorf("OpenTelemetry counted %d of %q, expvar %d", got, name, want)
		}
	}
	if s.Hits == 0 || s.Misses == 0 || s.Bypasses != 1 || s.Evictions.Entries == 0 || s.FetchFailures != 1 {
		return fmt.Errorf("the traffic did not do what it should: %+v", s)
	}
	return nil
}
