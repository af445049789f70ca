package peer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// process is a running child.
type process struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  io.ReadCloser
	said tail

	mu     sync.Mutex
	reason error // why we ended it
}

// fail ends the child because of err.
func (p *process) fail(err error) {
	p.mu.Lock()
	p.reason = err
	p.mu.Unlock()
	p.kill()
}

// end closes the child's input, which ends a healthy one, kills one that is not, and
// returns what became of it.
func (p *process) end() error {
	_ = p.in.Close()
	killer := time.AfterFunc(stopIn, p.kill)
	defer killer.Stop()
	err := p.cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reason != nil {
		return p.reason
	}
	if last := p.said.last(); last != "" {
		return fmt.Errorf("the seed's process ended: %s", last)
	}
	if err == nil {
		return errors.New("the seed's process ended")
	}
	return fmt.Errorf("the seed's process ended: %w", err)
}

// tail keeps the beginning of what a child says, which for a crash is the reason.
type tail struct {
	mu   sync.Mutex
	text bytes.Buffer
}

const maxSaid = 4 << 10

// Write never fails: a child must not stop because nobody listens.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text.Write(b[:min(len(b), maxSaid-t.text.Len())])
	return len(b), nil
}

// last returns the line with the reason: that of a panic, else the last.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := ""
	for line := range strings.SplitSeq(strings.TrimSpace(t.text.String()), "\n") {
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") || strings.HasPrefix(line, "SIG") {
			return line
		}
		last = line
	}
	return last
}
