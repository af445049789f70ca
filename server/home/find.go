package home

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/tubelet/tubelet/server/home/natpmp"
	"github.com/tubelet/tubelet/server/setup"
)

// errNoRouter means that no router answered.
var errNoRouter = errors.New("no router answers UPnP or NAT-PMP: switch one of them on there, or forward the ports by hand")

// errNoIPv4 means that there is nothing that a router could send here. Both protocols map
// addresses of IPv4; a router's firewall for IPv6 is another matter (RFC 6970, RFC 6886 1).
var errNoIPv4 = errors.New("this machine has no IPv4 address, and IPv6 needs no port sent here: let the ports through the router's IPv6 firewall by hand")

// tries is how often a router is asked by NAT-PMP: for eight seconds.
const tries = 5

// Find looks for the home's router, by UPnP and, when none answers, by NAT-PMP.
func Find(ctx context.Context) (router, error) {
	if !setup.HasIPv4() {
		return nil, errNoIPv4
	}
	return find(ctx, searchAddress, usual)
}

func find(ctx context.Context, upnp string, gateway func() (netip.AddrPort, error)) (router, error) {
	g, err := search(ctx, upnp)
	if err == nil {
		return g, nil
	}
	at, unknown := gateway()
	if unknown != nil {
		return nil, fmt.Errorf("%w (%w, so that NAT-PMP was not tried)", err, unknown)
	}
	p := pmp{natpmp.New(at, tries)}
	// Its address is asked for only to see whether it answers.
	_, refused := p.Address(ctx)
	switch {
	case refused == nil:
		return p, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(refused, natpmp.ErrSilent):
		return nil, err
	case errors.Is(err, errNoRouter):
		return nil, fmt.Errorf("ask for ports by NAT-PMP: %w", refused)
	}
	return nil, fmt.Errorf("by UPnP: %w; by NAT-PMP: %w", err, refused)
}

// usual is where the router of this network is asked by NAT-PMP. One with a public address
// is a provider's, and none of a home's.
func usual() (netip.AddrPort, error) {
	table, err := os.ReadFile(natpmp.Routes)
	if errors.Is(err, os.ErrNotExist) {
		return netip.AddrPort{}, errors.New("this system does not tell the router's address")
	}
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("find the router: %w", err)
	}
	a, err := natpmp.Gateway(string(table))
	if err == nil && !a.IsPrivate() && !a.IsLinkLocalUnicast() {
		err = fmt.Errorf("%s is no router of a home", a)
	}
	return netip.AddrPortFrom(a, natpmp.Port), err
}

// pmp is a router that speaks NAT-PMP.
type pmp struct{ *natpmp.Client }

// Map has a port sent here.
func (r pmp) Map(ctx context.Context, p Port, lease time.Duration) (time.Duration, error) {
	return r.Client.Map(ctx, p.Protocol, p.Number, lease)
}

// Unmap ends that.
func (r pmp) Unmap(ctx context.Context, p Port) error {
	return r.Client.Unmap(ctx, p.Protocol, p.Number)
}
