package feed

import (
	"encoding/xml"

	"github.com/tubelet/tubelet/server/pages"
	"github.com/tubelet/tubelet/store"
)

// SitemapLength is how many videos a sitemap names, a little under what
// https://www.sitemaps.org/protocol.html allows, for the pages beside them.
const SitemapLength = 49_000

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

// Sitemap returns the addresses of the channel's pages, with what search engines want
// to know of each video.
func Sitemap(l List) ([]byte, error) {
	base := l.Channel.Base()
	s := sitemap{
		Video: "http://www.google.com/schemas/sitemap-video/1.1",
		URLs:  []place{{Loc: base + "/", Changed: stamp(l.updated())}, {Loc: base + "/about"}},
	}
	for _, v := range l.Videos {
		s.URLs = append(s.URLs, place{
			Loc:     l.Channel.WatchURL(v),
			Changed: stamp(later(v.PublishedAt, v.UpdatedAt)),
			Video:   newSitemapVideo(l.Channel, v),
		})
	}
	return toXML(s)
}

// newSitemapVideo returns nil while a required field is missing, since an incomplete
// entry spoils the page's own.
func newSitemapVideo(c store.Channel, v store.Video) *sitemapVideo {
	thumbnail := poster(c, v)
	if thumbnail == "" {
		return nil
	}
	s := &sitemapVideo{
		Thumbnail:   thumbnail,
		Title:       v.Title,
		Description: pages.Plain(v.Description, 2000),
		Player:      c.EmbedURL(v),
		Published:   stamp(v.PublishedAt),
		Tags:        v.Tags[:min(len(v.Tags), 32)],
	}
	if s.Description == "" {
		s.Description = v.Title
	}
	if all := files(c, v); len(all) > 0 {
		s.Content = all[0].URL
	}
	if n := seconds(v.Media.Duration); n <= 28800 { // the extension's limit
		s.Duration = n
	}
	return s
}
