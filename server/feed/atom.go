package feed

import (
	"encoding/xml"

	"github.com/tubelet/tubelet/store"
)

type atom struct {
	XMLName   xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
	Media     string   `xml:"xmlns:media,attr"`
	Lang      string   `xml:"xml:lang,attr,omitempty"`
	ID        string   `xml:"id"`
	Title     string   `xml:"title"`
	Subtitle  string   `xml:"subtitle"`
	Updated   string   `xml:"updated"`
	Links     []link   `xml:"link"`
	Author    person   `xml:"author"`
	Icon      string   `xml:"icon,omitempty"`
	Generator string   `xml:"generator"`
	Entries   []entry  `xml:"entry"`
}

type link struct {
	Rel    string `xml:"rel,attr"`
	Type   string `xml:"type,attr,omitempty"`
	Length int64  `xml:"length,attr,omitempty"`
	Href   string `xml:"href,attr"`
}

type person struct {
	Name string `xml:"name"`
	URI  string `xml:"uri"`
}

type entry struct {
	Lang       string     `xml:"xml:lang,attr,omitempty"`
	ID         string     `xml:"id"`
	Title      string     `xml:"title"`
	Published  string     `xml:"published"`
	Updated    string     `xml:"updated"`
	Links      []link     `xml:"link"`
	Categories []category `xml:"category"`
	Content    content    `xml:"content"`
	Media      mediaGroup `xml:"media:group"`
}

type category struct {
	Term string `xml:"term,attr"`
}

type content struct {
	Type string `xml:"type,attr"`
	Text string `xml:",chardata"`
}

// Atom returns the list as Atom (RFC 4287).
func Atom(l List) ([]byte, error) {
	base := l.Channel.Base()
	a := atom{
		Media:     mediaRSS,
		Lang:      l.Channel.Language,
		ID:        base + "/",
		Title:     l.title(),
		Subtitle:  l.description(),
		Updated:   stamp(l.updated()),
		Author:    person{l.title(), base + "/"},
		Icon:      l.avatar(),
		Generator: "Tubelet",
		Links: []link{
			{Rel: "self", Type: "application/atom+xml", Href: base + "/feed.atom"},
			{Rel: "alternate", Type: "text/html", Href: base + "/"},
		},
	}
	for _, v := range l.Videos {
		a.Entries = append(a.Entries, l.newEntry(v))
	}
	return toXML(a)
}

func (l List) newEntry(v store.Video) entry {
	c := l.Channel
	e := entry{
		Lang:      language(c, v),
		ID:        c.WatchURL(v),
		Title:     v.Title,
		Published: stamp(v.PublishedAt),
		Updated:   stamp(later(v.PublishedAt, v.UpdatedAt)),
		Links:     []link{{Rel: "alternate", Type: "text/html", Href: c.WatchURL(v)}},
		Content:   content{"html", l.html(v)},
		Media:     l.group(v),
	}
	for _, t := range v.Tags {
		e.Categories = append(e.Categories, category{t})
	}
	if all := l.files(v); len(all) > 0 {
		e.Links = append(e.Links, link{Rel: "enclosure", Type: all[0].Type, Length: all[0].Bytes, Href: all[0].URL})
		if t := all[0].Torrent; t.URL != "" {
			e.Links = append(e.Links, link{Rel: "enclosure", Type: torrentType, Href: t.URL})
		}
	}
	return e
}
