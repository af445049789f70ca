package wire

import (
	"net/netip"
	"path/filepath"
	"slices"
	"time"

	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
)

// Setting is one setting.
type Setting struct {
	Key     string `json:"key"`
	Value   string `json:"value"`
	Default string `json:"default"`
	Doc     string `json:"doc"`
}

// NewSetting returns s's shape.
func NewSetting(s store.Setting) Setting { return Setting{s.Key, s.Value, s.Default, s.Doc} }

// Channel is the channel.
type Channel struct {
	Schema      int        `json:"schema"`
	Address     string     `json:"address"` // @handle@domain
	Handle      string     `json:"handle"`
	Domain      string     `json:"domain"`
	Local       bool       `json:"local"`
	URL         string     `json:"url"`
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Language    string     `json:"language"`
	Avatar      string     `json:"avatar"` // path
	Banner      string     `json:"banner"`
	Links       []Link     `json:"links"`
	CreatedAt   *time.Time `json:"created_at"`
}

// Link is one of the creator's addresses elsewhere.
type Link struct {
	Label string `json:"label"`
	URL   string `json:"url"`
}

// NewChannel returns the shape of the site's channel as c.
func (s Site) NewChannel(c store.Channel) Channel {
	out := Channel{
		Schema: Schema, Address: "@" + c.Handle + "@" + c.Domain, Handle: c.Handle, Domain: c.Domain, Local: c.Local,
		URL: c.Base() + "/", Name: c.Name, Description: c.Description, Language: c.Language,
		Avatar: s.picture(c.Avatar), Banner: s.picture(c.Banner), Links: []Link{}, CreatedAt: moment(c.CreatedAt),
	}
	for _, l := range c.Links {
		out.Links = append(out.Links, Link{l.Label, l.URL})
	}
	return out
}

func (s Site) picture(name string) string {
	if name == "" {
		return ""
	}
	return filepath.Join(s.Data, "channel", name)
}

// Init is what init made.
type Init struct {
	Schema int      `json:"schema"`
	Data   string   `json:"data"`
	Domain string   `json:"domain"`
	Handle string   `json:"handle"`
	Name   string   `json:"name"`
	Local  bool     `json:"local"`
	URL    string   `json:"url"`
	DNS    []string `json:"dns"`
	Leads  Leads    `json:"leads"`
	Unit   string   `json:"unit"`

	UnitFile string   `json:"unit_file"` // where it was written, or empty
	TLS      string   `json:"tls"`       // auto, files or off
	Commands []string `json:"commands"`  // for root: they make the unit's user
	Warning  string   `json:"warning"`
}

// Leads is where the channel's name leads to.
type Leads struct {
	State string   `json:"state"` // here, elsewhere, somewhere, nowhere, unknown; empty when local
	To    []string `json:"to"`    // addresses
}

// NewLeads returns the shape of what was looked up.
func NewLeads(found []netip.Addr, state string) Leads {
	l := Leads{State: state, To: []string{}}
	for _, ip := range found {
		l.To = append(l.To, ip.String())
	}
	return l
}

// Listening is the event of a server that takes requests.
type Listening struct {
	Event   string `json:"event"` // "listening"
	Address string `json:"address"`
	URL     string `json:"url"`
}

// Removed is what rm removed.
type Removed struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// Tool is a program that was looked for.
type Tool struct {
	Path    string `json:"path"` // empty when it was not found
	Version string `json:"version"`
}

// Version says what this program is made of.
type Version struct {
	Schema   int               `json:"schema"`
	Version  string            `json:"version"`
	Commit   string            `json:"commit"`
	Modified bool              `json:"modified"`
	Time     string            `json:"time"`
	Go       string            `json:"go"`
	OS       string            `json:"os"`
	Arch     string            `json:"arch"`
	SQLite   string            `json:"sqlite"`
	FFmpeg   Tool              `json:"ffmpeg"`
	FFprobe  Tool              `json:"ffprobe"`
	Build    map[string]string `json:"build"`
}

// DryRun is what publishing a file would do.
type DryRun struct {
	Schema     int     `json:"schema"`
	Title      string  `json:"title"`
	Duration   float64 `json:"duration"`
	Width      int     `json:"width"`
	Height     int     `json:"height"`
	VideoCodec string  `json:"video_codec"`
	AudioCodec string  `json:"audio_codec"`
	Copy       bool    `json:"copy"`
	CopyReason string  `json:"copy_reason"` // why not, empty with copy
	Rungs      []Rung  `json:"rungs"`
	Seconds    float64 `json:"seconds"` // of work, estimated
	Bytes      int64   `json:"bytes"`   // of all renditions, estimated
	KeepSource bool    `json:"keep_source"`
	Free       int64   `json:"free"`
	Needed     int64   `json:"needed"`
	Duplicate  string  `json:"duplicate"` // id of the video that has this file
}

// Rung is one rendition that would be made.
type Rung struct {
	Height int     `json:"height"`
	Width  int     `json:"width"`
	Pixels int     `json:"pixel_height"`
	FPS    float64 `json:"fps"`
	Copy   bool    `json:"copy"`
	First  bool    `json:"first"` // made before the video is watchable
}

// NewDryRun returns d's shape.
func NewDryRun(d work.DryRun) DryRun {
	out := DryRun{
		Schema: Schema, Title: d.Title, Duration: d.Source.Duration.Seconds(),
		Width: d.Source.Width, Height: d.Source.Height,
		VideoCodec: d.Source.VideoCodec, AudioCodec: d.Source.AudioCodec,
		Copy: d.Plan.Copy, Rungs: []Rung{}, Seconds: d.Plan.Seconds, Bytes: d.Plan.Bytes,
		KeepSource: d.Keeps, Free: d.Free, Needed: d.Needed, Duplicate: d.Duplicate,
	}
	if !d.Plan.Copy {
		out.CopyReason = d.Source.CopyReason()
	}
	for _, r := range d.Plan.Rungs {
		rung := Rung{
			Height: r.Height, Width: r.Width, Pixels: r.PixHeight, FPS: r.FPS, Copy: r.Copy,
			First: slices.Contains(d.Plan.First, r.Height),
		}
		out.Rungs = append(out.Rungs, rung)
	}
	return out
}
