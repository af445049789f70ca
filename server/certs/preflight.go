package certs

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

const (
	lookupTime = 10 * time.Second
	probeTime  = 5 * time.Second
	addresses  = 8 // of the name that are looked at
	doubtful   = 6 // holds, a quarter of an hour, after which a doubt no longer stands in the way
)

// doubt is what speaks against an attempt and may yet be true only as seen from here: DNS
// at home may say something else than outside, and a router that does not lead its own
// household around to the outside (hairpin) may answer at its outer address itself.
type doubt struct{ error }

// anyway reports whether an attempt is made although preflight has something against it.
// What it costs then is within the budget of orders, and the waits after failures.
func (k *Keeper) anyway(s State, err error) bool {
	_, ok := errors.AsType[doubt](err)
	return ok && (k.own(s) || s.Holds >= doubtful)
}

// preflight tells why an attempt would not succeed, before the authority counts it: the name
// leads nowhere, or, as far as can be seen from here (doubt), to an address that nobody
// outside reaches, or to somebody else's machine. Where nobody answers it cannot tell.
func (k *Keeper) preflight(ctx context.Context) error {
	looking, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	addrs, err := k.cfg.Resolve(looking, k.cfg.Host)
	if err != nil || len(addrs) == 0 {
		if notFound, ok := errors.AsType[*net.DNSError](err); err == nil || ok && notFound.IsNotFound {
			return fmt.Errorf("DNS knows no address of %s yet", k.cfg.Host)
		}
		return fmt.Errorf("look up %s: %w", k.cfg.Host, err)
	}
	for _, a := range addrs[:min(len(addrs), addresses)] {
		a = a.Unmap()
		switch who := k.elsewhere(ctx, a); {
		case who == other:
			return doubt{fmt.Errorf("DNS sends %s to %s, where another machine or program answers", k.cfg.Host, a)}
		case who == silent && k.cfg.Directory == LetsEncrypt && !outside(a):
			return doubt{fmt.Errorf("DNS sends %s to %s, which is neither this server nor can be reached from outside; "+
				"if DNS outside says something else, name a server of it: tubelet config set tls.resolver 9.9.9.9:53", k.cfg.Host, a)}
		}
	}
	return nil
}

// outside reports whether the internet reaches an address.
func outside(a netip.Addr) bool {
	shared := netip.MustParsePrefix("100.64.0.0/10") // of providers that translate addresses (RFC 6598)
	return a.IsGlobalUnicast() && !a.IsPrivate() && !shared.Contains(a)
}

// answer is who answers at an address.
type answer int

const (
	silent answer = iota // nobody, or too late to tell
	us
	other
)

// elsewhere greets an address, and tells whether that came to this program: a private
// address of our own is as good as any, since the household is told it (hairpin).
func (k *Keeper) elsewhere(ctx context.Context, a netip.Addr) answer {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(a.String(), k.cfg.Port))
	if err != nil {
		return silent
	}
	defer conn.Close()
	sign := k.probe.begin()
	defer k.probe.end()
	// What the other side has for a certificate does not matter: the greeting asks whether
	// it is us, and our own end of it sees the sign.
	client := tls.Client(conn, &tls.Config{ServerName: k.cfg.Host, NextProtos: []string{sign}, InsecureSkipVerify: true})
	err = client.HandshakeContext(ctx)
	switch {
	case k.probe.seen():
		return us
	case errors.Is(err, context.DeadlineExceeded):
		return silent
	}
	return other
}

// prober recognises our own greeting when it comes back to us.
type prober struct {
	mu   sync.Mutex
	sign string
	came bool
}

const signs = "tubelet-"

func (p *prober) begin() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sign, p.came = signs+rand.Text(), false
	return p.sign
}

func (p *prober) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sign = ""
}

func (p *prober) seen() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.came
}

// notice looks whether a greeting is the one that begin asked for.
func (p *prober) notice(protocols []string) {
	if len(protocols) != 1 || !strings.HasPrefix(protocols[0], signs) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.came = p.came || protocols[0] == p.sign
}
