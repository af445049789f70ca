//go:build bench

package peer_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tubelet/tubelet/seed/budget"
	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/seed/peer"
)

// Run with: go test -tags bench -run TestBench -v -timeout 30m ./seed/peer
//
// Processor time and memory are the kernel's, of the serving process alone; the peers run
// in the test's.

// usage is what a process has used and holds.
type usage struct {
	cpu  time.Duration
	rss  int64 // bytes
	open int   // descriptors
}

func usageOf(t *testing.T, pid int) usage {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+2:]))
	number := func(i int) int64 {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	const tick = 10 * time.Millisecond // of utime and stime
	return usage{time.Duration(number(11)+number(12)) * tick, number(21) * int64(os.Getpagesize()), len(files)}
}

// TestBenchServing measures what 100 MB cost by each way, and what a peer holds.
func TestBenchServing(t *testing.T) {
	const size = 48 << 20
	for _, way := range []string{"webrtc", "tcp", "utp"} {
		for _, peers := range []int{1, 5} {
			t.Run(fmt.Sprintf("%s/%d", way, peers), func(t *testing.T) {
				s := newSite(t, withTCP)
				torrent, _ := s.publish(size / int64(peers))
				s.listening()
				pid := children(t)[0]
				before := usageOf(t, pid)
				var most usage
				done := make(chan error, peers)
				for range peers {
					conn := s.dial(way, torrent.InfoHash)
					go func() {
						_, err := newLeech(conn).download(torrent)
						done <- err
					}()
				}
				start := time.Now()
				for finished := 0; finished < peers; {
					select {
					case err := <-done:
						if err != nil {
							t.Fatal(err)
						}
						finished++
					case <-time.After(50 * time.Millisecond):
					}
					now := usageOf(t, pid)
					most = usage{now.cpu, max(most.rss, now.rss), max(most.open, now.open)}
				}
				moved := float64(torrent.Length) * float64(peers)
				t.Logf("%s, %d peers: %.2f CPU s per 100 MB, %.0f Mbit/s; memory %.1f to %.1f MiB, descriptors %d to %d", way, peers,
					(most.cpu-before.cpu).Seconds()*100e6/moved, moved*8/1e6/time.Since(start).Seconds(),
					float64(before.rss)/(1<<20), float64(most.rss)/(1<<20), before.open, most.open)
			})
		}
	}
	t.Run("http", benchHTTP)
}

func (s *site) dial(way string, h metainfo.Hash) net.Conn {
	switch way {
	case "webrtc":
		return s.dialWebRTC(h)
	case "tcp":
		return s.dialTCP()
	}
	return s.dialUTP()
}

// benchHTTP is the counterpart: the same bytes by net/http, which sends the file from the kernel.
func benchHTTP(t *testing.T) {
	const size = 480 << 20 // a tick is 10 ms
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], httpArg, file)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	var where string
	if _, err := fmt.Fscan(out, &where); err != nil {
		t.Fatal(err)
	}
	before := usageOf(t, cmd.Process.Pid)
	resp, err := http.Get("http://" + where)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil || n != size {
		t.Fatalf("%d bytes, %v", n, err)
	}
	after := usageOf(t, cmd.Process.Pid)
	t.Logf("http: %.3f CPU s per 100 MB", (after.cpu-before.cpu).Seconds()*100e6/float64(n))
}

// TestBenchBudget: greedy peers of each way, and of all four at once, get what the budget says,
// within 3 %.
func TestBenchBudget(t *testing.T) {
	const rate, lasts = 20e6 / 8, 30 * time.Second
	for _, ways := range [][]string{{"webrtc"}, {"tcp"}, {"webrtc", "tcp", "utp"}, {"webrtc", "tcp", "utp", "http"}} {
		t.Run(strings.Join(ways, " "), func(t *testing.T) {
			b := budget.New(budget.Config{Rate: rate})
			s := newSite(t, withTCP)
			s.pace = func(ctx context.Context, n int64) error {
				return b.Take(ctx, budget.Claim{Viewer: "seed", Way: budget.WebRTC, Class: budget.Bulk}, int(n))
			}
			torrent, _ := s.publish(80 << 20)
			var got atomic.Int64
			var peers sync.WaitGroup
			for i := range 8 {
				way := ways[i%len(ways)]
				if way == "http" {
					peers.Go(func() { greedyHTTP(s.t, b, torrent.Length, &got) })
					continue
				}
				conn := s.dial(way, torrent.InfoHash)
				peers.Go(func() { _, _ = newLeech(counted{conn, &got}).download(torrent) })
			}
			for got.Load() < 4*rate { // what a still bucket saved up, and what is on its way
				time.Sleep(10 * time.Millisecond)
			}
			start, from := time.Now(), got.Load()
			time.Sleep(lasts)
			measured := float64(got.Load()-from) / time.Since(start).Seconds()
			off := (measured/rate - 1) * 100
			t.Logf("%.3f Mbit/s of %.3f: %+.2f %%", measured*8/1e6, rate*8/1e6, off)
			if off > 3 || off < -3 {
				t.Errorf("more than 3 %% off")
			}
			s.seed.Switch(false)
			b.Set(0, 0) // what the players still wait for comes at once
			peers.Wait()
		})
	}
}

// greedyHTTP is a player over HTTP, which goes before downloads and BitTorrent.
func greedyHTTP(t *testing.T, b *budget.Budget, size int64, got *atomic.Int64) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := b.Writer(r.Context(), budget.Claim{Viewer: r.RemoteAddr, Way: budget.HTTP, Class: budget.Plain}, size, w)
		defer out.Close()
		_, _ = io.CopyN(out, zeros{}, size)
	}))
	defer server.Close()
	resp, err := http.Get(server.URL)
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	buf := make([]byte, 16<<10)
	for err == nil {
		var n int
		n, err = resp.Body.Read(buf)
		got.Add(int64(n))
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// counted counts what a peer reads, in the order in which it comes.
type counted struct {
	net.Conn
	n *atomic.Int64
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.n.Add(int64(n))
	return n, err
}

// TestBenchIdle: a thousand published videos that nobody watches.
func TestBenchIdle(t *testing.T) {
	shares := map[metainfo.Hash]peer.Share{}
	for i := range 4000 { // four renditions each
		shares[metainfo.Hash{byte(i), byte(i >> 8)}] = peer.Share{}
	}
	measure := func() (heap uint64, goroutines int, u usage) {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc, runtime.NumGoroutine(), usageOf(t, os.Getpid())
	}
	heap, goroutines, before := measure()
	start := time.Now()
	s := newSite(t, func(c *peer.Config) {
		c.Lookup = func(_ context.Context, h metainfo.Hash) (peer.Share, error) { return shares[h], nil }
	})
	s.eventually("STUN", s.askSTUN)
	took := time.Since(start)
	var r1, r2 syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r1)
	time.Sleep(10 * time.Second)
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r2)
	cpu := time.Duration(r2.Utime.Nano() + r2.Stime.Nano() - r1.Utime.Nano() - r1.Stime.Nano())
	heap2, goroutines2, after := measure()
	t.Logf("1,000 videos: %v to the first STUN answer, %d KiB of heap, %d goroutines, %d descriptors, %v CPU in 10 s, children %v",
		took.Round(time.Millisecond/10), (int64(heap2)-int64(heap))>>10, goroutines2-goroutines, after.open-before.open, cpu, children(t))
}
