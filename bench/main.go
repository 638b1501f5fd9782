// Command bench times sealwax beside its ceiling and its peers, in one process
// and one run, and prints each ratio against its target. It asserts nothing:
// figures of one machine are no test.
//
//	go run . [-short] [-run REGEXP] [-rounds N] [-cpuprofile FILE]
//
// The ceiling is AES-256-GCM from the standard library over the same frames on
// one core, with the same key derivation per message and the output
// preallocated: what the hardware allows through crypto/cipher.
//
// Contenders of a group take turns, several rounds long, and the median round
// counts, so that a machine that slows down slows all of them.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"time"
)

func main() {
	short := flag.Bool("short", false, "one brief round each: shows that everything runs, not how fast")
	run := flag.String("run", "", "only groups whose name matches this regular expression")
	rounds := flag.Int("rounds", 7, "rounds; the median counts")
	profile := flag.String("cpuprofile", "", "file for a CPU profile of everything that ran")
	flag.Parse()
	filter, err := regexp.Compile(*run)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	stop, err := startProfile(*profile)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	defer stop()
	m := measure{rounds: *rounds, roundTime: 150 * time.Millisecond}
	if *short {
		m = measure{rounds: 1}
	}
	fmt.Printf("%s %s/%s, GOMAXPROCS %d, %d rounds\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), m.rounds)
	for _, build := range groups(*short) {
		if !filter.MatchString(build.name) {
			continue
		}
		g, err := build.make()
		if err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s: %v\n", build.name, err)
			os.Exit(1)
		}
		g.name = build.name
		report(g, m.group(g), !*short)
	}
	if filter.MatchString("memory") {
		length := int64(4 << 30)
		if *short {
			length = 64 << 20
		}
		memoryOrExit(length)
	}
}

func startProfile(file string) (stop func(), err error) {
	if file == "" {
		return func() {}, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		f.Close()
	}, nil
}

// group is work that contenders do in turns.
type group struct {
	name       string
	bytes      int64 // moved by one operation; 0: throughput says nothing
	contenders []contender
	targets    []target
}

type contender struct {
	name string
	do   func() error
}

// target holds a contender's time against another's: it must be at most most
// times as long. A throughput of at least 0.92 times the other's is a time of
// at most 1/0.92.
type target struct {
	contender, against string
	most               float64
	text               string
}

// builder makes a group when its turn comes, and not before.
type builder struct {
	name string
	make func() (group, error)
}

type measure struct {
	rounds    int
	roundTime time.Duration
}

type result struct {
	nanoseconds float64 // of one operation, in the median round
	allocs      float64
	allocBytes  float64
}

func (m measure) group(g group) map[string]result {
	times := map[string][]result{}
	for range m.rounds {
		for _, c := range g.contenders {
			r, err := m.round(c)
			if err != nil {
				fmt.Fprintf(os.Stderr, "bench: %s, %s: %v\n", g.name, c.name, err)
				os.Exit(1)
			}
			times[c.name] = append(times[c.name], r)
		}
	}
	medians := map[string]result{}
	for name, rs := range times {
		slices.SortFunc(rs, func(a, b result) int {
			if a.nanoseconds < b.nanoseconds {
				return -1
			}
			return 1
		})
		medians[name] = rs[len(rs)/2]
	}
	return medians
}

// round repeats an operation until the round's time is over.
func (m measure) round(c contender) (result, error) {
	if err := c.do(); err != nil { // warms up
		return result{}, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start, n := time.Now(), 0
	for step := 1; n == 0 || time.Since(start) < m.roundTime; step = min(2*step, 1000) {
		for range step {
			if err := c.do(); err != nil {
				return result{}, err
			}
		}
		n += step
		if m.roundTime == 0 {
			break
		}
	}
	elapsed := time.Since(start)
	runtime.ReadMemStats(&after)
	return result{
		nanoseconds: float64(elapsed.Nanoseconds()) / float64(n),
		allocs:      float64(after.Mallocs-before.Mallocs) / float64(n),
		allocBytes:  float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
	}, nil
}

// report prints what was measured, and if it is worth a verdict, how it stands
// against the targets.
func report(g group, results map[string]result, verdicts bool) {
	fmt.Printf("\n%s\n", g.name)
	for _, c := range g.contenders {
		r := results[c.name]
		line := fmt.Sprintf("  %-34s %12s", c.name, time.Duration(r.nanoseconds).Round(time.Duration(max(1, r.nanoseconds/1000))))
		if g.bytes > 0 {
			line += fmt.Sprintf("  %8.0f MB/s", float64(g.bytes)/r.nanoseconds*1e3)
		}
		fmt.Printf("%s  %8.0f allocs  %s\n", line, r.allocs, sizeText(r.allocBytes))
	}
	if !verdicts {
		return
	}
	for _, t := range g.targets {
		ratio := results[t.contender].nanoseconds / results[t.against].nanoseconds
		verdict := "reached"
		if ratio > t.most {
			verdict = "MISSED"
		}
		fmt.Printf("  %-7s %s: %s of %s's time, target %s\n", verdict, t.contender, ratioText(ratio), t.against, t.text)
	}
}

func ratioText(r float64) string {
	if r < 0.1 {
		return fmt.Sprintf("1/%.0f", 1/r)
	}
	return fmt.Sprintf("%.3f", r)
}

func sizeText(n float64) string {
	for _, unit := range []string{"B", "KiB", "MiB"} {
		if n < 1024 || unit == "MiB" {
			return strings.TrimSpace(fmt.Sprintf("%8.1f %s", n, unit))
		}
		n /= 1024
	}
	return ""
}
