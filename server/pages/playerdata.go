package pages

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/tubelet/tubelet/store"
)

// playerData is what the player's script reads from its element, so that it needs
// no request to know what it can play.
type playerData struct {
	ID         string            `json:"id"`
	Title      string            `json:"title"`
	By         string            `json:"by"`
	Watch      string            `json:"watch"`
	Duration   float64           `json:"duration"`
	FPS        float64           `json:"fps,omitempty"`
	HLS        string            `json:"hls"`
	File       string            `json:"file"`
	Poster     string            `json:"poster,omitempty"`
	Renditions []playerRendition `json:"renditions"`
	Begin      int               `json:"begin"` // height of the rendition to start with
	Chapters   []playerChapter   `json:"chapters,omitempty"`
	Board      *playerBoard      `json:"board,omitempty"`
	Ping       string            `json:"ping,omitempty"`
	Start      float64           `json:"start,omitempty"`
	Autoplay   bool              `json:"autoplay,omitempty"`
	Embed      bool              `json:"embed,omitempty"`
	Keep       bool              `json:"keep,omitempty"`  // the creator offers the file for download
	Short      bool              `json:"short,omitempty"` // begin is low because the upload is in short supply
	Swarm      *Swarm            `json:"swarm,omitempty"`
}

// Swarm is what a player needs to share a video with its other viewers.
type Swarm struct {
	Mode       string           `json:"mode"`           // on, ask: not before the viewer said yes, off
	Socket     string           `json:"socket"`         // address of the tracker, on our own host
	STUN       string           `json:"stun,omitempty"` // "stun:host:port", on our own host
	Renditions []SwarmRendition `json:"renditions"`     // those that have a torrent
}

// SwarmRendition is one file that is shared.
type SwarmRendition struct {
	Height      int    `json:"height"`
	Infohash    string `json:"infohash"`
	Torrent     string `json:"torrent"` // absolute address of the .torrent
	PieceLength int64  `json:"pieceLength"`
	Size        int64  `json:"size"`
}

type playerRendition struct {
	Height int    `json:"height"`
	File   string `json:"file"`
	Codecs string `json:"codecs"`
	Rate   int    `json:"rate"`
	First  string `json:"first,omitempty"` // address of its first seconds
}

type playerChapter struct {
	Start float64 `json:"start"`
	Title string  `json:"title"`
}

type playerBoard struct {
	File     string  `json:"file"`
	Columns  int     `json:"columns"`
	Rows     int     `json:"rows"`
	Width    int     `json:"width"`
	Height   int     `json:"height"`
	Interval float64 `json:"interval"`
}

// Data returns what the player's script has to know, as JSON.
func (p Player) Data() (string, error) {
	m := p.Video.Media
	d := playerData{
		ID: p.Video.ID, Title: p.Video.Title, By: p.By, Watch: p.Watch,
		Duration: m.Duration.Seconds(), FPS: m.FPS,
		HLS: p.HLS(), File: p.Progressive(), Poster: p.Poster(),
		Ping: p.Ping, Start: p.Start.Seconds(), Autoplay: p.Starts(), Embed: p.Embed,
		Board: p.board(), Short: p.Short, Keep: p.Video.Downloads, Swarm: p.Swarm,
	}
	if len(m.Renditions) > 0 {
		d.Begin = m.Renditions[p.startRendition()].Height
	}
	for _, r := range m.Renditions {
		if isAlternate(r) {
			continue
		}
		d.Renditions = append(d.Renditions, playerRendition{
			Height: r.Height, File: p.Base + r.File, Codecs: r.Codecs, Rate: r.Bandwidth, First: p.first(r),
		})
	}
	for _, c := range p.Video.Chapters {
		d.Chapters = append(d.Chapters, playerChapter{Start: c.Start.Seconds(), Title: c.Title})
	}
	b, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("write player data of %s: %w", p.Video.ID, err)
	}
	return string(b), nil
}

// The player begins with a few seconds of one file, outside of the playlists, and the
// rest is the library's. Of a short clip that would be too much, and sound alone starts
// quickly anyway.
const (
	firstSeconds = 6
	shortest     = 8 * time.Second
	startHeight  = 480 // a start must be quick before it is sharp
)

// ShortHeight is what a start is made with at most when the upload is in short supply.
const ShortHeight = 240

func (p Player) first(r store.Rendition) string {
	m := p.Video.Media
	if m.Duration < shortest || r.Height == 0 || slices.ContainsFunc(m.Renditions, isAlternate) {
		return ""
	}
	bytes := int64(float64(r.Bandwidth) / 8 * min(firstSeconds, m.Duration.Seconds()/2))
	return p.Base + r.File + "?first=" + strconv.FormatInt(bytes, 10)
}

func isAlternate(r store.Rendition) bool { return r.Language != "" }

// First returns the address of the first seconds of the rendition that a start is made
// with, for a page that starts by itself; else "".
func (p Player) First() string {
	list := p.Video.Media.Renditions
	if !p.Early || !p.Starts() || len(list) == 0 {
		return ""
	}
	return p.first(list[p.startRendition()])
}

// startRendition returns the index of the rendition that a start is made with: 480 rows,
// fewer while the upload is in short supply, or the lowest there is.
func (p Player) startRendition() int {
	list, height := p.Video.Media.Renditions, startHeight
	if p.Short {
		height = ShortHeight
	}
	low := func(r store.Rendition) bool { return r.Height <= height && !isAlternate(r) }
	if i := slices.IndexFunc(list, low); i >= 0 {
		return i
	}
	return len(list) - 1
}

func (p Player) board() *playerBoard {
	s := p.Video.Media.Storyboard
	if s.File == "" {
		return nil
	}
	return &playerBoard{
		File: p.file(s.File), Columns: s.Columns, Rows: s.Rows,
		Width: s.Width, Height: s.Height, Interval: s.Interval.Seconds(),
	}
}

// Width and Height are the picture's size, which give the element its shape before
// anything has loaded. Sound alone gets the shape of its poster.
func (p Player) Width() int { w, _ := p.size(); return w }

// Height is the picture's height; see Width.
func (p Player) Height() int { _, h := p.size(); return h }

func (p Player) size() (width, height int) {
	var top store.Rendition
	if r := p.Video.Media.Renditions; len(r) > 0 {
		top = r[0]
	}
	if top.Width > 0 && top.PixHeight > 0 {
		return top.Width, top.PixHeight
	}
	return 1280, 720
}
