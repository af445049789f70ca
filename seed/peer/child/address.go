package child

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/pion/webrtc/v4"

	"github.com/tubelet/tubelet/seed/peer/stun"
)

// newKey makes the certificate of all connections of one child. WebRTC's certificates are
// named in the answer and prove nothing beyond it.
func newKey() (*webrtc.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a WebRTC key: %w", err)
	}
	return webrtc.GenerateCertificate(key)
}

// onlyOne lets ICE know a single address of each family. All are one socket, whose packets
// ICE would otherwise share out among them at random; what peers are told stands in the
// answer.
func onlyOne(socket stun.Conn) func(net.IP) bool {
	var keep []netip.Addr
	for _, v4 := range []bool{true, false} {
		for _, ip := range interfaces(socket) {
			if ip.Is4() == v4 {
				keep = append(keep, ip)
				break
			}
		}
	}
	return func(ip net.IP) bool {
		addr, ok := netip.AddrFromSlice(ip)
		return ok && slices.Contains(keep, addr.Unmap())
	}
}

// interfaces lists the addresses that socket hears on, the public ones first and loopback
// only where there is nothing else.
func interfaces(socket stun.Conn) []netip.Addr {
	bound := socket.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	if !bound.IsUnspecified() {
		return []netip.Addr{bound.WithZone("")}
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var found, loopback []netip.Addr
	for _, a := range all {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		switch ip := prefix.Addr().Unmap(); {
		case bound.Is4() && !ip.Is4(), ip.IsLinkLocalUnicast(), ip.Zone() != "":
		case ip.IsLoopback():
			loopback = append(loopback, ip)
		default:
			found = append(found, ip)
		}
	}
	slices.SortStableFunc(found, func(a, b netip.Addr) int {
		switch {
		case a.IsPrivate() == b.IsPrivate():
			return 0
		case b.IsPrivate():
			return -1
		}
		return 1
	})
	if len(found) == 0 {
		return loopback
	}
	return found
}

const maxCandidates = 8

// addresses returns where peers are told to come: to the public addresses where they are
// known, which a router forwards, else to those of the interfaces.
func (a *answerer) addresses(public []netip.Addr) []netip.AddrPort {
	port := uint16(a.socket.LocalAddr().(*net.UDPAddr).Port)
	if len(public) == 0 {
		public = interfaces(a.socket)
	}
	var all []netip.AddrPort
	for _, ip := range public[:min(len(public), maxCandidates)] {
		all = append(all, netip.AddrPortFrom(ip.Unmap().WithZone(""), port))
	}
	return all
}

// withCandidates returns sdp with these addresses in place of its own.
func withCandidates(sdp string, at []netip.AddrPort) string {
	var b strings.Builder
	section := false // one of media, where candidates stand
	write := func() {
		for i, a := range at {
			// Host candidates of component 1, those first of the list preferred (RFC 8445, 5.1.2.1).
			priority := 126<<24 | (65535-i)<<8 | 255
			fmt.Fprintf(&b, "a=candidate:%d 1 udp %d %s %d typ host\r\n", i+1, priority, a.Addr(), a.Port())
		}
		b.WriteString("a=end-of-candidates\r\n")
	}
	for line := range strings.SplitSeq(strings.TrimRight(sdp, "\r\n"), "\r\n") {
		switch {
		case strings.HasPrefix(line, "a=candidate:"), line == "a=end-of-candidates":
			continue
		case strings.HasPrefix(line, "m="):
			if section {
				write()
			}
			section = true
		}
		b.WriteString(line + "\r\n")
	}
	if section {
		write()
	}
	return b.String()
}
