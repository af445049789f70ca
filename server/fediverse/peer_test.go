package fediverse_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// peer is the other server.
type peer struct {
	t       *testing.T
	in      io.Writer
	answers chan map[string]any

	mu   sync.Mutex
	got  []map[string]any
	said []map[string]any // all that came in, expanded
	sent []map[string]any
}

func startPeer(t *testing.T) *peer {
	t.Helper()
	cmd := exec.Command("node", "peer.mjs", theirs)
	cmd.Dir = filepath.Join("..", "..", "testdata", "fedify")
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: this test needs Node; make test installs it", err)
	}
	p := &peer{t: t, in: in, answers: make(chan map[string]any, 1)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		p.read(out)
	}()
	t.Cleanup(func() {
		in.Close()
		<-read
		if err := cmd.Wait(); err != nil {
			t.Errorf("the peer ended with %v; where node_modules is missing: npm ci in testdata/fedify", err)
		}
	})
	p.answer("listening")
	return p
}

func (p *peer) read(out io.Reader) {
	defer close(p.answers)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line map[string]any
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue // a word of some library
		}
		p.mu.Lock()
		if got, ok := line["got"].(map[string]any); ok {
			p.got = append(p.got, got)
		}
		if read, ok := line["read"].(map[string]any); ok {
			p.said = append(p.said, read)
		}
		if sent, ok := line["sent"].(map[string]any); ok {
			p.sent = append(p.sent, sent)
		}
		p.mu.Unlock()
		if _, ok := line["answer"]; ok {
			p.answers <- line
		}
	}
}

func (p *peer) answer(what string) any {
	p.t.Helper()
	select {
	case line, ok := <-p.answers:
		if !ok {
			p.t.Fatalf("%s: the peer is gone", what)
		}
		if line["error"] != nil {
			p.t.Fatalf("%s: %v", what, line["error"])
		}
		return line["answer"]
	case <-time.After(patience):
		p.t.Fatalf("%s: the peer does not answer", what)
	}
	return nil
}

// ask has the peer do something, with pairs of names and values.
func (p *peer) ask(do string, pairs ...string) any {
	p.t.Helper()
	deed := map[string]string{"do": do}
	for i := 0; i+1 < len(pairs); i += 2 {
		deed[pairs[i]] = pairs[i+1]
	}
	text, err := json.Marshal(deed)
	must(p.t, err)
	_, err = p.in.Write(append(text, '\n'))
	must(p.t, err)
	return p.answer(fmt.Sprint(do, " ", pairs))
}

func (p *peer) do(do string, pairs ...string) map[string]any {
	p.t.Helper()
	answer, _ := p.ask(do, pairs...).(map[string]any)
	return answer
}

// wait returns the first thing that came in and fits.
func (p *peer) wait(what string, fits func(map[string]any) bool) map[string]any {
	p.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		p.mu.Lock()
		for _, got := range p.got {
			if fits(got) {
				p.mu.Unlock()
				return got
			}
		}
		p.mu.Unlock()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.t.Fatalf("waited in vain: %s; what came is %v", what, p.got)
	return nil
}

// hear returns the answer to what the peer asked for, as the JSON-LD processor reads it.
func (p *peer) hear(what, kind string, asked any) (answer map[string]any) {
	p.t.Helper()
	for end := time.Now().Add(patience); answer == nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("waited in vain: %s", what)
		}
		p.mu.Lock()
		for _, said := range p.said {
			if fmt.Sprint(said["@type"]) == "["+kind+"]" && ref(said, as+"object") == asked {
				answer = said
			}
		}
		p.mu.Unlock()
	}
	return answer
}

// strict checks that a JSON-LD processor dropped nothing of what was posted to the peer, and that
// Fedify found the actor's signature right.
func (p *peer) strict(t *testing.T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, said := range p.said {
		if said["error"] != nil || said["signer"] != ref(said, as+"actor") {
			t.Errorf("%v", said)
		}
	}
	if len(p.said) < 15 {
		t.Errorf("%d activities were read", len(p.said))
	}
}

// signatures checks that what the peer posted was signed by RFC 9421 and, but for the one that was
// refused, taken at the first knock.
func (p *peer) signatures(t *testing.T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	posts, refused := 0, 0
	for _, sent := range p.sent {
		if sent["method"] != "POST" {
			continue
		}
		posts++
		if sent["rfc9421"] == true && sent["status"] == float64(http.StatusForbidden) {
			refused++
			continue
		}
		if sent["rfc9421"] != true || sent["status"] != float64(http.StatusAccepted) {
			t.Errorf("a post: %v", sent)
		}
	}
	if posts < 12 || refused != 1 {
		t.Errorf("%d posts, %d refused", posts, refused)
	}
}
