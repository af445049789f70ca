package swarm

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

// line is an origin with a rate and nothing in its queue.
type line struct {
	drain float64
	queue time.Duration
}

func (l *line) Queue() time.Duration { return l.queue }
func (l *line) Drain() float64       { return l.drain }

const piece = 1000

// film is n segments of 4 s with 4 pieces each, on the border of pieces.
func film(n int) *Media {
	m := &Media{PieceLength: piece, Size: int64(n) * 4 * piece}
	for i := range n {
		m.Segments = append(m.Segments, Segment{Offset: int64(i) * 4 * piece, Size: 4 * piece,
			Start: time.Duration(i) * 4 * time.Second, Duration: 4 * time.Second})
	}
	return m
}

// bitfield has the pieces [0, n) and those named.
func bitfield(m *Media, n int, more ...int) []byte {
	b := make([]byte, (m.Size/m.PieceLength+7)/8)
	for p := range n {
		b[p/8] |= 0x80 >> (p % 8)
	}
	for _, p := range more {
		b[p/8] |= 0x80 >> (p % 8)
	}
	return b
}

// stage is a coordinator with viewers that have joined and told where they are.
type stage struct {
	t   *testing.T
	c   *Coordinator
	o   *line
	m   *Media
	now time.Time
}

func newStage(t *testing.T) *stage {
	o := &line{drain: 1e9}
	return &stage{t: t, c: New(o), o: o, m: film(40), now: time.Unix(1000, 0)}
}

// join adds a viewer that has pieces; it got them from the origin, one way or the other.
func (s *stage) join(p Peer, pos float64, have []byte) {
	s.t.Helper()
	if !s.c.Join(s.now, "h", s.m, p, false, "") {
		s.t.Fatalf("%s may not join", p)
	}
	s.c.peers[p].kept = true // what strangers get is TestLeasesNotFetched's
	for i := range min(s.m.Size/s.m.PieceLength, int64(len(have))*8) {
		if have[i/8]&(0x80>>(i%8)) != 0 {
			s.c.Sent(s.now, "h", i*s.m.PieceLength, (i+1)*s.m.PieceLength)
		}
	}
	s.report(p, Report{Position: pos, Have: have})
}

func (s *stage) report(p Peer, r Report) {
	if r.Connected == 0 {
		r.Connected = 3
	}
	s.c.Report(s.now, "h", p, r)
}

// granted ticks once and returns what each viewer was granted, sorted.
func (s *stage) granted() map[Peer][]int {
	all := map[Peer][]int{}
	for _, g := range s.c.Tick(s.now) {
		all[g.Peer] = append(all[g.Peer], g.Pieces...)
		slices.Sort(all[g.Peer])
	}
	return all
}

// TestFirstCopiesOnce sees that what one viewer fetches is not given to another, and that the
// nearest goes first.
func TestFirstCopiesOnce(t *testing.T) {
	s := newStage(t)
	for _, p := range []Peer{"a", "b", "c"} {
		s.join(p, 0, bitfield(s.m, 4))
	}
	got := s.granted()
	var all []int
	for p, pieces := range got {
		if len(pieces) > maxLeases {
			t.Errorf("%s has %d leases", p, len(pieces))
		}
		all = append(all, pieces...)
	}
	slices.Sort(all)
	if want := []int{4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}; !slices.Equal(all, want) {
		t.Errorf("granted %v, want %v", all, want)
	}
}

// TestQueue sees that no more is promised than the line sends in half a second.
func TestQueue(t *testing.T) {
	for _, tc := range []struct {
		drain  float64
		queue  time.Duration
		grants int
	}{
		{piece, 0, 1}, {10 * piece, 0, 5}, {10 * piece, 300 * time.Millisecond, 2}, {10 * piece, 500 * time.Millisecond, 0}, {10 * piece, time.Minute, 0},
	} {
		s := newStage(t)
		s.o.drain, s.o.queue = tc.drain, tc.queue
		for _, p := range []Peer{"a", "b", "c"} {
			s.join(p, 0, bitfield(s.m, 4))
		}
		n := 0
		for range 3 { // what was granted and not asked for counts
			for _, pieces := range s.granted() {
				n += len(pieces)
			}
		}
		if n != tc.grants {
			t.Errorf("drain %v, queue %v: %d grants, want %d", tc.drain, tc.queue, n, tc.grants)
		}
	}
}

// TestOrderOfReasons sets a first copy, a further copy and a wish against each other. Both
// viewers have all up to piece 40 (needed at 40 s), but b lacks 20 (needed at 20 s).
func TestOrderOfReasons(t *testing.T) {
	for _, tc := range []struct {
		name string
		a, b float64 // positions
		wish bool
		want int
	}{
		{"a near first copy before a near wish", 37, 19, true, 40},
		{"a near first copy before a further copy", 37, 19, false, 40},
		{"a wish before a far first copy", 21, 19.9, true, 20},
		{"a further copy before a far first copy", 21, 19.9, false, 20},
	} {
		s := newStage(t)
		s.o.drain = piece
		s.join("a", tc.a, bitfield(s.m, 40))
		if !tc.wish { // a can't give, so that b's piece asks for a further copy
			s.report("a", Report{Position: tc.a, Hidden: true, Paused: true})
		}
		have := bitfield(s.m, 40)
		have[20/8] &^= 0x80 >> (20 % 8)
		s.join("b", tc.b, have)
		r := Report{Position: tc.b}
		if tc.wish {
			r.Wishes = []int{20}
		}
		s.report("b", r)
		for p, pieces := range s.granted() {
			if pieces[0] != tc.want {
				t.Errorf("%s: %s was granted %v", tc.name, p, pieces)
			}
		}
	}
}

// TestOwnWordProvesNothing has a viewer report its own uploads.
func TestOwnWordProvesNothing(t *testing.T) {
	s := newStage(t)
	s.join("liar", 0, nil)
	for range 5 {
		s.now = s.now.Add(time.Second)
		s.report("liar", Report{Received: map[Peer]int64{"liar": 1 << 40}})
	}
	if got := s.c.Proven("liar"); got != 0 {
		t.Errorf("the liar is believed to give %.0f bytes a second", got)
	}
}

// TestWhoDoesNotGive: hidden and paused viewers, and those without peers, get no first copies.
func TestWhoDoesNotGive(t *testing.T) {
	for _, r := range []Report{{Hidden: true, Paused: true, Connected: 3}, {Connected: 0}} {
		s := newStage(t)
		s.o.drain = piece
		s.c.Join(s.now, "h", s.m, "dull", false, "")
		s.now = s.now.Add(connectTime + time.Second)
		r.Have = bitfield(s.m, 4)
		s.c.Report(s.now, "h", "dull", r)
		s.join("keen", 0, bitfield(s.m, 4))
		if got := s.granted(); len(got["keen"]) != 1 {
			t.Errorf("%+v: granted %v", r, got)
		}
	}
}

// TestAloneUntilNow: of what somebody has who was alone until now, the next who comes gets no
// copy that is not needed soon, before the two have had time to meet.
func TestAloneUntilNow(t *testing.T) {
	for _, tc := range []struct {
		has  int // pieces of the second; four are 4 s
		wait time.Duration
		want bool
	}{
		{0, 0, true}, {20, 0, false}, {20, connectTime + time.Second, true},
	} {
		s := newStage(t)
		s.join("first", 0, nil)
		s.now = s.now.Add(time.Minute)
		s.c.Sent(s.now, "h", 0, 160*piece)
		lonely := Report{Position: 60, Have: bitfield(s.m, 160)}
		s.c.Report(s.now, "h", "first", lonely)
		s.join("second", 0, bitfield(s.m, tc.has))
		s.now = s.now.Add(tc.wait)
		s.c.Report(s.now, "h", "first", lonely)
		s.report("second", Report{})
		if got := s.granted()["second"]; len(got) > 0 != tc.want {
			t.Errorf("with %d pieces, after %v: granted %v", tc.has, tc.wait, got)
		}
	}
}

// TestLeaseEnds sees a piece become nobody's again when its lease ends badly.
func TestLeaseEnds(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(s *stage, p Peer, n int)
	}{
		{"expired", func(s *stage, p Peer, n int) { s.now = s.now.Add(leaseFor + time.Second) }},
		{"broken off", func(s *stage, p Peer, n int) {
			s.c.Lease(s.now, "h", p, int64(n)*piece, int64(n+1)*piece)
			s.c.Done(s.now, "h", p, int64(n)*piece, int64(n+1)*piece, false)
		}},
		{"socket closed", func(s *stage, p Peer, n int) { s.c.Leave(s.now, "", p) }},
	} {
		s := newStage(t)
		s.o.drain = piece
		s.join("a", 0, bitfield(s.m, 4))
		s.join("b", 0, bitfield(s.m, 4))
		first := s.granted()
		if again := s.granted(); len(again) != 0 {
			t.Errorf("%s: granted %v while %v was promised", tc.name, again, first)
		}
		for p, pieces := range first {
			tc.end(s, p, pieces[0])
		}
		for _, p := range []Peer{"a", "b"} {
			s.report(p, Report{})
		}
		for _, pieces := range s.granted() {
			if pieces[0] != 4 {
				t.Errorf("%s: then granted %v, want 4 again", tc.name, pieces)
			}
			return
		}
		t.Errorf("%s: nothing was granted again", tc.name)
	}
}

// TestDoneHolds sees that a piece that was sent is not sent again, have or no have.
func TestDoneHolds(t *testing.T) {
	s := newStage(t)
	s.o.drain = piece
	s.join("a", 0, bitfield(s.m, 4))
	var seen []int
	for range 8 {
		for p, pieces := range s.granted() {
			from, to := int64(pieces[0])*piece, int64(pieces[0]+1)*piece
			if _, right := s.c.Lease(s.now, "h", p, from+10, to); right != Granted { // only the missing bytes
				t.Fatalf("a leased request is %v", right)
			}
			s.c.Done(s.now, "h", p, from+10, to, true)
			seen = append(seen, pieces...)
		}
		s.now = s.now.Add(100 * time.Millisecond)
	}
	if want := []int{4, 5, 6, 7, 8, 9, 10, 11}; !slices.Equal(seen, want) {
		t.Errorf("granted %v, want %v", seen, want)
	}
}

// TestLeaseCountsOnce sees that a lease is no leave to take the same bytes again and again:
// what waits under leases holds back the grants of all others.
func TestLeaseCountsOnce(t *testing.T) {
	s := newStage(t)
	s.o.drain = piece
	s.join("a", 80, bitfield(s.m, 0))
	for p, pieces := range s.granted() {
		s.now = s.now.Add(startFor - time.Second) // no start is left, the lease is
		s.c.mu.Lock()
		s.c.peers[p].views[0].starts = startRight{}
		s.c.mu.Unlock()
		from := int64(pieces[0]) * piece
		for i, tc := range []struct {
			from, to int64
			want     Right
		}{
			{from, from + piece/2, Granted}, {from + piece/2, from + piece - 1, Granted},
			{from, from + piece/2, Plain}, {from + piece - 1, from + piece, Granted}, {from + piece - 1, from + piece, Plain},
		} {
			if _, got := s.c.Lease(s.now, "h", p, tc.from, tc.to); got != tc.want {
				t.Errorf("request %d: %v, want %v", i, got, tc.want)
			}
		}
		return
	}
	t.Error("nothing was granted")
}

// TestRights tells starts, leases and plain requests apart.
func TestRights(t *testing.T) {
	s := newStage(t)
	s.c.Join(s.now, "h", s.m, "a", false, "")
	for _, tc := range []struct {
		name     string
		p        Peer
		from, to int64
		want     Right
	}{
		{"a stranger", "x", 0, 4 * piece, Plain},
		{"far from the position", "a", 80 * piece, 84 * piece, Plain},
		{"the first segment", "a", 0, 4 * piece, Start},
		{"the first segment once more", "a", 0, 4 * piece, Plain},
		{"nonsense", "a", -5, 1 << 60, Plain},
		{"nothing", "a", 5, 5, Plain},
	} {
		if _, got := s.c.Lease(s.now, "h", tc.p, tc.from, tc.to); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
	s.report("a", Report{Position: 80})
	if _, got := s.c.Lease(s.now, "h", "a", 80*piece, 84*piece); got != Start {
		t.Errorf("after a seek: %v, want a start", got)
	}
	starts := 0
	for i := range 20 { // a viewer that jumps about does not live on starts
		pos := float64(i%2) * 100
		s.report("a", Report{Position: pos})
		from := int64(pos) * piece
		if _, got := s.c.Lease(s.now, "h", "a", from, from+4*piece); got == Start {
			starts++
		}
		s.now = s.now.Add(500 * time.Millisecond)
	}
	if starts > 2 {
		t.Errorf("%d starts in ten seconds", starts)
	}
}

// TestPast: a piece is past only when the end of the last segment that it feeds is past.
func TestPast(t *testing.T) {
	m := film(3)
	m.Segments[0].Size, m.Segments[1].Offset, m.Segments[1].Size = 3500, 3500, 4500 // piece 3 feeds both
	x := newIndex(m)
	for _, tc := range []struct {
		piece  int
		pos    float64
		slack  float64
		needed bool
	}{
		{3, 0, 0, true}, {3, 4, 0, true}, {3, 7.9, 0, true}, {3, 8, 0, false}, {4, 0, 4, true}, {4, 3, 1, true}, {2, 4, 0, false}, {11, 0, 8, true},
	} {
		slack, needed := x.slack(tc.piece, tc.pos)
		if needed != tc.needed || needed && math.Abs(slack-tc.slack) > 1e-9 {
			t.Errorf("piece %d at %v: %v %v, want %v %v", tc.piece, tc.pos, slack, needed, tc.slack, tc.needed)
		}
	}
}

// TestMirror: with a mirror no first copies are needed.
func TestMirror(t *testing.T) {
	s := newStage(t)
	s.c.Join(s.now, "h", s.m, "m", true, "")
	s.join("a", 0, bitfield(s.m, 8))
	if got := s.granted(); len(got) != 0 {
		t.Errorf("granted %v though a mirror has all", got)
	}
	s.c.Leave(s.now, "", "m")
	if got := s.granted(); len(got) == 0 {
		t.Error("nothing was granted after the mirror left")
	}
}

// TestRenditions: a viewer that switches stays as a holder.
func TestRenditions(t *testing.T) {
	s := newStage(t)
	s.join("a", 0, bitfield(s.m, 160))
	s.join("b", 0, bitfield(s.m, 4))
	if got := s.granted(); len(got) != 0 {
		t.Errorf("granted %v though a has all", got)
	}
	s.c.Join(s.now, "low", film(40), "a", false, "")
	if got := s.granted(); len(got) != 0 {
		t.Errorf("granted %v though a still has all", got)
	}
	for i := range maxRoomsPerPeer + 3 {
		s.c.Join(s.now, fmt.Sprint(i), film(40), "a", false, "")
	}
	if n := len(s.c.peers["a"].views); n > maxRoomsPerPeer {
		t.Errorf("one peer is in %d rooms", n)
	}
}

// TestNothingIsLeft sees that leaving takes everything away.
func TestNothingIsLeft(t *testing.T) {
	s := newStage(t)
	for i := range 20 {
		s.join(Peer(fmt.Sprint(i)), float64(i), bitfield(s.m, i))
	}
	s.granted()
	for i := range 20 {
		s.c.Leave(s.now, "", Peer(fmt.Sprint(i)))
	}
	s.now = s.now.Add(time.Minute)
	s.c.Tick(s.now)
	if len(s.c.rooms)+len(s.c.peers)+len(s.c.order)+len(s.c.leases) != 0 || s.c.promised != 0 {
		t.Errorf("left: %d rooms, %d peers, %d leases, %d bytes promised", len(s.c.rooms), len(s.c.peers), len(s.c.leases), s.c.promised)
	}
}

func TestPartners(t *testing.T) {
	s := newStage(t)
	for i := range 50 {
		s.join(Peer(fmt.Sprintf("%02d", i)), 0, bitfield(s.m, 4))
	}
	s.join("ahead", 30, bitfield(s.m, 60))
	s.join("gone", 30, bitfield(s.m, 160))
	s.report("gone", Report{Hidden: true, Paused: true})
	found := 0
	for i := range 50 {
		got := s.c.Partners(s.now, "h", Peer(fmt.Sprintf("%02d", i)), 10)
		if len(got) != 10 || slices.Contains(got, "gone") {
			t.Fatalf("partners %v", got)
		}
		if slices.Contains(got, "ahead") {
			found++
		}
	}
	if found < 30 {
		t.Errorf("%d of 50 are sent to the one that has what they need", found)
	}
}

// TestPoor has most viewers lack their next second for a while, and then have it.
func TestPoor(t *testing.T) {
	s := newStage(t)
	ids := []Peer{"a", "b", "c", "d"}
	for _, p := range ids {
		s.join(p, 0, bitfield(s.m, 4))
	}
	ask := func(have int, seconds int) (poor bool) {
		for range seconds {
			s.now = s.now.Add(time.Second)
			for _, p := range ids {
				s.report(p, Report{Position: 3.5, Have: bitfield(s.m, have)})
			}
			poor = s.c.Poor(s.now, "h")
		}
		return poor
	}
	if ask(4, 5) {
		t.Error("poor before anybody has settled")
	}
	if !ask(4, 30) {
		t.Error("not poor though everybody starves")
	}
	if ask(8, 30) {
		t.Error("still poor though everybody is fed")
	}
}

func TestRefuses(t *testing.T) {
	s := newStage(t)
	for name, m := range map[string]*Media{
		"nothing": nil, "empty": {}, "too many pieces": {Size: 1 << 40, PieceLength: 1, Segments: film(1).Segments},
		"a segment outside":   {Size: 10, PieceLength: 1, Segments: []Segment{{Offset: 5, Size: 6, Duration: 1}}},
		"a segment backwards": {Size: 10, PieceLength: 1, Segments: []Segment{{Size: 5, Start: 9e9, Duration: 1e9}, {Offset: 5, Size: 5, Duration: 1e9}}},
	} {
		if s.c.Join(s.now, "x", m, "p", false, "") {
			t.Errorf("%s: joined", name)
		}
	}
	if len(s.c.rooms)+len(s.c.peers) != 0 {
		t.Error("a refused join left something behind")
	}
}
