package tracker

import (
	"cmp"
	"slices"
)

// Stats is what goes on, without anybody's address.
type Stats struct {
	Sockets   int           `json:"sockets"`
	Viewers   int           `json:"viewers"` // that joined from our page
	Mirrors   []MirrorStats `json:"mirrors"`
	Swarms    []SwarmStats  `json:"swarms"`
	FromPeers int64         `json:"fromPeers"` // bytes that viewers say they got from others, since the start
}

// SwarmStats is one infohash that somebody is interested in.
type SwarmStats struct {
	Hash      string `json:"infohash"`
	Video     string `json:"video"`
	Rendition string `json:"rendition"`
	Viewers   int    `json:"viewers"`   // joined
	Mirrors   int    `json:"mirrors"`   //
	Peers     int    `json:"peers"`     // everybody else
	Seeds     int    `json:"seeds"`     // of mirrors and peers, with the whole file
	FromPeers int64  `json:"fromPeers"` // bytes, since the swarm formed
}

// MirrorStats is one mirror on a socket.
type MirrorStats struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	URL    string `json:"url"`
	Swarms int    `json:"swarms"` // it seeds
}

// Stats returns what goes on now.
func (t *Tracker) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := Stats{
		Sockets: len(t.sockets), Viewers: t.viewers, FromPeers: t.received,
		Mirrors: []MirrorStats{}, Swarms: make([]SwarmStats, 0, len(t.rooms)),
	}
	for socket := range t.sockets {
		if m := socket.mirror; m != nil {
			s.Mirrors = append(s.Mirrors, MirrorStats{m.ID, m.Name, m.URL, len(socket.members)})
		}
	}
	for _, r := range t.rooms {
		s.Swarms = append(s.Swarms, r.stats())
	}
	slices.SortFunc(s.Mirrors, func(a, b MirrorStats) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(s.Swarms, func(a, b SwarmStats) int {
		return cmp.Or(-cmp.Compare(a.Viewers+a.Peers, b.Viewers+b.Peers), cmp.Compare(a.Hash, b.Hash))
	})
	return s
}

func (r *room) stats() SwarmStats {
	s := SwarmStats{
		Hash: r.hash.String(), Video: r.info.Video, Rendition: r.info.Rendition,
		Viewers: len(r.viewers), Mirrors: r.mirrors, Peers: len(r.hosts), Seeds: r.seeds, FromPeers: r.received,
	}
	for _, h := range r.hosts {
		if h.whole {
			s.Seeds++
		}
	}
	for _, m := range r.list {
		if !m.mirror && !m.joined() {
			s.Peers++
		}
	}
	return s
}
