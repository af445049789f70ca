package mirror_test

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/seed/mirror"
	"github.com/tubelet/tubelet/seed/tracker"
)

func child(ctx context.Context) *exec.Cmd { return exec.CommandContext(ctx, os.Args[0], childArg) }

// seeding gives a mirror a socket and a child for WebRTC.
func seeding(t *testing.T) func(*mirror.Config) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return func(cfg *mirror.Config) {
		cfg.Conn, cfg.Command = conn, child
		cfg.PublicIPs = func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("127.0.0.1")} }
	}
}

// download lets a foreign WebTorrent client fetch a video through the channel's tracker
// alone, for as long as patience lasts, and returns what it has.
func (c *channel) download(t *testing.T, v video, patience time.Duration) ([]byte, error) {
	t.Helper()
	dir := t.TempDir()
	torrent := filepath.Join(dir, "a.torrent")
	if err := os.WriteFile(torrent, v.torrent.Encode(c.trackers(), nil), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "../../testdata/peers/download.js", torrent, dir)
	out, err := cmd.CombinedOutput()
	if err != nil && ctx.Err() == nil {
		t.Fatalf(`%v: %s ("make test" installs what it needs)`, err, out)
	}
	b, _ := os.ReadFile(filepath.Join(dir, v.torrent.Name))
	return b, err
}

// TestSeed: a WebTorrent client gets a video from a mirror over WebRTC, and no byte of it
// from the channel's own server.
func TestSeed(t *testing.T) {
	c, dir := newChannel(t), t.TempDir()
	v := c.publish("video", 3_000_000)
	m := c.begin(t, dir, seeding(t))
	poll(t, "the mirror to be known", func() bool { s := c.tracker.Stats(); return len(s.Mirrors) == 1 && s.Mirrors[0].Swarms == 1 })
	c.change(func() { c.sent = 0 })
	got, err := c.download(t, v, deadline)
	if err != nil || !bytes.Equal(got, v.data) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	poll(t, "the mirror's count", func() bool { return m.Sent()["webrtc"] >= int64(len(v.data)) })
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sent != 0 {
		t.Errorf("the channel's server sent %d bytes", c.sent)
	}
}

// TestLie: a mirror whose file is not what it should be is found out by who asks it.
func TestLie(t *testing.T) {
	c, dir := newChannel(t), t.TempDir()
	v := c.publish("video", 1_000_000)
	m := c.begin(t, dir, seeding(t))
	poll(t, "the mirror to be known", func() bool { s := c.tracker.Stats(); return len(s.Mirrors) == 1 && s.Mirrors[0].Swarms == 1 })
	path := filepath.Join(dir, "files", v.torrent.InfoHash.String()+".mp4")
	b := bytes.Clone(v.data)
	for i := 500_000; i < 600_000; i++ {
		b[i] ^= 0xff
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	var got []byte
	var err error
	// As often as it takes until the mirror was asked for all of the file: what it was not
	// asked for proves nothing.
	for tries := 0; m.Sent()["webrtc"] < int64(len(b)) && tries < 6; tries++ {
		if got, err = c.download(t, v, 10*time.Second); err == nil {
			t.Error("the client thinks that it has the whole file")
		}
	}
	if sent := m.Sent()["webrtc"]; sent < int64(len(b)) {
		t.Fatalf("the mirror was asked for %d bytes only", sent)
	}
	if len(got) > 600_000 && bytes.Equal(got[500_000:600_000], b[500_000:600_000]) {
		t.Error("the client kept the mirror's bytes")
	}
}

// TestFromMirror: a second mirror gets its copy from the first, not from the channel.
func TestFromMirror(t *testing.T) {
	c := newChannel(t)
	v := c.publish("video", 3_000_000)
	listening := func(cfg *mirror.Config) { cfg.Command, cfg.Listen = child, "127.0.0.1:0" }
	c.begin(t, t.TempDir(), listening)
	poll(t, "the first mirror to be known", func() bool { return seeds(c.tracker.Stats()) == 1 })
	c.change(func() { c.sent = 0 })
	dir := t.TempDir()
	c.begin(t, dir, listening)
	poll(t, "the second mirror's copy", func() bool { return has(dir, v) })
	poll(t, "the second mirror to be known", func() bool { return seeds(c.tracker.Stats()) == 2 })
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sent != 0 {
		t.Errorf("the channel's server sent %d bytes, ranges %s", c.sent, strings.Join(c.ranges, " "))
	}
}

func seeds(s tracker.Stats) int {
	n := 0
	for _, swarm := range s.Swarms {
		n += swarm.Mirrors
	}
	return n
}
