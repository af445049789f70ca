package mirror

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

var errHomeNetwork = errors.New("its name leads into a home network")

// reserved are the addresses that nobody out in the world has (IANA's special-purpose
// registries), beside those that net/netip knows.
func reserved() []netip.Prefix {
	var list []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	} {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

// public reports whether an address is one out in the world.
func public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Is6() && !netip.MustParsePrefix("2000::/3").Contains(a) {
		return false
	}
	return !slices.ContainsFunc(reserved(), func(p netip.Prefix) bool { return p.Contains(a) })
}

// homely reports whether a host's name can only mean something near: who types it means that.
func homely(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if !strings.Contains(host, ".") {
		return true
	}
	return slices.ContainsFunc([]string{".local", ".lan", ".localhost", ".internal", ".home.arpa"}, func(end string) bool {
		return strings.HasSuffix(host, end)
	})
}

// dial connects to where host leads. The address is looked at when the connection is made: a
// name of the world could lead here today, and to the router beside us tomorrow.
func dial(ctx context.Context, host, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTime}
	if !homely(host) {
		d.Control = func(_, resolved string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(resolved)
			if err == nil && !public(at.Addr()) {
				err = errHomeNetwork
			}
			return err
		}
	}
	return d.DialContext(ctx, network, address)
}

// careful is the client for everything that is fetched. It uses no proxy of the environment:
// through one, nobody could tell where a name leads.
func careful() *http.Client {
	return &http.Client{Transport: &http.Transport{
		ResponseHeaderTimeout: time.Minute,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			return dial(ctx, host, network, address)
		},
		TLSHandshakeTimeout: dialTime,
	}}
}
