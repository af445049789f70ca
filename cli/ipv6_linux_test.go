package cli_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"

	"github.com/tubelet/tubelet/fed/sign"
	"github.com/tubelet/tubelet/seed/bencode"
	"github.com/tubelet/tubelet/server/certs/acmetest"
	"github.com/tubelet/tubelet/server/work/disk/disktest"
)

// The only addresses of the machine in TestInsideIPv6, beside ::1: the channel's, and that of
// everybody else.
const (
	sixChannel = "2a00::1"
	sixPeer    = "2a00::2"
)

// TestIPv6Only runs the whole program on a machine that has no IPv4 address but that of its
// loopback. See TestInsideIPv6.
func TestIPv6Only(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestInsideIPv6$", "-test.v")
	cmd.Env = append(os.Environ(), "TUBELET_TEST_IPV6="+t.TempDir())
	if out := disktest.Run(t, cmd, syscall.CLONE_NEWNET); !t.Failed() && !strings.Contains(out, "--- PASS: TestInsideIPv6") {
		t.Errorf("it did not run:\n%s", out)
	}
}

// sixWorld is a channel, and somebody on another server.
type sixWorld struct {
	*testing.T
	dir      string
	client   *http.Client // of the other
	inbox    chan map[string]any
	key      sign.Key
	id, hash string // of a video and its rendition
}

// TestInsideIPv6 is run by TestIPv6Only, in a network of its own.
func TestInsideIPv6(t *testing.T) {
	w := &sixWorld{T: t, dir: os.Getenv("TUBELET_TEST_IPV6"), inbox: make(chan map[string]any, 20)}
	if w.dir == "" {
		return // only asked for by TestIPv6Only
	}
	w.network()
	w.names()
	w.peer()
	w.channel()
	stop := w.serve()
	w.pages()
	w.stun()
	w.trackers()
	w.federation()
	w.doctor()
	if log := stop(); !strings.Contains(log, "this machine has no IPv4 address, and IPv6 needs no port sent here") {
		t.Errorf("of the router it says:\n%s", log)
	}
}

func (w *sixWorld) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// network has no card but the loopback, which gets two addresses that count as public. Its
// 127.0.0.1 is there as on every Linux, and leads nowhere else.
func (w *sixWorld) network() {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	w.ok(err)
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	w.ok(err)
	lo.SetUint16(unix.IFF_UP | unix.IFF_LOOPBACK | unix.IFF_RUNNING)
	w.ok(unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo))
	six, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	w.ok(err)
	defer unix.Close(six)
	for _, text := range []string{sixChannel, sixPeer} {
		request := struct {
			address [16]byte
			prefix  uint32
			card    int32
		}{netip.MustParseAddr(text).As16(), 128, 1} // struct in6_ifreq, netdevice(7)
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(six), unix.SIOCSIFADDR, uintptr(unsafe.Pointer(&request))); errno != 0 {
			w.Fatal("add an address: ", errno)
		}
	}
	addrs, err := net.InterfaceAddrs()
	w.ok(err)
	for _, a := range addrs {
		if ip := netip.MustParsePrefix(a.String()).Addr(); ip.Is4() && !ip.IsLoopback() {
			w.Fatalf("there is still %s", a)
		}
	}
	if c, err := net.Dial("udp4", "192.0.2.1:9"); err == nil {
		c.Close()
		w.Fatal("IPv4 leads somewhere")
	}
}

// names is the DNS server, which knows AAAA records only, and is who the system asks.
func (w *sixWorld) names() {
	known := map[string]string{"video.example.": sixChannel, "peer.example.": sixPeer}
	conn, err := net.ListenPacket("udp6", "[::1]:53")
	w.ok(err)
	l, err := net.Listen("tcp6", "[::1]:53")
	w.ok(err)
	w.Cleanup(func() { conn.Close(); l.Close() })
	answer := func(question []byte) []byte {
		var m dnsmessage.Message
		if m.Unpack(question) != nil || len(m.Questions) != 1 {
			return nil
		}
		q := m.Questions[0]
		m.Response, m.Additionals = true, nil
		address, there := known[q.Name.String()]
		switch {
		case !there:
			m.RCode = dnsmessage.RCodeNameError
		case q.Type == dnsmessage.TypeAAAA:
			m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60},
				Body: &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr(address).As16()}}}
		}
		text, _ := m.Pack()
		return text
	}
	go func() {
		buf := make([]byte, 1500)
		for n, from, err := conn.ReadFrom(buf); err == nil; n, from, err = conn.ReadFrom(buf) {
			_, _ = conn.WriteTo(answer(buf[:n]), from)
		}
	}()
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			head := make([]byte, 2)
			if _, err := io.ReadFull(c, head); err == nil {
				question := make([]byte, int(head[0])<<8|int(head[1]))
				_, _ = io.ReadFull(c, question)
				text := answer(question)
				_, _ = c.Write(append([]byte{byte(len(text) >> 8), byte(len(text))}, text...))
			}
			c.Close()
		}
	}()
	file := filepath.Join(w.dir, "resolv.conf")
	w.ok(os.WriteFile(file, []byte("nameserver ::1\n"), 0o644))
	w.ok(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	w.ok(unix.Mount(file, "/etc/resolv.conf", "", unix.MS_BIND, ""))
}

// peer is the other server, with one person.
func (w *sixWorld) peer() {
	var both []byte
	for _, name := range []string{"video", "peer"} {
		w.ok(acmetest.WriteCertificate(w.path(name+".pem"), w.path(name+".key"), name+".example", time.Now().Add(1000*time.Hour)))
		text, err := os.ReadFile(w.path(name + ".pem"))
		w.ok(err)
		both = append(both, text...)
	}
	w.ok(os.WriteFile(w.path("all.pem"), both, 0o600))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(both)
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(sixPeer)}}
	w.client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return from.DialContext(ctx, "tcp6", "["+sixChannel+"]:443")
		},
	}}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	w.ok(err)
	w.key = sign.NewKey("https://peer.example/ada#main-key", private)
	public, err := w.key.PublicPEM()
	w.ok(err)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ada", func(res http.ResponseWriter, _ *http.Request) {
		res.Header().Set("Content-Type", "application/activity+json")
		_ = json.NewEncoder(res).Encode(map[string]any{
			"@context": "https://www.w3.org/ns/activitystreams", "id": "https://peer.example/ada", "type": "Person", "preferredUsername": "ada",
			"inbox": "https://peer.example/inbox", "publicKey": map[string]any{"id": "https://peer.example/ada#main-key", "owner": "https://peer.example/ada", "publicKeyPem": public},
		})
	})
	mux.HandleFunc("POST /inbox", func(res http.ResponseWriter, r *http.Request) {
		var o map[string]any
		if json.NewDecoder(r.Body).Decode(&o) == nil {
			w.inbox <- o
		}
		res.WriteHeader(http.StatusAccepted)
	})
	l, err := net.Listen("tcp6", "["+sixPeer+"]:443")
	w.ok(err)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.ServeTLS(l, w.path("peer.pem"), w.path("peer.key")) }()
	w.Cleanup(func() { server.Close() })
}

func (w *sixWorld) path(name string) string { return filepath.Join(w.dir, name) }

// command is the program, as its user starts it.
func (w *sixWorld) command(args ...string) *exec.Cmd {
	cmd := exec.Command("tubelet", args...)
	cmd.Env = append(os.Environ(), "TUBELET_DATA="+w.path("data"), "SSL_CERT_FILE="+w.path("all.pem"), "TZ=UTC")
	return cmd
}

func (w *sixWorld) tubelet(args ...string) string {
	w.Helper()
	out, err := w.command(args...).CombinedOutput()
	if err != nil {
		w.Fatalf("tubelet %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// channel makes the channel, with one video.
func (w *sixWorld) channel() {
	said := w.tubelet("init", "--domain", "video.example", "--name", "Workshop", "--handle", "me")
	for _, want := range []string{"video.example. 3600 IN AAAA 2a00::", "video.example leads here already: " + sixChannel} {
		if !strings.Contains(said, want) {
			w.Errorf("init does not say %q:\n%s", want, said)
		}
	}
	if strings.Contains(said, "IN A ") || strings.Contains(said, "IPv4") {
		w.Errorf("init wants an A record:\n%s", said)
	}
	w.tubelet("tls", "files", w.path("video.pem"), w.path("video.key"))
	w.tubelet("config", "set", "listen", "["+sixChannel+"]:443") // the other server has the same port
	w.tubelet("config", "set", "seed.listen", ":6881")
	w.tubelet("config", "set", "ports", "upnp")
	clip := w.path("clip.mp4")
	if out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=320x180:r=10:d=4", "-f", "lavfi", "-i", "sine=d=4",
		"-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "20", "-c:a", "aac", "-shortest", clip).CombinedOutput(); err != nil {
		w.Fatalf("%v\n%s", err, out)
	}
	w.tubelet("publish", clip, "--title", "A talk")
	var list []struct{ ID string }
	w.ok(json.Unmarshal([]byte(w.tubelet("ls", "--json")), &list))
	w.id = list[0].ID
	var video struct{ Renditions []struct{ Infohash string } }
	w.ok(json.Unmarshal([]byte(w.tubelet("show", w.id, "--json")), &video))
	w.hash = video.Renditions[0].Infohash
}

// serve runs the server until it is stopped, which returns what it said.
func (w *sixWorld) serve() (stop func() string) {
	var log bytes.Buffer
	cmd := w.command("serve")
	cmd.Stdout, cmd.Stderr = &log, &log
	w.ok(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	w.Cleanup(func() {
		_ = cmd.Process.Kill()
		if w.Failed() {
			w.Logf("%s", &log)
		}
	})
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		out, err := w.command("health").CombinedOutput()
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			w.Fatalf("%v: %s\n%s", err, out, &log)
		}
	}
	return func() string {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := <-ended; err != nil {
			w.Errorf("serve ends with %v\n%s", err, &log)
		}
		return log.String()
	}
}

// get asks the channel's server and returns what it answers.
func (w *sixWorld) get(path string, header http.Header, status int) string {
	w.Helper()
	r, err := http.NewRequest(http.MethodGet, "https://video.example"+path, nil)
	w.ok(err)
	r.Header = header
	res, err := w.client.Do(r)
	w.ok(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != status {
		w.Errorf("%s: %s, %v", path, res.Status, err)
	}
	return string(text)
}

// pages asks for a page, the whole way to a film, and a part of it.
func (w *sixWorld) pages() {
	if !strings.Contains(w.get("/w/"+w.id, nil, 200), "A talk") {
		w.Error("the page does not name its video")
	}
	media := "/media/" + w.id + "/1/"
	if !strings.Contains(w.get(media+"180p.m3u8", nil, 200), "180p.mp4") {
		w.Error("the playlist does not name its film")
	}
	if part := w.get(media+"180p.mp4", http.Header{"Range": {"bytes=4-7"}}, http.StatusPartialContent); part != "ftyp" {
		w.Errorf("a range is %q", part)
	}
	web := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := web.Get("http://video.example/") // by its name, as everybody does
	w.ok(err)
	res.Body.Close()
	if to := res.Header.Get("Location"); to != "https://video.example/" {
		w.Errorf("port 80 leads to %q", to)
	}
}

// trackers announces the film as a page of ours does, and as torrent programs do.
func (w *sixWorld) trackers() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, _, err := websocket.Dial(ctx, "wss://video.example/tracker/socket", &websocket.DialOptions{
		HTTPClient: w.client, HTTPHeader: http.Header{"Origin": {"https://video.example"}}})
	w.ok(err)
	defer c.CloseNow()
	raw := w.rawHash()
	var latin []rune
	for _, b := range []byte(raw) {
		latin = append(latin, rune(b))
	}
	w.ok(wsjson.Write(ctx, c, map[string]any{"action": "announce", "info_hash": string(latin), "peer_id": "-WW0000-abcdefghijkl", "event": "started",
		"left": 5, "uploaded": 0, "downloaded": 0, "numwant": 0}))
	var answer map[string]any
	w.ok(wsjson.Read(ctx, c, &answer))
	if answer["action"] != "announce" || answer["interval"] == nil {
		w.Errorf("the tracker answers %v", answer)
	}
	announce := func(rest string) bencode.Value {
		text := w.get("/tracker/announce?info_hash="+url.QueryEscape(raw)+"&uploaded=0&downloaded=0&compact=1"+rest, nil, 200)
		v, err := bencode.Decode([]byte(text), 1000)
		if err != nil {
			w.Fatalf("%v in %q", err, text)
		}
		return v
	}
	announce("&peer_id=-qB4500-abcdefghijkl&port=7001&left=0&event=started")
	own, other := netip.MustParseAddr(sixChannel).As16(), netip.MustParseAddr(sixPeer).As16()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Second) {
		v := announce("&peer_id=-qB4500-zyxwvutsrqpo&port=7002&left=5&event=started")
		four, _ := v.Get("peers", bencode.String)
		six, _ := v.Get("peers6", bencode.String)
		if len(four.Bytes) == 0 && len(six.Bytes) == 2*18 && bytes.Contains(six.Bytes, own[:]) && bytes.Contains(six.Bytes, other[:]) {
			return
		}
		if time.Now().After(deadline) { // the server looks itself up when it is first asked
			w.Fatalf("peers %x, peers6 %x: not our seed and the other peer", four.Bytes, six.Bytes)
		}
	}
}

func (w *sixWorld) rawHash() string {
	var raw []byte
	_, err := fmt.Sscanf(w.hash, "%x", &raw)
	w.ok(err)
	return string(raw)
}

// stun asks where a viewer comes from.
func (w *sixWorld) stun() {
	c, err := net.Dial("udp6", "["+sixChannel+"]:8443")
	w.ok(err)
	defer c.Close()
	// A binding request, and the answer's XOR-MAPPED-ADDRESS (RFC 8489 5, 14.2).
	question := append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, "twelve bytes"...)
	buf := make([]byte, 1500)
	n := 0
	for deadline := time.Now().Add(20 * time.Second); n == 0; time.Sleep(100 * time.Millisecond) { // the port opens a moment after the pages
		if time.Now().After(deadline) {
			w.Fatal("nobody answers STUN")
		}
		if _, err := c.Write(question); err == nil {
			_ = c.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
			n, _ = c.Read(buf)
		}
	}
	own := c.LocalAddr().(*net.UDPAddr)
	ip, port := own.AddrPort().Addr().As16(), uint16(own.Port)
	want := []byte{0, 0x20, 0, 20, 0, 2, byte(port>>8) ^ 0x21, byte(port) ^ 0x12}
	for i := range ip {
		want = append(want, ip[i]^question[4+i])
	}
	if buf[0] != 1 || buf[1] != 1 || !bytes.Contains(buf[:n], want) {
		w.Errorf("STUN says %x to %s, not %x", buf[:n], own, want)
	}
}

// federation has somebody follow from a server that has IPv6 alone: their key is fetched there,
// and the answer is delivered there.
func (w *sixWorld) federation() {
	body := []byte(`{"@context":"https://www.w3.org/ns/activitystreams","id":"https://peer.example/follow","type":"Follow",` +
		`"actor":"https://peer.example/ada","object":"https://video.example/users/me"}`)
	r, err := http.NewRequest(http.MethodPost, "https://video.example/inbox", bytes.NewReader(body))
	w.ok(err)
	r.Header.Set("Content-Type", "application/activity+json")
	w.ok(w.key.Sign(r, body))
	res, err := w.client.Do(r)
	w.ok(err)
	text, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		w.Fatalf("the inbox answers %s: %s", res.Status, text)
	}
	select {
	case o := <-w.inbox:
		if o["type"] != "Accept" {
			w.Errorf("delivered: %v", o)
		}
	case <-time.After(60 * time.Second):
		w.Error("the answer was not delivered")
	}
	if said := w.tubelet("followers"); !strings.Contains(said, "ada@peer.example") {
		w.Errorf("followers: %s", said)
	}
}

// doctor asks for no check to fail, and for words that fit.
func (w *sixWorld) doctor() {
	out, err := w.command("doctor", "--json").Output()
	var said struct {
		Checks []struct{ ID, Level, Cause, Remedy string }
	}
	if jerr := json.Unmarshal(out, &said); jerr != nil {
		w.Fatalf("%v, %v\n%s", err, jerr, out)
	}
	want := map[string][2]string{
		"D20": {"warn", "an IPv6 address only (" + sixChannel + ")"}, "D21": {"ok", "which is here"}, "D23": {"ok", "TCP too"}, "D30": {"warn", "has no IPv4 address"},
		"D31": {"not asked", "for IPv6 no router is asked"}, "D34": {"ok", "works here too"}, "D40": {"ok", "for video.example"}, "D50": {"ok", "@me@video.example"}, "D51": {"ok", "believed"},
	}
	for _, c := range said.Checks {
		if x, ok := want[c.ID]; ok && (c.Level != x[0] || !strings.Contains(c.Cause, x[1])) {
			w.Errorf("%s is %s: %s", c.ID, c.Level, c.Cause)
		}
		if strings.Contains(c.Cause+c.Remedy, "127.0.0.1") || c.Level == "fail" && c.ID >= "D12" {
			w.Errorf("%s is %s: %s %s", c.ID, c.Level, c.Cause, c.Remedy)
		}
		delete(want, c.ID)
	}
	if len(want) > 0 {
		w.Errorf("not there: %v", want)
	}
}
