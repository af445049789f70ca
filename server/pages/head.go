package pages

import (
	"net/url"
	"strconv"

	"github.com/tubelet/tubelet/server/prose"
	"github.com/tubelet/tubelet/store"
)

// Head is what stands in a page's head, for search engines, previews in other
// programs and the browser's tab.
type Head struct {
	Title       string // of the document
	Query       string // shown in the search field
	Name        string // of the thing shown, for previews
	Description string
	Canonical   string // absolute address, empty when there is none to name
	Hidden      bool   // search engines should not list the page
	Kind        string // og:type
	Image       Image
	Player      Frame  // the player in a frame, for previews that can play
	File        string // absolute address of an MP4, for previews that take one
	Activity    string // address of the ActivityPub object behind the page
	OEmbed      string // address that the oEmbed endpoint is asked about
	Object      *VideoObject
	Prev, Next  string
	Refresh     int // seconds until a reader without script looks again, 0 for never
	Preload     string
	Scripts     []string // modules, by asset name
	Sheet       string   // style sheet, by asset name
}

// Image is a picture with its size.
type Image struct {
	URL           string
	Width, Height int
	Alt           string
}

// Frame is the address and size of a player.
type Frame struct {
	URL           string
	Width, Height int
}

func (p *Channel) head(w *prose.Writer) Head {
	c := p.Site.Channel
	h := channelHead(w, c, p.Site.Name())
	if p.Tag != "" {
		h.Title = p.Tag + " – " + p.Site.Name()
		h.Canonical = c.Base() + p.PageURL(p.Paging.Number)
	}
	if p.Paging.Number > 1 {
		h.Title = "Page " + strconv.Itoa(p.Paging.Number) + " – " + h.Title
		h.Canonical = c.Base() + p.PageURL(p.Paging.Number)
	}
	h.Prev, h.Next = around(p.Paging, p.PageURL)
	p.Site.follow(&h)
	return h
}

// follow adds the channel's actor, and what its form needs.
func (s Site) follow(h *Head) {
	if !s.Follow {
		return
	}
	h.Activity = s.Channel.Base() + "/users/" + s.Channel.Handle
	h.Scripts = append(h.Scripts, "interact.js")
}

func channelHead(w *prose.Writer, c store.Channel, name string) Head {
	h := Head{Title: name, Name: name, Description: w.Plain(c.Description, 200), Canonical: c.Base() + "/", Kind: "website"}
	if h.Description == "" {
		h.Description = "Videos by " + name
	}
	if c.Avatar != "" {
		h.Image = Image{URL: c.Base() + "/channel/" + url.PathEscape(c.Avatar), Alt: name}
	}
	return h
}

func (p *Search) head(*prose.Writer) Head {
	h := Head{Title: "Search – " + p.Site.Name(), Query: p.Query, Hidden: true, Kind: "website"}
	if p.Query != "" {
		h.Title = p.Query + " – search – " + p.Site.Name()
	}
	h.Prev, h.Next = around(p.Paging, p.PageURL)
	return h
}

func (p *About) head(w *prose.Writer) Head {
	h := channelHead(w, p.Site.Channel, p.Site.Name())
	h.Title = "About – " + p.Site.Name()
	h.Canonical = p.Site.Channel.Base() + "/about"
	p.Site.follow(&h)
	return h
}

func (p *Error) head(*prose.Writer) Head {
	return Head{Title: p.Heading() + " – " + p.Site.Name(), Hidden: true, Kind: "website"}
}

func (p *Comments) head(*prose.Writer) Head {
	h := Head{
		Title:  "Comments on " + p.Video.Title + " – " + p.Site.Name(),
		Hidden: true, // the watch page is the one to find
		Kind:   "website",
	}
	h.Prev, h.Next = around(p.Thread.Paging, p.Thread.PageURL)
	return h
}

func (p *Embed) head(*prose.Writer) Head {
	return Head{Title: p.Video.Title, Hidden: true, Canonical: p.Player.Watch}
}

func (p *Watch) head(w *prose.Writer) Head {
	c, v := p.Site.Channel, p.Video
	h := Head{
		Title:       v.Title + " – " + p.Site.Name(),
		Name:        v.Title,
		Description: w.Plain(v.Description, 200),
		Kind:        "video.other",
		Hidden:      p.Key != "" || v.Visibility != store.Public,
		Preload:     p.Player.Poster(),
		Scripts:     []string{"player.js"},
	}
	if h.Description == "" {
		h.Description = "A video by " + p.Site.Name()
	}
	h.Description = prose.Warned(v.Warning, h.Description)
	switch {
	case p.Plays():
		h.Sheet = "watch.css"
	case p.Processing():
		h.Preload, h.Refresh = "", 10
	default:
		h.Preload = ""
	}
	p.Site.follow(&h)
	h.Activity = ""
	if p.Social() {
		h.Activity = c.Base() + "/videos/" + v.ID
	}
	if p.Key == "" {
		h.Canonical = c.WatchURL(v)
		p.share(&h)
	}
	return h
}

// share adds what other programs need to show and play the video. They know no warnings:
// of what needs one they get no picture, and no film but in our own player.
func (p *Watch) share(h *Head) {
	c, v := p.Site.Channel, p.Video
	if v.Media.Poster != "" && v.Warning == "" {
		h.Image = Image{URL: c.MediaURL(v, v.Media.Poster), Width: v.Media.PosterWidth, Height: v.Media.PosterHeight, Alt: v.Title}
	}
	if !p.Plays() {
		return
	}
	h.OEmbed = c.WatchURL(v)
	w, hgt := frameSize(v.Media)
	h.Player = Frame{URL: c.EmbedURL(v), Width: w, Height: hgt}
	h.File = c.Base() + p.Player.Progressive()
	if !h.Hidden {
		h.Object = videoObject(c, v, *h)
	}
	if v.Warning != "" {
		h.File = ""
	}
}

// frameSize is the size of a frame for the player: 1280 wide or 720 high, in the
// picture's own shape.
func frameSize(m store.Media) (width, height int) {
	if m.Width <= 0 || m.Height <= 0 {
		return 1280, 720
	}
	if m.Width*9 >= m.Height*16 {
		return 1280, max(1, 1280*m.Height/m.Width)
	}
	return max(1, 720*m.Width/m.Height), 720
}

// around returns the addresses of the pages before and after the shown one.
func around(p Paging, address func(int) string) (prev, next string) {
	if p.Number > 1 && p.Number <= p.Pages()+1 {
		prev = address(p.Number - 1)
	}
	if p.Number >= 1 && p.Number < p.Pages() {
		next = address(p.Number + 1)
	}
	return prev, next
}
