package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/sealwax/sealwax/cache"
)

// instruments turn a cache's events into metrics. Copy this file: it is all that OpenTelemetry takes.
type instruments struct {
	meter  metric.Meter
	events metric.Int64Counter     // by kind, operation and cause
	calls  metric.Float64Histogram // of the inner keyring, in seconds
}

func newInstruments(meter metric.Meter) (*instruments, error) {
	events, err := meter.Int64Counter("sealwax.cache.events", metric.WithDescription("what happened in the data-key cache"))
	if err != nil {
		return nil, err
	}
	calls, err := meter.Float64Histogram("sealwax.cache.keyring.duration", metric.WithUnit("s"),
		metric.WithDescription("how long calls to KMS took"))
	if err != nil {
		return nil, err
	}
	return &instruments{meter: meter, events: events, calls: calls}, nil
}

// observe is the cache's observer. Its attributes have few values: nothing in them grows with tenants.
func (i *instruments) observe(e cache.Event) {
	ctx := context.Background() // events belong to no request
	attributes := []attribute.KeyValue{
		attribute.String("kind", e.Kind.String()),
		attribute.String("operation", e.Operation.String()),
	}
	switch e.Kind {
	case cache.EventEviction:
		attributes = append(attributes, attribute.String("cause", e.Eviction.String()))
	case cache.EventBypass:
		attributes = append(attributes, attribute.String("cause", e.Bypass.String()), attribute.Bool("failed", e.Err != nil))
	case cache.EventFetch, cache.EventRefresh:
		attributes = append(attributes, attribute.Bool("failed", e.Err != nil))
	}
	set := metric.WithAttributeSet(attribute.NewSet(attributes...))
	i.events.Add(ctx, 1, set)
	if e.Duration > 0 {
		i.calls.Record(ctx, e.Duration.Seconds(), set)
	}
}

// watch adds what is a state rather than an event.
func (i *instruments) watch(keys *cache.Keyring) error {
	_, err := i.meter.Int64ObservableGauge("sealwax.cache.entries", metric.WithDescription("data keys in the cache"),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(keys.Stats().Entries))
			return nil
		}))
	return err
}

// collect prints the metrics and returns the sums by kind of event, of failures, and the entries.
func collect(ctx context.Context, reader *sdkmetric.ManualReader, out io.Writer) (map[string]int64, error) {
	var all metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &all); err != nil {
		return nil, err
	}
	sums := map[string]int64{}
	var lines []string
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					kind, _ := p.Attributes.Value("kind")
					sums[kind.AsString()] += p.Value
					if failed, _ := p.Attributes.Value("failed"); failed.AsBool() {
						sums["failed"] += p.Value
					}
					lines = append(lines, fmt.Sprintf("  %s{%s} %d", m.Name, labels(p.Attributes), p.Value))
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					sums["entries"] = p.Value
					lines = append(lines, fmt.Sprintf("  %s %d", m.Name, p.Value))
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					lines = append(lines, fmt.Sprintf("  %s{%s} %d calls, %.6f s", m.Name, labels(p.Attributes), p.Count, p.Sum))
				}
			}
		}
	}
	slices.Sort(lines)
	fmt.Fprintln(out, strings.Join(lines, "\n"))
	return sums, nil
}

func labels(set attribute.Set) string {
	var pairs []string
	for _, kv := range set.ToSlice() {
		pairs = append(pairs, fmt.Sprintf("%s=%q", kv.Key, kv.Value.String()))
	}
	return strings.Join(pairs, ",")
}
