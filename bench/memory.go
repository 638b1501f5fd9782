package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/sealwax/sealwax/envelope"
)

// reportMemory streams a long message, sealed and opened at once, and prints
// the peak of the live heap over what stood there before.
func reportMemory(length int64) error {
	fmt.Printf("\nmemory while %d MiB are sealed and opened as one stream (target: ≤ 4 MiB, and 2 MiB more per worker)\n", length>>20)
	for _, n := range []int{1, 2, 8} {
		peak, err := streamPeak(n, length)
		if err != nil {
			return err
		}
		fmt.Printf("  %d workers each way: peak heap %.1f MiB\n", n, float64(peak)/(1<<20))
	}
	return nil
}

func streamPeak(workers int, length int64) (uint64, error) {
	client, err := cachedClient(envelope.Options{Workers: workers})
	if err != nil {
		return 0, err
	}
	runtime.GC()
	stop := watchHeap()
	pr, pw := io.Pipe()
	go func() {
		w, err := client.NewWriter(background, pw, nil, envelope.WithLength(length))
		if err == nil {
			if _, err = io.Copy(w, io.LimitReader(zeros{}, length)); err == nil {
				err = w.Close()
			}
		}
		pw.CloseWithError(err)
	}()
	r, err := client.NewReader(background, pr, nil)
	if err != nil {
		stop()
		return 0, err
	}
	n, err := io.Copy(struct{ io.Writer }{io.Discard}, r)
	if err == nil && n != length {
		err = fmt.Errorf("got %d bytes of %d", n, length)
	}
	return stop(), err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// watchHeap samples the heap until the returned function is called, which
// returns the peak over what stood there at the start.
func watchHeap() (stop func() uint64) {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	read := func() uint64 { metrics.Read(sample); return sample[0].Value.Uint64() }
	base, peak := read(), uint64(0)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			peak = max(peak, read())
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	return func() uint64 { close(done); wg.Wait(); return peak - base }
}

func memoryOrExit(length int64) {
	if err := reportMemory(length); err != nil {
		fmt.Fprintln(os.Stderr, "bench: memory:", err)
		os.Exit(1)
	}
}
