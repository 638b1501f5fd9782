package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// process is a peer in another language: a child that answers requests, one
// JSON object per line. It is safe for concurrent use, and works on one request
// at a time.
type process struct {
	mu     sync.Mutex
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr lastBytes
	dead   error // once set, every request fails with it
}

// answerTimeout bounds one request: a peer that hangs fails its test, with what
// it was asked.
const answerTimeout = time.Minute

func startProcess(name string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(name, args...)}
	p.cmd.Env = childEnvironment()
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stderr = &p.stderr
	p.stdin, p.stdout = stdin, bufio.NewReaderSize(stdout, 1<<20)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	return p, nil
}

// childEnvironment returns ours without what would have a peer behave otherwise
// on another machine: its locale, proxies, and whatever is set up for AWS.
func childEnvironment() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
	return append(env,
		"AWS_CONFIG_FILE="+os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"NO_PROXY=127.0.0.1",
		"no_proxy=127.0.0.1",
		"LC_ALL=en_US.UTF-8", // the JavaScript SDK sorts by it
		"PYTHONUTF8=1",
	)
}

// stop ends the child, which leaves when its standard input does.
func (p *process) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stdin.Close()
	timer := time.AfterFunc(10*time.Second, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	p.cmd.Wait()
}

func (p *process) version() (string, error) {
	a, err := p.ask(&question{Op: "version", request: &request{}})
	if err != nil {
		return "", err
	}
	return a.Version, nil
}

func (p *process) seal(_ context.Context, req *request, plaintext []byte) ([]byte, error) {
	a, err := p.ask(&question{Op: "seal", Data: notNil(plaintext), request: req})
	if err != nil {
		return nil, err
	}
	return a.Data, nil
}

func (p *process) open(_ context.Context, req *request, message []byte) (*opened, error) {
	a, err := p.ask(&question{Op: "open", Data: notNil(message), request: req})
	if err != nil {
		return nil, err
	}
	return newOpened(a.Data, a.Context), nil
}

// notNil returns b, empty if it is nil: what JSON makes of nil is not empty.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

type question struct {
	Op   string `json:"op"`
	Data []byte `json:"data"`
	*request
}

type answer struct {
	Data    []byte            `json:"data"`
	Context map[string]string `json:"context"`
	Version string            `json:"version"`
	Refusal string            `json:"refusal"` // what the SDK says
	Broken  string            `json:"broken"`  // what is wrong with the request, or the SDK
}

// ask returns the peer's answer, or a refusal if the answer is one. Any other
// error is a mistake in the request, or a peer that is no use any more.
func (p *process) ask(q *question) (*answer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead != nil {
		return nil, p.dead
	}
	a, err := p.exchange(q)
	if err != nil {
		p.dead = fmt.Errorf("the peer died: %w; it wrote %q", err, p.stderr.String())
		return nil, p.dead
	}
	if a.Broken != "" {
		return nil, errors.New(a.Broken)
	}
	if a.Refusal != "" {
		return nil, refusal(a.Refusal)
	}
	return a, nil
}

func (p *process) exchange(q *question) (*answer, error) {
	line, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	timer := time.AfterFunc(answerTimeout, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	if _, err := p.stdin.Write(append(line, '\n')); err != nil {
		return nil, err
	}
	for line = nil; !bytes.HasPrefix(line, []byte("{")); { // Node.js writes a warning, too
		if line, err = p.stdout.ReadBytes('\n'); err != nil {
			return nil, err
		}
	}
	a := new(answer)
	if err := json.Unmarshal(line, a); err != nil {
		return nil, errors.Join(err, fmt.Errorf("answer %.200q", line))
	}
	return a, nil
}

// lastBytes is a writer that keeps the last few kilobytes.
type lastBytes struct {
	mu  sync.Mutex
	buf []byte
}

const lastBytesKept = 4 << 10

func (l *lastBytes) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = append(l.buf, b...)
	if extra := len(l.buf) - lastBytesKept; extra > 0 {
		l.buf = bytes.Clone(l.buf[extra:])
	}
	return len(b), nil
}

func (l *lastBytes) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.buf)
}
