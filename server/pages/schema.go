package pages

import (
	"strconv"

	"github.com/tubelet/tubelet/store"
)

// VideoObject is a video as https://schema.org/VideoObject describes it. Search
// engines read it from the page and from nowhere else.
type VideoObject struct {
	Context     string       `json:"@context"`
	Type        string       `json:"@type"`
	Name        string       `json:"name"`
	Description string       `json:"description"`
	Thumbnail   []string     `json:"thumbnailUrl,omitempty"`
	UploadDate  string       `json:"uploadDate"`
	Duration    string       `json:"duration"`
	Content     string       `json:"contentUrl"`
	Embed       string       `json:"embedUrl"`
	URL         string       `json:"url"`
	Language    string       `json:"inLanguage,omitempty"`
	Keywords    []string     `json:"keywords,omitempty"`
	License     string       `json:"license,omitempty"`
	Width       int          `json:"width,omitempty"`
	Height      int          `json:"height,omitempty"`
	Author      Organization `json:"author"`
	Views       Counter      `json:"interactionStatistic"`
	Parts       []Clip       `json:"hasPart,omitempty"`
}

// Organization names the channel.
type Organization struct {
	Type string `json:"@type"`
	Name string `json:"name"`
	URL  string `json:"url"`
}

// Counter says how often something was done.
type Counter struct {
	Type   string `json:"@type"`
	Action Action `json:"interactionType"`
	Count  int64  `json:"userInteractionCount"`
}

// Action names what was done.
type Action struct {
	Type string `json:"@type"`
}

// Clip is a chapter.
type Clip struct {
	Type  string `json:"@type"`
	Name  string `json:"name"`
	Start int64  `json:"startOffset"`
	End   int64  `json:"endOffset"`
	URL   string `json:"url"`
}

func videoObject(c store.Channel, v store.Video, h Head) *VideoObject {
	o := &VideoObject{
		Context:     "https://schema.org",
		Type:        "VideoObject",
		Name:        v.Title,
		Description: h.Description,
		UploadDate:  iso(v.PublishedAt),
		Duration:    duration(v.Media.Duration),
		Content:     h.File,
		Embed:       h.Player.URL,
		URL:         h.Canonical,
		Language:    v.Language,
		Keywords:    v.Tags,
		License:     licence(v.License).URL,
		Width:       v.Media.Width,
		Height:      v.Media.Height,
		Author:      Organization{Type: "Organization", Name: c.Name, URL: c.Base() + "/"},
		Views:       Counter{Type: "InteractionCounter", Action: Action{Type: "WatchAction"}, Count: v.Views},
		Parts:       clips(v, h.Canonical),
	}
	if h.Image.URL != "" {
		o.Thumbnail = []string{h.Image.URL}
	}
	return o
}

// clips are the chapters, each ending where the next begins.
func clips(v store.Video, watch string) []Clip {
	var out []Clip
	for i, ch := range v.Chapters {
		end := v.Media.Duration
		if i+1 < len(v.Chapters) {
			end = v.Chapters[i+1].Start
		}
		at := seconds(ch.Start)
		out = append(out, Clip{Type: "Clip", Name: ch.Title, Start: at, End: seconds(end), URL: watch + "?t=" + strconv.FormatInt(at, 10)})
	}
	return out
}
