package mirror_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/seed/mirror"
	"github.com/tubelet/tubelet/seed/peer"
	"github.com/tubelet/tubelet/seed/swarm"
	"github.com/tubelet/tubelet/seed/tracker"
)

const deadline = 60 * time.Second // of what is expected; a busy machine needs it

// childArg makes the test's own program the seed's process.
const childArg = "mirror-test-child"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childArg {
		conn, err := peer.Inherited()
		if err == nil {
			err = peer.Child(context.Background(), os.Stdin, os.Stdout, conn)
		}
		if err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// channel is a home server with a feed, files and a real tracker.
type channel struct {
	t *testing.T
	*httptest.Server
	tracker *tracker.Tracker

	mu      sync.Mutex
	videos  []video
	hidden  map[metainfo.Hash]bool // no longer public
	refused bool                   // mirrors
	limit   int64                  // bytes of a file after which a transfer breaks; 0 for none
	corrupt bool                   // files are sent with one wrong byte
	down    bool                   // the feed can't be read
	sent    int64                  // bytes of files
	ranges  []string
}

type video struct {
	name    string
	data    []byte
	torrent metainfo.Torrent
	age     time.Duration
	feed    bool // still in the feed
}

func newChannel(t *testing.T) *channel {
	t.Helper()
	c := &channel{t: t, hidden: map[metainfo.Hash]bool{}}
	c.tracker = tracker.New(tracker.Config{
		Find: c.find, MirrorAllowed: func(string, string) bool { return !c.isRefused() },
	})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /feed.json", c.sendFeed)
	mux.HandleFunc("GET /media/{name}/720p.torrent", c.sendTorrent)
	mux.HandleFunc("GET /media/{name}/720p.mp4", c.sendFile)
	mux.HandleFunc("/tracker/socket", c.tracker.Socket)
	mux.HandleFunc("/tracker/announce", c.tracker.Announce)
	mux.HandleFunc("/tracker/scrape", c.tracker.Scrape)
	c.Server = httptest.NewServer(mux)
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = c.tracker.Run(ctx) }()
	t.Cleanup(func() { end(); <-ended; c.Close() })
	return c
}

// publish makes a video of size bytes; a later one is newer.
func (c *channel) publish(name string, size int) video {
	c.t.Helper()
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte([]byte(fmt.Sprintf("%-32s", name)))).Read(data) // never fails
	torrent, err := metainfo.Build(c.t.Context(), bytes.NewReader(data), int64(size), time.Minute, "720p", ".mp4")
	if err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	v := video{name, data, torrent, -time.Duration(len(c.videos)) * time.Hour, true}
	c.videos = append(c.videos, v)
	return v
}

// change does something to the channel while it serves.
func (c *channel) change(do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do()
}

func (c *channel) isRefused() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused
}

func (c *channel) find(h metainfo.Hash) (tracker.Swarm, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, v := range c.videos {
		if v.torrent.InfoHash == h && !c.hidden[h] {
			return tracker.Swarm{Video: v.name, Room: &swarm.Media{Size: int64(len(v.data)), PieceLength: v.torrent.PieceLength}}, true
		}
	}
	return tracker.Swarm{}, false
}

func (c *channel) named(r *http.Request) (video, bool) {
	for _, v := range c.videos {
		if v.name == r.PathValue("name") && !c.hidden[v.torrent.InfoHash] {
			return v, true
		}
	}
	return video{}, false
}

// sendFeed sends one video on each page, the newest first.
func (c *channel) sendFeed(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	number, _ := strconv.Atoi(r.URL.Query().Get("page"))
	items := []any{}
	next := ""
	for i, v := range slices.Backward(c.videos) {
		if at := len(c.videos) - 1 - i; at > number {
			next = fmt.Sprintf("%s/feed.json?page=%d", c.URL, number+1)
			break
		} else if at < number {
			continue
		}
		if !v.feed || c.hidden[v.torrent.InfoHash] {
			continue
		}
		items = append(items, map[string]any{
			"url": c.URL + "/w/" + v.name, "title": "About " + v.name,
			"date_published": time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).Add(-v.age).Format(time.RFC3339),
			"attachments": []any{
				map[string]any{"url": c.URL + "/media/" + v.name + "/720p.mp4", "mime_type": "video/mp4"},
				map[string]any{"url": c.URL + "/media/" + v.name + "/720p.torrent", "mime_type": "application/x-bittorrent"},
			},
		})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"version": "https://jsonfeed.org/version/1.1", "title": "A channel", "items": items, "next_url": next})
}

func (c *channel) sendTorrent(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.named(r)
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(v.torrent.Encode(c.trackers(), []string{"https://elsewhere.example/720p.mp4", c.URL + "/media/" + v.name + "/720p.mp4"}))
}

func (c *channel) trackers() [][]string {
	return [][]string{{"ws" + strings.TrimPrefix(c.URL, "http") + "/tracker/socket"}}
}

func (c *channel) sendFile(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	v, ok := c.named(r)
	limit, data := c.limit, v.data
	if c.corrupt && ok {
		data = bytes.Clone(data)
		data[len(data)/2]++
	}
	c.ranges = append(c.ranges, r.Header.Get("Range"))
	c.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	http.ServeContent(&breaking{w, c, limit}, r, "", time.Time{}, bytes.NewReader(data))
}

// breaking is a line that breaks after some bytes.
type breaking struct {
	http.ResponseWriter
	c     *channel
	limit int64
}

func (b *breaking) Write(p []byte) (int, error) {
	if b.limit > 0 {
		if b.limit -= int64(len(p)); b.limit <= 0 {
			panic(http.ErrAbortHandler)
		}
	}
	b.c.change(func() { b.c.sent += int64(len(p)) })
	return b.ResponseWriter.Write(p)
}

// begin adds c to the mirror in a folder, and runs it.
func (c *channel) begin(t *testing.T, dir string, change func(*mirror.Config)) *mirror.Mirror {
	t.Helper()
	m, err := mirror.New(mirror.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Add(t.Context(), c.URL); err != nil {
		t.Fatal(err)
	}
	return c.run(t, dir, change)
}

// run runs the mirror in a folder.
func (c *channel) run(t *testing.T, dir string, change func(*mirror.Config)) *mirror.Mirror {
	t.Helper()
	cfg := mirror.Config{Dir: dir, Every: 200 * time.Millisecond}
	if change != nil {
		change(&cfg)
	}
	m, err := mirror.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	t.Cleanup(func() {
		end()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return m
}

// poll waits until ok.
func poll(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("%s: it did not come about", what)
}

// kept returns the bytes of a video in a mirror's folder.
func kept(dir string, v video) []byte {
	b, err := os.ReadFile(filepath.Join(dir, "files", v.torrent.InfoHash.String()+".mp4"))
	if err != nil {
		return nil
	}
	return b
}

func has(dir string, v video) bool { return bytes.Equal(kept(dir, v), v.data) }

// only returns the one channel of a mirror.
func only(t *testing.T, m *mirror.Mirror) mirror.Channel {
	t.Helper()
	list, err := m.List()
	if err != nil || len(list) != 1 {
		t.Fatalf("channels %+v, %v", list, err)
	}
	return list[0]
}
