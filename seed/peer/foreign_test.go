package peer_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/seed/peer"
	"github.com/tubelet/tubelet/seed/swarm"
	"github.com/tubelet/tubelet/seed/tracker"
)

// web is what a site serves over HTTP for its torrents: tracker, web seed and .torrent.
type web struct {
	*site
	url string
}

func newWeb(t *testing.T, s *site, host string) *web {
	t.Helper()
	tr := tracker.New(tracker.Config{
		Find: func(h metainfo.Hash) (tracker.Swarm, bool) {
			share, err := s.lookup(context.Background(), h)
			size, piece := share.Torrent.Length, share.Torrent.PieceLength
			return tracker.Swarm{Video: "v", Rendition: "720p", Size: size, Room: &swarm.Media{Size: size, PieceLength: piece}}, err == nil
		},
		Answer: s.seed.Answer,
		Seeds: func() []netip.AddrPort {
			if where, err := netip.ParseAddrPort(s.seed.Stats().Listen); err == nil {
				return []netip.AddrPort{where}
			}
			return nil
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = tr.Run(ctx) }()
	mux := http.NewServeMux()
	mux.HandleFunc("/tracker/socket", tr.Socket)
	mux.HandleFunc("/tracker/announce", tr.Announce)
	mux.HandleFunc("/tracker/scrape", tr.Scrape)
	mux.HandleFunc("/media/{hash}", func(w http.ResponseWriter, r *http.Request) {
		h, _ := metainfo.ParseHash(r.PathValue("hash"))
		share, err := s.lookup(r.Context(), h)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		http.ServeFile(w, r, share.Path)
	})
	listener, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: mux}}
	server.Start()
	t.Cleanup(func() { cancel(); server.Close(); <-done })
	return &web{s, server.URL}
}

// trackers are those of our torrents; for one who knows both ways, only that of WebRTC.
func (w *web) trackers(onlyWebRTC bool) [][]string {
	all := [][]string{{"ws" + strings.TrimPrefix(w.url, "http") + "/tracker/socket"}, {w.url + "/tracker/announce"}}
	if onlyWebRTC {
		return all[:1]
	}
	return all
}

// torrentFile writes a .torrent.
func (w *web) torrentFile(t metainfo.Torrent, trackers [][]string, webSeeds ...string) string {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "720p.torrent")
	if err := os.WriteFile(path, t.Encode(trackers, webSeeds), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// TestForeignClients downloads with the clients that people have: from the magnet link or
// the .torrent alone, byte-identical.
func TestForeignClients(t *testing.T) {
	const loopback = "127.0.0.1"
	outside := outsideAddress(t)
	node := filepath.Join("..", "..", "testdata", "peers", "download.js")
	for _, client := range []struct {
		name    string
		program string
		ways    string // by which the bytes may come
		host    string // where the site is
		args    func(t *testing.T, source, folder string) []string
	}{
		{"webtorrent", "node", "webrtc", loopback, func(_ *testing.T, source, folder string) []string {
			return []string{node, source, folder}
		}},
		{"aria2", "aria2c", "tcp", loopback, aria2},
		{"transmission", "transmission-cli", "tcp utp", outside, transmission},
		{"qbittorrent", "qbittorrent-nox", "tcp utp", outside, qbittorrent},
	} {
		for _, from := range []string{"magnet", "torrent"} {
			t.Run(client.name+"/"+from, func(t *testing.T) {
				w := newWeb(t, newSite(t, func(c *peer.Config) {
					if client.ways != "webrtc" {
						c.Listen = client.host + ":0"
					}
				}), client.host)
				torrent, data := w.publish(6<<20 + 4321)
				if client.ways != "webrtc" {
					w.listening()
				}
				trackers := w.trackers(client.ways == "webrtc")
				source := torrent.Magnet("A talk", slices.Concat(trackers...), nil, "")
				if from == "torrent" {
					source = w.torrentFile(torrent, trackers)
				}
				folder := t.TempDir()
				run(t, client.program, client.args(t, source, folder), filepath.Join(folder, torrent.Name), data)
				w.eventually("bytes by "+client.ways, func() bool {
					var sent int64
					for way, n := range w.seed.Stats().Sent {
						if strings.Contains(client.ways, way) {
							sent += n
						}
					}
					return sent >= int64(len(data))
				})
			})
		}
	}
}

// outsideAddress is an address of this machine that is not loopback, where Transmission
// talks to no peer and qBittorrent to no tracker of ours.
func outsideAddress(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr().Is4() && !prefix.Addr().IsLoopback() {
			return prefix.Addr().String()
		}
	}
	t.Fatal("this machine has no address but loopback, where Transmission and qBittorrent refuse to work")
	return ""
}

// TestWebSeedOnly downloads where no peer is: the file comes over HTTP, checked by the
// torrent.
func TestWebSeedOnly(t *testing.T) {
	w := newWeb(t, newSite(t, nil), "127.0.0.1")
	torrent, data := w.publish(3<<20 + 99)
	source := w.torrentFile(torrent, nil, w.url+"/media/"+torrent.InfoHash.String())
	folder := t.TempDir()
	run(t, "aria2c", aria2(t, source, folder), filepath.Join(folder, torrent.Name), data)
	if st := w.seed.Stats(); st.State != peer.Idle {
		t.Errorf("the seed did something: %+v", st)
	}
}

// run starts a program and waits until file has these bytes, then ends it: not all end
// when they have the file.
func run(t *testing.T, program string, args []string, file string, want []byte) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%v: run .ci/install peers", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	running := true
	for {
		got, _ := os.ReadFile(file)
		if bytes.Equal(got, want) {
			break
		}
		if !running {
			t.Fatalf("%s ended; the file has %d bytes of %d\n%s", program, len(got), len(want), said.String())
		}
		select {
		case <-ended:
			running = false // look once more
		case <-time.After(100 * time.Millisecond):
		}
	}
	if running {
		cancel()
		<-ended
	}
}

func aria2(_ *testing.T, source, folder string) []string {
	return []string{
		"--no-conf", "--dir=" + folder, "--seed-time=0", "--follow-torrent=mem", "--bt-save-metadata=false",
		"--enable-dht=false", "--enable-dht6=false", "--bt-enable-lpd=false", "--enable-peer-exchange=false",
		"--listen-port=18310-18319", "--file-allocation=none", "--summary-interval=0", source,
	}
}

func transmission(t *testing.T, source, folder string) []string {
	settings := t.TempDir()
	text := `{"dht-enabled": false, "lpd-enabled": false, "pex-enabled": false, "port-forwarding-enabled": false}`
	if err := os.WriteFile(filepath.Join(settings, "settings.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--config-dir", settings, "--download-dir", folder, "--no-portmap", "--port", "18320", source}
}

func qbittorrent(t *testing.T, source, folder string) []string {
	profile := t.TempDir()
	settings := filepath.Join(profile, "qBittorrent", "config", "qBittorrent.conf")
	text := fmt.Sprintf(`[LegalNotice]
Accepted=true

[BitTorrent]
Session\DHTEnabled=false
Session\LSDEnabled=false
Session\PeXEnabled=false
Session\Port=18330
Session\DefaultSavePath=%s
Session\TempPathEnabled=false

[Network]
PortForwardingEnabled=false

[Preferences]
WebUI\Enabled=false
`, folder)
	if err := os.MkdirAll(filepath.Dir(settings), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--profile=" + profile, "--webui-port=18331", "--save-path=" + folder, source}
}
