package feed

import (
	"encoding/xml"
	"strconv"

	"github.com/tubelet/tubelet/store"
)

// SitemapLength is how many videos one part of the sitemap names. The protocol allows a
// hundred times as many (https://www.sitemaps.org/protocol.html); parts of this length are
// cheap to make and to keep.
const SitemapLength = 500

// descriptionLength is how much of a description search engines are told. They show less.
const descriptionLength = 300

type sitemap struct {
	XMLName xml.Name `xml:"http://www.sitemaps.org/schemas/sitemap/0.9 urlset"`
	Video   string   `xml:"xmlns:video,attr"`
	URLs    []place  `xml:"url"`
}

type place struct {
	Loc     string        `xml:"loc"`
	Changed string        `xml:"lastmod,omitempty"`
	Video   *sitemapVideo `xml:"video:video"`
}

// sitemapVideo is an entry of Google's video extension, which others read too.
type sitemapVideo struct {
	Thumbnail   string   `xml:"video:thumbnail_loc"`
	Title       string   `xml:"video:title"`
	Description string   `xml:"video:description"`
	Content     string   `xml:"video:content_loc,omitempty"`
	Player      string   `xml:"video:player_loc"`
	Duration    int64    `xml:"video:duration,omitempty"`
	Published   string   `xml:"video:publication_date"`
	Tags        []string `xml:"video:tag"`
}

// sitemapIndex names the parts. Each is beside the index, since a sitemap may only speak
// of what is in its own folder and below.
type sitemapIndex struct {
	XMLName xml.Name `xml:"http://www.sitemaps.org/schemas/sitemap/0.9 sitemapindex"`
	Parts   []place  `xml:"sitemap"`
}

// SitemapIndex returns the addresses of the given number of parts.
func SitemapIndex(c store.Channel, parts int) ([]byte, error) {
	var s sitemapIndex
	for i := range min(parts, 50_000) { // the protocol's limit
		s.Parts = append(s.Parts, place{Loc: c.Base() + "/sitemap.xml?page=" + strconv.Itoa(i+1)})
	}
	return toXML(s)
}

// Sitemap returns the addresses of the videos' pages, with what search engines want to
// know of each. The first part has the channel's other pages too.
func Sitemap(l List, part int) ([]byte, error) {
	base := l.Channel.Base()
	s := sitemap{Video: "http://www.google.com/schemas/sitemap-video/1.1"}
	if part == 1 {
		s.URLs = []place{{Loc: base + "/", Changed: stamp(l.updated())}, {Loc: base + "/about"}}
	}
	for _, v := range l.Videos {
		s.URLs = append(s.URLs, place{
			Loc:     l.Channel.WatchURL(v),
			Changed: stamp(later(v.PublishedAt, v.UpdatedAt)),
			Video:   l.newSitemapVideo(v),
		})
	}
	return toXML(s)
}

// newSitemapVideo returns nil while a required field is missing, since an incomplete
// entry spoils the page's own.
func (l List) newSitemapVideo(v store.Video) *sitemapVideo {
	c := l.Channel
	thumbnail := poster(c, v)
	if thumbnail == "" {
		return nil
	}
	s := &sitemapVideo{
		Thumbnail:   thumbnail,
		Title:       v.Title,
		Description: l.plain(v, descriptionLength),
		Player:      c.EmbedURL(v),
		Published:   stamp(v.PublishedAt),
		Tags:        v.Tags[:min(len(v.Tags), 32)],
	}
	if s.Description == "" {
		s.Description = v.Title
	}
	if all := l.files(v); len(all) > 0 {
		s.Content = all[0].URL
	}
	if n := seconds(v.Media.Duration); n <= 28800 { // the extension's limit
		s.Duration = n
	}
	return s
}
