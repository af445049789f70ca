package remote

import "net/netip"

// Public reports whether an address is one of the public internet, and so may be connected to
// at a stranger's wish.
func Public(ip netip.Addr) bool { return isPublic(ip) }

// isPublic reports whether an address is one of the public internet. IPv4: everything but
// the special-purpose registry of RFC 6890. IPv6: of the global unicast block 2000::/3 what
// is neither special nor a way to write an IPv4 address.
func isPublic(ip netip.Addr) bool {
	ip = ip.Unmap()
	if !ip.IsValid() || ip.Zone() != "" {
		return false
	}
	if ip.Is6() && !netip.PrefixFrom(global6(), 3).Contains(ip) {
		return false
	}
	for _, text := range special() {
		if netip.MustParsePrefix(text).Contains(ip) {
			return false
		}
	}
	return true
}

func global6() netip.Addr { return netip.AddrFrom16([16]byte{0x20}) }

// special lists the networks that are not public.
func special() []string {
	return []string{
		"0.0.0.0/8",       // this network, RFC 791
		"10.0.0.0/8",      // private, RFC 1918
		"100.64.0.0/10",   // carriers' NAT, RFC 6598
		"127.0.0.0/8",     // loopback
		"169.254.0.0/16",  // link local, RFC 3927; metadata of clouds
		"172.16.0.0/12",   // private
		"192.0.0.0/24",    // protocol assignments, RFC 6890
		"192.0.2.0/24",    // documentation, RFC 5737
		"192.31.196.0/24", // AS112, RFC 7535
		"192.52.193.0/24", // AMT, RFC 7450
		"192.88.99.0/24",  // 6to4 relays, RFC 7526
		"192.168.0.0/16",  // private
		"192.175.48.0/24", // AS112, RFC 7534
		"198.18.0.0/15",   // benchmarks, RFC 2544
		"198.51.100.0/24", // documentation
		"203.0.113.0/24",  // documentation
		"224.0.0.0/4",     // multicast
		"240.0.0.0/4",     // reserved, and broadcast
		"2001::/23",       // protocol assignments with Teredo, RFC 2928
		"2001:db8::/32",   // documentation, RFC 3849
		"2002::/16",       // 6to4: an IPv4 address in disguise, RFC 3056
		"2620:4f:8000::/48",
		"3fff::/20", // documentation, RFC 9637
	}
}
