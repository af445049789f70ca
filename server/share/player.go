package share

import (
	"github.com/tubelet/tubelet/server/offer"
	"github.com/tubelet/tubelet/server/pages"
	"github.com/tubelet/tubelet/store"
)

// socket is where the tracker is on our host. Players of PeerTube look there too.
const socket = "/tracker/socket"

// player is what pages tell their script. Further audio tracks are not shared: they are
// small, and would each be a swarm of their own.
func player(c store.Channel, v store.Video, p2p, stun string) *pages.Swarm {
	p := &pages.Swarm{Mode: offer.Mode(p2p, v), Socket: socket, STUN: stun}
	for _, t := range offer.Torrents(c, v, p2p) {
		if t.Language == "" {
			p.Renditions = append(p.Renditions, pages.SwarmRendition{
				Height: t.Height, Infohash: t.Infohash, Torrent: t.URL, PieceLength: t.Pieces, Size: t.Bytes,
			})
		}
	}
	if len(p.Renditions) == 0 {
		return nil
	}
	return p
}
