package swarm

import (
	"slices"
	"testing"
	"time"
)

// claims has a viewer say what it has, whatever it was sent.
func (s *stage) claims(p Peer, pos float64, have []byte) {
	s.t.Helper()
	if !s.c.Join(s.now, "h", s.m, p, false, "") {
		s.t.Fatalf("%s may not join", p)
	}
	s.c.peers[p].kept = true
	s.report(p, Report{Position: pos, Have: have})
}

// TestClaimsAll: who says that it has everything, and was sent nothing, ends no first copies.
func TestClaimsAll(t *testing.T) {
	s := newStage(t)
	s.claims("liar", 0, bitfield(s.m, 160))
	s.join("a", 0, bitfield(s.m, 4))
	if got, want := s.granted()["a"], []int{4, 5, 6, 7}; !slices.Equal(got, want) {
		t.Errorf("granted %v, want %v", got, want)
	}
	s.check()
}

// TestClaimsWithReason: what has left the origin may be anywhere, and who is seen to give has
// something to give, from wherever.
func TestClaimsWithReason(t *testing.T) {
	tests := []struct {
		name string
		why  func(s *stage)
	}{
		{"it was sent before anybody joined", func(s *stage) {
			s.c.Sent(s.now, "h", 0, s.m.Size)
			s.claims("a", 0, bitfield(s.m, 160))
		}},
		{"it was sent to somebody unknown", func(s *stage) {
			s.claims("a", 0, bitfield(s.m, 160))
			s.c.Sent(s.now, "h", 0, s.m.Size)
		}},
		{"it was sent in two halves", func(s *stage) {
			s.claims("a", 0, bitfield(s.m, 160))
			for p := range s.m.Size / piece {
				s.c.Sent(s.now, "h", p*piece, p*piece+piece/2)
			}
		}},
		{"others got it from there", func(s *stage) {
			s.claims("a", 0, bitfield(s.m, 160))
			s.join("other", 0, bitfield(s.m, 4))
			for i := range 6 {
				s.now = s.now.Add(500 * time.Millisecond)
				s.report("other", Report{Have: bitfield(s.m, 8+4*i), Received: map[Peer]int64{"a": 4 * piece}})
				s.report("a", Report{})
			}
			s.c.Leave(s.now, "", "other")
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t)
			test.why(s)
			s.report("a", Report{})
			s.join("b", 0, bitfield(s.m, 4))
			if got := s.granted(); len(got) != 0 {
				t.Errorf("granted %v though a has all", got)
			}
			s.check()
		})
	}
}

// TestSaysItHasTheLease: a lease that ends with the viewer's word, and was not fetched, makes
// nobody a holder.
func TestSaysItHasTheLease(t *testing.T) {
	s := newStage(t)
	s.join("liar", 0, bitfield(s.m, 4))
	if got, want := s.granted()["liar"], []int{4, 5, 6, 7}; !slices.Equal(got, want) {
		t.Fatalf("granted %v, want %v", got, want)
	}
	s.report("liar", Report{Have: bitfield(s.m, 8)})
	s.check()
	s.join("a", 0, bitfield(s.m, 4))
	if got, want := s.granted()["a"], []int{4, 5, 6, 7}; !slices.Equal(got, want) {
		t.Errorf("granted %v, want %v", got, want)
	}
}

// TestSuspect: who claims what it can't have is not counted on for what it could have, until it
// is seen to give. A claim that comes true is forgotten.
func TestSuspect(t *testing.T) {
	s := newStage(t)
	s.c.Sent(s.now, "h", 0, 40*piece)
	s.claims("liar", 0, bitfield(s.m, 160))
	s.claims("hasty", 0, bitfield(s.m, 41)) // its answer is not whole yet
	liar, hasty := s.c.peers["liar"].views[0], s.c.peers["hasty"].views[0]
	if !liar.suspect || hasty.suspect {
		t.Errorf("suspect: liar %v, hasty %v", liar.suspect, hasty.suspect)
	}
	s.now = s.now.Add(doubtFor + time.Second)
	s.report("hasty", Report{})
	if !hasty.suspect || hasty.share != 0 {
		t.Errorf("after %v: suspect %v, share %d", doubtFor, hasty.suspect, hasty.share)
	}
	s.c.Sent(s.now, "h", 40*piece, 41*piece)
	s.report("hasty", Report{})
	if hasty.suspect || hasty.share == 0 {
		t.Errorf("what it claimed was sent: suspect %v, share %d", hasty.suspect, hasty.share)
	}
	s.check()
}
