//go:build bench

// Package soak runs the program for long with everything at once: viewers, followers,
// publishes, tracker peers. What it uses in the last quarter is held against the second.
// The program is this test's own binary started again, so that -race reaches it.
package soak

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tubelet/tubelet/cli"
)

const (
	ours   = "127.0.0.1:26010"
	theirs = "127.0.0.1:26011" // the followers' server
	every  = 2 * time.Second   // a sample
)

// TestMain is the program itself when the soak starts it.
func TestMain(m *testing.M) {
	if os.Getenv("SOAK_PROGRAM") == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	if path := os.Getenv("SOAK_STATE"); path != "" && slices.Contains(os.Args, "serve") {
		go tell(path)
	}
	code := cli.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// inside is what only the process itself can say.
type inside struct {
	Goroutines int
	Heap       uint64 // bytes alive after the last collection
}

// tell writes it down again and again, and each minute what the memory is used for to the
// folder SOAK_HEAP, if that is set: for go tool pprof.
func tell(path string) {
	ticks, heaps := 0, os.Getenv("SOAK_HEAP")
	for range time.Tick(every / 2) {
		if ticks++; heaps != "" && ticks%60 == 0 {
			var b bytes.Buffer
			_ = pprof.WriteHeapProfile(&b)
			_ = os.WriteFile(filepath.Join(heaps, fmt.Sprintf("heap-%03d", ticks/60)), b.Bytes(), 0o600)
		}
		var mem runtime.MemStats
		runtime.ReadMemStats(&mem)
		text, err := json.Marshal(inside{runtime.NumGoroutine(), mem.HeapInuse})
		if err == nil && os.WriteFile(path+".part", text, 0o600) == nil {
			_ = os.Rename(path+".part", path)
		}
	}
}

// sample is what the server used at one moment.
type sample struct{ memory, heap, goroutines, descriptors, wal float64 }

type rig struct {
	*testing.T
	data, state, clip string
	server            *exec.Cmd

	mu     sync.Mutex
	counts map[string]int
	pages  []time.Duration
	videos []video // that are watchable, oldest first
}

type video struct {
	ID, InfoHash string
	URL          string // of the lowest rendition's file
	Bytes        int64
}

func (r *rig) count(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[what]++
}

// program is the program with arguments.
func (r *rig) program(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, os.Args[0], append([]string{"--data", r.data}, args...)...)
	c.Env = append(os.Environ(), "SOAK_PROGRAM=1", "SOAK_STATE="+r.state, "GORACE=halt_on_error=1")
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 20 * time.Second
	return c
}

func (r *rig) must(args ...string) {
	r.Helper()
	if out, err := r.program(r.Context(), args...).CombinedOutput(); err != nil {
		r.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// TestFigureSoak takes SOAK, an hour unless said.
func TestFigureSoak(t *testing.T) {
	length, err := time.ParseDuration(cmp.Or(os.Getenv("SOAK"), "1h"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	r := &rig{T: t, data: filepath.Join(dir, "data"), state: filepath.Join(dir, "state"), clip: filepath.Join(dir, "clip.mp4"), counts: map[string]int{}}
	film := exec.Command("ffmpeg", strings.Fields("-v error -f lavfi -i testsrc2=s=640x360:r=30:d=8 -f lavfi -i sine=d=8"+
		" -c:v libx264 -preset ultrafast -g 60 -sc_threshold 0 -pix_fmt yuv420p -c:a aac "+r.clip)...)
	if out, err := film.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r.must("init", "--local", "--domain", ours)
	r.must("config", "set", "federation.private", "127.0.0.0/8")
	r.must("config", "set", "threads", "1")
	var log strings.Builder
	r.server = r.program(context.WithoutCancel(t.Context()), "serve", "--local", "--listen", ours)
	r.server.Stderr = &log
	if err := r.server.Start(); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		r.publish(t.Context())
	}
	samples := r.soak(length)
	_ = r.server.Process.Signal(syscall.SIGTERM)
	if err := r.server.Wait(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
	if text := log.String(); strings.Contains(text, "DATA RACE") || strings.Contains(text, "panic:") {
		t.Errorf("the server said\n%s", text[max(0, len(text)-8000):])
	}
	r.judge(samples)
}

// soak loads the server for so long, and returns what it used meanwhile.
func (r *rig) soak(length time.Duration) []sample {
	ctx, cancel := context.WithTimeout(r.Context(), length)
	defer cancel()
	var wait sync.WaitGroup
	defer wait.Wait()
	for i := range 16 {
		wait.Go(func() { r.view(ctx, i) })
	}
	for i := range 24 {
		wait.Go(func() { r.peer(ctx, i) })
	}
	wait.Go(func() { r.publishes(ctx) })
	wait.Go(func() { r.follow(ctx) })
	var samples []sample
	for tick := time.NewTicker(every); ; {
		select {
		case <-ctx.Done():
			return samples
		case <-tick.C:
			samples = append(samples, r.sample())
		}
	}
}

func (r *rig) sample() (s sample) {
	process := fmt.Sprintf("/proc/%d/", r.server.Process.Pid)
	status, err := os.ReadFile(process + "status")
	if err != nil {
		r.Errorf("the server is gone: %v", err)
		return s
	}
	_, line, _ := strings.Cut(string(status), "VmRSS:")
	fmt.Sscan(line, &s.memory)
	s.memory /= 1024
	if files, err := os.ReadDir(process + "fd"); err == nil {
		s.descriptors = float64(len(files))
	}
	if wal, err := os.Stat(filepath.Join(r.data, "tubelet.db-wal")); err == nil {
		s.wal = float64(wal.Size()) / (1 << 20)
	}
	var in inside
	if text, err := os.ReadFile(r.state); err == nil && json.Unmarshal(text, &in) == nil {
		s.goroutines, s.heap = float64(in.Goroutines), float64(in.Heap)/(1<<20)
	}
	return s
}

// judge compares the last quarter with the second, and looks at the pages.
func (r *rig) judge(samples []sample) {
	if len(samples) < 8 {
		r.Fatalf("%d samples say nothing", len(samples))
	}
	quarter := len(samples) / 4
	for _, m := range []struct {
		name  string
		of    func(sample) float64
		bound float64 // by which the last quarter may be more, of the second
	}{
		{"memory, MiB", func(s sample) float64 { return s.memory }, 0.05},
		{"heap in use, MiB", func(s sample) float64 { return s.heap }, 0},
		{"goroutines", func(s sample) float64 { return s.goroutines }, 0.05},
		{"descriptors", func(s sample) float64 { return s.descriptors }, 0.05},
		{"WAL, MiB", func(s sample) float64 { return s.wal }, 0},
	} {
		second, last := mean(samples[quarter:2*quarter], m.of), mean(samples[3*quarter:], m.of)
		grown := last/max(second, 1e-9) - 1
		r.Logf("%-18s second quarter %8.2f, last %8.2f: %+.1f %%", m.name, second, last, grown*100)
		// With the race detector runs are short and slow: they look for races.
		if m.bound > 0 && grown > m.bound && !raceDetector {
			r.Errorf("%s grew by %.1f %%, asked: at most %.0f %%", m.name, grown*100, m.bound*100)
		}
	}
	if most := slices.MaxFunc(samples, func(a, b sample) int { return cmp.Compare(a.wal, b.wal) }).wal; most > 64 {
		r.Errorf("the WAL grew to %.0f MiB", most)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Logf("counts: %v", r.counts)
	for _, what := range []string{"pages", "ranges", "announces", "published", "deliveries", "comments taken in"} {
		if r.counts[what] == 0 {
			r.Errorf("no %s at all: this was no soak", what)
		}
	}
	if r.counts["errors"] > 0 {
		r.Errorf("%d requests failed", r.counts["errors"])
	}
	slices.Sort(r.pages)
	if n := len(r.pages); n > 0 {
		p99 := r.pages[n*99/100]
		r.Logf("pages: %d, median %v, p99 %v, asked: at most 100 ms", n, r.pages[n/2], p99)
		if p99 > 100*time.Millisecond && !raceDetector {
			r.Errorf("p99 of pages is %v", p99)
		}
	}
}

func mean(samples []sample, of func(sample) float64) (m float64) {
	for _, s := range samples {
		m += of(s) / float64(len(samples))
	}
	return m
}

// from is a dialer of a client with an address of its own.
func from(kind, i int) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(kind), byte(i+1))}, Timeout: 10 * time.Second}
}
