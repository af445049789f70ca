package swarm

import (
	"testing"
	"time"
)

// TestToWhom gives a first copy to the viewer whose upload is proven.
func TestToWhom(t *testing.T) {
	s := newStage(t)
	const large = 1000 // with pieces of a megabyte, a megabyte a second is nothing special
	s.m.Size, s.m.PieceLength = large*s.m.Size, large*piece
	for i := range s.m.Segments {
		s.m.Segments[i].Offset, s.m.Segments[i].Size = large*s.m.Segments[i].Offset, large*s.m.Segments[i].Size
	}
	s.o.drain = large * piece
	s.join("slow", 0, bitfield(s.m, 4))
	s.join("fast", 0, bitfield(s.m, 4))
	s.join("seer", 0, bitfield(s.m, 4))
	for range 8 {
		s.now = s.now.Add(time.Second)
		s.report("seer", Report{Received: map[Peer]int64{"fast": 1_000_000, "slow": 100}})
		s.report("fast", Report{})
		s.report("slow", Report{})
	}
	if s.c.Proven("fast") < 900_000 {
		t.Errorf("fast is believed to give %.0f bytes a second", s.c.Proven("fast"))
	}
	got := s.granted()
	if len(got["fast"]) != 1 {
		t.Errorf("granted %v, want the fast one to get it", got)
	}
}

// TestNearGoesToWhoNeedsIt gives what is needed at once to who needs it, and what is needed
// later to the viewer that can pass it on until then. The gate hears by when.
func TestNearGoesToWhoNeedsIt(t *testing.T) {
	for _, tc := range []struct {
		ahead float64 // seconds, in which the one in front needs what nobody has
		want  Peer
	}{{1, "front"}, {7, "fast"}} {
		s := newStage(t)
		s.o.drain = piece
		at := 40 - tc.ahead
		s.join("front", at, bitfield(s.m, 40))
		s.join("fast", at-20, bitfield(s.m, 40))
		s.c.peers["fast"].up.rate, s.c.peers["fast"].up.proven = 1e6, true
		s.c.peers["front"].up.rate, s.c.peers["front"].up.proven = 10, true
		s.report("front", Report{Position: at, Paused: true})
		got := s.granted()
		if len(got[tc.want]) != 1 || got[tc.want][0] != 40 {
			t.Errorf("needed in %v s: granted %v, want 40 for %s", tc.ahead, got, tc.want)
			continue
		}
		slack, right := s.c.Lease(s.now, "h", tc.want, 40*piece, 41*piece)
		if right != Granted || slack > time.Duration(tc.ahead*float64(time.Second)) {
			t.Errorf("needed in %v s: %s has right %v with %v to go", tc.ahead, tc.want, right, slack)
		}
	}
}
