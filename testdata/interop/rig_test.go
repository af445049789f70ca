//go:build interop

// Package interop runs our server beside real servers of other software. The script run
// beside this file prepares names, certificates and a network for it.
package interop

import (
	"bytes"
	"crypto/tls"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // to turn our server's clock forward
)

const (
	ours     = "video.test"
	person   = "https://" + ours + "/users/workshop"
	group    = person + "_channel"
	patience = 2 * time.Minute // an edit is told after half a minute
)

// backends are where the programs behind the names listen.
func backends() map[string]string {
	return map[string]string{
		ours: "127.0.0.1:22001", "gts.test": "127.0.0.1:22002", "snac.test": "127.0.0.1:22003", "peertube.test": "127.0.0.1:22004", "honk.test": "127.0.0.1:22005",
	}
}

// rig is our channel and the HTTPS in front of everybody.
type rig struct {
	t    *testing.T
	dir  string // of what the script made
	data string
	keep string // for what others send us
	stop func() // ends our server

	mu   sync.Mutex
	kept int
}

// newRig starts the front, and our server with a channel of no video.
func newRig(t *testing.T, peer string) *rig {
	t.Helper()
	r := &rig{t: t, dir: os.Getenv("INTEROP_RIG"), data: t.TempDir(), keep: filepath.Join(os.Getenv("INTEROP_RESULTS"), peer)}
	if r.dir == "" {
		t.Fatal("start this by testdata/interop/run")
	}
	must(t, os.RemoveAll(r.keep), os.MkdirAll(r.keep, 0o755))
	names(t)
	r.front()
	r.tubelet("init", "--domain", ours, "--name", "The Small Workshop", "--handle", "workshop")
	r.tubelet("config", "set", "federation.private", "127.0.0.0/8")
	r.serve()
	return r
}

// serve starts our server.
func (r *rig) serve() {
	r.t.Helper()
	r.stop = r.start("tubelet", nil, filepath.Join(r.dir, "tubelet"), "--data", r.data, "serve", "--listen", backends()[ours])
	r.wait("our server", func() bool { return status("https://"+ours+"/") == http.StatusOK })
}

// hour has our server think that an hour went by since all comments came, which is when it asks
// for answers to them that nobody sent.
func (r *rig) hour() {
	r.t.Helper()
	r.stop()
	db, err := sql.Open("sqlite", filepath.Join(r.data, "tubelet.db"))
	must(r.t, err)
	defer db.Close()
	const passed = 61 * time.Minute
	_, err = db.Exec("update comments set published_at = published_at - ?", passed.Milliseconds())
	must(r.t, err)
	_, err = db.Exec("update settings set value = ? where key = 'fed.crawled'", time.Now().Add(-passed).UTC().Format(time.RFC3339))
	must(r.t, err)
	r.serve()
}

// front answers for every name by HTTPS and keeps what is posted to us.
func (r *rig) front() {
	pair, err := tls.LoadX509KeyPair(filepath.Join(r.dir, "front.pem"), filepath.Join(r.dir, "front.key"))
	must(r.t, err)
	proxy := &httputil.ReverseProxy{
		Transport: &http.Transport{DisableKeepAlives: true}, // snac2 closes connections that are being used again
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: backends()[p.In.Host]})
			p.Out.Host = p.In.Host
			p.SetXForwarded()
		},
		ModifyResponse: func(a *http.Response) error {
			if a.Request.Method == http.MethodPost && a.Request.Host == ours && a.StatusCode/100 != 2 {
				body, _ := io.ReadAll(io.LimitReader(a.Body, 1<<10))
				a.Body = io.NopCloser(bytes.NewReader(body))
				r.t.Logf("we answer a post with %d %s", a.StatusCode, body)
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	// PeerTube reads the context from its address; this one is enough for what it signs.
	context := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/ld+json")
		_, _ = io.WriteString(w, `{"@context": {"@vocab": "https://www.w3.org/ns/activitystreams#", "as": "https://www.w3.org/ns/activitystreams#", "id": "@id", "type": "@type"}}`)
	}
	server := &http.Server{Addr: "127.0.0.1:443", TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}}, Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Host == "www.w3.org" {
			context(w)
			return
		}
		proxy.ServeHTTP(w, r.keeping(q))
	})}
	go func() { _ = server.ListenAndServeTLS("", "") }()
	r.t.Cleanup(func() { server.Close() })
}

// keeping keeps an activity that is posted to us in a file of its own.
func (r *rig) keeping(q *http.Request) *http.Request {
	if q.Method != http.MethodPost || q.Host != ours {
		return q
	}
	body, _ := io.ReadAll(io.LimitReader(q.Body, 1<<20))
	q.Body = io.NopCloser(bytes.NewReader(body))
	var activity struct{ Type string }
	_ = json.Unmarshal(body, &activity)
	var pretty bytes.Buffer
	if json.Indent(&pretty, body, "", "  ") != nil {
		return q
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept++
	name := fmt.Sprintf("%02d-%s.json", r.kept, strings.ToLower(activity.Type))
	_ = os.WriteFile(filepath.Join(r.keep, name), append(pretty.Bytes(), '\n'), 0o644)
	return q
}

// start runs a program until the test ends, or what it returns is called.
func (r *rig) start(name string, env []string, program string, args ...string) (stop func()) {
	r.t.Helper()
	log, err := os.OpenFile(filepath.Join(r.keep, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	must(r.t, err)
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = log, log
	must(r.t, cmd.Start())
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		log.Close()
	})
	r.t.Cleanup(stop)
	return stop
}

// run runs a program to its end and returns what it printed.
func (r *rig) run(stdin string, program string, args ...string) string {
	r.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		failed, _ := errors.AsType[*exec.ExitError](err)
		r.t.Fatalf("%s %s: %v: %s %s", program, strings.Join(args, " "), err, out, failed.Stderr)
	}
	return string(out)
}

// tubelet runs a command of ours and returns its JSON.
func (r *rig) tubelet(args ...string) any {
	r.t.Helper()
	out := r.run("", filepath.Join(r.dir, "tubelet"), append([]string{"--data", r.data, "--json"}, args...)...)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var answer any
	if json.Unmarshal([]byte(out), &answer) != nil {
		_ = json.Unmarshal([]byte(lines[len(lines)-1]), &answer)
	}
	return answer
}

// publish publishes a clip and returns the id of its object.
func (r *rig) publish(title string, flags ...string) string {
	r.t.Helper()
	clip := filepath.Join(r.t.TempDir(), title+".mp4")
	r.run("", "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=6", "-f", "lavfi", "-i", fmt.Sprintf("sine=d=6:f=%d", 300+len(title)+int(title[1])), "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", clip)
	r.tubelet(append([]string{"publish", clip, "--title", title, "--description", "How to *hold* things.", "--tag", "wood"}, flags...)...)
	for _, v := range r.list("ls") {
		if v["title"] == title {
			return "https://" + ours + "/videos/" + fmt.Sprint(v["id"])
		}
	}
	r.t.Fatalf("%s is not listed", title)
	return ""
}

// part returns the last part of an address: what names a video to the commands.
func part(object string) string { return object[strings.LastIndexByte(object, '/')+1:] }

// save keeps what a server answered, next to what it sent.
func (r *rig) save(name string, answer any) {
	r.t.Helper()
	text, err := json.MarshalIndent(answer, "", "  ")
	must(r.t, err, os.MkdirAll(filepath.Join(r.keep, "api"), 0o755))
	must(r.t, os.WriteFile(filepath.Join(r.keep, "api", name+".json"), append(text, '\n'), 0o644))
}

// picture keeps what a page looks like in Chromium once it shows a text, where CHROMIUM names it.
func (r *rig) picture(address, text string) {
	r.t.Helper()
	if os.Getenv("CHROMIUM") == "" || address == "" {
		return
	}
	shot := filepath.Join(r.t.TempDir(), "page.png")
	said, err := exec.Command("node", "page.mjs", address, text, shot).CombinedOutput()
	if err != nil {
		r.t.Errorf("FAILS: a picture of %s: %s", address, said)
		return
	}
	r.t.Logf("works: %s in Chromium: %s", address, said)
	r.run("", "ffmpeg", "-v", "error", "-y", "-i", shot, "-quality", "60", filepath.Join(r.keep, "page.webp"))
}

// list runs a command that lists.
func (r *rig) list(args ...string) []map[string]any {
	r.t.Helper()
	items, _ := r.tubelet(args...).([]any)
	var list []map[string]any
	for _, item := range items {
		list = append(list, item.(map[string]any))
	}
	return list
}

// video is a video of ours as others see its counts.
func (r *rig) count(object, of string) float64 {
	var collection struct{ TotalItems float64 }
	_ = json.Unmarshal([]byte(get(r.t, object+"/"+of)), &collection)
	return collection.TotalItems
}

// wait waits for something to hold.
func (r *rig) wait(what string, holds func() bool) bool {
	r.t.Helper()
	began := time.Now()
	for !holds() {
		if time.Since(began) > patience {
			r.t.Errorf("FAILS: %s", what)
			return false
		}
		time.Sleep(200 * time.Millisecond)
	}
	r.t.Logf("works: %s (%.1f s)", what, time.Since(began).Seconds())
	return true
}

// settled waits until no more is on its way than what is tried again for long, and nothing was
// refused.
func (r *rig) settled(what string, tried float64) {
	r.t.Helper()
	r.wait(what, func() bool {
		now, _ := r.tubelet("federation").(map[string]any)
		hosts, _ := now["hosts"].([]any)
		return r.queued() <= tried && (tried > 0 || now["failing"] == 0.0 && len(hosts) == 0)
	})
}

// queued is how many activities wait to be sent.
func (r *rig) queued() float64 {
	now, _ := r.tubelet("federation").(map[string]any)
	queued, _ := now["queued"].(float64)
	return queued
}

func status(address string) int {
	answer, err := http.Get(address)
	if err != nil {
		return 0
	}
	answer.Body.Close()
	return answer.StatusCode
}

func get(t *testing.T, address string) string {
	t.Helper()
	q, err := http.NewRequest(http.MethodGet, address, nil)
	must(t, err)
	q.Header.Set("Accept", "application/activity+json")
	answer, err := http.DefaultClient.Do(q)
	must(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	must(t, err)
	return string(body)
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// succeeds reports whether a program ends well.
func succeeds(program string, args ...string) bool {
	return exec.Command(program, args...).Run() == nil
}
