package swarm

import (
	"math/bits"
	"time"
)

// room is the swarm of one rendition.
type room struct {
	hash    string
	x       *index
	rules   *Rules
	viewers []*viewer // players and holders, in the order of coming: ticks must be deterministic
	mirrors int
	meeting time.Time // until when one who was alone may not have met who came
	supply  []int32   // per piece: what its live holders can pass on, in units of supplyUnit
	copies  []uint16  // per piece: live holders and leaseholders; of both those believed
	sent    bitset    // pieces that have left the origin
	presses []float32 // by slack: Rules.pressures
	poor    float64   // part of the viewers that starve, averaged
	poorAt  time.Time
	wished  time.Time // the last wish
	press   []float32
	near    []float32
}

// A supply of 1 is one viewer that can pass a piece on at the media's own rate twice over.
// Whole numbers, so that what is added can be taken away again without a rest.
const (
	supplyUnit  = 1024
	supplyMost  = 2 * supplyUnit // one viewer counts for no more
	mirrorShare = supplyUnit / 2
)

// viewer is one peer in one room.
type viewer struct {
	*peer
	room      *room
	active    bool // plays here; else it only holds pieces
	reported  bool // it has engaged: before, it is an ordinary player
	joined    time.Time
	pos, rate float64
	at        time.Time // when pos was right
	paused    bool
	hidden    bool
	standing  bool // its picture waits for bytes
	connected int
	held      bitset    // has it, or is fetching it under a lease
	doubted   bitset    // of those, the ones that it says it has and can't have
	doubts    int       // how many
	doubtful  time.Time // since when there are any
	suspect   bool      // for so long that it is not counted on
	vouched   bitset    // pieces that word was raised for
	word      float64   // bytes that it may still say it got from others
	fed       time.Time // when a piece from a mirror was last complete
	fedBytes  float64   // of the next
	wishes    []int
	fetching  []int       // by its own word
	asking    []time.Time // since when it has said so, of each
	leases    []*lease
	share     int32 // what it adds to the supply of each piece it holds
	starts    startRight
}

// startRight is the permission to fetch first bytes before everybody else.
type startRight struct {
	until time.Time
	bytes int64
}

func newRoom(hash string, x *index, rules *Rules) *room {
	return &room{hash: hash, x: x, rules: rules, sent: newBits(x.pieces), presses: rules.pressures(), supply: make([]int32, x.pieces), copies: make([]uint16, x.pieces),
		press: make([]float32, x.pieces), near: make([]float32, x.pieces)}
}

// position is where the viewer is by now, if it plays on as it said.
func (v *viewer) position(now time.Time) float64 {
	if v.paused {
		return v.pos
	}
	return v.pos + v.rate*min(now.Sub(v.at), extrapolate).Seconds()
}

// gives says whether the viewer may be counted on to pass anything on.
func (v *viewer) gives(now time.Time) bool {
	if v.hidden && v.paused {
		return false
	}
	return v.connected > 0 || now.Sub(v.joined) < connectTime
}

// wants says whether the viewer is one to schedule for. Without peers it fetches for itself.
func (v *viewer) wants(now time.Time) bool {
	return v.active && v.reported && now.Sub(v.at) < silence && (v.connected > 0 || now.Sub(v.joined) < meetTime)
}

// reshare works out anew what the viewer adds to the supply of its pieces.
func (v *viewer) reshare(now time.Time) {
	share := int32(0)
	if v.gives(now) && !v.suspect {
		share = int32(min(supplyMost, supplyUnit*v.up.rate/(2*v.room.x.rate)))
	}
	delta := share - v.share
	if delta == 0 || share > 0 && delta*8 < v.share && -delta*8 < v.share {
		return
	}
	v.share = share
	for w := range v.held {
		for word := v.held[w] &^ v.doubted[w]; word != 0; word &= word - 1 {
			v.room.supply[w<<6+bits.TrailingZeros64(word)] += delta
		}
	}
}

// hold and drop keep the room's sums in step with the viewer's pieces.
func (v *viewer) hold(p int) {
	if v.held.has(p) {
		return
	}
	v.held.set(p)
	if !v.believed(p) {
		v.doubted.set(p)
		v.doubts++
		return
	}
	v.room.supply[p] += v.share
	v.room.copies[p]++
}

func (v *viewer) drop(p int) {
	if !v.held.has(p) {
		return
	}
	v.held.clear(p)
	if v.doubted.has(p) {
		v.doubted.clear(p)
		v.doubts--
		return
	}
	v.room.supply[p] -= v.share
	v.room.copies[p]--
}

// update takes a bitfield as the viewer sent it. What it is fetching under a lease stays
// held; a lease on what it has is over.
func (v *viewer) update(field []byte) {
	pieces := v.room.x.pieces
	for w := range v.held {
		word := wire(field, w)
		if last := pieces - w*64; last < 64 {
			word &= 1<<last - 1
		}
		for changed := word ^ v.held[w]; changed != 0; changed &= changed - 1 {
			p := w<<6 + bits.TrailingZeros64(changed)
			if word&(1<<(p&63)) != 0 {
				v.gain(p)
				v.hold(p)
			} else if v.lease(p) == nil {
				v.drop(p)
			}
		}
	}
}

// remove takes the viewer's pieces out of the room's sums.
func (v *viewer) remove() {
	for w := range v.held {
		for word := v.held[w]; word != 0; word &= word - 1 {
			v.drop(w<<6 + bits.TrailingZeros64(word))
		}
	}
}
