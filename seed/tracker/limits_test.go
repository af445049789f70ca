package tracker

import (
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
)

// flood is the i-th of many networks.
func flood(i int) netip.Addr {
	return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, byte(i >> 16), byte(i >> 8), byte(i)})
}

// TestCrowdOfAddresses: who has a network of addresses keeps nobody else out.
func TestCrowdOfAddresses(t *testing.T) {
	now := time.Now()
	made := New(Config{
		Find: func(metainfo.Hash) (Swarm, bool) { return Swarm{}, false },
	})
	sitting := netip.MustParseAddr("198.51.100.1")
	made.visitor(sitting).sockets = 1
	for i := range maxVisitors + 1000 {
		made.may(now, flood(i))
	}
	if n := len(made.visitors); n > maxVisitors {
		t.Errorf("%d addresses are remembered", n)
	}
	if made.visitors[sitting] == nil {
		t.Error("an address with an open socket was forgotten")
	}
	r := httptest.NewRequest("GET", "/tracker/socket", nil)
	r.RemoteAddr = "203.0.113.7:4000"
	if s, status := made.admit(r); s == nil {
		t.Errorf("a newcomer's socket: status %d", status)
	}
	r = httptest.NewRequest("GET", "/tracker/announce?port=1&info_hash="+strings.Repeat("h", 20)+"&peer_id="+strings.Repeat("p", 20), nil)
	r.RemoteAddr = "203.0.113.8:4000"
	answer := httptest.NewRecorder()
	made.Announce(answer, r)
	if got := answer.Body.String(); !strings.Contains(got, reasonUnknown) {
		t.Errorf("a newcomer's announce: %s", got)
	}
}

// TestRefusalsAge: refusals take no place of visitors, are bounded, and end.
func TestRefusalsAge(t *testing.T) {
	now := time.Now()
	made := New(Config{Find: func(metainfo.Hash) (Swarm, bool) { return Swarm{}, false }})
	guest := &mirror{ID: "0123"}
	const many = 3 * maxRefusals
	for i := range many {
		s := &socket{addr: flood(i), visitor: made.visitor(flood(i)), mirror: guest}
		made.turnAway(s)
	}
	if n := len(made.refused); n > maxRefusals {
		t.Errorf("%d refusals are remembered", n)
	}
	if !made.refused.holds(now, flood(many-1)) || made.refused.holds(now, flood(0)) {
		t.Error("not the oldest were forgotten")
	}
	made.sweep(now.Add(2 * time.Minute))
	if n := len(made.visitors); n != 0 {
		t.Errorf("%d visitors are remembered for their refusals", n)
	}
	made.refused.forgive(flood(many-1), "another")
	if !made.refused.holds(now, flood(many-1)) {
		t.Error("forgiven for another")
	}
	made.refused.forgive(flood(many-1), guest.ID)
	if made.refused.holds(now, flood(many-1)) {
		t.Error("not forgiven")
	}
	made.sweep(now.Add(refusedFor + time.Hour))
	if n := len(made.refused); n != 0 {
		t.Errorf("%d refusals are left after %v", n, refusedFor)
	}
}
