package sim

import (
	"fmt"

	"github.com/tubelet/tubelet/seed/swarm"
)

// guest says that v is no viewer, but a mirror or a liar.
func (v *viewer) guest() bool { return v.mirror || v.liar }

// liar makes a viewer that claims every piece and passes nothing on, for as long as others
// are there. It plays along with those who came first.
func (w *world) liar(i int) *viewer {
	v := &viewer{id: i, w: w, peer: swarm.Peer(fmt.Sprintf("%040x", i+1)), kept: map[*film]*store{}, liar: true, up: 20 * mbit, down: 20 * mbit, heard: map[swarm.Peer]int64{}}
	v.use(w.films[0])
	for u := range v.film.sizes {
		v.set(u)
	}
	v.engaged, v.started = true, true
	w.coord.Join(w.clock(), v.film.hash, v.film.media, v.peer, false, "")
	w.byPeer[v.peer] = v
	return v
}

// disappoint gives up what liars were asked for, as the player's pace of a peer does that
// owes it something and brings nothing.
func (w *world) disappoint(v *viewer) {
	v.pos = min(w.now.Seconds(), v.film.length()-1)
	for i := len(v.out) - 1; i >= 0; i-- {
		if x := v.out[i]; w.now > x.ready+disappointed {
			x.link.rate = leastRate
			w.drop(x)
		}
	}
}
