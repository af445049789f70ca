// Package feed writes the lists of videos that programs read: RSS, Atom, JSON Feed,
// the sitemap, and the oEmbed answer for one video. It is given what may be told; it
// chooses nothing and asks nobody. All of it goes through encoding/xml, encoding/json
// or html/template, so no title can break out of its place.
package feed

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"

	"github.com/tubelet/tubelet/server/offer"
	"github.com/tubelet/tubelet/server/prose"
	"github.com/tubelet/tubelet/store"
)

// Length is how many videos a feed names. Readers look daily at least.
const Length = 30

// List is a channel with the videos to name, the newest first.
type List struct {
	Channel store.Channel
	Videos  []store.Video
	Page    int           // of a feed with pages, from 1; 0 is 1
	More    bool          // another page follows
	P2P     string        // the setting
	Prose   *prose.Writer // writes the descriptions
}

// title returns the channel's name, or its address while it has none.
func (l List) title() string {
	if l.Channel.Name != "" {
		return l.Channel.Name
	}
	return l.Channel.Domain
}

// description is never empty, as RSS wants it.
func (l List) description() string {
	if text := l.Prose.Plain(l.Channel.Description, 500); text != "" {
		return text
	}
	return "Videos by " + l.title()
}

// updated is the latest change of anything named. It comes from the data alone, so
// that the same data gives the same bytes.
func (l List) updated() time.Time {
	t := l.Channel.CreatedAt
	for _, v := range l.Videos {
		for _, u := range []time.Time{v.PublishedAt, v.UpdatedAt} {
			if u.After(t) {
				t = u
			}
		}
	}
	return t.UTC()
}

func (l List) avatar() string {
	if l.Channel.Avatar == "" {
		return ""
	}
	return l.Channel.Base() + "/channel/" + url.PathEscape(l.Channel.Avatar)
}

// file is a video's file for programs that play or fetch one file.
type file struct {
	store.Rendition
	URL, Type string
	Torrent   offer.Torrent // without a URL where none is offered
}

// torrentType is the type of a .torrent.
const torrentType = "application/x-bittorrent"

// files returns what plays by itself, with the one to offer first: the highest up to
// 720 rows, or else the lowest, as on the page without script.
func (l List) files(v store.Video) []file {
	var all []file
	first := -1
	torrents := map[string]offer.Torrent{}
	for _, t := range offer.Torrents(l.Channel, v, l.P2P) {
		torrents[t.File] = t
	}
	for _, r := range v.Media.Renditions {
		if r.Height == 0 && v.Media.HasVideo { // a further audio track
			continue
		}
		f := file{Rendition: r, URL: l.Channel.MediaURL(v, r.File), Type: "video/mp4", Torrent: torrents[r.File]}
		if r.Height == 0 {
			f.Type = "audio/mp4"
		}
		all = append(all, f)
		if first < 0 || all[first].Height > 720 {
			first = len(all) - 1
		}
	}
	if first > 0 {
		all[0], all[first] = all[first], all[0]
	}
	return all
}

// poster is the address of the still picture, empty for none. Programs that read feeds cover
// nothing, so what viewers are warned of has none there.
func poster(c store.Channel, v store.Video) string {
	if v.Media.Poster == "" || v.Warning != "" {
		return ""
	}
	return c.MediaURL(v, v.Media.Poster)
}

func language(c store.Channel, v store.Video) string {
	if v.Language != "" {
		return v.Language
	}
	return c.Language
}

// html is the video's description as HTML, after what viewers are warned of.
func (l List) html(v store.Video) string {
	text := strings.TrimSpace(string(l.Prose.HTML(v.Description, 0)))
	if v.Warning == "" {
		return text
	}
	return strings.TrimSpace("<p><strong>Content warning:</strong> " + template.HTMLEscapeString(v.Warning) + "</p>\n" + text)
}

// plain is the beginning of the same as plain text.
func (l List) plain(v store.Video, length int) string {
	text := l.Prose.Plain(v.Description, length)
	return prose.Warned(v.Warning, text)
}

// stamp writes a moment as Atom, JSON Feed and sitemaps have it.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func seconds(d time.Duration) int64 { return int64(d.Round(time.Second) / time.Second) }

func toXML(v any) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	e := xml.NewEncoder(&b)
	e.Indent("", " ")
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("write XML: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

func toJSON(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return append(b, '\n'), nil
}
