package knock

import (
	"net/netip"
	"time"

	"github.com/tubelet/tubelet/fed/pace"
)

const every = time.Minute // one address is answered, after its first few

// turns bounds how often each address is answered, and all together.
type turns struct {
	one *pace.Turns[netip.Addr]
	all *pace.Turns[struct{}]
}

func newTurns(few int) *turns {
	return &turns{
		// In a flood from everywhere nobody new is served: it is not for us to do that.
		one: &pace.Turns[netip.Addr]{Every: every, AtOnce: few, Most: 1024, Closed: true},
		all: &pace.Turns[struct{}]{Every: 2 * time.Second, AtOnce: 16, Most: 1},
	}
}

// take reports whether it is the turn of an address. A household with IPv6 has a whole /64
// of them, which count as one.
func (t *turns) take(ip netip.Addr, now time.Time) bool {
	if ip.Is6() {
		if prefix, err := ip.Prefix(64); err == nil {
			ip = prefix.Addr()
		}
	}
	return t.one.Take(ip, now) && t.all.Take(struct{}{}, now)
}
