package pages

import (
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tubelet/tubelet/store"
)

// Plays says whether something can be played.
func (p *Watch) Plays() bool { return len(p.Video.Media.Renditions) > 0 && p.Video.Media.Rev > 0 }

// Social says whether people can like and boost the video from their own servers.
func (p *Watch) Social() bool { return p.Site.Follow && p.Key == "" && p.Video.Listed() }

// Commentable says whether people can answer from their own servers.
func (p *Watch) Commentable() bool { return p.Thread.Open() }

// Commentable says whether people can answer from their own servers.
func (p *Comments) Commentable() bool { return p.Thread.Open() }

// Processing says whether the first rendition is still being made.
func (p *Watch) Processing() bool { return !p.Plays() && p.Video.Media.State != store.Failed }

// Improving says whether more renditions are coming for a video that plays.
func (p *Watch) Improving() bool { return p.Plays() && p.Video.Media.State == store.Watchable }

// Draft says whether the page is the preview of a draft.
func (p *Watch) Draft() bool { return p.Video.Visibility == store.Draft }

// Scheduled says whether the video waits for its moment.
func (p *Watch) Scheduled() bool {
	return !p.Draft() && p.Video.PublishedAt.IsZero() && !p.Video.PublishAt.IsZero()
}

// Unlisted says whether the video is for those who have its address.
func (p *Watch) Unlisted() bool { return p.Video.Visibility == store.Unlisted }

// Percent returns how far the running work has come, and 0 while none says.
func (p *Watch) Percent() (n int) {
	for _, j := range p.Jobs {
		if j.State == store.JobRunning && j.Percent > 0 {
			n = max(n, int(min(j.Percent, 99)))
		}
	}
	return n
}

// Waiting says whether the work has stopped until something outside changes. What
// that is concerns the creator and may name things of the machine, so the page does
// not tell.
func (p *Watch) Waiting() bool {
	return slices.ContainsFunc(p.Jobs, func(j store.Job) bool { return j.State == store.JobWaiting })
}

// Lang is the language of the title and the description.
func (p *Watch) Lang() string { return language(p.Site.Channel, p.Video) }

// TagURL returns the address of the channel page with one tag.
func (p *Watch) TagURL(tag string) string { return tagURL(tag) }

// Licence returns the licence, its name empty when none is said.
func (p *Watch) Licence() Licence { return licence(p.Video.License) }

// ShareURL is the address to hand on.
func (p *Watch) ShareURL() string {
	return p.Site.Channel.Base() + "/w/" + address(p.Video.ID, p.Key)
}

// EmbedCode is the HTML that puts the player into another page. The frame asks for
// no more rights than a player needs.
func (p *Watch) EmbedCode() string {
	w, h := frameSize(p.Video.Media)
	r := strings.NewReplacer(
		"{src}", p.Site.Channel.Base()+"/embed/"+address(p.Video.ID, p.Key),
		"{title}", template.HTMLEscapeString(p.Video.Title),
		"{w}", strconv.Itoa(w), "{h}", strconv.Itoa(h),
	)
	return r.Replace(`<iframe src="{src}" title="{title}" width="{w}" height="{h}" ` +
		`allow="autoplay; fullscreen; picture-in-picture" allowfullscreen loading="lazy"></iframe>`)
}

// Download is one file a visitor may keep.
type Download struct {
	Label string
	Note  string // its size or kind
	URL   string
}

// Downloads lists the renditions and the original, as far as the creator offers them.
func (p *Watch) Downloads() []Download {
	if !p.Video.Downloads || !p.Plays() {
		return nil
	}
	base := "/download/" + address(p.Video.ID, p.Key) + "/"
	var out []Download
	for _, r := range p.Video.Media.Renditions {
		out = append(out, Download{Label: renditionLabel(r), Note: size(r.Bytes), URL: base + r.File})
	}
	if f := p.Video.Media.SourceFile; f != "" && p.Originals {
		out = append(out, Download{Label: "Original file", Note: size(p.Video.Media.SourceBytes), URL: base + url.PathEscape(f)})
	}
	return out
}

// TorrentFile is one file for torrent programs.
type TorrentFile struct {
	Label, Note string
	URL         string       // of the .torrent
	Magnet      template.URL // made by us, of our own addresses
}

// TorrentFiles lists what torrent programs may fetch, beside the plain downloads.
func (p *Watch) TorrentFiles() []TorrentFile {
	if !p.Video.Downloads || !p.Plays() {
		return nil
	}
	var out []TorrentFile
	for _, t := range p.Torrents {
		out = append(out, TorrentFile{
			Label: renditionLabel(t.Rendition), Note: size(t.Bytes),
			URL: p.Player.Base + t.TorrentFile(), Magnet: template.URL(t.Magnet),
		})
	}
	return out
}

func renditionLabel(r store.Rendition) string {
	switch {
	case r.Height > 0:
		return strconv.Itoa(r.Height) + "p video"
	case r.Language != "":
		return "Audio, " + r.Language
	}
	return "Audio"
}

// CaptionFiles lists the captions, which help to find one's way even where the
// video itself is not for keeping.
func (p *Watch) CaptionFiles() []Download {
	var out []Download
	for _, c := range p.Video.Captions {
		label := c.Label
		if label == "" {
			label = c.Language
		}
		out = append(out, Download{Label: "Captions, " + label, Note: "WebVTT", URL: p.Player.Captions + url.PathEscape(c.File)})
	}
	return out
}
