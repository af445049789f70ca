package pages

import (
	"encoding/json"
	"fmt"

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
	Alternates bool              `json:"alternates,omitempty"`
	Chapters   []playerChapter   `json:"chapters,omitempty"`
	Board      *playerBoard      `json:"board,omitempty"`
	Ping       string            `json:"ping,omitempty"`
	Start      float64           `json:"start,omitempty"`
	Autoplay   bool              `json:"autoplay,omitempty"`
	Embed      bool              `json:"embed,omitempty"`
}

type playerRendition struct {
	Height int    `json:"height"`
	File   string `json:"file"`
	Codecs string `json:"codecs"`
	Rate   int    `json:"rate"`
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
		Ping: p.Ping, Start: p.Start.Seconds(), Autoplay: p.Autoplay, Embed: p.Embed,
		Board: p.board(),
	}
	for _, r := range m.Renditions {
		if r.Language != "" {
			d.Alternates = true
			continue
		}
		d.Renditions = append(d.Renditions, playerRendition{
			Height: r.Height, File: p.Base + r.File, Codecs: r.Codecs, Rate: r.Bandwidth,
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
