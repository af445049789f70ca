package setup

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"
)

// Where a name leads to, as CheckDNS says.
const (
	Here      = "here"      // to an address of this machine
	Elsewhere = "elsewhere" // to others, and this machine has public ones
	Somewhere = "somewhere" // to addresses that may be the router's
	Nowhere   = "nowhere"   // it has none yet
	Unknown   = "unknown"   // it could not be looked up
)

// lookTime is how long init waits for DNS: it is no condition for anything.
const lookTime = 2 * time.Second

// CheckDNS looks a domain up and compares what it finds with the public addresses of this machine.
func CheckDNS(ctx context.Context, domain string, own []netip.Addr) (found []netip.Addr, state string) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", domain)
	for i, ip := range found {
		found[i] = ip.Unmap()
	}
	return found, judge(found, err, own)
}

func judge(found []netip.Addr, err error, own []netip.Addr) string {
	var missing *net.DNSError
	switch {
	case errors.As(err, &missing) && missing.IsNotFound:
		return Nowhere
	case err != nil:
		return Unknown
	case slices.ContainsFunc(found, func(ip netip.Addr) bool { return slices.Contains(own, ip) }):
		return Here
	case len(own) > 0:
		return Elsewhere
	}
	return Somewhere
}
