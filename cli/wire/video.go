// Package wire holds the shapes in which commands answer programs: what --json prints.
//
// They are a contract, written down in docs/json.md. A key never changes its meaning and is
// always there; keys may be added. Moments are RFC 3339 in UTC or null, lengths are
// seconds, sizes bytes.
package wire

import (
	"path/filepath"
	"strconv"
	"time"

	"github.com/tubelet/tubelet/server/offer"
	"github.com/tubelet/tubelet/store"
)

// Schema is the version of the shapes. It would grow if a key ever had to change.
const Schema = 1

// Site is what the addresses and paths of a video are made with.
type Site struct {
	Data    string // absolute
	Channel store.Channel
	P2P     string                 // the setting
	Preview func(id string) string // what stands for the id in a preview address, "" when nobody knows
}

// Video is one video.
type Video struct {
	Schema      int         `json:"schema"`
	ID          string      `json:"id"`
	UUID        string      `json:"uuid"`
	Title       string      `json:"title"`
	Description string      `json:"description"`
	Language    string      `json:"language"`
	License     string      `json:"license"`
	Tags        []string    `json:"tags"`
	Visibility  string      `json:"visibility"`
	Downloads   bool        `json:"downloads"`
	P2P         string      `json:"p2p"`
	Commenting  string      `json:"commenting"`
	Warning     string      `json:"warning"`
	State       string      `json:"state"`
	Error       string      `json:"error"`
	URL         string      `json:"url"`
	EmbedURL    string      `json:"embed_url"`
	PreviewURL  string      `json:"preview_url"`
	Views       int64       `json:"views"`
	Comments    int         `json:"comments"`
	Likes       int64       `json:"likes"`
	Dislikes    int64       `json:"dislikes"`
	Boosts      int64       `json:"boosts"`
	Duration    float64     `json:"duration"`
	Width       int         `json:"width"`
	Height      int         `json:"height"`
	FPS         float64     `json:"fps"`
	Revision    int         `json:"revision"`
	Poster      string      `json:"poster"`
	Source      Source      `json:"source"`
	Renditions  []Rendition `json:"renditions"`
	Captions    []Caption   `json:"captions"`
	Chapters    []Chapter   `json:"chapters"`
	CreatedAt   *time.Time  `json:"created_at"`
	UpdatedAt   *time.Time  `json:"updated_at"`
	PublishAt   *time.Time  `json:"publish_at"`
	PublishedAt *time.Time  `json:"published_at"`
	PinnedAt    *time.Time  `json:"pinned_at"`
}

// Source is the file that was published.
type Source struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	Path   string `json:"path"`
}

// Rendition is one playable file.
type Rendition struct {
	Height    int     `json:"height"`
	Width     int     `json:"width"`
	FPS       float64 `json:"fps"`
	Bytes     int64   `json:"bytes"`
	Bandwidth int     `json:"bandwidth"`
	Codecs    string  `json:"codecs"`
	Copied    bool    `json:"copied"`
	Language  string  `json:"language"`
	Path      string  `json:"path"`
	URL       string  `json:"url"`
	Infohash  string  `json:"infohash"`
	Torrent   string  `json:"torrent"`
	Magnet    string  `json:"magnet"`
}

// Caption is one text track.
type Caption struct {
	Language string `json:"language"`
	Label    string `json:"label"`
	Path     string `json:"path"`
	URL      string `json:"url"`
}

// Chapter is one named point.
type Chapter struct {
	Start float64 `json:"start"`
	Title string  `json:"title"`
}

// Video returns v's shape.
func (s Site) Video(v store.Video) Video {
	return Video{
		Schema: Schema, ID: v.ID, UUID: v.UUID, Title: v.Title, Description: v.Description,
		Language: v.Language, License: v.License, Tags: append([]string{}, v.Tags...),
		Visibility: string(v.Visibility), Downloads: v.Downloads, P2P: offer.Mode(s.P2P, v),
		Commenting: v.Commenting, Warning: v.Warning,
		State: string(v.Media.State), Error: v.Media.Error,
		URL: s.Channel.WatchURL(v), EmbedURL: s.Channel.EmbedURL(v), PreviewURL: s.PreviewURL(v),
		Views: v.Views, Comments: v.Comments, Likes: v.Likes, Dislikes: v.Dislikes, Boosts: v.Boosts,
		Duration: v.Media.Duration.Seconds(), Width: v.Media.Width, Height: v.Media.Height, FPS: v.Media.FPS,
		Revision: v.Media.Rev, Poster: s.file(v, v.Media.Poster),
		Source: Source{
			Name: v.Media.SourceName, Bytes: v.Media.SourceBytes, SHA256: v.Media.SourceSHA256,
			Path: s.file(v, v.Media.SourceFile),
		},
		Renditions: s.renditions(v), Captions: s.captions(v), Chapters: chapters(v),
		CreatedAt: moment(v.CreatedAt), UpdatedAt: moment(v.UpdatedAt),
		PublishAt: moment(v.PublishAt), PublishedAt: moment(v.PublishedAt), PinnedAt: moment(v.PinnedAt),
	}
}

// PreviewURL returns the address at which the creator sees v while strangers do not, or
// nothing when they do.
func (s Site) PreviewURL(v store.Video) string {
	hidden := v.Visibility == store.Draft || !v.PublishAt.IsZero() && v.PublishedAt.IsZero()
	if !hidden || s.Preview == nil {
		return ""
	}
	address := s.Preview(v.ID)
	if address == "" {
		return ""
	}
	return s.Channel.Base() + "/w/" + address
}

// address returns the part of v's media addresses that stands for its id.
func (s Site) address(v store.Video) store.Video {
	if s.PreviewURL(v) != "" {
		v.ID = s.Preview(v.ID)
	}
	return v
}

// file returns where a file of v's served revision lies on the disk.
func (s Site) file(v store.Video, name string) string {
	if name == "" {
		return ""
	}
	return filepath.Join(s.Data, "videos", v.ID, strconv.Itoa(v.Media.Rev), name)
}

func (s Site) renditions(v store.Video) []Rendition {
	list := []Rendition{}
	torrents := map[string]offer.Torrent{}
	for _, t := range offer.Torrents(s.Channel, v, s.P2P) {
		torrents[t.File] = t
	}
	for _, r := range v.Media.Renditions {
		list = append(list, Rendition{
			Height: r.Height, Width: r.Width, FPS: r.FPS, Bytes: r.Bytes, Bandwidth: r.Bandwidth,
			Codecs: r.Codecs, Copied: r.Copied, Language: r.Language,
			Path: s.file(v, r.File), URL: s.Channel.MediaURL(s.address(v), r.File), Infohash: r.Infohash,
			Torrent: torrents[r.File].URL, Magnet: torrents[r.File].Magnet,
		})
	}
	return list
}

func (s Site) captions(v store.Video) []Caption {
	list := []Caption{}
	for _, c := range v.Captions {
		list = append(list, Caption{
			Language: c.Language, Label: c.Label,
			Path: filepath.Join(s.Data, "videos", v.ID, "captions", c.File),
			URL:  s.Channel.Base() + s.address(v).CaptionPath(c),
		})
	}
	return list
}

func chapters(v store.Video) []Chapter {
	list := []Chapter{}
	for _, c := range v.Chapters {
		list = append(list, Chapter{Start: c.Start.Seconds(), Title: c.Title})
	}
	return list
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	utc := t.UTC()
	return &utc
}
