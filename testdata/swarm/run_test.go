//go:build bench

package swarm

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"mime"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// rig is what the runs share: a published clip, the programs, the network.
type rig struct {
	t       *testing.T
	net     network
	bin     string // tubelet
	data    string // a channel with one published clip
	dir     string // scratch
	id      string // of the video
	file    string // address of the rendition's folder
	size    int64  // of the rendition, bytes
	seconds float64
	out     *os.File // one line of JSON a run
}

// run is one measured run.
type run struct {
	Cell    string    `json:"cell"`
	Way     string    `json:"way"`
	Repeat  int       `json:"repeat"`
	At      time.Time `json:"at"`
	Size    int64     `json:"size"`
	Cap     int64     `json:"cap"`     // of the home's uplink, bit/s
	Uplinks []int64   `json:"uplinks"` // of the viewers, bit/s
	CPU     float64   `json:"cpu"`     // seconds, of the server
	Wire    int64     `json:"wire"`    // bytes that left the home, headers and pages too
	Load    string    `json:"load"`    // averages over 1, 5, 15 minutes at the end
	Busy    float64   `json:"busy"`    // share of the machine's processors that was in use
	Seconds float64   `json:"seconds"`
	Viewers []viewer  `json:"viewers"`
	Swarm   any       `json:"swarm,omitempty"` // what the server says of it
}

// viewer is what viewers.mjs reports of one.
type viewer struct {
	Start      float64 `json:"start"`
	FirstFrame float64 `json:"firstFrame"` // milliseconds since navigation, 0: none
	Pressed    float64 `json:"pressed"`
	Ended      bool    `json:"ended"`
	Played     float64 `json:"played"`
	Late       float64 `json:"late"`
	Stalls     []struct {
		At      float64 `json:"at"`    // second of the film
		Begin   float64 `json:"begin"` // milliseconds since the run's
		Seconds float64 `json:"seconds"`
	} `json:"stalls"`
	HTTP     int64           `json:"http"`
	Page     int64           `json:"page"`
	In       int64           `json:"p2pIn"`
	Out      int64           `json:"p2pOut"`
	Pairs    int             `json:"pairs"`
	Rows     int             `json:"rows"`
	Dropped  int             `json:"dropped"`
	Requests json.RawMessage `json:"requests"`
	Others   json.RawMessage `json:"others"`
	Extra    json.RawMessage `json:"extra"`
	Faults   []string        `json:"faults"`
	States   json.RawMessage `json:"states"`
}

// The ways to deliver the same file.
const (
	plain    = "http"     // our page, sharing off
	opponent = "p2pml"    // p2p-media-loader on a page of its own
	ours     = "ours"     // our page
	gated    = "http+cap" // our page, sharing off, our upload budget as well
)

// measure does one run of a cell.
func (r *rig) measure(c cell, way string, repeat int) run {
	r.t.Helper()
	limit := r.limit(c)
	uplinks := c.uplinks(repeat)
	for i := range viewers + 1 {
		r.net.shape(viewerSpace(i), 0)
	}
	for i, up := range uplinks {
		r.net.shape(viewerSpace(i), up)
	}
	r.set(way, limit)
	serve := r.serve()
	r.net.shape(origin, limit) // after the start, which asks from the same namespace
	before, wire, busy := cpu(r.t, serve.Process.Pid), r.net.sent(origin), machine(r.t)

	result := run{Cell: c.name(), Way: way, Repeat: repeat, At: time.Now().UTC(), Size: r.size, Cap: limit, Uplinks: uplinks}
	r.watch(c, way, &result)

	result.CPU = cpu(r.t, serve.Process.Pid) - before
	result.Wire = r.net.sent(origin) - wire
	result.Busy = machine(r.t).since(busy)
	result.Load = load(r.t)
	r.net.shape(origin, 0)
	result.Swarm = r.swarm()
	r.stop(serve)
	line, err := json.Marshal(result)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.out.Write(append(line, '\n')); err != nil {
		r.t.Fatal(err)
	}
	return result
}

// limit is the home's uplink: half of what the viewers need together, headers, pages and
// all, or 0 for no limit.
func (r *rig) limit(c cell) int64 {
	if !c.capped {
		return 0
	}
	need := float64(c.viewers) * float64(r.size) * 8 / r.seconds
	return int64(need / 2)
}

// set gives the server the settings of a way. Only ours, and the control, use the upload
// budget: a little less than the line, as its help says, since headers and pages pass too.
func (r *rig) set(way string, limit int64) {
	p2p, rate := "off", "none"
	if way == ours || way == opponent { // "off" would refuse p2p-media-loader's swarms as well
		p2p = "on"
	}
	if limit > 0 && (way == ours || way == gated) {
		rate = strconv.FormatInt(limit*92/100/1000, 10) + "kbit"
	}
	r.config("p2p", p2p)
	r.config("upload.rate", rate)
}

func (r *rig) config(key, value string) {
	r.t.Helper()
	execute(r.t, r.bin, "config", "set", key, value, "--data", r.data)
}

// serve starts the server in its namespace, on a fresh process.
func (r *rig) serve() *exec.Cmd {
	r.t.Helper()
	// ip replaces itself by tubelet, so that the process is the server's own.
	cmd := exec.Command("ip", "netns", "exec", named(origin), r.bin, "serve", "--data", r.data, "--local", "--listen", net.JoinHostPort(home, port))
	logs, err := os.Create(filepath.Join(r.dir, "serve.log"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer logs.Close()
	cmd.Stdout, cmd.Stderr = logs, logs
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		ok := false
		within(r.t, origin, func() {
			c, err := net.DialTimeout("tcp", net.JoinHostPort(home, port), time.Second)
			if ok = err == nil; ok {
				c.Close()
			}
		})
		if ok {
			return cmd
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(r.dir, "serve.log"))
			r.t.Fatalf("the server did not start:\n%s", log)
		}
	}
}

func (r *rig) stop(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(os.Interrupt)
	_ = cmd.Wait()
}

// swarm asks the running server what it counted.
func (r *rig) swarm() any {
	out, err := exec.Command("ip", "netns", "exec", named(origin), r.bin, "swarm", "--json", "--data", r.data).Output()
	if err != nil {
		return nil
	}
	var v any
	if json.Unmarshal(bytes.TrimSpace(out), &v) != nil {
		return nil
	}
	return v
}

// watch lets the browsers watch.
func (r *rig) watch(c cell, way string, into *run) {
	r.t.Helper()
	base := "http://" + net.JoinHostPort(home, port)
	page := base + "/w/" + r.id
	if way == opponent {
		tracker := cmp.Or(os.Getenv("SWARM_TRACKER"), "ws://"+net.JoinHostPort(home, port)+"/tracker/socket")
		page = "http://" + net.JoinHostPort(home, bench) + "/opponent.html?hls=" + base + r.file + "master.m3u8&tracker=" + tracker
	}
	var programs []string
	for i := range c.viewers {
		programs = append(programs, r.browser(i))
	}
	last := float64(c.viewers-1) * c.gap
	plan := map[string]any{"chromium": programs, "page": page, "base": base, "gap": c.gap, "limit": last + r.seconds + patience, "media": r.file}
	text, err := json.Marshal(plan)
	if err != nil {
		r.t.Fatal(err)
	}
	path := filepath.Join(r.dir, "run.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		r.t.Fatal(err)
	}
	cmd := exec.CommandContext(r.t.Context(), "node", "viewers.mjs", path)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("viewers.mjs: %v", err)
	}
	if err := json.Unmarshal(lastLine(out), into); err != nil {
		r.t.Fatalf("viewers.mjs printed %.300q: %v", out, err)
	}
}

// browser writes the program that starts Chromium in a viewer's namespace.
func (r *rig) browser(i int) string {
	path := filepath.Join(r.dir, "chromium-"+strconv.Itoa(i))
	text := fmt.Sprintf("#!/bin/sh\nexec ip netns exec %s %s \"$@\"\n", named(viewerSpace(i)), chromium())
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		r.t.Fatal(err)
	}
	return path
}

func chromium() string {
	if path := os.Getenv("CHROMIUM"); path != "" {
		return path
	}
	return "/usr/bin/chromium"
}

// serveOpponent serves the page of p2p-media-loader beside the server, in its namespace,
// compressed as our own pages are.
func serveOpponent(t *testing.T) {
	t.Helper()
	var l net.Listener
	var err error
	within(t, origin, func() { l, err = net.Listen("tcp", net.JoinHostPort(home, bench)) })
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(sendOpponent), ReadHeaderTimeout: 10 * time.Second}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
}

func sendOpponent(w http.ResponseWriter, r *http.Request) {
	name := filepath.Base(r.URL.Path)
	text, err := os.ReadFile(filepath.Join("build", name+".gz"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(filepath.Ext(name)))
	w.Header().Set("Content-Encoding", "gzip")
	_, _ = w.Write(text)
}

func lastLine(out []byte) (last []byte) {
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		last = bytes.Clone(lines.Bytes())
	}
	return last
}

// cpu returns the seconds of processor time that a process and its ended children used.
func cpu(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var ticks int64
	for _, f := range fields[11:15] { // utime stime cutime cstime
		n, _ := strconv.ParseInt(f, 10, 64)
		ticks += n
	}
	return float64(ticks) / 100
}

func load(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}

// processors is the machine's processor time so far, in ticks.
type processors struct{ idle, total, nice int64 }

func machine(t *testing.T) (p processors) {
	t.Helper()
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	for i, f := range strings.Fields(line)[1:9] {
		n, _ := strconv.ParseInt(f, 10, 64)
		p.total += n
		switch i {
		case 1:
			p.nice = n
		case 3, 4:
			p.idle += n
		}
	}
	return p
}

// since returns the share that was used by what runs at the benchmark's own priority;
// work at lower priority (nice) stands back for it.
func (p processors) since(before processors) float64 {
	total := float64(p.total - before.total)
	return 1 - float64(p.idle-before.idle+p.nice-before.nice)/max(total, 1)
}
