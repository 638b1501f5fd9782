package interop

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	stop, err := startPeers()
	defer stop()
	if err == nil {
		err = checkRequired()
	}
	if err != nil {
		fmt.Println("interop:", err)
		return 1
	}
	code := m.Run()
	if !report() && code == 0 {
		return 1
	}
	return code
}

// The least that a whole run exchanges with each peer: a corpus that shrank, or
// was never there, is a failure.
const (
	leastSealedByUs   = 1400
	leastSealedByPeer = 900
	leastRefused      = 1300
)

// report prints what was exchanged, and whether that is enough.
func report() bool {
	enough := true
	for _, p := range peers {
		if p.missing != "" {
			fmt.Printf("interop: %-10s SKIPPED: %s\n", p.name, p.missing)
			continue
		}
		ours, theirs, refused := p.sealedByUs.Load(), p.sealedByPeer.Load(), p.refusedByAll.Load()
		fmt.Printf("interop: %-10s opened %d messages of ours, we opened %d of its; %d bad messages refused by both (%s)\n",
			p.name, ours, theirs, refused, p.version)
		if ours < leastSealedByUs || theirs < leastSealedByPeer || refused < leastRefused {
			enough = false
		}
	}
	if enough || wasFiltered() {
		return true
	}
	fmt.Printf("interop: too little was exchanged: at least %d messages of ours, %d of the peer's and %d refusals are expected\n",
		leastSealedByUs, leastSealedByPeer, leastRefused)
	return false
}

// wasFiltered reports whether only some tests were asked for.
func wasFiltered() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list"} {
		if flag.Lookup(name).Value.String() != "" {
			return true
		}
	}
	return false
}
