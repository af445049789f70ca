package setup

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// DNS returns the lines for the domain's zone. Addresses of this machine that the
// internet can reach are filled in; at home they are the router's, which only its owner knows.
// A machine that has IPv6 alone gets no A line: that address would be another's.
func DNS(domain string, addrs []netip.Addr, four bool) []string {
	v4, v6 := "<public IPv4 address of this machine or its router>", ""
	for _, a := range addrs {
		switch {
		case a.Is4():
			v4 = a.String()
		case v6 == "":
			v6 = a.String()
		}
	}
	var lines []string
	if four || v6 == "" {
		lines = append(lines, fmt.Sprintf("%s. 3600 IN A    %s", domain, v4))
	}
	if v6 != "" {
		lines = append(lines, fmt.Sprintf("%s. 3600 IN AAAA %s", domain, v6))
	}
	return lines
}

// PublicAddresses returns the addresses of this machine that the internet can reach.
func PublicAddresses() []netip.Addr {
	var public []netip.Addr
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil // they only fill in a blank
	}
	for _, a := range all {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		ip := prefix.Addr().Unmap()
		if ip.IsGlobalUnicast() && !ip.IsPrivate() && !shared.Contains(ip) {
			public = append(public, ip)
		}
	}
	return public
}

// HasIPv4 reports whether this machine has an IPv4 address beside that of its loopback.
func HasIPv4() bool {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return true // as most have
	}
	return slices.ContainsFunc(all, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err == nil && prefix.Addr().Is4() && !prefix.Addr().IsLoopback()
	})
}

// shared is what providers give to customers behind their own address translation (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// ServiceUser is whom the server runs as where root sets it up: root's rights are no use to
// it, and what decodes other people's files should have none.
const ServiceUser = "tubelet"

// NewUser returns the commands by which root makes ServiceUser and gives it the data.
func NewUser(data string) []string {
	return []string{
		fmt.Sprintf("useradd --system --user-group --home-dir %s --shell /usr/sbin/nologin %s", Quote(data), ServiceUser),
		fmt.Sprintf("chown -R %[1]s:%[1]s %[2]s", ServiceUser, Quote(data)),
	}
}

// InPlace reports whether a program lies where every user can run it, and nobody tidies up.
func InPlace(binary string) bool {
	return strings.HasPrefix(binary, "/usr/") || strings.HasPrefix(binary, "/opt/")
}

// Quote writes a word so that a shell reads it back.
func Quote(word string) string {
	if word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
