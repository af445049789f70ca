package swarm

import "sort"

// Bounds on what one rendition may cost.
const (
	maxPieces   = 1 << 16
	maxSegments = 1 << 14
)

// index is a Media prepared for look-ups: which pieces a segment needs, and when.
type index struct {
	media  *Media
	pieces int
	rate   float64 // bytes a second
	segs   []span
	feeds  []int32 // the first segment that each piece feeds
	lasts  []int32 // the last one
}

// span is one segment: seconds, and its first and last piece.
type span struct {
	start, end float64
	from, to   int
}

// newIndex returns nil for a Media that it can't schedule.
func newIndex(m *Media) *index {
	if m == nil || m.Size <= 0 || m.PieceLength <= 0 || len(m.Segments) == 0 || len(m.Segments) > maxSegments {
		return nil
	}
	pieces := (m.Size + m.PieceLength - 1) / m.PieceLength
	if pieces > maxPieces {
		return nil
	}
	x := &index{media: m, pieces: int(pieces), feeds: make([]int32, pieces), lasts: make([]int32, pieces)}
	for i, s := range m.Segments {
		if s.Size <= 0 || s.Offset < 0 || s.Offset+s.Size > m.Size || s.Duration <= 0 {
			return nil
		}
		seg := span{start: s.Start.Seconds(), end: (s.Start + s.Duration).Seconds()}
		seg.from, seg.to = x.piece(s.Offset), x.piece(s.Offset+s.Size-1)
		if i == 0 {
			seg.from = 0 // the init part is needed with it
		}
		if i > 0 && seg.start < x.segs[i-1].end-0.001 {
			return nil
		}
		x.segs = append(x.segs, seg)
	}
	x.rate = float64(m.Size) / x.segs[len(x.segs)-1].end
	x.fill()
	return x
}

// fill notes for each piece which segments it feeds.
func (x *index) fill() {
	for p := range x.feeds {
		x.feeds[p] = -1
	}
	for i, seg := range x.segs {
		for p := seg.from; p <= seg.to; p++ {
			if x.feeds[p] < 0 {
				x.feeds[p] = int32(i)
			}
			x.lasts[p] = int32(i)
		}
	}
}

func (x *index) piece(at int64) int { return int(at / x.media.PieceLength) }

func (x *index) pieceSize(p int) int64 {
	return min(x.media.PieceLength, x.media.Size-int64(p)*x.media.PieceLength)
}

// overlap is how many of the bytes [from, to) lie in piece p.
func (x *index) overlap(p int, from, to int64) int64 {
	start := int64(p) * x.media.PieceLength
	return min(to, start+x.pieceSize(p)) - max(from, start)
}

// at is the segment that plays at pos: the first whose end is not past.
func (x *index) at(pos float64) int {
	return sort.Search(len(x.segs), func(i int) bool { return x.segs[i].end > pos })
}

// slack is how many seconds remain at pos until piece p is needed, and whether it still is. A
// piece is past only when the END of the last segment that it feeds is past: else a viewer
// that stalls on a border would not ask for what it needs.
func (x *index) slack(p int, pos float64) (float64, bool) {
	if x.feeds[p] < 0 || x.segs[x.lasts[p]].end <= pos {
		return 0, false
	}
	for i := x.feeds[p]; i <= x.lasts[p]; i++ {
		if x.segs[i].end > pos {
			return max(0, x.segs[i].start-pos), true
		}
	}
	return 0, false
}
