package doctor

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/tubelet/tubelet/store"
)

// carrier is what providers give to customers behind their own address translation (RFC 6598).
func carrier(ip netip.Addr) bool { return netip.MustParsePrefix("100.64.0.0/10").Contains(ip) }

const behindCarrier = "Nobody can connect to you over IPv4. Ask your provider for a public address (often free), or use IPv6 alone, " +
	"a small rented server in front, or a tunnel: docs/install.md, behind CGNAT."

// public is D30.
func public(ctx context.Context, w *world) Finding {
	var private netip.Addr
	for _, ip := range family(w.Addresses(), true) {
		switch {
		case isPublic(ip):
			return fine("%s, on this machine itself", ip)
		case carrier(ip):
			return warn("This machine's address %s is one of a carrier's address translation.", behindCarrier, ip)
		case ip.IsPrivate():
			private = ip
		}
	}
	outside := netip.Addr{}
	if w.Via != "" {
		if answer, err := w.friend(); err == nil && answer.Address.Is4() {
			outside = answer.Address
		}
	}
	if !private.IsValid() && !outside.IsValid() {
		return warn("This machine has no IPv4 address.", "With IPv6 alone some visitors cannot come; see D35.")
	}
	router, err := w.router(ctx)
	switch {
	case err != nil && outside.IsValid():
		return fine("%s at home, %s outside; the router does not say whether it has that itself", private, outside)
	case err != nil:
		return skip("at home %s; the router does not tell its outer address. Compare what its pages show as WAN or internet address with the A record: "+
			"an address that begins with 100.64 to 100.127 is shared with others", private)
	case carrier(router):
		return warn("The router's outer address %s is one of a carrier's address translation.", behindCarrier, router)
	case !isPublic(router):
		return warn("The router's outer address %s is private too: there is another router before it.",
			"Forward the ports in both, or set the first one to bridge mode.", router)
	case outside.IsValid() && router != outside:
		return warn("The router has the address %s, and others see %s: your provider translates addresses.", behindCarrier, router, outside)
	}
	return fine("%s, the router's", router)
}

// mapping is D31. What a router promises is no proof: whether the port is open is.
func mapping(_ context.Context, w *world) Finding {
	if mode := cmp.Or(w.Settings["ports"], "off"); mode == "off" {
		return skip("this server asks the router for nothing (ports off)")
	}
	if w.sixOnly() {
		return skip("this machine has no IPv4 address, and for IPv6 no router is asked; see D35")
	}
	if w.Via == "" {
		return skip("the log says what the router answered; whether the ports are open, only somebody outside can tell (--via)")
	}
	open, why, err := w.seen(443)
	switch {
	case err != nil:
		return unreachable(err)
	case !open:
		return fail("The router was asked to send port 443 here, and it does not (%s).", "Switch on UPnP or NAT-PMP in the router, or forward the ports by hand; see D30.", why)
	}
	return fine("the router sends the ports here")
}

// seen asks the friend about a port of ours over TCP.
func (w *world) seen(port uint16) (bool, string, error) {
	answer, err := w.anyFriend()
	if err != nil {
		return false, "", err
	}
	d, ok := answer.door("tcp", port)
	if !ok {
		return false, "", errNotTried
	}
	return d.Open, d.Why, nil
}

func unreachable(err error) Finding {
	return warn("The friend's server could not be asked: %v.", "Try its address in a browser; it needs a Tubelet of this version or later.", err)
}

const forward = "Forward TCP port %s in the router to this machine, and let it through the firewall (sudo ufw allow %s/tcp). Some providers block it."

// outside443 is D32.
func outside443(_ context.Context, w *world) Finding {
	open, why, err := w.seen(443)
	switch {
	case err != nil:
		return unreachable(err)
	case !open:
		return fail("Nobody outside reaches port 443 (%s).", fmt.Sprintf(forward, "443", "443"), why)
	}
	return fine("open")
}

// outside80 is D33. Certificates need 443 only, so a closed port 80 costs little.
func outside80(_ context.Context, w *world) Finding {
	open, why, err := w.seen(80)
	switch {
	case err != nil:
		return unreachable(err)
	case !open:
		return warn("Nobody outside reaches port 80 (%s): who types the name without https waits in vain. Certificates need only 443.", fmt.Sprintf(forward, "80", "80"), why)
	}
	return fine("open")
}

// hairpin is D34: whether the house reaches the channel by its own name.
func hairpin(ctx context.Context, w *world) Finding {
	list, err := w.resolve(ctx)
	if err != nil || len(list) == 0 {
		return skip("the name leads nowhere, see D20")
	}
	if !w.server().runs {
		return skip("no server runs, see D13")
	}
	target := cmp.Or(append(family(list, true), list...)...)
	conn, err := (&net.Dialer{Timeout: 3 * time.Second}).DialContext(ctx, "tcp", netip.AddrPortFrom(target, w.HTTPS).String())
	if err == nil {
		conn.Close()
		return fine("the name works here too")
	}
	if w.Via != "" {
		if open, _, ferr := w.seen(443); ferr == nil && open {
			return warn("The router does not lead the household to %s, while others reach it.",
				"Switch on hairpin NAT (NAT loopback) in the router, or name this machine's own address for it in the household's DNS.", w.host())
		}
	}
	return warn("From here %s port %d does not answer (%v). That may be so in this house only.",
		"Try it with a phone that is not in your Wi-Fi, or with --via; then see D32.", target, w.HTTPS, err)
}

// outside6 is D35.
func outside6(ctx context.Context, w *world) Finding {
	list, err := w.resolve(ctx)
	if err != nil || len(family(list, false)) == 0 {
		return skip("the name has no IPv6 address, see D21")
	}
	answer, err := w.friend6()
	if err != nil {
		return unreachable(err)
	}
	d, ok := answer.door("tcp", 443)
	switch {
	case !ok:
		return unreachable(errNotTried)
	case !d.Open:
		return fail("Nobody outside reaches port 443 over IPv6 (%s).", "Let TCP port 443 to this machine through the router's IPv6 firewall, or take the AAAA record away.", d.Why)
	}
	return fine("open")
}

// outsideUDP is D36.
func outsideUDP(_ context.Context, w *world) Finding {
	port := w.udp()
	if port == 0 {
		return skip("sharing is off")
	}
	answer, err := w.anyFriend()
	if err != nil {
		return unreachable(err)
	}
	d, ok := answer.door("udp", port)
	switch {
	case !ok:
		return unreachable(errNotTried)
	case !d.Open:
		text := strconv.Itoa(int(port))
		return warn("Nobody outside reaches UDP port %d (%s): viewers share only where their own lines allow it, and torrents come over HTTP.",
			"Forward UDP port "+text+" in the router to this machine (sudo ufw allow "+text+"/udp).", port, d.Why)
	}
	return fine("port %d is open", port)
}

// Shares of the line, and what a rendition takes where no video says.
const (
	usable   = 0.85  // the rest is headers, and what else the house sends
	typical  = 4.5e6 // bits a second of 1080p
	ladder   = 1080
	tooSlow  = 1.0 // viewers
	measured = 2500 * time.Millisecond
)

// uplink is D37.
func uplink(ctx context.Context, w *world) Finding {
	rate, how, err := w.uplinkRate(ctx)
	if err != nil {
		return unreachable(err)
	}
	if rate == 0 {
		return skip("not measured: add --via https://a-friends-tubelet, or say what may be used: tubelet config set upload.rate 20Mbit")
	}
	height, bits, err := w.Store.TopRate(ctx, ladder)
	if err != nil {
		return warn("%v.", "See D09.", err)
	}
	if bits == 0 {
		height, bits = ladder, typical
	}
	viewers := rate * 8 * usable / float64(bits)
	text := fmt.Sprintf("%.1f Mbit/s (%s): about %.0f viewers at %dp without peers", rate*8/1e6, how, viewers, height)
	if viewers < tooSlow {
		return warn("%s: less than one.", "Viewers get smaller renditions. A friend's mirror helps (tubelet mirror), and a lower top: tubelet config set max_height 720.", text)
	}
	return fine("%s", text)
}

// uplinkRate returns the upload in bytes a second, and how it is known: measured with a
// friend, else as the creator limits it. 0 means that nobody knows.
func (w *world) uplinkRate(ctx context.Context) (float64, string, error) {
	limit, err := store.ParseBytes(cmp.Or(w.Settings["upload.rate"], "none"))
	if err != nil {
		return 0, "", err
	}
	if w.Via == "" {
		return float64(limit), "upload.rate", nil
	}
	c, err := w.caller("tcp")
	if err != nil {
		return 0, "", err
	}
	defer c.Close()
	rate, err := c.Upload(ctx, measured)
	if limit > 0 && float64(limit) < rate {
		return float64(limit), "upload.rate, the line does more", err
	}
	return rate, "measured", err
}
