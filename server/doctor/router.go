package doctor

import (
	"context"
	"net/netip"
	"strings"

	"github.com/tubelet/tubelet/server/home/natpmp"
)

// routerTries is how often the router is asked, which takes less than two seconds.
const routerTries = 3

// router asks the household's router for its address outside, by NAT-PMP (RFC 6886). It opens
// nothing there: that is only done where the setting ports says so.
func (w *world) router(ctx context.Context) (netip.Addr, error) {
	return w.gate.get(func() (netip.Addr, error) {
		at := w.Gateway
		if at == "" {
			gateway, err := natpmp.Gateway(w.read(strings.TrimPrefix(natpmp.Routes, "/")))
			if err != nil {
				return netip.Addr{}, err
			}
			at = netip.AddrPortFrom(gateway, natpmp.Port).String()
		}
		address, err := netip.ParseAddrPort(at)
		if err != nil {
			return netip.Addr{}, err
		}
		return natpmp.New(address, routerTries).Address(context.WithoutCancel(ctx))
	})
}
