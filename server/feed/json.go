package feed

import (
	"strconv"
	"time"

	"github.com/tubelet/tubelet/store"
)

type jsonFeed struct {
	Version     string       `json:"version"`
	Title       string       `json:"title"`
	Home        string       `json:"home_page_url"`
	Self        string       `json:"feed_url"`
	Next        string       `json:"next_url,omitempty"`
	Description string       `json:"description"`
	Icon        string       `json:"icon,omitempty"`
	Authors     []jsonPerson `json:"authors"`
	Language    string       `json:"language,omitempty"`
	Items       []jsonItem   `json:"items"`
}

type jsonPerson struct {
	Name   string `json:"name"`
	URL    string `json:"url"`
	Avatar string `json:"avatar,omitempty"`
}

type jsonItem struct {
	ID          string           `json:"id"`
	URL         string           `json:"url"`
	Title       string           `json:"title"`
	Content     string           `json:"content_html"`
	Summary     string           `json:"summary,omitempty"`
	Image       string           `json:"image,omitempty"`
	Published   string           `json:"date_published"`
	Modified    string           `json:"date_modified"`
	Tags        []string         `json:"tags,omitempty"`
	Language    string           `json:"language,omitempty"`
	Attachments []jsonAttachment `json:"attachments,omitempty"`
}

type jsonAttachment struct {
	URL     string `json:"url"`
	Type    string `json:"mime_type"`
	Bytes   int64  `json:"size_in_bytes,omitempty"`
	Seconds int64  `json:"duration_in_seconds,omitempty"`
}

// JSON returns the list as JSON Feed 1.1.
func JSON(l List) ([]byte, error) {
	base := l.Channel.Base()
	f := jsonFeed{
		Version:     "https://jsonfeed.org/version/1.1",
		Title:       l.title(),
		Home:        base + "/",
		Self:        base + "/feed.json",
		Description: l.description(),
		Icon:        l.avatar(),
		Authors:     []jsonPerson{{l.title(), base + "/", l.avatar()}},
		Language:    l.Channel.Language,
		Items:       []jsonItem{},
	}
	if l.More { // readers stop at the newest, mirrors go on
		f.Next = f.Self + "?page=" + strconv.Itoa(max(l.Page, 1)+1)
	}
	for _, v := range l.Videos {
		f.Items = append(f.Items, l.newJSONItem(v))
	}
	return toJSON(f)
}

func (l List) newJSONItem(v store.Video) jsonItem {
	c := l.Channel
	i := jsonItem{
		ID:        c.WatchURL(v),
		URL:       c.WatchURL(v),
		Title:     v.Title,
		Content:   l.html(v),
		Summary:   l.plain(v, 200),
		Image:     poster(c, v),
		Published: stamp(v.PublishedAt),
		Modified:  stamp(later(v.PublishedAt, v.UpdatedAt)),
		Tags:      v.Tags,
		Language:  language(c, v),
	}
	if all := l.files(v); len(all) > 0 {
		i.Attachments = []jsonAttachment{{all[0].URL, all[0].Type, all[0].Bytes, seconds(v.Media.Duration)}}
		for _, f := range all { // mirrors want every rendition
			if f.Torrent.URL != "" {
				i.Attachments = append(i.Attachments, jsonAttachment{URL: f.Torrent.URL, Type: torrentType})
			}
		}
	}
	return i
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
