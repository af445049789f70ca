package wire

import (
	"time"

	"github.com/tubelet/tubelet/seed/mirror"
	"github.com/tubelet/tubelet/server/share"
	"github.com/tubelet/tubelet/store"
)

// Swarm is what goes on between the server and its viewers.
type Swarm struct {
	Schema  int           `json:"schema"`
	Running bool          `json:"running"` // a server tells; else all but today and month is zero
	At      *time.Time    `json:"at"`
	Viewers int           `json:"viewers"`
	Short   bool          `json:"short"`
	Seed    string        `json:"seed"`
	Rate    Ways          `json:"rate"`  // bytes a second
	Today   Ways          `json:"today"` // bytes
	Month   Ways          `json:"month"`
	Limit   SwarmLimit    `json:"limit"`
	Swarms  []SwarmOf     `json:"swarms"`
	Mirrors []SwarmMirror `json:"mirrors"`
}

// Ways is a number for each way of the bytes.
type Ways struct {
	HTTP   int64 `json:"http"`
	Swarm  int64 `json:"swarm"`
	WebRTC int64 `json:"webrtc"`
	TCP    int64 `json:"tcp"`
	Peers  int64 `json:"peers"`
}

// SwarmLimit is what the settings allow, 0 for no limit.
type SwarmLimit struct {
	Rate  int64 `json:"rate"`
	Month int64 `json:"month"`
}

// SwarmOf is one rendition that somebody shares.
type SwarmOf struct {
	Video     string `json:"video"`
	Title     string `json:"title"`
	Rendition string `json:"rendition"`
	Infohash  string `json:"infohash"`
	Viewers   int    `json:"viewers"`
	Mirrors   int    `json:"mirrors"`
	Peers     int    `json:"peers"`
	Seeds     int    `json:"seeds"`
	FromPeers int64  `json:"from_peers"`
}

// SwarmMirror is a mirror that is connected.
type SwarmMirror struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	URL    string `json:"url"`
	Swarms int    `json:"swarms"`
}

// NewSwarm returns f's shape. Titles are found by id. At is when f was told, zero for never.
func NewSwarm(f share.Figures, at time.Time, titles map[string]string) Swarm {
	s := Swarm{
		Schema: Schema, Running: !at.IsZero(), At: moment(at), Viewers: f.Viewers, Short: f.Short, Seed: f.Seed,
		Rate: rates(f.Rate), Today: ways(f.Today), Month: ways(f.Month),
		Limit: SwarmLimit{f.Limit.Rate, f.Limit.Month}, Swarms: []SwarmOf{}, Mirrors: []SwarmMirror{},
	}
	for _, one := range f.Swarms {
		s.Swarms = append(s.Swarms, SwarmOf{
			Video: one.Video, Title: titles[one.Video], Rendition: one.Rendition, Infohash: one.Hash,
			Viewers: one.Viewers, Mirrors: one.Mirrors, Peers: one.Peers, Seeds: one.Seeds, FromPeers: one.FromPeers,
		})
	}
	for _, m := range f.Mirrors {
		s.Mirrors = append(s.Mirrors, SwarmMirror{m.ID, m.Name, m.URL, m.Swarms})
	}
	return s
}

func ways(t store.Traffic) Ways {
	return Ways{HTTP: t["http"], Swarm: t["swarm"], WebRTC: t["webrtc"], TCP: t["tcp"], Peers: t["peers"]}
}

func rates(r map[string]float64) Ways {
	t := store.Traffic{}
	for way, n := range r {
		t[way] = int64(n)
	}
	return ways(t)
}

// Sent adds up what leaves this machine.
func (w Ways) Sent() int64 { return w.HTTP + w.Swarm + w.WebRTC + w.TCP }

// Mirror is a machine that mirrors the channel.
type Mirror struct {
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	URL     string     `json:"url"`
	Refused bool       `json:"refused"`
	SeenAt  *time.Time `json:"seen_at"`
}

// NewMirror returns m's shape.
func NewMirror(m store.Mirror) Mirror {
	return Mirror{m.ID, m.Name, m.URL, m.Refused, moment(m.SeenAt)}
}

// Mirrored is a channel that this machine mirrors.
type Mirrored struct {
	Base      string     `json:"base"`
	Feed      string     `json:"feed"`
	Title     string     `json:"title"`
	AddedAt   *time.Time `json:"added_at"`
	LookedAt  *time.Time `json:"looked_at"`
	Error     string     `json:"error"`
	Connected bool       `json:"connected"`
	Refused   bool       `json:"refused"`
	Wanted    int        `json:"wanted"`
	Files     int        `json:"files"`
	Bytes     int64      `json:"bytes"`
}

// NewMirrored returns c's shape.
func NewMirrored(c mirror.Channel) Mirrored {
	return Mirrored{
		Base: c.Base, Feed: c.Feed, Title: c.Title, AddedAt: moment(c.Added), LookedAt: moment(c.Looked), Error: c.Error,
		Connected: c.Connected, Refused: c.Refused, Wanted: c.Wanted, Files: c.Files, Bytes: c.Bytes,
	}
}

// MirrorSettings is what a mirror may take, 0 for no limit.
type MirrorSettings struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	Size int64  `json:"size"` // bytes
	Rate int64  `json:"rate"` // bytes a second
}

// NewMirrorSettings returns s's shape.
func NewMirrorSettings(s mirror.Settings) MirrorSettings {
	return MirrorSettings{s.Name, s.URL, s.Size, s.Rate}
}
