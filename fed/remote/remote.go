// Package remote is the one way in which this program speaks to servers of others: fetch an
// object, a WebFinger answer or a picture, post an activity. It connects to public
// addresses only, decided on the address that is really dialled, so that no name, redirect or
// second DNS answer leads into the household's network; and every answer is bounded
// in time and size.
package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/idna"

	"github.com/tubelet/tubelet/fed/pace"
	"github.com/tubelet/tubelet/fed/sign"
)

// Bounds of every exchange.
const (
	wholeTime    = 10 * time.Second // of an exchange, redirects included
	dialTime     = 5 * time.Second
	maxRedirects = 3
	maxJSON      = 1 << 20 // decoded
	maxPicture   = 4 << 20
	maxHeaders   = 64 << 10
	maxAddress   = 2000
)

// ErrForbidden means that an address is not one to connect to.
var ErrForbidden = errors.New("forbidden address")

// StatusError is an answer that is not a success.
type StatusError struct {
	Code       int
	RetryAfter time.Duration // as asked by the other side, 0 when it does not say
}

func (e *StatusError) Error() string { return "answered " + strconv.Itoa(e.Code) }

// Gone reports whether what was asked for is gone for good.
func (e *StatusError) Gone() bool { return e.Code == http.StatusNotFound || e.Code == http.StatusGone }

// Passing reports whether another try later may have another answer: the other side is busy or
// broken, or could not get our key just now.
func (e *StatusError) Passing() bool {
	return e.Code >= 500 && e.Code != http.StatusNotImplemented || e.Code == http.StatusUnauthorized ||
		e.Code == http.StatusRequestTimeout || e.Code == http.StatusTooManyRequests
}

// Config is what New needs.
type Config struct {
	Agent string // User-Agent: the program and our address, so that others know whom to ask
	Host  string // our own host: never fetched

	// Private are networks that may be connected to although they are not public, and in
	// which any port and plain http will do. It is for tests and closed networks.
	Private []netip.Prefix

	// Dial stands for the network, for tests in virtual time. Addresses are not checked then.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client speaks to other servers. It is safe for concurrent use.
type Client struct {
	cfg  Config
	http *http.Client
	pace *pace.Turns[string] // of what is fetched, by registered domain
}

// New returns a client.
func New(cfg Config) *Client {
	dialer := &net.Dialer{Timeout: dialTime, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		return checkDial(address, cfg.Private)
	}}
	dial := dialer.DialContext
	if cfg.Dial != nil {
		dial = cfg.Dial
	}
	return &Client{cfg: cfg, pace: newPace(), http: &http.Client{
		Transport: &http.Transport{
			DialContext:            dial,
			Proxy:                  nil, // the environment's would see everything and be dialled unchecked
			TLSHandshakeTimeout:    dialTime,
			ForceAttemptHTTP2:      true,
			MaxResponseHeaderBytes: maxHeaders,
			MaxIdleConns:           128,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        30 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// checkDial decides on an address that is about to be connected to, after the name was
// resolved.
func checkDial(address string, private []netip.Prefix) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrForbidden, address)
	}
	ip := target.Addr().Unmap()
	for _, prefix := range private {
		if prefix.Contains(ip) {
			return nil
		}
	}
	if !isPublic(ip) || target.Port() != 443 {
		return fmt.Errorf("%w: %s", ErrForbidden, address)
	}
	return nil
}

// Check reports whether an address is one that this client would ask: https, a host by a
// public name that is not ours, the usual port, no user. What it returns is ErrForbidden.
func (c *Client) Check(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || len(address) > maxAddress || u.Host == "" || u.User != nil || u.Opaque != "" {
		return nil, fmt.Errorf("%w: not a web address", ErrForbidden)
	}
	host := Host(u)
	if host == "" || host == c.cfg.Host {
		return nil, fmt.Errorf("%w: host %q", ErrForbidden, u.Host)
	}
	if c.isTest(u) {
		return u, nil
	}
	if u.Scheme != "https" || u.Port() != "" && u.Port() != "443" {
		return nil, fmt.Errorf("%w: not https on its port", ErrForbidden)
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil || !strings.Contains(host, ".") {
		return nil, fmt.Errorf("%w: host %q is not a public name", ErrForbidden, u.Host)
	}
	return u, nil
}

// isTest reports whether an address may lie in a permitted private network, so that only the
// dialled address decides.
func (c *Client) isTest(u *url.URL) bool {
	return len(c.cfg.Private) > 0 && (u.Scheme == "https" || u.Scheme == "http")
}

// Base returns the address of a host of which only the name is known. It is https, but for
// an address and port of a permitted private network.
func (c *Client) Base(host string) string {
	if at, err := netip.ParseAddrPort(host); err == nil {
		for _, prefix := range c.cfg.Private {
			if prefix.Contains(at.Addr()) {
				return "http://" + host
			}
		}
	}
	return "https://" + host
}

// Host returns the host of an address in the one form in which hosts are compared: lower
// case, punycode, without the usual port or a dot at the end. "" means that it has none.
func Host(u *url.URL) string {
	name, err := idna.Lookup.ToASCII(strings.TrimSuffix(u.Hostname(), "."))
	if err != nil || name == "" {
		name = strings.ToLower(u.Hostname())
		if _, err := netip.ParseAddr(name); err != nil {
			return ""
		}
	}
	if port := u.Port(); port != "" && !(u.Scheme == "https" && port == "443") && !(u.Scheme == "http" && port == "80") {
		return net.JoinHostPort(name, port)
	}
	return name
}

// SameHost reports whether two addresses are on one host, which is how far anybody's
// authority goes (FEP-fe34).
func SameHost(a, b string) bool {
	left, err := url.Parse(a)
	if err != nil {
		return false
	}
	right, err := url.Parse(b)
	return err == nil && left.Scheme == right.Scheme && Host(left) != "" && Host(left) == Host(right)
}

// Post sends an activity, signed, to an inbox. A redirect is not followed: an inbox that
// moved is announced by its actor. An answer that is not a success is a *StatusError.
func (c *Client) Post(ctx context.Context, inbox string, key sign.Key, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, wholeTime)
	defer cancel()
	u, err := c.Check(inbox)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("address %s: %w", u.Host, err)
	}
	r.Header.Set("Content-Type", `application/activity+json; charset=utf-8`)
	r.Header.Set("User-Agent", c.cfg.Agent)
	if err := key.Sign(r, body); err != nil {
		return err
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return fmt.Errorf("post to %s: %w", u.Host, plain(err))
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 4<<10)) // so that the connection can be used again
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("post to %s: %w", u.Host, &StatusError{answer.StatusCode, retryAfter(answer.Header)})
	}
	return nil
}

// plain takes the address out of an error of the http package: it is said once already.
func plain(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// retryAfter reads the header Retry-After (RFC 9110, section 10.2.3), at most a day.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	wait := time.Duration(0)
	if seconds, err := strconv.Atoi(text); err == nil {
		wait = time.Duration(min(max(seconds, 0), 86400)) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = time.Until(at)
	}
	return min(max(wait, 0), 24*time.Hour)
}
