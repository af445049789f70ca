package remote

import (
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/tubelet/tubelet/fed/pace"
)

// Domain returns what limits are for: the domain that somebody registered, since whoever has one
// has any number of hosts below it. Of an address without a name it is host itself.
func Domain(host string) string {
	name, _, _ := strings.Cut(host, ":")
	if _, err := netip.ParseAddr(name); err == nil {
		return host
	}
	if domain, err := publicsuffix.EffectiveTLDPlusOne(name); err == nil {
		return domain
	}
	return host
}

// newPace returns how often one registered domain is asked for anything. Strangers decide what we
// ask: without a limit they could have us knock at somebody's door.
func newPace() *pace.Turns[string] {
	return &pace.Turns[string]{Every: time.Second / 10, AtOnce: asksAtOnce, Most: 2048}
}

const asksAtOnce = 300
