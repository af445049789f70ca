package doctor

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// resolve returns where the channel's name leads to.
func (w *world) resolve(ctx context.Context) ([]netip.Addr, error) {
	return w.lookup.get(func() ([]netip.Addr, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), networkTime)
		defer cancel()
		if ip, err := netip.ParseAddr(w.host()); err == nil {
			return []netip.Addr{ip}, nil
		}
		var list []netip.Addr
		for _, kind := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
			answer, err := w.ask(ctx, "udp", w.host(), kind)
			if err != nil {
				return nil, err
			}
			list = append(list, answer.addresses()...)
		}
		return list, nil
	})
}

// family returns the addresses of a list that are IPv4, or are not.
func family(list []netip.Addr, four bool) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(list), func(ip netip.Addr) bool { return ip.Is4() != four })
}

func words(list []netip.Addr) string {
	var texts []string
	for _, ip := range list {
		texts = append(texts, ip.String())
	}
	return strings.Join(texts, ", ")
}

const atRegistrar = "Change the record where you registered the domain; it may take an hour until everybody sees it."

// addresses is D20.
func addresses(ctx context.Context, w *world) Finding {
	list, err := w.resolve(ctx)
	if err != nil {
		return fail("%s could not be looked up: %v.", "See D23.", w.host(), err)
	}
	if len(list) == 0 {
		return fail("%s leads nowhere: it has no A and no AAAA record.", "Add the records that tubelet init printed. "+atRegistrar, w.host())
	}
	told := family(list, true)
	seen, how := w.outside(ctx)
	switch {
	case len(told) == 0:
		return warn("%s has an IPv6 address only (%s): visitors without IPv6 cannot come.", "Where your provider gives you an IPv4 address, add an A record.", w.host(), words(list))
	case !seen.IsValid():
		return fine("%s; whether that is here, only somebody outside can tell (--via)", words(list))
	case !slices.Contains(told, seen):
		return fail("%s leads to %s, and this machine is %s (%s says so).", atRegistrar+" An address that changes is kept right by the setting on_address_change.", w.host(), words(told), seen, how)
	}
	return fine("%s, which is here (%s says so)", words(list), how)
}

// outside returns the IPv4 address that the world sees of us, and who says so.
func (w *world) outside(ctx context.Context) (netip.Addr, string) {
	if w.Via != "" {
		if answer, err := w.friend(); err == nil && answer.Address.Is4() {
			return answer.Address, "your friend's server"
		}
	}
	for _, ip := range w.Addresses() {
		if ip.Is4() && isPublic(ip) {
			return ip, "its network card"
		}
	}
	if ip, err := w.router(ctx); err == nil && isPublic(ip) {
		return ip, "the router"
	}
	return netip.Addr{}, ""
}

// address6 is D21: browsers and certificate authorities try IPv6 first.
func address6(ctx context.Context, w *world) Finding {
	list, err := w.resolve(ctx)
	if err != nil {
		return skip("the name could not be looked up, see D20")
	}
	six := family(list, false)
	if len(six) == 0 {
		return fine("none, which is all right")
	}
	own := family(w.Addresses(), false)
	for _, ip := range six {
		if slices.Contains(own, ip) {
			continue
		}
		remedy := "Take the AAAA record away, or give it this machine's own address. " + atRegistrar
		if !slices.ContainsFunc(own, isPublic) {
			return fail("%s has the IPv6 address %s, and this machine has none: many visitors and the certificate authority ask there first.", remedy, w.host(), ip)
		}
		return fail("%s has the IPv6 address %s, which is not this machine's.", remedy, w.host(), ip)
	}
	if w.server().runs {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", netip.AddrPortFrom(six[0], w.HTTPS).String())
		if err != nil {
			return fail("Nothing answers at %s port %s: %v.", "Let the server, or the proxy before it, listen on IPv6 too: an address such as :443 does both.", six[0], strconv.Itoa(int(w.HTTPS)), err)
		}
		conn.Close()
	}
	return fine("%s, which is here", words(six))
}

// authorityName is what CAA records call the authority that Tubelet asks by itself.
const authorityName = "letsencrypt.org"

// caa is D22: the nearest record set above the name decides (RFC 8659).
func caa(ctx context.Context, w *world) Finding {
	for name := w.host(); strings.Contains(name, "."); _, name, _ = strings.Cut(name, ".") {
		answer, err := w.ask(ctx, "udp", name, typeCAA)
		if err != nil {
			return warn("The CAA records of %s could not be looked up: %v.", "See D23. An authority that cannot look them up gives no certificate.", name, err)
		}
		allowed, set := answer.issuers()
		if !set {
			continue
		}
		switch {
		case len(allowed) == 0:
			return fine("%s restricts nothing", name)
		case w.tls() != "auto":
			return fine("%s allows %s", name, strings.Join(allowed, ", "))
		case !slices.Contains(allowed, authorityName):
			return fail("The CAA record of %s allows only %s to give a certificate, and Tubelet asks Let's Encrypt.",
				fmt.Sprintf("Add the record: %s. CAA 0 issue %q", name, authorityName), name, strings.Join(allowed, ", "))
		}
		return fine("%s allows %s", name, authorityName)
	}
	return fine("none, so every authority may")
}

// resolver is D23. A name under .invalid never exists (RFC 6761): a resolver that has an
// address for one sends people elsewhere, and our deliveries too.
func resolver(ctx context.Context, w *world) Finding {
	server, err := w.resolverAddress()
	if err != nil {
		return fail("%v.", "Name one there, such as your router.", err)
	}
	missing := strings.ToLower(rand.Text()[:12]) + ".invalid"
	answer, err := w.ask(ctx, "udp", missing, dnsmessage.TypeA)
	if err != nil {
		return fail("The resolver at %s does not answer: %v.", "Restart the router, or name another resolver in /etc/resolv.conf.", server, err)
	}
	if found := answer.addresses(); len(found) > 0 {
		return warn("The resolver at %s invents addresses for names that do not exist (%s).", "Use one that does not: your provider has a setting for it, or name another in /etc/resolv.conf.", server, words(found))
	}
	if _, err := w.ask(ctx, "tcp", missing, dnsmessage.TypeA); err != nil {
		return warn("The resolver at %s does not answer over TCP (%v): long answers get lost.", "Let TCP to port 53 through, or name another resolver in /etc/resolv.conf.", server, err)
	}
	return fine("%s answers, over TCP too", server)
}

// unchanged is D24: ids that others have stored begin with the domain.
func unchanged(ctx context.Context, w *world) Finding {
	n, err := w.Store.Social().Elsewhere(ctx, w.Channel.Base()+"/")
	if err != nil {
		return warn("%v.", "See D09.", err)
	}
	if n > 0 {
		return fail("%d things that were said to others carry another domain than %s: for them that was another channel.",
			"Go back to the domain of then. To leave it for good: tubelet move-to.", n, w.Channel.Domain)
	}
	return fine("%s, as from the start", w.Channel.Domain)
}
