package swarm

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// FuzzReport feeds a stranger's words to a coordinator with two others in it.
func FuzzReport(f *testing.F) {
	f.Add(1.0, 1.0, true, false, 5, []byte{0xff}, 3, 4, int64(100))
	f.Add(math.NaN(), math.Inf(1), false, true, -1, []byte{}, -1, 1<<30, int64(-1))
	f.Fuzz(func(t *testing.T, pos, rate float64, paused, hidden bool, peers int, have []byte, wish, fetch int, got int64) {
		s := newStage(t)
		s.join("a", 0, bitfield(s.m, 4))
		s.join("b", 5, bitfield(s.m, 8))
		s.c.Join(s.now, "h", s.m, "x", false, "")
		r := Report{pos, rate, paused, hidden, peers, have, []int{wish, fetch, wish}, []int{fetch}, map[Peer]int64{"a": got, "x": got}, hidden}
		for range 3 {
			s.c.Report(s.now, "h", "x", r)
			s.c.Tick(s.now)
			s.c.Lease(s.now, "h", "x", got, got+int64(wish))
			s.c.Done(s.now, "h", "x", got, got+int64(wish), paused)
			s.c.Sent(s.now, "h", got, got+int64(fetch))
			s.c.Partners(s.now, "h", "x", 10)
			s.now = s.now.Add(time.Second)
		}
		s.check()
		s.c.Leave(s.now, "", "x")
		s.check()
	})
}

// check works the room's sums out anew.
func (s *stage) check() {
	s.t.Helper()
	for _, r := range s.c.rooms {
		for p := range r.x.pieces {
			supply, copies := int32(0), uint16(0)
			for _, v := range r.viewers {
				if v.held.has(p) && !v.doubted.has(p) {
					supply += v.share
					copies++
				}
			}
			if supply != r.supply[p] || copies != r.copies[p] {
				s.t.Fatalf("piece %d: supply %d copies %d, counted anew %d %d", p, r.supply[p], r.copies[p], supply, copies)
			}
		}
	}
}

// BenchmarkTick is one tick with room to grant, for viewers spread over a ten-minute video.
func BenchmarkTick(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		for _, crowd := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/crowd=%v", n, crowd), func(b *testing.B) {
				c, now := New(&line{drain: 2e6}), time.Unix(1000, 0)
				m := &Media{PieceLength: 128 << 10, Size: 150_000_000}
				for i := range 150 {
					m.Segments = append(m.Segments, Segment{int64(i) * 1_000_000, 1_000_000, time.Duration(i) * 4 * time.Second, 4 * time.Second})
				}
				for i := range n {
					p := Peer(fmt.Sprintf("%040d", i))
					pos := 10.0
					if !crowd {
						pos = float64(i) * 500 / float64(n)
					}
					c.Join(now, "h", m, p, false, "")
					c.Report(now, "h", p, Report{Position: pos, Connected: 10, Have: bitfield(m, int((pos+20)/600*1145))})
				}
				for b.Loop() {
					for _, g := range c.Tick(now) {
						for _, piece := range g.Pieces {
							from, to := int64(piece)*m.PieceLength, min(m.Size, int64(piece+1)*m.PieceLength)
							c.Lease(now, g.Hash, g.Peer, from, to)
							c.Done(now, g.Hash, g.Peer, from, to, false)
						}
					}
				}
			})
		}
	}
}
