package feed

import (
	"encoding/xml"
	"net/http"
	"strings"
	"time"

	"github.com/tubelet/tubelet/store"
)

type rss struct {
	XMLName xml.Name   `xml:"rss"`
	Version string     `xml:"version,attr"`
	Atom    string     `xml:"xmlns:atom,attr"`
	Content string     `xml:"xmlns:content,attr"`
	Media   string     `xml:"xmlns:media,attr"`
	ITunes  string     `xml:"xmlns:itunes,attr"`
	Torrent string     `xml:"xmlns:torrent,attr"`
	Channel rssChannel `xml:"channel"`
}

type rssChannel struct {
	Title       string     `xml:"title"`
	Link        string     `xml:"link"`
	Self        link       `xml:"atom:link"`
	Description string     `xml:"description"`
	Language    string     `xml:"language,omitempty"`
	Built       string     `xml:"lastBuildDate"`
	Generator   string     `xml:"generator"`
	Image       *rssImage  `xml:"image"`
	Author      string     `xml:"itunes:author"`
	Type        string     `xml:"itunes:type"`
	Picture     *reference `xml:"itunes:image"`
	Items       []rssItem  `xml:"item"`
}

type rssImage struct {
	URL   string `xml:"url"`
	Title string `xml:"title"`
	Link  string `xml:"link"`
}

type reference struct {
	Href string `xml:"href,attr"`
}

type rssItem struct {
	Title       string        `xml:"title"`
	Link        string        `xml:"link"`
	GUID        guid          `xml:"guid"`
	Published   string        `xml:"pubDate"`
	Description string        `xml:"description,omitempty"`
	Content     string        `xml:"content:encoded,omitempty"`
	Categories  []string      `xml:"category"`
	Enclosure   *rssEnclosure `xml:"enclosure"`
	Duration    int64         `xml:"itunes:duration,omitempty"`
	Picture     *reference    `xml:"itunes:image"`
	Infohash    string        `xml:"torrent:infoHash,omitempty"` // of the enclosure
	Magnet      string        `xml:"torrent:magnetURI,omitempty"`
	Media       mediaGroup    `xml:"media:group"`
}

type guid struct {
	Permanent bool   `xml:"isPermaLink,attr"`
	Value     string `xml:",chardata"`
}

type rssEnclosure struct {
	URL    string `xml:"url,attr"`
	Length int64  `xml:"length,attr"`
	Type   string `xml:"type,attr"`
}

// RSS returns the list as RSS 2.0, with Media RSS and what podcast players read.
func RSS(l List) ([]byte, error) {
	c := rssChannel{
		Title:       l.title(),
		Link:        l.Channel.Base() + "/",
		Self:        link{Rel: "self", Type: "application/rss+xml", Href: l.Channel.Base() + "/feed.xml"},
		Description: l.description(),
		Language:    l.Channel.Language,
		Built:       l.updated().Format(http.TimeFormat),
		Generator:   "Tubelet",
		Author:      l.title(),
		Type:        "episodic",
	}
	if a := l.avatar(); a != "" {
		c.Image = &rssImage{URL: a, Title: c.Title, Link: c.Link}
		c.Picture = &reference{a}
	}
	for _, v := range l.Videos {
		c.Items = append(c.Items, l.item(v))
	}
	return toXML(rss{
		Version: "2.0",
		Atom:    "http://www.w3.org/2005/Atom",
		Content: "http://purl.org/rss/1.0/modules/content/",
		Media:   mediaRSS,
		ITunes:  "http://www.itunes.com/dtds/podcast-1.0.dtd",
		Torrent: "http://xmlns.ezrss.it/0.1/",
		Channel: c,
	})
}

func (l List) item(v store.Video) rssItem {
	c := l.Channel
	i := rssItem{
		Title:       v.Title,
		Link:        c.WatchURL(v),
		GUID:        guid{true, c.WatchURL(v)},
		Published:   v.PublishedAt.UTC().Format(time.RFC1123Z),
		Description: l.plain(v, 500),
		Content:     l.html(v),
		Categories:  v.Tags,
		Duration:    seconds(v.Media.Duration),
		Media:       l.group(v),
	}
	if p := poster(c, v); p != "" {
		i.Picture = &reference{p}
	}
	if all := l.files(v); len(all) > 0 {
		i.Enclosure = &rssEnclosure{URL: all[0].URL, Length: all[0].Bytes, Type: all[0].Type}
		i.Infohash, i.Magnet = all[0].Torrent.Infohash, all[0].Torrent.Magnet
	}
	return i
}

// mediaRSS is the name space of Media RSS, and its address is no longer a page.
const mediaRSS = "http://search.yahoo.com/mrss/"

// mediaGroup is one video in all its sizes (Media RSS 1.5.1).
type mediaGroup struct {
	Contents  []mediaContent  `xml:"media:content"`
	Title     string          `xml:"media:title"`
	Keywords  string          `xml:"media:keywords,omitempty"`
	Thumbnail *mediaThumbnail `xml:"media:thumbnail"`
	Player    mediaPlayer     `xml:"media:player"`
	Subtitles []mediaSubtitle `xml:"media:subTitle"`
}

type mediaContent struct {
	URL      string      `xml:"url,attr"`
	Bytes    int64       `xml:"fileSize,attr,omitempty"`
	Type     string      `xml:"type,attr"`
	Medium   string      `xml:"medium,attr"`
	Default  bool        `xml:"isDefault,attr"`
	Bitrate  int         `xml:"bitrate,attr,omitempty"` // kilobits per second
	Duration int64       `xml:"duration,attr,omitempty"`
	Width    int         `xml:"width,attr,omitempty"`
	Height   int         `xml:"height,attr,omitempty"`
	Lang     string      `xml:"lang,attr,omitempty"`
	Peers    *mediaPeers `xml:"media:peerLink"`
}

// mediaPeers is where the same file is shared.
type mediaPeers struct {
	Type string `xml:"type,attr"`
	Href string `xml:"href,attr"`
}

type mediaThumbnail struct {
	URL    string `xml:"url,attr"`
	Width  int    `xml:"width,attr,omitempty"`
	Height int    `xml:"height,attr,omitempty"`
}

type mediaPlayer struct {
	URL string `xml:"url,attr"`
}

type mediaSubtitle struct {
	Type string `xml:"type,attr"`
	Lang string `xml:"lang,attr"`
	Href string `xml:"href,attr"`
}

func (l List) group(v store.Video) mediaGroup {
	c := l.Channel
	g := mediaGroup{Title: v.Title, Keywords: strings.Join(v.Tags, ", "), Player: mediaPlayer{c.EmbedURL(v)}}
	for i, f := range l.files(v) {
		medium, _, _ := strings.Cut(f.Type, "/")
		content := mediaContent{
			URL: f.URL, Bytes: f.Bytes, Type: f.Type, Medium: medium, Default: i == 0,
			Bitrate: f.Average / 1000, Duration: seconds(v.Media.Duration),
			Width: f.Width, Height: f.PixHeight, Lang: language(c, v),
		}
		if f.Torrent.URL != "" {
			content.Peers = &mediaPeers{torrentType, f.Torrent.URL}
		}
		g.Contents = append(g.Contents, content)
	}
	if p := poster(c, v); p != "" {
		g.Thumbnail = &mediaThumbnail{p, v.Media.PosterWidth, v.Media.PosterHeight}
	}
	for _, caption := range v.Captions {
		g.Subtitles = append(g.Subtitles, mediaSubtitle{"text/vtt", caption.Language, c.Base() + v.CaptionPath(caption)})
	}
	return g
}
