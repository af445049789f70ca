package doctor

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/tubelet/tubelet/fed/sign"
	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/server/knock"
	"github.com/tubelet/tubelet/store"
)

// fixture is a channel at example.com, whose machine, resolver, server and friend are all of
// the test's making.
type fixture struct {
	t      *testing.T
	cfg    Config
	answer knock.Answer // of the friend
	site   *http.ServeMux
	zone   map[string][]dnsmessage.ResourceBody // by name and type: "example.com. TypeA"
	tcp    bool                                 // the resolver answers over TCP
	rate   time.Duration                        // that the friend says an upload took
	status int                                  // of the friend
}

// key is made once: that takes a while.
var key = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, site: http.NewServeMux(), zone: map[string][]dnsmessage.ResourceBody{}, tcp: true, rate: time.Second, status: http.StatusOK}
	data, root := t.TempDir(), t.TempDir()
	f.ok(os.Chmod(data, 0o700))
	db, err := store.Open(t.Context(), filepath.Join(data, "tubelet.db"))
	f.ok(err)
	t.Cleanup(func() { db.Close() })
	f.ok(db.CreateChannel(t.Context(), store.Channel{Handle: "me", Domain: "example.com", Name: "Me", CreatedAt: time.Now()}))
	f.cfg = Config{
		Data: data, Store: db, Root: root, Built: time.Now().Add(-time.Hour), Kernel: func() (bool, bool) { return true, true },
		Addresses: func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("192.168.1.2")} },
		Gateway:   "127.0.0.1:1", Resolver: f.resolve(), Patience: time.Minute, // whatever else the machine does
	}
	der, err := x509.MarshalPKCS8PrivateKey(key())
	f.ok(err)
	f.ok(os.Mkdir(filepath.Join(data, "keys"), 0o700))
	for name, text := range map[string][]byte{"actor.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), "preview.key": []byte("secret")} {
		f.ok(os.WriteFile(filepath.Join(data, "keys", name), text, 0o600))
	}
	f.machine("proc/meminfo", "MemTotal:        3884000 kB\nSwapTotal:       102396 kB\n")
	f.machine("proc/locks", "")
	f.mounted("179:2 / / rw - ext4 /dev/root rw")
	return f
}

func (f *fixture) ok(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) set(key, value string) {
	f.t.Helper()
	f.ok(f.cfg.Store.SetSetting(f.t.Context(), key, value))
}

// machine writes one of the machine's own files.
func (f *fixture) machine(name, text string) {
	f.t.Helper()
	path := filepath.Join(f.cfg.Root, name)
	f.ok(os.MkdirAll(filepath.Dir(path), 0o755))
	f.ok(os.WriteFile(path, []byte(text), 0o644))
}

func (f *fixture) mounted(line string) { f.machine("proc/self/mountinfo", "36 1 "+line+"\n") }

// name gives the channel's name an address.
func (f *fixture) name(address string) {
	ip := netip.MustParseAddr(address)
	if ip.Is4() {
		f.zone["example.com. TypeA"] = append(f.zone["example.com. TypeA"], &dnsmessage.AResource{A: ip.As4()})
		return
	}
	f.zone["example.com. TypeAAAA"] = append(f.zone["example.com. TypeAAAA"], &dnsmessage.AAAAResource{AAAA: ip.As16()})
}

// resolve is a DNS server that knows the zone.
func (f *fixture) resolve() string {
	f.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	f.ok(err)
	f.t.Cleanup(func() { l.Close() })
	udp, err := net.ListenPacket("udp", l.Addr().String())
	f.ok(err)
	f.t.Cleanup(func() { udp.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := udp.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = udp.WriteTo(f.reply(buf[:n]), from)
		}
	}()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			var length [2]byte
			if _, err := io.ReadFull(conn, length[:]); err == nil && f.tcp {
				text := make([]byte, binary.BigEndian.Uint16(length[:]))
				_, _ = io.ReadFull(conn, text)
				text = f.reply(text)
				_, _ = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(text))), text...))
			}
			conn.Close()
		}
	}()
	return l.Addr().String()
}

func (f *fixture) reply(question []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(question) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	m.Response = true
	list, known := f.zone[q.Name.String()+" "+q.Type.String()]
	if !known && q.Type != typeCAA {
		list, known = f.zone["*"], len(f.zone["*"]) > 0
	}
	if !known {
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, body := range list {
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60}, Body: body})
	}
	text, _ := m.Pack()
	return text
}

// serve runs the channel's HTTPS, and leads its name there.
func (f *fixture) serve() *httptest.Server {
	f.t.Helper()
	server := httptest.NewTLSServer(f.site)
	f.t.Cleanup(server.Close)
	f.name("127.0.0.1")
	f.cfg.HTTPS = uint16(server.Listener.Addr().(*net.TCPAddr).Port)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	f.cfg.Trust = func(t *http.Transport) { t.TLSClientConfig = &tls.Config{RootCAs: roots} }
	return server
}

// channel answers as a Tubelet does.
func (f *fixture) channel() {
	f.t.Helper()
	channel, err := f.cfg.Store.Channel(f.t.Context())
	f.ok(err)
	public, err := sign.NewKey("", key()).PublicPEM()
	f.ok(err)
	site := vocab.Site{Channel: channel, PublicPEM: public, HTML: func(s string) string { return s }}
	f.json("/.well-known/webfinger", "application/jrd+json", map[string]any{"subject": "acct:me@example.com"})
	f.json("/users/me", activity, site.Actors()["me"])
}

func (f *fixture) json(path, kind string, v any) {
	f.site.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_ = json.NewEncoder(w).Encode(v)
	})
}

// friend makes a friend's server that says what the fixture's answer is.
func (f *fixture) friend() { f.friendAt("127.0.0.1:0") }

func (f *fixture) friendAt(address string) {
	f.t.Helper()
	l, err := net.Listen("tcp", address)
	f.ok(err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.status != http.StatusOK {
			w.WriteHeader(f.status)
			return
		}
		if r.Method == http.MethodPost {
			n, _ := io.Copy(io.Discard, r.Body)
			_ = json.NewEncoder(w).Encode(knock.Took{Bytes: n, Seconds: f.rate.Seconds()})
			return
		}
		_ = json.NewEncoder(w).Encode(f.answer)
	}))
	server.Listener.Close()
	server.Listener = l
	server.Start()
	f.t.Cleanup(server.Close)
	f.cfg.Via = server.URL
}

// sees6 has a friend who is reached over IPv6 alone see our address there and a port, and the
// channel's name lead to it.
func (f *fixture) sees6(address, network string, port uint16, open bool) {
	f.name(address)
	f.answer.Address = netip.MustParseAddr(address)
	f.answer.Doors = append(f.answer.Doors, knock.Door{Network: network, Port: port, Open: open, Why: "silent"})
	f.friendAt("[::1]:0")
}

// sees has the friend see our address and a port.
func (f *fixture) sees(address, network string, port uint16, open bool) {
	f.answer.Address = netip.MustParseAddr(address)
	f.answer.Doors = append(f.answer.Doors, knock.Door{Network: network, Port: port, Open: open, Why: "silent"})
	f.friend()
}

// router answers about its outer address.
func (f *fixture) router(address string) {
	f.t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	f.ok(err)
	f.t.Cleanup(func() { conn.Close() })
	f.cfg.Gateway = conn.LocalAddr().String()
	go func() {
		buf := make([]byte, 16)
		for {
			_, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			ip := netip.MustParseAddr(address).As4()
			_, _ = conn.WriteTo(append([]byte{0, 128, 0, 0, 0, 0, 0, 1}, ip[:]...), from)
		}
	}()
}

// runs makes it look as if a server ran on the data.
func (f *fixture) runs() {
	f.t.Helper()
	path := filepath.Join(f.cfg.Data, "serve.lock")
	f.ok(os.WriteFile(path, nil, 0o600))
	f.machine("proc/locks", "1: FLOCK  ADVISORY  WRITE 4242 fe:01:"+inode(f.t, path)+" 0 EOF\n")
}
