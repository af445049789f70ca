package share

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/server/playlist"
	"github.com/tubelet/tubelet/store"
)

const (
	film   = 1_000_000
	listed = "pub1234567"
)

// channelOf is a channel with one video that is shared.
type channelOf struct {
	*Share
	store *store.Store
	hash  metainfo.Hash
	log   *bytes.Buffer
}

func newChannel(t *testing.T, change func(*Config)) channelOf {
	t.Helper()
	data := t.TempDir()
	db, err := store.Open(t.Context(), filepath.Join(data, "tubelet.db"))
	must(t, err)
	t.Cleanup(func() { db.Close() })
	c := store.Channel{Handle: "workshop", Domain: "127.0.0.1:8080", Local: true, Language: "en"}
	must(t, db.CreateChannel(t.Context(), c))
	hash := publish(t, data, db)
	root, err := os.OpenRoot(filepath.Join(data, "videos"))
	must(t, err)
	t.Cleanup(func() { root.Close() })
	log := &bytes.Buffer{}
	cfg := Config{
		Data: data, Store: db, Videos: root, Version: db.ContentVersion, Channel: c, Local: true,
		Own: func(string) bool { return true }, Log: slog.New(slog.NewTextHandler(log, nil)),
		Address: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.1") },
	}
	if change != nil {
		change(&cfg)
	}
	s, err := New(t.Context(), cfg)
	must(t, err)
	return channelOf{s, db, hash, log}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// publish stores a video of ten seconds with its files.
func publish(t *testing.T, data string, db *store.Store) metainfo.Hash {
	t.Helper()
	body := bytes.Repeat([]byte("film"), film/4)
	torrent, err := metainfo.Build(t.Context(), bytes.NewReader(body), film, 10*time.Second, "360p", ".mp4")
	must(t, err)
	r := store.Rendition{
		Height: 360, File: "360p.mp4", Playlist: "360p.m3u8", Bytes: film, Width: 640, PixHeight: 360, FPS: 25,
		Codecs: "avc1.64001f,mp4a.40.2", Bandwidth: 900_000, Average: 800_000, Infohash: torrent.InfoHash.String(), Pieces: torrent.PieceLength,
	}
	v := store.Video{ID: listed, Title: "A talk", Visibility: store.Public, Media: store.Media{
		State: store.Done, Duration: 10 * time.Second, HasVideo: true, Renditions: []store.Rendition{r},
	}}
	must(t, db.CreateVideo(t.Context(), store.NewVideo{Video: v}))
	dir := filepath.Join(data, "videos", v.ID, "1")
	must(t, os.MkdirAll(dir, 0o700))
	list := "#EXTM3U\n#EXT-X-MAP:URI=\"360p.mp4\",BYTERANGE=\"1000@0\"\n"
	for i := range 5 {
		list += fmt.Sprintf("#EXTINF:2.000000,\n#EXT-X-BYTERANGE:199800@%d\n360p.mp4\n", 1000+i*199800)
	}
	for name, text := range map[string][]byte{"360p.mp4": body, "360p.m3u8": []byte(list), "360p.torrent": torrent.Encode(nil, nil)} {
		must(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	return torrent.InfoHash
}

// TestFindBusy: while the database can't be asked, what was shared stays shared.
func TestFindBusy(t *testing.T) {
	var broken atomic.Bool
	c := newChannel(t, func(cfg *Config) {
		version := cfg.Version
		cfg.Version = func(ctx context.Context) (int64, error) {
			if broken.Load() {
				return 0, context.DeadlineExceeded
			}
			return version(ctx)
		}
	})
	if _, ok := c.index.find(c.hash); !ok {
		t.Fatal("not found")
	}
	broken.Store(true)
	if s, ok := c.index.find(c.hash); !ok || s.Video != listed {
		t.Errorf("%+v, %v", s, ok)
	}
	if _, ok := c.index.find(metainfo.Hash{1}); ok {
		t.Error("a strange infohash is known")
	}
	broken.Store(false)
	must(t, c.store.SetSetting(t.Context(), "p2p", "off")) // a commit, after which the video can't be read
	_, _, err := c.index.current(t.Context())
	must(t, err)
	broken.Store(true)
	if _, ok := c.index.find(c.hash); !ok {
		t.Error("gone, though nobody could look")
	}
	broken.Store(false)
	if _, ok := c.index.find(c.hash); ok {
		t.Error("shared though p2p is off")
	}
}

func TestFind(t *testing.T) {
	c := newChannel(t, nil)
	s, ok := c.index.find(c.hash)
	if !ok || s.Video != listed || s.Rendition != "360p" || s.Size != film || s.Room == nil {
		t.Fatalf("%+v, %v", s, ok)
	}
	if n := len(s.Room.Segments); n != 5 || s.Room.Segments[4].Start != 8*time.Second || s.Room.Segments[4].Offset != 800200 || s.Room.PieceLength < 1 {
		t.Errorf("%d segments: %+v", n, s.Room)
	}
	if again, _ := c.index.find(c.hash); again.Room != s.Room {
		t.Error("the room is another one the second time")
	}
	if _, ok := c.index.find(metainfo.Hash{1}); ok {
		t.Error("a strange infohash is known")
	}
	v, err := c.store.Video(t.Context(), listed)
	must(t, err)
	hashes := metainfo.VideoLoaderHashes(v.UUID, 360)
	for _, l := range metainfo.LoaderSwarms("http://127.0.0.1:8080/media/"+listed+"/1/master.m3u8", playlist.Master(v.Media, "en")) {
		hashes = append(hashes, l.Hash)
	}
	for _, h := range hashes {
		if s, ok := c.index.find(h); !ok || s.Video != listed || s.Room != nil {
			t.Errorf("%s, which p2p-media-loader computes: %+v, %v", h, s, ok)
		}
	}
	v.Visibility = store.Unlisted
	must(t, c.store.UpdateVideo(t.Context(), v))
	for _, h := range append(hashes, c.hash) {
		if _, ok := c.index.find(h); ok {
			t.Errorf("%s of a hidden video is known", h)
		}
	}
	if c.log.Len() > 0 {
		t.Error(c.log)
	}
}

// Strangers' infohashes must neither pile up nor make us look at all videos each time.
func TestFindIsBounded(t *testing.T) {
	c := newChannel(t, nil)
	for i := range 3 * knownSize {
		c.index.find(metainfo.Hash{byte(i), byte(i >> 8)})
	}
	if n := len(c.index.known); n > knownSize {
		t.Errorf("%d are remembered", n)
	}
	computed := time.Now() // however long that took
	c.index.computed = computed
	must(t, c.store.SetSetting(t.Context(), "threads", "2")) // any commit
	c.index.find(metainfo.Hash{9, 9, 9})
	if c.index.computed != computed {
		t.Error("all videos were looked at again at once")
	}
}

func TestLookup(t *testing.T) {
	c := newChannel(t, nil)
	s, err := c.index.share(t.Context(), c.hash)
	must(t, err)
	if s.Torrent.InfoHash != c.hash || filepath.Base(s.Path) != "360p.mp4" || len(c.index.hashes()) != 1 {
		t.Errorf("%+v, %v", s, c.index.hashes())
	}
	must(t, c.store.SetSetting(t.Context(), "p2p", "off"))
	if _, err := c.index.share(t.Context(), c.hash); err == nil || len(c.index.hashes()) != 0 {
		t.Errorf("with sharing off: %v, %v", err, c.index.hashes())
	}
}

// running runs the sharing until the returned function is called.
func (c channelOf) running(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx, 0) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	}
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// The port is open while something is shared, and pages name it.
func TestPortFollowsSettings(t *testing.T) {
	c := newChannel(t, func(cfg *Config) {
		cfg.Seed = func(ctx context.Context) *exec.Cmd { return exec.CommandContext(ctx, "false") }
	})
	defer c.running(t)()
	stun := func() string { return c.seeder.stun(c.cfg.Channel) }
	until(t, "the port is open", func() bool { return stun() != "" })
	before := c.Changes()
	must(t, c.store.SetSetting(t.Context(), "p2p", "off"))
	until(t, "the port is closed", func() bool { return stun() == "" })
	until(t, "pages are told", func() bool { return c.Changes() > before })
	v, err := c.store.Video(t.Context(), listed)
	must(t, err)
	v.P2P = "on"
	must(t, c.store.UpdateVideo(t.Context(), v))
	until(t, "the port is open for the exception", func() bool { return stun() != "" })
	p, err := c.Player(t.Context(), c.cfg.Channel, v)
	if err != nil || p == nil || p.Mode != "on" || p.STUN != stun() || len(p.Renditions) != 1 || p.Renditions[0].Infohash != c.hash.String() {
		t.Errorf("%+v, %v", p, err)
	}
	must(t, c.store.SetSetting(t.Context(), "seed", "off"))
	until(t, "the seed is off", func() bool {
		r := c.seeder.current()
		return r != nil && r.seed.Stats().State == "off"
	})
}

// A port that somebody else has is a warning.
func TestPortTaken(t *testing.T) {
	c := newChannel(t, func(cfg *Config) {
		cfg.Seed = func(ctx context.Context) *exec.Cmd { return exec.CommandContext(ctx, "false") }
	})
	taken, err := (&netListener{}).listen()
	must(t, err)
	defer taken.Close()
	must(t, c.store.SetSetting(t.Context(), "seed.port", fmt.Sprint(taken.port())))
	stop := c.running(t)
	until(t, "the seed runs without a port", func() bool { return c.seeder.current() != nil })
	if stun := c.seeder.stun(c.cfg.Channel); stun != "" {
		t.Errorf("pages name %s", stun)
	}
	stop()
	if !bytes.Contains(c.log.Bytes(), []byte("no port for WebRTC")) {
		t.Errorf("log: %s", c.log)
	}
}

// Figures are written while somebody looks on, and at no other time.
func TestFiguresOnDemand(t *testing.T) {
	c := newChannel(t, nil)
	defer c.running(t)()
	w := c.Gate(Sending{Request: httptest.NewRequest("GET", "/", nil), Rendition: store.Rendition{File: "360p.mp4"}}, &bytes.Buffer{}, 0, 4)
	w.Write([]byte("film"))
	w.Close()
	must(t, c.store.AskFigures(t.Context(), time.Now().Add(3*time.Second)))
	var first store.Figures
	until(t, "figures come", func() bool {
		var err error
		first, err = c.store.Figures(t.Context())
		must(t, err)
		return !first.At.IsZero()
	})
	if !bytes.Contains(first.JSON, []byte(`"today":{"http":4`)) {
		t.Errorf("%s", first.JSON)
	}
	until(t, "they end", func() bool { return !time.Now().Before(time.UnixMilli(first.At.UnixMilli()).Add(6 * time.Second)) })
	last, err := c.store.Figures(t.Context())
	must(t, err)
	if age := time.Since(last.At); age < 2*time.Second {
		t.Errorf("written %v ago, though nobody asks any more", age)
	}
}

// TestFindDoesNotWait: who looks for a video does not wait for another's look at the database.
func TestFindDoesNotWait(t *testing.T) {
	var holding atomic.Bool
	held, release := make(chan struct{}), make(chan struct{})
	c := newChannel(t, func(cfg *Config) {
		version := cfg.Version
		cfg.Version = func(ctx context.Context) (int64, error) {
			if holding.CompareAndSwap(true, false) {
				close(held)
				<-release
			}
			return version(ctx)
		}
	})
	holding.Store(true)
	slow := make(chan bool)
	go func() { _, ok := c.index.find(c.hash); slow <- ok }()
	<-held
	fast := make(chan bool, 1)
	go func() { _, ok := c.index.find(c.hash); fast <- ok }()
	select {
	case ok := <-fast:
		if !ok {
			t.Error("the video is not known")
		}
	case <-time.After(10 * time.Second):
		t.Error("one look waits for the other")
	}
	close(release)
	if !<-slow {
		t.Error("the video is not known to who waited")
	}
}
