package setup

import (
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/tubelet/tubelet/store"
)

// handles is what Mastodon and PeerTube both take as a user name.
var handles = regexp.MustCompile(`^[a-z0-9_]{1,30}$`)

// channel checks the configuration and makes it a channel.
func (cfg Config) channel() (store.Channel, error) {
	domain, err := checkDomain(cfg.Domain, cfg.Local)
	if err != nil {
		return store.Channel{}, err
	}
	if !handles.MatchString(cfg.Handle) {
		return store.Channel{}, invalid("handle %q: use 1 to 30 of a-z, 0-9 and _", cfg.Handle)
	}
	name := strings.TrimSpace(cfg.Name)
	if name == "" || utf8.RuneCountInString(name) > 120 || strings.ContainsFunc(name, isControl) {
		return store.Channel{}, invalid("name %q: use 1 to 120 characters on one line", cfg.Name)
	}
	return store.Channel{
		Handle: cfg.Handle, Domain: domain, Local: cfg.Local, Name: name,
		Language: "en", CreatedAt: time.Now(),
	}, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// checkDomain returns the domain in the form in which addresses carry it.
func checkDomain(domain string, local bool) (string, error) {
	domain = strings.ToLower(strings.TrimSpace(domain))
	if local {
		return domain, checkLocal(domain)
	}
	if _, err := netip.ParseAddr(domain); err == nil {
		return "", invalid("domain %q is an address: give the name that points to it, or add --local to try out", domain)
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil || !hostName(ascii) {
		return "", invalid("domain %q: give a plain host name, such as video.example", domain)
	}
	if !strings.Contains(ascii, ".") {
		return "", invalid("domain %q has no dot: give a full name, such as video.example, or add --local to try out", domain)
	}
	return ascii, nil
}

func checkLocal(domain string) error {
	host, port := domain, ""
	if _, err := netip.ParseAddr(domain); err == nil && strings.Contains(domain, ":") {
		return invalid("domain %q: put an IPv6 address in brackets", domain)
	}
	if strings.Contains(domain, ":") {
		h, p, err := net.SplitHostPort(domain)
		if err != nil {
			return invalid("domain %q: give host or host:port", domain)
		}
		host, port = h, p
	}
	if _, err := netip.ParseAddr(host); err != nil && !hostName(host) {
		return invalid("domain %q: %q is no host name", domain, host)
	}
	if n, err := strconv.Atoi(port); port != "" && (err != nil || n < 1 || n > 65535) {
		return invalid("domain %q: %q is no port", domain, port)
	}
	return nil
}

// hostName reports whether name follows RFC 1123 2.1, in ASCII, without a final dot.
func hostName(name string) bool {
	if len(name) == 0 || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if len(label) == 0 || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
		for _, r := range label {
			if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
				return false
			}
		}
	}
	return true
}

// BehindProxy is where the server of a channel with a domain listens: on the loopback, for
// the proxy that holds the certificate.
const BehindProxy = "127.0.0.1:8080"

// listenAddress returns where the channel's server listens. A local one does so on its own
// address, and for a name that means this machine on the loopback, which nobody else reaches.
func listenAddress(c store.Channel) string {
	if !c.Local {
		return BehindProxy
	}
	host, port, err := net.SplitHostPort(c.Domain)
	if err != nil {
		host, port = strings.Trim(c.Domain, "[]"), "80"
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

func invalid(format string, args ...any) error {
	return store.Errorf(store.ErrInvalid, format, args...)
}
