package interop

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sealwax/sealwax/keyring"
)

// peer is another implementation, and what is known of it.
type peer struct {
	party
	name    string
	version string
	missing string // why it does not take part; empty: it does

	frameMultiple int      // it seals with frame lengths that are multiples of it, in bytes
	maxPairs      int      // pairs of context that it copes with, or more; 0: as many as there can be
	tail          tailRule // what it does about bytes behind a message
	takesContext  bool     // opening takes the caller's encryption context, stored or not
	nonFramed     bool     // it can seal non-framed bodies
	sortsByLocale bool     // its raw AES keys sort the context by locale unless told otherwise

	sealedByUs   atomic.Int64 // messages of ours that it opened
	sealedByPeer atomic.Int64 // messages of its own that we opened
	refusedByAll atomic.Int64 // bad messages that both refused
}

// tailRule is what a peer does about bytes that follow a message. We refuse them.
type tailRule int

const (
	refusesTail tailRule = iota
	ignoresTailOfUnsigned
	ignoresTail
)

func (p *peer) ignoresTail(s keyring.Suite) bool {
	return p.tail == ignoresTail || p.tail == ignoresTailOfUnsigned && !s.Signed()
}

// The peers. TestMain starts them.
var (
	goPeer = &peer{name: "Go", party: officialGo{}, frameMultiple: 1, maxPairs: 100, takesContext: true}
	jsPeer = &peer{name: "JavaScript", frameMultiple: 1, tail: ignoresTailOfUnsigned, sortsByLocale: true}
	pyPeer = &peer{name: "Python", frameMultiple: 128, maxPairs: 900, tail: ignoresTail, takesContext: true, nonFramed: true}

	peers = []*peer{goPeer, jsPeer, pyPeer}
)

// startPeers starts those that are installed; the others say what is missing.
func startPeers() (stop func(), err error) {
	goPeer.version = requiredVersion("github.com/aws/aws-encryption-sdk/releases/go/encryption-sdk")
	var running []*process
	stop = func() {
		for _, p := range running {
			p.stop()
		}
	}
	for p, command := range map[*peer]func() ([]string, error){jsPeer: javaScript, pyPeer: python} {
		argv, err := command()
		if err != nil {
			p.missing = err.Error()
			continue
		}
		child, err := startProcess(argv[0], argv[1:]...)
		if err != nil {
			return stop, fmt.Errorf("%s: %w", p.name, err)
		}
		running = append(running, child)
		p.party = child
		if p.version, err = child.version(); err != nil {
			return stop, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return stop, nil
}

//go:embed go.mod
var goMod string

// requiredVersion returns the version of a module that go.mod asks for.
func requiredVersion(path string) string {
	_, rest, _ := strings.Cut(goMod, path+" ")
	version, _, _ := strings.Cut(rest, "\n")
	return version
}

// allowPKCS1 has Node.js versions that refuse to decrypt RSA with PKCS #1 v1.5
// padding do it. Later versions do not know it, and do not need it.
const allowPKCS1 = "--security-revert=CVE-2023-46809"

func javaScript() ([]string, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, errors.New("no node in PATH: install Node.js 20 or newer, then run internal/interop/run.sh")
	}
	if _, err := os.Stat(filepath.Join("javascript", "node_modules", "@aws-crypto", "client-node")); err != nil {
		return nil, errors.New("the SDK is not installed: run internal/interop/run.sh, or npm ci in internal/interop/javascript")
	}
	argv := []string{node}
	if exec.Command(node, allowPKCS1, "--eval", "").Run() == nil {
		argv = append(argv, allowPKCS1)
	}
	return append(argv, filepath.Join("javascript", "peer.mjs")), nil
}

func python() ([]string, error) {
	interpreter := filepath.Join("python", ".venv", "bin", "python")
	if _, err := os.Stat(interpreter); err != nil {
		return nil, errors.New("the SDK is not installed: install Python 3.11 or newer with venv, then run internal/interop/run.sh")
	}
	return []string{interpreter, filepath.Join("python", "peer.py")}, nil
}

// required are the peers that must take part, from the environment: run.sh
// names those that it installed, so that none drops out unseen.
func required() []string {
	return strings.Fields(os.Getenv("SEALWAX_INTEROP_PEERS"))
}

func checkRequired() error {
	for _, name := range required() {
		at := slices.IndexFunc(peers, func(p *peer) bool { return p.name == name })
		if at < 0 {
			return fmt.Errorf("SEALWAX_INTEROP_PEERS names %q, which is no peer", name)
		}
		if peers[at].missing != "" {
			return fmt.Errorf("peer %s is required: %s", name, peers[at].missing)
		}
	}
	return nil
}

// forEachPeer runs f for every peer, in parallel: each works in its own process.
func forEachPeer(t *testing.T, f func(t *testing.T, p *peer)) {
	for _, p := range peers {
		t.Run(p.name, func(t *testing.T) {
			if p.missing != "" {
				t.Skip(p.missing)
			}
			t.Parallel()
			f(t, p)
		})
	}
}

// seals reports whether p can seal frames of n bytes.
func (p *peer) seals(frameLength int) bool { return frameLength%p.frameMultiple == 0 }
