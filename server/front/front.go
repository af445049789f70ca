// Package front is the door of the server: it opens the addresses that the channel listens
// on, speaks TLS there with the channel's certificate or plain HTTP to a proxy, sends
// visitors of port 80 to it, and holds every connection to its limits. It knows nothing of
// what is answered.
//
//	tls auto, files   listen (443)  HTTPS, HTTP/2        listen.redirect (80)  to https
//	tls off           listen        plain HTTP, for a proxy on this machine
//	local             loopback      plain HTTP
package front

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"syscall"

	"github.com/tubelet/tubelet/store"
)

// LocalAddress is where a local server listens when nothing else is said.
const LocalAddress = "127.0.0.1:8080"

// Config says what to listen on.
type Config struct {
	Data    string
	Store   *store.Store
	Channel store.Channel
	Local   bool   // plain HTTP for this machine, whatever the settings say
	Listen  string // instead of the setting, empty for that

	// Main and Redirect are sockets that are open already, nil where we open them.
	Main, Redirect net.Listener

	Log *slog.Logger
}

// certificates is where TLS has its certificate from.
type certificates interface {
	TLS() *tls.Config
	Challenge(http.ResponseWriter, *http.Request) bool
	Run(context.Context) error
}

// Front is an open door.
type Front struct {
	cfg            Config
	main, redirect net.Listener // redirect may be nil
	source         certificates // nil for plain HTTP
	reload         func()
}

// Open opens the addresses. Connections wait until Serve.
func Open(ctx context.Context, cfg Config) (*Front, error) {
	f := &Front{cfg: cfg, main: cfg.Main, redirect: cfg.Redirect, reload: func() {}}
	set, err := settings(ctx, cfg.Store)
	if err != nil {
		return nil, err
	}
	secure := !cfg.Local && set.mode != "off"
	if f.main == nil {
		if f.main, err = open(ctx, cfg, set, secure); err != nil {
			return nil, err
		}
	}
	if secure {
		if err := f.openTLS(ctx, set); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	if host, _, err := net.SplitHostPort(f.Addr()); !secure && err == nil && !Loopback(host) {
		cfg.Log.Warn("plain HTTP is open to other machines", "address", f.Addr())
	}
	return f, nil
}

// Addr is the address that is listened on.
func (f *Front) Addr() string { return f.main.Addr().String() }

// Port is its port, 0 where it has none.
func (f *Front) Port() uint16 {
	addr, err := netip.ParseAddrPort(f.Addr())
	if err != nil {
		return 0
	}
	return addr.Port()
}

// Ports are all that strangers come by.
func (f *Front) Ports() []uint16 {
	list := []uint16{f.Port()}
	if f.redirect != nil {
		if addr, err := netip.ParseAddrPort(f.redirect.Addr().String()); err == nil {
			list = append(list, addr.Port())
		}
	}
	return list
}

// Secure reports whether TLS is ours.
func (f *Front) Secure() bool { return f.source != nil }

// Reload reads the certificate again.
func (f *Front) Reload() { f.reload() }

// Keep keeps the certificate until ctx ends.
func (f *Front) Keep(ctx context.Context) error {
	if f.source == nil {
		return nil
	}
	return f.source.Run(ctx)
}

// Close closes what was opened, for a Front that is not served.
func (f *Front) Close() error {
	err := f.main.Close()
	if f.redirect != nil {
		err = errors.Join(err, f.redirect.Close())
	}
	return err
}

// open listens on the channel's address.
func open(ctx context.Context, cfg Config, set set, secure bool) (net.Listener, error) {
	addr, err := address(cfg, set, secure)
	if err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("listen on %s: this user may not open ports below 1024: let systemd start tubelet with the unit "+
			"that init printed, or put a proxy in front and say: tubelet tls off: %w", addr, err)
	case errors.Is(err, syscall.EADDRINUSE) && secure:
		return nil, fmt.Errorf("listen on %s: another program has that port; if it is a proxy with a certificate, say: tubelet tls off: %w", addr, err)
	case err != nil:
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return l, nil
}

// address is where to listen.
func address(cfg Config, set set, secure bool) (string, error) {
	if cfg.Listen != "" {
		return cfg.Listen, nil
	}
	if cfg.Local {
		if host, port, err := net.SplitHostPort(cfg.Channel.Domain); err == nil && Loopback(host) {
			return net.JoinHostPort(host, port), nil
		}
		return LocalAddress, nil
	}
	if _, port, err := net.SplitHostPort(set.listen); !secure && err == nil && (port == "443" || port == "https") {
		return "", fmt.Errorf("listen on %s: HTTPS needs a certificate: say tubelet tls auto, or listen on an address such as %s "+
			"behind a proxy that does HTTPS, or serve with --local to try things out", set.listen, LocalAddress)
	}
	return set.listen, nil
}

// Loopback reports whether only this machine reaches host.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
