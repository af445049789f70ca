// Package pages turns what the store knows into HTML. It owns the data of each
// page, the formatting of dates, numbers and Markdown, and the writing of a whole
// page at once. It asks nobody for anything and sends nothing: a handler fills a page's
// struct and passes it to Pages.Render, so a page can be tested with made-up data.
package pages

import (
	"cmp"
	"time"

	"github.com/tubelet/tubelet/server/offer"
	"github.com/tubelet/tubelet/server/prose"
	"github.com/tubelet/tubelet/store"
)

// Page is one of the page structs of this package.
type Page interface {
	page() string // the template's name
	head(*prose.Writer) Head
	site() Site
}

// Site is what every page shows of its channel.
type Site struct {
	Channel store.Channel
	Videos  int  // how many are listed
	Follow  bool // people can follow the channel from their own server

	Followers int // how many do; 0 where the page does not say
}

// Paging says which part of a longer list a page shows.
type Paging struct {
	Number int // 1 for the first page
	Size   int // entries on a page
	Total  int // entries in all
}

// Channel is the front page: what is new, and the rest in a grid.
type Channel struct {
	Site   Site
	Tag    string           // the chosen tag, empty for all
	Tags   []store.TagCount // most used first
	Latest *store.Video
	Videos []store.Video // of this page, without Latest
	Paging Paging
}

// Search is the answer to a search.
type Search struct {
	Site   Site
	Query  string
	Videos []store.Video
	Paging Paging
}

// Watch is the page of one video.
type Watch struct {
	Site     Site
	Video    store.Video
	Key      string // preview key, for a draft or scheduled video
	Player   Player
	Thread   Thread
	Torrents []offer.Torrent // what is offered of it
	More     []store.Video   // listed videos related to this one
	Jobs     []store.Job     // open jobs of the video, while it is processing

	// Originals means that the file as the creator gave it is offered too, with all that
	// the camera wrote into it.
	Originals bool
}

// Thread is one page of the comments under a video.
type Thread struct {
	Video    store.Video
	Key      string
	Comments []store.Comment // top-level ones with all their replies, in the store's order
	Policy   string          // who may comment: open, approve, links, closed
	Social   bool            // people can answer from their own server
	Paging   Paging          // counts top-level comments; Video.Comments counts all
}

// Comments is the page that holds the comments alone, from the second page on.
type Comments struct {
	Site   Site
	Video  store.Video
	Thread Thread
}

// Embed is the bare player for other sites' frames.
type Embed struct {
	Site   Site
	Video  store.Video
	Player Player
}

// About says whose channel this is and how it treats its visitors.
type About struct {
	Site Site
	P2P  string // the setting: on, ask or off
}

// Error is the page of an answer that is not the one asked for.
type Error struct {
	Site   Site
	Status int    // HTTP status
	Detail string // a sentence for the visitor, empty for the usual one
}

// Player is what the player's template needs. NewPlayer fills it from a video.
type Player struct {
	Video    store.Video
	By       string // the channel's name
	Lang     string // of captions and chapters that name none
	Base     string // "/media/<id or preview id>/<rev>/"
	Captions string // "/media/<id or preview id>/captions/"
	Watch    string // absolute address of the watch page
	Ping     string // where a view is reported, empty when views are not counted
	Start    time.Duration
	Autoplay bool
	Muted    bool
	Loop     bool
	Embed    bool
	Short    bool   // the upload is in short supply: start low
	Swarm    *Swarm // nil for what is not shared
	Early    bool   // it will start at the beginning at once: ask for the first seconds with the page
}

// Card is a video in a list.
type Card struct {
	Site  Site
	Video store.Video
	Later bool // its picture may wait until it comes near the window
}

// URL is the address of the video's page.
func (c Card) URL() string { return "/w/" + c.Video.ID }

// Poster is the address of the still picture, the smaller one where there are two, empty
// for none and for what viewers are warned of.
func (c Card) Poster() string {
	if c.Video.Warning != "" {
		return ""
	}
	file := cmp.Or(c.Video.Media.Thumb, c.Video.Media.Poster)
	if file == "" {
		return ""
	}
	return c.Video.MediaPath(file)
}

// Tall says whether the picture is higher than wide, so that it is shown whole
// instead of cut.
func (c Card) Tall() bool { return c.Video.Media.PosterHeight > c.Video.Media.PosterWidth }

// Lang is the language of the title.
func (c Card) Lang() string { return language(c.Site.Channel, c.Video) }
