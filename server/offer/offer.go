// Package offer says what of a video is offered for sharing: which of its files have a
// torrent that everybody may have, under which addresses, and whether viewers share at all.
//
// It computes all of it from the rows. Every address is on our own host: the trackers, the
// web seed and the torrent itself. What is not listed, or switched off, offers nothing.
package offer

import (
	"cmp"
	"strings"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/store"
)

// Off is the mode of what is not shared at all; the others are "on" and "ask".
const Off = "off"

// Mode says how viewers of v share it, with the setting p2p as given.
func Mode(setting string, v store.Video) string {
	if !v.Listed() {
		return Off
	}
	return cmp.Or(v.P2P, setting, Off)
}

// Torrent is the torrent of one rendition.
type Torrent struct {
	store.Rendition
	URL    string // of the .torrent
	Magnet string
}

// Torrents returns what v offers on c with the setting p2p as given, in the order of its
// renditions.
func Torrents(c store.Channel, v store.Video, setting string) []Torrent {
	if Mode(setting, v) == Off {
		return nil
	}
	var list []Torrent
	for _, r := range v.Media.Renditions {
		hash, err := metainfo.ParseHash(r.Infohash)
		if err != nil {
			continue
		}
		t := metainfo.Torrent{InfoHash: hash, Length: r.Bytes, PieceLength: r.Pieces}
		url := c.MediaURL(v, r.TorrentFile())
		list = append(list, Torrent{r, url, t.Magnet(v.Title, Trackers(c), WebSeeds(c, v, r), url)})
	}
	return list
}

// Trackers returns the addresses of our tracker: over HTTP for desktop programs, over a
// WebSocket for browsers.
func Trackers(c store.Channel) []string {
	base := c.Base()
	return []string{base + "/tracker/announce", "ws" + strings.TrimPrefix(base, "http") + "/tracker/socket"}
}

// Tiers returns the trackers as a torrent has them: all are asked, whatever the first says.
func Tiers(c store.Channel) [][]string {
	var tiers [][]string
	for _, t := range Trackers(c) {
		tiers = append(tiers, []string{t})
	}
	return tiers
}

// WebSeeds returns where the file of a rendition can be had over HTTP.
func WebSeeds(c store.Channel, v store.Video, r store.Rendition) []string {
	return []string{c.MediaURL(v, r.File)}
}
