package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/tubelet/tubelet/server/certs"
	"github.com/tubelet/tubelet/server/knock"
)

// soon is when a certificate should long have been renewed.
const soon = 10 * 24 * time.Hour

// dial connects to the channel's own name: where it leads to, and, in a house whose router
// does not lead it back, to the server itself.
func (w *world) dial(ctx context.Context) (net.Conn, error) {
	list, err := w.resolve(ctx)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("the name leads nowhere, see D20")
	}
	dialer := &net.Dialer{Timeout: 1500 * time.Millisecond}
	for _, ip := range append(family(list, true), family(list, false)...) {
		var conn net.Conn
		if conn, err = dialer.DialContext(ctx, "tcp", netip.AddrPortFrom(ip, w.HTTPS).String()); err == nil {
			return conn, nil
		}
	}
	for _, at := range w.inside() {
		if conn, ierr := dialer.DialContext(ctx, "tcp", at); ierr == nil {
			return conn, nil
		}
	}
	return nil, err
}

// inside is where this machine's HTTPS for the channel's name may be: the server's own port, or
// that of a proxy beside it.
func (w *world) inside() []string {
	host, port, err := net.SplitHostPort(w.Settings["listen"])
	if w.tls() == "off" {
		host, port, err = "", fmt.Sprint(w.HTTPS), nil
	}
	if err != nil {
		return nil
	}
	if ip, err := netip.ParseAddr(host); err != nil || ip.IsUnspecified() {
		return []string{net.JoinHostPort("127.0.0.1", port), net.JoinHostPort("::1", port)}
	}
	return []string{net.JoinHostPort(host, port)}
}

// client asks the channel's own name, wherever it is reached, and follows nobody elsewhere.
func (w *world) client() *http.Client {
	client, _ := w.home.get(func() (*http.Client, error) {
		transport := &http.Transport{
			Proxy:               nil,
			DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return w.dial(ctx) },
			TLSHandshakeTimeout: 3 * time.Second,
			DisableKeepAlives:   true,
		}
		w.Trust(transport)
		return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
	})
	return client
}

// certificate is D40: what a browser would make of the certificate.
func certificate(ctx context.Context, w *world) Finding {
	conn, err := w.dial(ctx)
	if err != nil {
		return fail("Nothing answers HTTPS at %s: %v.", "Start the server (D13), let it or the proxy listen on port 443 (D12), and see D32.", w.host(), err)
	}
	defer conn.Close()
	trust := &http.Transport{}
	w.Trust(trust)
	// It is looked at whatever it is; what would be wrong with it is said below.
	config := &tls.Config{ServerName: w.host(), InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return fail("The server has no certificate for %s: %v.", "See D41; the log says more: journalctl -u tubelet.", w.host(), err)
	}
	chain := secure.ConnectionState().PeerCertificates
	leaf, between := chain[0], x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	now := w.Now()
	if err := leaf.VerifyHostname(w.host()); err != nil {
		return fail("The certificate is for %s, not for %s.", "Another program answers for this name, or the certificate's files are another name's (the settings tls.*).", strings.Join(leaf.DNSNames, ", "), w.host())
	}
	if now.After(leaf.NotAfter) {
		return fail("The certificate ended on %s.", "See D41, or renew it where you get it from.", leaf.NotAfter.Format(time.DateOnly))
	}
	options := x509.VerifyOptions{Intermediates: between, CurrentTime: now}
	if trust.TLSClientConfig != nil {
		options.Roots = trust.TLSClientConfig.RootCAs
	}
	if _, err := leaf.Verify(options); err != nil {
		return fail("Browsers do not believe the certificate: %v.", "With certificate files: put the whole chain into the file (fullchain.pem). With a test authority: go back to the real one.", err)
	}
	left := leaf.NotAfter.Sub(now)
	if left < soon {
		return warn("The certificate ends in %d days and was not renewed.", "See D41, or renew it where you get it from.", int(left.Hours()/24))
	}
	return fine("for %s by %s, %d days left", w.host(), leaf.Issuer.CommonName, int(left.Hours()/24))
}

// authority is D41: how asking for a certificate went.
func authority(_ context.Context, w *world) Finding {
	if w.tls() != "auto" {
		return skip("certificates are not got by this server (tls %s)", w.tls())
	}
	s, err := certs.Status(w.Data)
	now := w.Now()
	switch {
	case err != nil:
		return warn("%v.", "Look whether the folder tls in the data folder is the server's.", err)
	case s.Mode == "":
		return skip("no server has asked for one yet")
	case s.LastError == "":
		return fine("asked, %d tries left this hour", s.OrdersLeft(now))
	}
	remedy := "Mend what it says (D20, D22, D32), then wait: too many tries lock the name out for a week."
	text := fmt.Sprintf("The last try failed: %s. The next comes %s; %d are left this hour.", strings.TrimSuffix(s.LastError, "."), in(s.Next.Sub(now)), s.OrdersLeft(now))
	if s.NotAfter.After(now) {
		return warn("%s", remedy, text)
	}
	return fail("%s", remedy, text)
}

// in says when something comes.
func in(d time.Duration) string {
	switch minutes := int(d.Round(time.Minute).Minutes()); {
	case d <= 0:
		return "at once"
	case minutes < 1:
		return "in less than a minute"
	case minutes == 1:
		return "in a minute"
	case minutes < 120:
		return fmt.Sprintf("in %d minutes", minutes)
	}
	return fmt.Sprintf("in %d hours", int(d.Round(time.Hour).Hours()))
}

// forged is an address that a client could claim to come from.
const forged = "192.0.2.1" // documentation, RFC 5737

// proxy is D42: what reaches the server through whatever stands before it.
func proxy(ctx context.Context, w *world) Finding {
	if w.tls() != "off" {
		return skip("no proxy stands before this server")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.Channel.Base()+knock.Path, nil)
	if err != nil {
		return warn("%v.", "", err)
	}
	for name, value := range map[string]string{"X-Forwarded-For": forged, "Digest": "SHA-256=x", "Signature": "x", "Date": w.Now().UTC().Format(http.TimeFormat)} {
		r.Header.Set(name, value)
	}
	var echo knock.Answer
	if err := w.getJSON(r, &echo); err != nil {
		return warn("%s could not be asked: %v.", "See D13 and D40.", w.host(), err)
	}
	switch {
	case echo.Address.String() == forged:
		return fail("The proxy passes on what visitors claim as their address: limits can be walked around.",
			"Have it write X-Forwarded-For anew: docs/proxy.md, and name it alone in trusted_proxies.")
	case len(echo.Headers) < 3:
		return fail("The proxy drops headers that other servers sign (only %s came through).", "docs/proxy.md shows what to pass on.", strings.Join(echo.Headers, ", "))
	}
	return w.behaves(ctx)
}

// behaves tries what players and other servers do and proxies sometimes do not let through.
func (w *world) behaves(ctx context.Context) Finding {
	for _, try := range []struct {
		method, path string
		headers      http.Header
		body         int
		want         int
		what         string
	}{
		{"GET", "/favicon.svg", http.Header{"Range": {"bytes=0-9"}}, 0, http.StatusPartialContent, "parts of files (Range): no seeking in videos"},
		{"GET", "/tracker/socket", websocket(w.Channel.Base()), 0, http.StatusSwitchingProtocols, "WebSockets: viewers cannot share"},
		{"POST", "/inbox", http.Header{"Content-Type": {"application/activity+json"}}, 900_000, http.StatusUnauthorized, "messages of 900 kB: some of what other servers send"},
	} {
		status, err := w.status(ctx, try.method, try.path, try.headers, try.body)
		for n := 0; err != nil && try.body > 0 && n < 2; n++ {
			// Who is refused while still sending may find the line cut before reading why.
			status, err = w.status(ctx, try.method, try.path, try.headers, try.body)
		}
		if try.path == "/inbox" && w.Settings["federation"] == "off" || try.path == "/tracker/socket" && w.Settings["p2p"] == "off" {
			continue
		}
		if err != nil || status != try.want {
			return fail("The proxy does not let through %s (answered %d).", "docs/proxy.md shows what to pass on.", try.what, status)
		}
	}
	return fine("addresses, headers, ranges, WebSockets and long messages come through")
}
