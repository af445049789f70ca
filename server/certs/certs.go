// Package certs keeps the certificate of one host name: it hands it out to TLS, gets it
// from a certificate authority (Keeper, by ACME) or reads it from files (Files), and
// renews it.
//
// A Keeper asks the authority rarely. Before each attempt it looks whether the attempt can
// succeed (preflight.go); an attempt costs one order at most (attempt.go); after a failed
// one it waits, longer each time, also across restarts (state.go). The authority counts
// failures by the hour and certificates by the week, and nobody can hurry it then.
//
//	data/tls/            0700
//	  state.json         what became of the attempts, see State
//	  acme_account+key   our account
//	  <host>             key and certificate chain
package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// LetsEncrypt is the authority where no other is named.
const LetsEncrypt = autocert.DefaultACMEDirectory

// Config says whose certificate is kept, and where it comes from.
type Config struct {
	Data      string // the data directory
	Host      string // the one name that is answered to
	Directory string // the authority's ACME directory; empty means LetsEncrypt
	CAFile    string // PEM of who signed the directory's own certificate; empty means the system's
	Email     string // told to the authority, which may write before the certificate ends
	Redirect  bool   // port 80 is ours, so that the authority may ask there too
	Port      string // that others reach us at; empty means 443

	// Resolve looks a name up. Nil asks the system.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)

	Log *slog.Logger // nil discards
}

// Keeper gets the certificate of one name by ACME, renews it and hands it out.
type Keeper struct {
	cfg    Config
	dir    string
	client *http.Client // for the authority

	current atomic.Pointer[tls.Certificate]
	trying  atomic.Pointer[autocert.Manager] // during an attempt: it knows the answer to the authority's question
	web     atomic.Pointer[http.Handler]     // during an attempt by HTTP: the same
	probe   prober
	nudge   chan struct{}
}

// New prepares the folder and reads the certificate that is there. It contacts nobody.
func New(cfg Config) (*Keeper, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Directory == "" {
		cfg.Directory = LetsEncrypt
	}
	if cfg.Port == "" {
		cfg.Port = "443"
	}
	if cfg.Resolve == nil {
		cfg.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	client, err := authority(cfg.CAFile)
	if err != nil {
		return nil, err
	}
	k := &Keeper{cfg: cfg, dir: folder(cfg.Data), client: client, nudge: make(chan struct{}, 1)}
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of certificates: %w", err)
	}
	if err := os.Chmod(k.dir, 0o700); err != nil {
		return nil, fmt.Errorf("close the folder of certificates to others: %w", err)
	}
	if cert, err := readPair(filepath.Join(k.dir, cfg.Host), filepath.Join(k.dir, cfg.Host)); err == nil {
		k.current.Store(cert)
	} else if !errors.Is(err, os.ErrNotExist) {
		cfg.Log.Warn("certificate not readable, a new one will be got", "err", err)
	}
	return k, nil
}

func folder(data string) string { return filepath.Join(data, "tls") }

// TLS is the configuration of a server that speaks for the name, and for no other.
func (k *Keeper) TLS() *tls.Config {
	c := base(k.certificate)
	c.NextProtos = append(c.NextProtos, acme.ALPNProto)
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		k.probe.notice(hello.SupportedProtos) // for a protocol that nobody speaks no certificate is asked for
		return nil, nil
	}
	return c
}

func base(get func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: get}
}

// certificate answers a handshake. It never waits for the authority.
func (k *Keeper) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if !sameHost(hello.ServerName, k.cfg.Host) {
		return nil, nil // crypto/tls then says "unrecognized name"
	}
	if len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == acme.ALPNProto {
		if m := k.trying.Load(); m != nil {
			return m.GetCertificate(hello)
		}
		return nil, nil
	}
	if cert := k.current.Load(); cert != nil {
		return cert, nil
	}
	return nil, errors.New("no certificate yet")
}

func sameHost(sni, host string) bool {
	return strings.EqualFold(strings.TrimSuffix(sni, "."), host)
}

// Challenge answers what the authority asks by HTTP, and reports whether that was it.
func (k *Keeper) Challenge(w http.ResponseWriter, r *http.Request) bool {
	web := k.web.Load()
	if web == nil || !strings.HasPrefix(r.URL.Path, "/.well-known/acme-challenge/") {
		return false
	}
	// Autocert compares the host as it stands there, and a port may stand beside it.
	own := r.Clone(r.Context())
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		own.Host = host
	}
	(*web).ServeHTTP(w, own)
	return true
}

// Reload looks at once whether there is anything to do.
func (k *Keeper) Reload() {
	select {
	case k.nudge <- struct{}{}:
	default:
	}
}

// look is how often a Keeper looks at the clock and at what a command may have written.
const look = 2 * time.Second

// Run gets a certificate when there is none, or when the one there is nears its end.
func (k *Keeper) Run(ctx context.Context) error {
	var t trouble
	for {
		err := k.round(ctx)
		pause, news := t.meet(err)
		if news && ctx.Err() == nil {
			k.cfg.Log.Warn("state of the certificate not kept", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		case <-k.nudge:
		}
	}
}

// trouble is what keeps the state from being read or written, as on a full disk. It is
// remembered in memory only, so that neither the log nor DNS hears of it at every look.
type trouble struct {
	times int
	told  string
}

// meet takes what a round returned, and tells how long to pause and whether it is news.
func (t *trouble) meet(err error) (pause time.Duration, news bool) {
	if err == nil {
		*t = trouble{}
		return look, false
	}
	text := err.Error()
	if why, ok := errors.AsType[syscall.Errno](err); ok {
		text = why.Error() // without the name of the file, which is another each time
	}
	pause, news = doubled(holdTime, t.times, longestHold), text != t.told
	t.times, t.told = t.times+1, text
	return pause, news
}

// round makes one attempt when it is time for one.
func (k *Keeper) round(ctx context.Context) error {
	state, err := Status(k.cfg.Data)
	if err != nil {
		return err
	}
	now := time.Now()
	was := state
	state.adopt(k.cfg)
	state.mend(now)
	state.describe(k.current.Load())
	if !k.wanted(state, now) || now.Before(state.wait(now)) {
		if state.same(was) {
			return nil
		}
		return state.save(k.dir)
	}
	err = k.preflight(ctx)
	if ctx.Err() != nil {
		return nil // what was seen while the program ends says nothing
	}
	if err != nil && !k.anyway(state, err) {
		if state.LastError != err.Error() {
			k.cfg.Log.Warn("no certificate asked for", "host", k.cfg.Host, "err", err)
		}
		state.hold(now, err)
		return state.save(k.dir)
	}
	return k.try(ctx, state)
}

// wanted reports whether a certificate is to be got.
func (k *Keeper) wanted(s State, now time.Time) bool {
	if !k.own(s) {
		return true
	}
	cert := k.current.Load()
	return now.After(renewal(cert.Leaf.NotBefore, cert.Leaf.NotAfter))
}

// own reports whether there is a certificate for the name and from the authority, be it old.
func (k *Keeper) own(s State) bool {
	cert := k.current.Load()
	return cert != nil && cert.Leaf.VerifyHostname(k.cfg.Host) == nil && s.CertDirectory == k.cfg.Directory
}

// renewal is when two thirds of a certificate's time are over.
func renewal(from, to time.Time) time.Time { return to.Add(-to.Sub(from) / 3) }

// try makes one attempt. What it will mean is written before it begins, so that a program
// that ends in the midst of it does not begin again at once.
func (k *Keeper) try(ctx context.Context, state State) error {
	way := state.way(k.cfg.Redirect)
	state.begin(time.Now())
	if err := state.save(k.dir); err != nil {
		return err // without a memory we would ask again and again
	}
	cert, orders, err := k.attempt(ctx, way)
	if ctx.Err() != nil && err != nil {
		return nil // what was written before holds
	}
	state.end(time.Now(), way, orders, err)
	if err != nil {
		k.cfg.Log.Error("certificate not issued", "host", k.cfg.Host, "err", err, "next", state.Next.Format(time.RFC3339))
		return state.save(k.dir)
	}
	k.current.Store(cert)
	state.CertDirectory = k.cfg.Directory
	state.describe(cert)
	k.cfg.Log.Info("certificate issued", "host", k.cfg.Host, "until", cert.Leaf.NotAfter.Format(time.RFC3339))
	return state.save(k.dir)
}
