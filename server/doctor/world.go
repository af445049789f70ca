package doctor

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/store"
)

// Config is what Run needs.
type Config struct {
	Data    string
	Store   *store.Store // nil when it could not be opened
	Opened  error        // why not
	Media   *media.Maker
	Built   time.Time // when this program was made, zero when nobody knows
	Offline bool
	Via     string // address of a friend's Tubelet, empty for none

	// For tests; their zero values mean the real ones.
	Root      string                // of the machine's own files: /proc and /sys are below
	Now       func() time.Time      //
	Resolver  string                // address of the DNS server, host:port
	HTTPS     uint16                // the port that browsers ask
	Gateway   string                // address of the router's NAT-PMP, host:port
	Addresses func() []netip.Addr   // of this machine's interfaces
	Trust     func(*http.Transport) // adds certificates to believe in
	Kernel    func() (synced, known bool)
	Patience  time.Duration // with one look at this machine
}

// world is what checks look at. What several of them ask for is asked once.
type world struct {
	Config
	Channel  store.Channel
	Settings map[string]string

	lookup lazy[[]netip.Addr] // where the channel's name leads to
	gate   lazy[netip.Addr]   // the router's address outside
	four   lazy[Answer]       // what the friend says over IPv4
	six    lazy[Answer]       // over IPv6
	home   lazy[*http.Client] // asks the channel's own name
}

// lazy is a value that is found once.
type lazy[T any] struct {
	once  sync.Once
	value T
	err   error
}

func (l *lazy[T]) get(find func() (T, error)) (T, error) {
	l.once.Do(func() { l.value, l.err = find() })
	return l.value, l.err
}

func newWorld(ctx context.Context, cfg Config) *world {
	cfg.Root = cmp.Or(cfg.Root, "/")
	cfg.HTTPS = cmp.Or(cfg.HTTPS, 443)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Addresses == nil {
		cfg.Addresses = interfaces
	}
	if cfg.Trust == nil {
		cfg.Trust = func(*http.Transport) {}
	}
	if cfg.Media == nil {
		cfg.Media = media.New(media.Config{})
	}
	w := &world{Config: cfg, Settings: map[string]string{}}
	if cfg.Store == nil {
		return w
	}
	channel, err := cfg.Store.Channel(ctx)
	if err != nil {
		w.Store, w.Opened = nil, err
		return w
	}
	settings, err := cfg.Store.Settings(ctx)
	if err != nil {
		w.Store, w.Opened = nil, err
		return w
	}
	w.Channel = channel
	for _, s := range settings {
		w.Settings[s.Key] = s.Value
	}
	return w
}

// read returns a small file of the machine, trimmed, "" when there is none.
func (w *world) read(name string) string {
	text, err := os.ReadFile(filepath.Join(w.Root, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// host is the channel's name without a port.
func (w *world) host() string {
	if host, _, err := net.SplitHostPort(w.Channel.Domain); err == nil {
		return host
	}
	return w.Channel.Domain
}

// tls is how the channel does HTTPS: "auto", "files", or "off" behind a proxy.
func (w *world) tls() string { return cmp.Or(w.Settings["tls"], "off") }

// tailnet is how interfaces are called whose addresses look like a carrier's NAT but are
// of somebody's own network.
const tailnet = "tailscale"

// interfaces lists the addresses of this machine's network cards.
func interfaces() []netip.Addr {
	cards, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var list []netip.Addr
	for _, card := range cards {
		if card.Flags&net.FlagUp == 0 || strings.HasPrefix(card.Name, tailnet) {
			continue
		}
		addrs, err := card.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil {
				list = append(list, prefix.Addr().Unmap())
			}
		}
	}
	return list
}
