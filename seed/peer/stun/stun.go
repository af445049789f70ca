// Package stun tells viewers their own address as the world sees it: the part of STUN (RFC
// 8489) that browsers need to find each other, and no more.
//
// It answers plain binding requests, without credentials, at a bounded rate, and nothing
// else. An answer is 32 bytes for IPv4 and 44 for IPv6 to a request of 20 or more, so on
// the wire a forged sender gets at most 1.4 times what was sent in its name.
package stun

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Limits of what is read and answered.
const (
	maxRequest = 548  // bytes; what RFC 8489 calls safe to send over UDP
	perIP      = 50   // answers a second
	overall    = 2000 // answers a second
	maxIPs     = 4096 // counted in one second
)

// Responder answers binding requests. Its zero value is ready; it may be used by several
// goroutines.
type Responder struct {
	mu       sync.Mutex
	second   int64
	answered int
	byIP     map[netip.Addr]int
}

// IsSTUN reports whether packet is a STUN message without credentials: not one of a WebRTC
// connection, which names its user.
func IsSTUN(packet []byte) bool {
	_, attributes, ok := read(packet)
	return ok && !slices.Contains(attributes, username)
}

// Answer returns the answer to packet, or nil where none is due.
func (r *Responder) Answer(packet []byte, from netip.AddrPort, now time.Time) []byte {
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	if !plain(packet) || !from.IsValid() || from.Port() == 0 || !r.allow(from.Addr(), now) {
		return nil
	}
	return success(packet, from)
}

// plain reports whether packet is a binding request that asks for nothing we would have to
// understand.
func plain(packet []byte) bool {
	if len(packet) > maxRequest {
		return false
	}
	kind, attributes, ok := read(packet)
	return ok && kind == bindingRequest && !slices.ContainsFunc(attributes, func(a uint16) bool { return a < firstOptional })
}

// allow counts an answer to addr, or refuses it.
func (r *Responder) allow(addr netip.Addr, now time.Time) bool {
	if addr.Is6() {
		// One customer's line.
		prefix, err := addr.WithZone("").Prefix(64)
		if err != nil {
			return false
		}
		addr = prefix.Addr()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if second := now.Unix(); second != r.second || r.byIP == nil {
		r.second, r.answered, r.byIP = second, 0, map[netip.Addr]int{}
	}
	if r.answered >= overall || r.byIP[addr] >= perIP || len(r.byIP) >= maxIPs && r.byIP[addr] == 0 {
		return false
	}
	r.answered++
	r.byIP[addr]++
	return true
}
