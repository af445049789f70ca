package peer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/seed/peer"
)

// The test's own program is the child, under these names.
const (
	childArg = "peer-test-child"
	panicArg = "peer-test-panic" // a child that panics when this file appears

	parentArg = "peer-test-parent" // a parent
	httpArg   = "peer-test-http"   // a plain web server for this file
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == parentArg {
		os.Exit(runParent())
	}
	if len(os.Args) > 1 && os.Args[1] == httpArg {
		os.Exit(runHTTP(os.Args[2]))
	}
	if len(os.Args) > 1 && (os.Args[1] == childArg || os.Args[1] == panicArg) {
		if os.Args[1] == panicArg {
			go panicWhenTold(os.Args[2])
		}
		os.Exit(runChild())
	}
	os.Exit(m.Run())
}

func runChild() int {
	conn, err := peer.Inherited()
	if err == nil {
		err = peer.Child(context.Background(), os.Stdin, os.Stdout, conn)
	}
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		return 1
	}
	return 0
}

// runHTTP is what the seed's cost is measured against.
func runHTTP(file string) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 1
	}
	fmt.Println(l.Addr())
	_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) }))
	return 0
}

// panicWhenTold does in a goroutine of its own what a bug of the torrent library would.
func panicWhenTold(file string) {
	for {
		if os.Remove(file) == nil {
			panic("a bug in a library")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

var errNotPublic = errors.New("not a public video")

// site is the rest of the house, as the seed sees it.
type site struct {
	t    *testing.T
	seed *peer.Seed
	port int
	log  *lockedWriter

	mu     sync.Mutex
	shares map[metainfo.Hash]peer.Share
	spent  map[string]int64
	pace   func(ctx context.Context, n int64) error
}

// newSite runs a seed with what change makes of its configuration.
func newSite(t *testing.T, change func(*peer.Config)) *site {
	t.Helper()
	s := &site{t: t, shares: map[metainfo.Hash]peer.Share{}, spent: map[string]int64{}, log: new(lockedWriter)}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s.port = conn.LocalAddr().(*net.UDPAddr).Port
	cfg := peer.Config{
		Conn: conn, Command: command(childArg), Lookup: s.lookup, Hashes: s.hashes, Spend: s.spend,
		PublicIPs: func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("127.0.0.1")} },
		Log:       slog.New(slog.NewTextHandler(s.log, nil)),
	}
	if change != nil {
		change(&cfg)
	}
	s.seed = peer.New(cfg)
	peer.Impatient(s.seed)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.seed.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		conn.Close()
	})
	return s
}

func command(args ...string) func(context.Context) *exec.Cmd {
	return func(ctx context.Context) *exec.Cmd { return exec.CommandContext(ctx, os.Args[0], args...) }
}

// publish makes a file of size bytes and its torrent, and returns both.
func (s *site) publish(size int64) (metainfo.Torrent, []byte) {
	s.t.Helper()
	data := make([]byte, size)
	random := rand.NewChaCha8([32]byte{byte(size), byte(size >> 8), byte(size >> 16)})
	_, _ = random.Read(data)
	torrent, err := metainfo.Build(s.t.Context(), bytes.NewReader(data), size, time.Minute, "720p", ".mp4")
	if err != nil {
		s.t.Fatal(err)
	}
	path := filepath.Join(s.t.TempDir(), "720p.mp4")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shares[torrent.InfoHash] = peer.Share{Torrent: torrent, Path: path}
	return torrent, data
}

func (s *site) unpublish(h metainfo.Hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.shares, h)
}

func (s *site) lookup(_ context.Context, h metainfo.Hash) (peer.Share, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	share, ok := s.shares[h]
	if !ok {
		return peer.Share{}, errNotPublic
	}
	return share, nil
}

func (s *site) hashes() (all []metainfo.Hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for h := range s.shares {
		all = append(all, h)
	}
	return all
}

func (s *site) spend(ctx context.Context, way string, n int64) error {
	s.mu.Lock()
	pace := s.pace
	s.mu.Unlock()
	if pace != nil {
		if err := pace(ctx, n); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spent[way] += n
	return nil
}

// eventually waits for ok.
func (s *site) eventually(what string, ok func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s did not happen; %+v", what, s.seed.Stats())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// listening returns where TCP and uTP are listened on.
func (s *site) listening() string {
	s.t.Helper()
	s.eventually("listening", func() bool { return s.seed.Stats().Listen != "" })
	return s.seed.Stats().Listen
}

func withTCP(c *peer.Config) { c.Listen = "127.0.0.1:0" }

type lockedWriter struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *lockedWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(b)
}

// said is what was logged.
func (s *site) said() string {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.b.String()
}
