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
)

// preflight tells why an attempt cannot succeed, before the authority counts it: the name
// leads nowhere, to an address that nobody outside reaches, or to somebody else's machine.
// Where it cannot tell, as behind a router that does not lead its own household around to
// the outside (hairpin), it lets the attempt begin.
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
		if k.cfg.Directory == LetsEncrypt && !outside(a) {
			return fmt.Errorf("DNS sends %s to %s, which cannot be reached from outside", k.cfg.Host, a)
		}
		if k.elsewhere(ctx, a) {
			return fmt.Errorf("DNS sends %s to %s, where another machine or program answers", k.cfg.Host, a)
		}
	}
	return nil
}

// outside reports whether the internet reaches an address.
func outside(a netip.Addr) bool {
	shared := netip.MustParsePrefix("100.64.0.0/10") // of providers that translate addresses (RFC 6598)
	return a.IsGlobalUnicast() && !a.IsPrivate() && !shared.Contains(a)
}

// elsewhere reports whether somebody answers at an address who is not this program.
func (k *Keeper) elsewhere(ctx context.Context, a netip.Addr) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(a.String(), k.cfg.Port))
	if err != nil {
		return false
	}
	defer conn.Close()
	sign := k.probe.begin()
	defer k.probe.end()
	// What the other side has for a certificate does not matter: the greeting asks whether
	// it is us, and our own end of it sees the sign.
	client := tls.Client(conn, &tls.Config{ServerName: k.cfg.Host, NextProtos: []string{sign}, InsecureSkipVerify: true})
	if err := client.HandshakeContext(ctx); errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	return !k.probe.seen()
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
