package swarm

import (
	"fmt"
	"testing"
	"time"
)

// TestLyingMirror: a mirror that says that it has everything, and gives nothing, ends no
// first copies once viewers had time to find out.
func TestLyingMirror(t *testing.T) {
	s := newStage(t)
	s.c.Join(s.now, "h", s.m, "m", true, "")
	s.join("a", 0, bitfield(s.m, 8))
	s.join("b", 0, bitfield(s.m, 8))
	if got := s.granted(); len(got) != 0 {
		t.Errorf("granted %v to viewers that may be connecting to the mirror", got)
	}
	s.now = s.now.Add(mirrorHope + time.Second)
	for _, p := range []Peer{"a", "b"} {
		s.report(p, Report{Received: map[Peer]int64{"m": 10}})
	}
	if got := s.granted(); len(got) == 0 {
		t.Error("nothing was granted though the mirror gives nothing")
	}
}

// TestMirrorFeeds: as long as viewers receive from a mirror, no first copies are needed.
func TestMirrorFeeds(t *testing.T) {
	s := newStage(t)
	s.c.Join(s.now, "h", s.m, "m", true, "")
	s.join("a", 0, bitfield(s.m, 8))
	for i := range 30 {
		s.now = s.now.Add(time.Second)
		s.report("a", Report{Position: 0, Have: bitfield(s.m, 8+i), Received: map[Peer]int64{"m": piece}})
		if got := s.granted(); len(got) != 0 {
			t.Fatalf("after %d s: granted %v though a mirror feeds", i, got)
		}
	}
	s.now = s.now.Add(fedFor + time.Second)
	s.report("a", Report{})
	if got := s.granted(); len(got) == 0 {
		t.Error("nothing was granted after the mirror fell silent")
	}
}

// TestOneMayNotSpeakForAll: in a crowd, one viewer's word for a mirror is not enough.
func TestOneMayNotSpeakForAll(t *testing.T) {
	s := newStage(t)
	s.c.Join(s.now, "h", s.m, "m", true, "")
	for i := range 40 {
		s.join(Peer(fmt.Sprint(i)), 0, bitfield(s.m, 8))
	}
	s.now = s.now.Add(mirrorHope + time.Second)
	for i := range 40 {
		s.report(Peer(fmt.Sprint(i)), Report{})
	}
	s.report("0", Report{Received: map[Peer]int64{"m": 5 * piece}})
	if got := s.granted(); len(got) == 0 {
		t.Error("nothing was granted on one viewer's word")
	}
}

// TestLeasesNotFetched has many viewers come for nothing that they are granted. The others
// must still get half of what the line carries.
func TestLeasesNotFetched(t *testing.T) {
	s := newStage(t)
	s.o.drain = 20 * piece // a queue of ten pieces
	served := 0
	names := []Peer{"a", "b", "c"}
	for i := range 60 {
		p := Peer(fmt.Sprintf("idle%d", i))
		s.join(p, 0, bitfield(s.m, 4))
		s.c.peers[p].kept = false
	}
	for _, p := range names {
		s.join(p, 0, bitfield(s.m, 4))
	}
	const ticks = 200 // 20 s
	for i := range ticks {
		s.now = s.now.Add(100 * time.Millisecond)
		for p := range s.c.peers {
			if i%5 == 0 {
				s.report(p, Report{Position: float64(i) / 10})
			}
		}
		got := s.granted()
		for _, p := range names {
			for _, n := range got[p] {
				from := int64(n) * piece
				s.c.Lease(s.now, "h", p, from, from+piece)
				s.c.Done(s.now, "h", p, from, from+piece, true)
				served++
			}
		}
	}
	if need := 4 * 17; served < need { // what they play in the time, and a little
		t.Errorf("the honest were served %d pieces in 20 s, want %d", served, need)
	}
	if s.c.strange < 0 || s.c.promised < 0 {
		t.Errorf("%d bytes promised, %d to strangers", s.c.promised, s.c.strange)
	}
}

// TestStrikes: who does not come for its leases is barred for longer each time, and forgiven
// when it does.
func TestStrikes(t *testing.T) {
	s := newStage(t)
	s.o.drain = piece
	s.join("a", 0, bitfield(s.m, 4))
	var bars []time.Duration
	for range 3 {
		for until := s.now.Add(time.Minute); len(s.granted()) == 0; s.report("a", Report{}) {
			if s.now = s.now.Add(100 * time.Millisecond); s.now.After(until) {
				t.Fatal("never granted again")
			}
		}
		s.now = s.now.Add(askFor + time.Millisecond)
		s.c.Tick(s.now)
		bars = append(bars, s.c.peers["a"].barred.Sub(s.now))
	}
	if bars[0] <= 0 || bars[1] < 2*bars[0] || bars[2] < 2*bars[1] {
		t.Errorf("barred for %v", bars)
	}
}

// TestOneHole: a viewer whose line has a hole loses several leases at once, and is struck for
// one; for those that it came for it is not struck at all.
func TestOneHole(t *testing.T) {
	for _, asked := range []bool{false, true} {
		s := newStage(t)
		s.o.drain = 40 * piece
		s.join("a", 0, bitfield(s.m, 4))
		got := s.granted()["a"]
		if len(got) < 2 {
			t.Fatalf("granted %v", got)
		}
		want := 1
		if asked {
			want = 0
			for _, n := range got {
				s.c.Lease(s.now, "h", "a", int64(n)*piece, int64(n+1)*piece)
			}
		}
		for range 12 {
			s.now = s.now.Add(time.Second)
			s.c.expire(s.now)
		}
		if n := s.c.peers["a"].strikes; n != want || len(s.c.leases) > 0 {
			t.Errorf("asked %v: %d strikes, %d leases left", asked, n, len(s.c.leases))
		}
	}
}

// TestSeeksAndFetches: who plays on from elsewhere fetches its first pieces unasked, and is not
// struck for what it was granted of them meanwhile.
func TestSeeksAndFetches(t *testing.T) {
	for _, fetching := range []bool{false, true} {
		s := newStage(t)
		s.o.drain = piece
		s.join("a", 0, bitfield(s.m, 4))
		s.now = s.now.Add(2 * leaseFor)
		r := Report{Position: 80}
		s.report("a", r) // a seek
		got := s.granted()["a"]
		if len(got) == 0 {
			t.Fatal("nothing was granted")
		}
		if fetching {
			r.Fetching = got
		}
		s.report("a", r)
		s.now = s.now.Add(askFor + time.Millisecond)
		s.c.expire(s.now)
		if struck := s.c.peers["a"].strikes > 0; struck == fetching {
			t.Errorf("fetching by itself %v: struck %v", fetching, struck)
		}
	}
}

// TestStrangerThatComes makes room for the next as soon as it comes, however slow it is.
func TestStrangerThatComes(t *testing.T) {
	s := newStage(t)
	s.o.drain = 4 * piece
	s.join("a", 0, bitfield(s.m, 4))
	s.c.peers["a"].kept = false
	got := s.granted()["a"]
	if len(got) == 0 || s.c.strange == 0 {
		t.Fatalf("granted %v", got)
	}
	for _, n := range got {
		s.c.Lease(s.now, "h", "a", int64(n)*piece, int64(n+1)*piece)
	}
	if s.c.strange != 0 {
		t.Errorf("%d bytes are kept from other strangers", s.c.strange)
	}
}

// TestStartsOfAPlace: many ids of one address have no more starts than a few viewers.
func TestStartsOfAPlace(t *testing.T) {
	for _, tc := range []struct {
		place string
		most  int
	}{{"203.0.113.7", int(placeStarts)}, {"", 20}} {
		s := newStage(t)
		starts := 0
		for i := range 20 {
			p := Peer(fmt.Sprint(i))
			s.c.Join(s.now, "h", s.m, p, false, tc.place)
			if _, right := s.c.Lease(s.now, "h", p, 0, 4*piece); right == Start {
				starts++
			}
			s.c.Leave(s.now, "", p) // coming and going gains nothing
		}
		if starts != tc.most {
			t.Errorf("place %q: %d starts, want %d", tc.place, starts, tc.most)
		}
		s.now = s.now.Add(time.Minute)
		s.c.Tick(s.now)
		if len(s.c.places) != 0 {
			t.Errorf("place %q is never forgotten", tc.place)
		}
	}
}

// TestForgedProof: receivers that say they got endless bytes prove no more than they could
// have got, and neighbours prove nothing.
func TestForgedProof(t *testing.T) {
	for _, tc := range []struct {
		name        string
		place, from string
		have        func(s *stage, second int) []byte
		most        float64
	}{
		{"nothing to show for it", "", "", func(s *stage, _ int) []byte { return bitfield(s.m, 4) }, 2 * hope},
		{"a neighbour", "203.0.113.7", "203.0.113.7", func(s *stage, n int) []byte { return bitfield(s.m, min(160, 4*n)) }, 0},
		{"all pieces, again and again", "", "", func(s *stage, n int) []byte { return bitfield(s.m, 160*(n%2)) }, 2 * hope},
	} {
		s := newStage(t)
		s.c.Join(s.now, "h", s.m, "friend", false, tc.place)
		s.c.Join(s.now, "h", s.m, "liar", false, tc.from)
		for n := range 60 {
			s.now = s.now.Add(time.Second)
			s.report("liar", Report{Have: tc.have(s, n), Received: map[Peer]int64{"friend": 1 << 40}})
			s.report("friend", Report{})
		}
		if got := s.c.Proven("friend"); got > tc.most {
			t.Errorf("%s: believed to give %.0f bytes a second", tc.name, got)
		}
		if limit := 1.25*160*piece + vouchPieces*piece; s.c.peers["liar"].views[0].word > limit {
			t.Errorf("%s: its word is good for %.0f bytes", tc.name, s.c.peers["liar"].views[0].word)
		}
	}
}
