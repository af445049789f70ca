package feed

import (
	"encoding/xml"
	"fmt"
	"html/template"
	"strings"

	"github.com/tubelet/tubelet/store"
)

// frameWidth bounds a frame for which no size was asked.
const frameWidth = 640

// OEmbed describes how to show one video in another page (https://oembed.com).
type OEmbed struct {
	XMLName         xml.Name `json:"-" xml:"oembed"`
	Type            string   `json:"type" xml:"type"`
	Version         string   `json:"version" xml:"version"`
	Title           string   `json:"title" xml:"title"`
	AuthorName      string   `json:"author_name" xml:"author_name"`
	AuthorURL       string   `json:"author_url" xml:"author_url"`
	ProviderName    string   `json:"provider_name" xml:"provider_name"`
	ProviderURL     string   `json:"provider_url" xml:"provider_url"`
	CacheAge        int      `json:"cache_age" xml:"cache_age"`
	ThumbnailURL    string   `json:"thumbnail_url,omitempty" xml:"thumbnail_url,omitempty"`
	ThumbnailWidth  int      `json:"thumbnail_width,omitempty" xml:"thumbnail_width,omitempty"`
	ThumbnailHeight int      `json:"thumbnail_height,omitempty" xml:"thumbnail_height,omitempty"`
	HTML            string   `json:"html" xml:"html"`
	Width           int      `json:"width" xml:"width"`
	Height          int      `json:"height" xml:"height"`
}

// Limits are the largest sizes a page that embeds has room for; 0 is no limit.
type Limits struct {
	Width, Height int
}

// NewOEmbed describes v within limits.
func NewOEmbed(c store.Channel, v store.Video, limits Limits) (OEmbed, error) {
	name := List{Channel: c}.title()
	o := OEmbed{
		Type: "video", Version: "1.0", Title: v.Title, CacheAge: 3600,
		AuthorName: name, AuthorURL: c.Base() + "/", ProviderName: name, ProviderURL: c.Base() + "/",
	}
	o.Width, o.Height = fit(v.Media, limits)
	m := v.Media
	if poster(c, v) != "" && within(m.PosterWidth, limits.Width) && within(m.PosterHeight, limits.Height) {
		o.ThumbnailURL, o.ThumbnailWidth, o.ThumbnailHeight = poster(c, v), m.PosterWidth, m.PosterHeight
	}
	var b strings.Builder
	err := frame.Execute(&b, map[string]any{"URL": c.EmbedURL(v), "Title": v.Title, "Width": o.Width, "Height": o.Height})
	if err != nil {
		return OEmbed{}, fmt.Errorf("write frame: %w", err)
	}
	o.HTML = b.String()
	return o, nil
}

// frame is the HTML that a page puts in.
var frame = template.Must(template.New("frame").Parse(
	`<iframe src="{{.URL}}" width="{{.Width}}" height="{{.Height}}" title="{{.Title}}" allow="autoplay; fullscreen; picture-in-picture" allowfullscreen loading="lazy"></iframe>`))

// JSON returns o as JSON.
func (o OEmbed) JSON() ([]byte, error) { return toJSON(o) }

// XML returns o as XML.
func (o OEmbed) XML() ([]byte, error) { return toXML(o) }

func within(n, limit int) bool { return limit <= 0 || n <= limit }

// fit returns a size in the picture's own shape: as wide as asked, up to the picture's
// own width, and within a square of frameWidth when nothing is asked. What has no
// picture gets the shape of a wide one.
func fit(m store.Media, limits Limits) (width, height int) {
	w, h := m.Width, m.Height
	if w <= 0 || h <= 0 {
		w, h = 1280, 720
	}
	if limits.Width <= 0 && limits.Height <= 0 {
		limits = Limits{frameWidth, frameWidth}
	}
	width, height = max(w, frameWidth), max(w, frameWidth)*h/w
	if limits.Width > 0 && width > limits.Width {
		width, height = limits.Width, limits.Width*h/w
	}
	if limits.Height > 0 && height > limits.Height {
		width, height = limits.Height*w/h, limits.Height
	}
	return max(1, width), max(1, height)
}
