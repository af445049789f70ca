//go:build bench

package tracker_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/seed/swarm"
	"github.com/tubelet/tubelet/seed/tracker"
)

const (
	benchAddress = "127.0.0.1:18210"
	benchPeers   = 5000
	benchWorkers = 200 // each with a share of the peers
	sdpLength    = 1200
)

// TestMain lets the test's program be the tracker's process, too.
func TestMain(m *testing.M) {
	if os.Getenv("TRACKER_BENCH") != "" {
		serveBench()
		return
	}
	os.Exit(m.Run())
}

// figures is what the tracker's process says of itself.
type figures struct {
	RSS, Live  int64         // bytes, live: after everything unused was given back
	CPU        time.Duration // since it started
	Goroutines int
	Stats      tracker.Stats
}

// serveBench answers each line on its standard input with its figures.
func serveBench() {
	room := media()
	made := tracker.New(tracker.Config{
		Coordinator: swarm.New(origin{}),
		Find: func(h metainfo.Hash) (tracker.Swarm, bool) {
			return tracker.Swarm{Video: "k3v9", Rendition: "720p", Size: room.Size, Room: room}, h[0] == 1
		},
	})
	go func() { _ = made.Run(context.Background()) }()
	mux := http.NewServeMux()
	mux.HandleFunc("/tracker/socket", made.Socket)
	go func() { fmt.Fprintln(os.Stderr, http.ListenAndServe(benchAddress, mux)); os.Exit(1) }()
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var use syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &use)
		f := figures{
			RSS: resident(), CPU: time.Duration(use.Utime.Nano() + use.Stime.Nano()),
			Goroutines: runtime.NumGoroutine(), Stats: made.Stats(),
		}
		if in.Text() == "live" {
			debug.FreeOSMemory()
			f.Live = resident()
		}
		_ = json.NewEncoder(os.Stdout).Encode(f)
	}
}

func resident() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, pages int64
	_, _ = fmt.Sscan(string(b), &size, &pages)
	return pages * int64(os.Getpagesize())
}

// bench is the process and the peers.
type bench struct {
	t     *testing.T
	in    io.Writer
	out   *bufio.Scanner
	peers []*benchPeer
}

// benchPeer is a peer that announces, and answers every offer.
type benchPeer struct {
	conn  *websocket.Conn
	hash  metainfo.Hash
	id    [20]byte
	reply chan struct{}
	offer string
}

func startBench(t *testing.T) *bench {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "TRACKER_BENCH=1", "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return &bench{t: t, in: in, out: bufio.NewScanner(out)}
}

func (b *bench) figures(what string) figures {
	b.t.Helper()
	fmt.Fprintln(b.in, what)
	var f figures
	if !b.out.Scan() || json.Unmarshal(b.out.Bytes(), &f) != nil {
		b.t.Fatalf("the tracker's process ended: %v", b.out.Err())
	}
	return f
}

// connect opens the socket of peer i, twenty from each address.
func (b *bench) connect(i int) *benchPeer {
	from := &net.TCPAddr{IP: net.IPv4(127, 1, byte(i/20/250), byte(1+i/20%250))}
	web := &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{LocalAddr: from}).DialContext}}
	var conn *websocket.Conn
	var err error
	for range 100 { // the process may not listen yet
		if conn, _, err = websocket.Dial(b.t.Context(), "ws://"+benchAddress+"/tracker/socket", &websocket.DialOptions{HTTPClient: web}); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		b.t.Error(err)
		return nil
	}
	conn.SetReadLimit(1 << 20)
	p := &benchPeer{
		conn: conn, hash: metainfo.Hash{1, byte(i % 10)}, id: [20]byte{byte(i), byte(i >> 8), 0xcc},
		reply: make(chan struct{}, 1),
	}
	p.offer = announceText(p)
	go p.read(b.t.Context())
	return p
}

func announceText(p *benchPeer) string {
	var offers []object
	for i := range 5 {
		offers = append(offers, object{
			"offer_id": latin([20]byte{p.id[0], p.id[1], byte(i), 0x80}),
			"offer":    object{"type": "offer", "sdp": strings.Repeat("s", sdpLength)},
		})
	}
	text, _ := json.Marshal(object{
		"action": "announce", "info_hash": latin(p.hash), "peer_id": latin(p.id), "left": 100, "numwant": 5, "offers": offers,
	})
	return string(text)
}

// read notes replies and answers offers.
func (p *benchPeer) read(ctx context.Context) {
	for {
		_, text, err := p.conn.Read(ctx)
		if err != nil {
			return
		}
		var o struct {
			Interval int
			PeerID   string `json:"peer_id"`
			OfferID  string `json:"offer_id"`
			Offer    *struct{}
		}
		if json.Unmarshal(text, &o) != nil {
			continue
		}
		if o.Interval > 0 {
			p.reply <- struct{}{}
		}
		if o.Offer != nil {
			answer, _ := json.Marshal(object{
				"action": "announce", "info_hash": latin(p.hash), "peer_id": latin(p.id), "to_peer_id": o.PeerID,
				"offer_id": o.OfferID, "answer": object{"type": "answer", "sdp": strings.Repeat("a", sdpLength)},
			})
			_ = p.conn.Write(ctx, websocket.MessageText, answer)
		}
	}
}

// announce returns how long the reply took.
func (p *benchPeer) announce(ctx context.Context) (time.Duration, error) {
	begun := time.Now()
	if err := p.conn.Write(ctx, websocket.MessageText, []byte(p.offer)); err != nil {
		return 0, err
	}
	select {
	case <-p.reply:
		return time.Since(begun), nil
	case <-time.After(10 * time.Second):
		return 0, fmt.Errorf("no reply")
	}
}

// spread lets rate things a second happen, as evenly as arrivals at random are.
func spread(rate float64, length time.Duration, do func(i int)) {
	var work sync.WaitGroup
	end := time.Now().Add(length)
	next := time.Now()
	for i := 0; next.Before(end); i++ {
		time.Sleep(time.Until(next))
		work.Go(func() { do(i) })
		next = next.Add(time.Duration(rand.ExpFloat64() / rate * float64(time.Second)))
	}
	work.Wait()
}

// phase announces at a rate and logs how long it took, and what it cost.
func (b *bench) phase(name string, rate float64, length time.Duration) (p99 time.Duration) {
	b.t.Helper()
	var mu sync.Mutex
	var times []time.Duration
	var failed atomic.Int64
	order := rand.Perm(len(b.peers))
	before, begun := b.figures("cpu"), time.Now()
	spread(rate, length, func(i int) {
		d, err := b.peers[order[i%len(order)]].announce(b.t.Context())
		if err != nil {
			failed.Add(1)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		times = append(times, d)
	})
	cpu := (b.figures("cpu").CPU - before.CPU).Seconds() / time.Since(begun).Seconds()
	slices.Sort(times)
	p99 = times[len(times)*99/100]
	b.t.Logf("%s: %d announces of 5 offers, p50 %.1f ms, p99 %.1f ms, longest %.1f ms, failed %d, %.0f %% of a core",
		name, len(times), ms(times[len(times)/2]), ms(p99), ms(times[len(times)-1]), failed.Load(), 100*cpu)
	return p99
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// TestBenchTracker measures 5,000 WebSocket peers on a tracker with one core, the peers in
// another process. Asked: an announce answered in 50 ms (p99), 20 KiB a peer.
func TestBenchTracker(t *testing.T) {
	b := startBench(t)
	b.connect(0).conn.CloseNow() // the process is up
	empty := b.figures("live")
	begun := time.Now()
	b.peers = make([]*benchPeer, benchPeers)
	var work sync.WaitGroup
	for worker := range benchWorkers {
		work.Go(func() {
			for i := worker; i < benchPeers; i += benchWorkers {
				if b.peers[i] = b.connect(i); b.peers[i] != nil {
					_, _ = b.peers[i].announce(t.Context())
				}
			}
		})
	}
	work.Wait()
	if t.Failed() {
		return
	}
	t.Logf("%d peers came within %.1f s", benchPeers, time.Since(begun).Seconds())
	p99 := b.phase("every peer every two minutes", benchPeers/120.0, 60*time.Second)
	full := b.figures("live")
	t.Logf("announce p99 %.1f ms (asked: at most 50)", ms(p99))
	t.Logf("%d sockets: RSS %.1f KiB a peer, %.1f after a collection (asked: at most 20); %d goroutines", full.Stats.Sockets,
		float64(full.RSS-empty.RSS)/1024/float64(full.Stats.Sockets), float64(full.Live-empty.Live)/1024/float64(full.Stats.Sockets), full.Goroutines)
	b.phase("a rush", 200, 20*time.Second)
	b.reporting(1000)
}

// reporting lets some of the peers join and report twice a second while all announce.
func (b *bench) reporting(viewers int) {
	ctx, end := context.WithCancel(b.t.Context())
	var work sync.WaitGroup
	for i := range viewers {
		p := b.peers[i]
		join, _ := json.Marshal(object{"action": "join", "info_hash": p.hash.String(), "peer_id": hex(p.id)})
		report, _ := json.Marshal(object{
			"action": "report", "info_hash": p.hash.String(), "position": 3.5, "rate": 1, "peers": 5,
			"wishes": []int{}, "fetching": []int{4, 5}, "received": object{hex(b.peers[(i+10)%benchPeers].id): 90000},
		})
		_ = p.conn.Write(ctx, websocket.MessageText, join)
		work.Go(func() {
			time.Sleep(time.Duration(rand.IntN(500)) * time.Millisecond)
			for ctx.Err() == nil {
				_ = p.conn.Write(b.t.Context(), websocket.MessageText, report)
				time.Sleep(500 * time.Millisecond)
			}
		})
	}
	b.phase(fmt.Sprintf("with %d viewers reporting twice a second", viewers), benchPeers/120.0, 30*time.Second)
	if got := b.figures("cpu").Stats.Viewers; got != viewers {
		b.t.Errorf("%d viewers have joined, want %d", got, viewers)
	}
	end()
	work.Wait()
}
