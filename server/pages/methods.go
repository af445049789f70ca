package pages

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/tubelet/tubelet/store"
)

func (*Channel) page() string  { return "channel" }
func (*Search) page() string   { return "search" }
func (*Watch) page() string    { return "watch" }
func (*Comments) page() string { return "comments" }
func (*Embed) page() string    { return "embed" }
func (*About) page() string    { return "about" }
func (*Error) page() string    { return "error" }

func (p *Channel) site() Site  { return p.Site }
func (p *Search) site() Site   { return p.Site }
func (p *Watch) site() Site    { return p.Site }
func (p *Comments) site() Site { return p.Site }
func (p *Embed) site() Site    { return p.Site }
func (p *About) site() Site    { return p.Site }
func (p *Error) site() Site    { return p.Site }

// Name is the channel's name; a channel that could not be read is called by what it is.
func (s Site) Name() string {
	switch {
	case s.Channel.Name != "":
		return s.Channel.Name
	case s.Channel.Domain != "":
		return s.Channel.Domain
	}
	return "This channel"
}

// Acct is the channel's address in the fediverse.
func (s Site) Acct() string { return "@" + s.Channel.Handle + "@" + s.Channel.Domain }

// FollowForm is the form with which a visitor follows.
func (s Site) FollowForm() HomeForm { return HomeForm{ID: "follow-handle", What: "follow"} }

// Lang is the language the channel speaks.
func (s Site) Lang() string { return language(s.Channel, store.Video{}) }

// Avatar returns the address of the channel's picture, empty for none.
func (s Site) Avatar() string { return channelFile(s.Channel.Avatar) }

// Banner returns the address of the wide picture on the channel page, or "".
func (s Site) Banner() string { return channelFile(s.Channel.Banner) }

func channelFile(name string) string {
	if name == "" {
		return ""
	}
	return "/channel/" + url.PathEscape(name)
}

// Pages returns how many pages there are, at least 1.
func (p Paging) Pages() int {
	if p.Size <= 0 || p.Total <= 0 {
		return 1
	}
	return (p.Total + p.Size - 1) / p.Size
}

// Path is the page's place in the channel's navigation.
func (p *Channel) Path() string { return "/" }

// Path is the page's place in the channel's navigation.
func (p *About) Path() string { return "/about" }

// PageURL returns the address of page n with the same tag.
func (p *Channel) PageURL(n int) string {
	q := url.Values{}
	if p.Tag != "" {
		q.Set("tag", p.Tag)
	}
	return pageURL("/", q, n)
}

// TagURL returns the address of the channel page with one tag.
func (p *Channel) TagURL(tag string) string { return tagURL(tag) }

func tagURL(tag string) string { return "/?" + url.Values{"tag": {tag}}.Encode() }

// Chips returns the tags to choose from. The chosen one comes first, so that it is seen
// where they do not all fit.
func (p *Channel) Chips() []store.TagCount {
	if p.Tag == "" {
		return p.Tags
	}
	chips := []store.TagCount{{Tag: p.Tag}}
	for _, t := range p.Tags {
		if t.Tag == p.Tag {
			chips[0] = t
			continue
		}
		chips = append(chips, t)
	}
	return chips
}

// Empty says whether nobody would find anything here.
func (p *Channel) Empty() bool { return p.Latest == nil && len(p.Videos) == 0 }

// Pager returns the links between pages.
func (p *Channel) Pager() Pager { return newPager(p.Paging, p.PageURL) }

// PageURL returns the address of page n of the same search.
func (p *Search) PageURL(n int) string { return pageURL("/search", url.Values{"q": {p.Query}}, n) }

// Pager returns the links between pages.
func (p *Search) Pager() Pager { return newPager(p.Paging, p.PageURL) }

func pageURL(path string, q url.Values, n int) string {
	if n > 1 {
		q.Set("page", strconv.Itoa(n))
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// Pager is the row of links between pages.
type Pager struct {
	Prev, Next string
	Number     int
	Pages      int
}

func newPager(p Paging, address func(int) string) Pager {
	prev, next := around(p, address)
	return Pager{Prev: prev, Next: next, Number: max(1, p.Number), Pages: p.Pages()}
}

// Heading says what happened, for people.
func (p *Error) Heading() string {
	switch p.Status {
	case http.StatusNotFound:
		return "There is nothing here"
	case http.StatusGone:
		return "This video was removed"
	case http.StatusTooManyRequests:
		return "Too many requests"
	case http.StatusServiceUnavailable:
		return "Back in a moment"
	}
	if p.Status >= 500 {
		return "Something went wrong here"
	}
	return "That did not work"
}

// Text explains it, and what a visitor can do.
func (p *Error) Text() string {
	if p.Detail != "" {
		return p.Detail
	}
	switch p.Status {
	case http.StatusNotFound:
		return "The address may be mistyped, or the page may have moved or gone."
	case http.StatusGone:
		return "The creator took it down. It will not come back at this address."
	case http.StatusTooManyRequests:
		return "Please wait a minute and try again."
	case http.StatusServiceUnavailable:
		return "The server is starting or stopping. Please try again in a minute."
	}
	if p.Status >= 500 {
		return "The fault is on this server, not with you. Please try again later."
	}
	return "The server did not understand what was asked of it."
}
