package export

import (
	"cmp"
	"context"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

// video is what is known of a video, as it is written.
type video struct {
	ID          string     `json:"id"`
	UUID        string     `json:"uuid"`
	URL         string     `json:"url"`
	Title       string     `json:"title"`
	Description string     `json:"description"` // Markdown
	Language    string     `json:"language"`
	License     string     `json:"license"`
	Tags        []string   `json:"tags"`
	Visibility  string     `json:"visibility"`
	Warning     string     `json:"warning"`
	Views       int64      `json:"views"`
	Likes       int64      `json:"likes"`
	Boosts      int64      `json:"boosts"`
	Duration    float64    `json:"duration"` // seconds
	SourceName  string     `json:"source_name"`
	SourceSHA   string     `json:"source_sha256"`
	File        string     `json:"file"` // in this folder
	Poster      string     `json:"poster"`
	Captions    []caption  `json:"captions"`
	Chapters    []chapter  `json:"chapters"`
	CreatedAt   time.Time  `json:"created_at"`
	UpdatedAt   time.Time  `json:"updated_at"`
	PublishAt   *time.Time `json:"publish_at"`
	PublishedAt *time.Time `json:"published_at"`
	PinnedAt    *time.Time `json:"pinned_at"`
}

type caption struct {
	Language string `json:"language"`
	Label    string `json:"label"`
	File     string `json:"file"`
}

type chapter struct {
	Start float64 `json:"start"` // seconds
	Title string  `json:"title"`
}

// comment is one comment, with the HTML as it was shown.
type comment struct {
	ID     int64     `json:"id"`
	Parent int64     `json:"parent"` // 0 for none
	Author string    `json:"author"` // empty for the creator
	Name   string    `json:"name"`
	URL    string    `json:"url"`
	HTML   string    `json:"html"`
	At     time.Time `json:"at"`
}

// deed is something that the creator likes or boosts.
type deed struct {
	Kind   string    `json:"kind"`   // like or boost
	Object string    `json:"object"` // ActivityPub id
	URL    string    `json:"url"`    // its page
	Author string    `json:"author"` // @user@host
	At     time.Time `json:"at"`
}

// deeds writes what the creator likes and boosts, the latest first.
func (e *export) deeds(ctx context.Context) error {
	out := []deed{}
	for _, kind := range []string{"like", "boost"} {
		list, err := e.Store.Social().Deeds(ctx, kind, math.MaxInt)
		if err != nil {
			return err
		}
		for _, d := range list {
			out = append(out, deed{d.Kind, d.Object, d.URL, d.Acct, d.At.UTC()})
		}
	}
	slices.SortStableFunc(out, func(a, b deed) int { return b.At.Compare(a.At) })
	return e.json("deeds.json", out)
}

func describe(c store.Channel, v store.Video) video {
	out := video{
		ID: v.ID, UUID: v.UUID, URL: c.WatchURL(v), Title: v.Title, Description: v.Description, Language: v.Language,
		License: v.License, Tags: append([]string{}, v.Tags...), Visibility: string(v.Visibility), Warning: v.Warning,
		Views: v.Views, Likes: v.Likes, Boosts: v.Boosts, Duration: v.Media.Duration.Seconds(),
		SourceName: v.Media.SourceName, SourceSHA: v.Media.SourceSHA256, Captions: []caption{}, Chapters: []chapter{},
		CreatedAt: v.CreatedAt.UTC(), UpdatedAt: v.UpdatedAt.UTC(), PublishAt: moment(v.PublishAt), PublishedAt: moment(v.PublishedAt), PinnedAt: moment(v.PinnedAt),
	}
	for _, ch := range v.Chapters {
		out.Chapters = append(out.Chapters, chapter{ch.Start.Seconds(), ch.Title})
	}
	return out
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// comments returns all comments of a video that are shown, the latest first. Pages show the
// first answers of a thread; here are all.
func (e *export) comments(ctx context.Context, v store.Video) ([]comment, error) {
	const page = 500
	list, last := []comment{}, int64(math.MaxInt64)
	for offset := 0; ; offset += page {
		found, err := e.Store.Social().Comments(ctx, v.ID, offset, page)
		if err != nil {
			return nil, err
		}
		for _, c := range found {
			// One that came meanwhile moves the page by one.
			if c.State == social.Shown && c.ID < last {
				list = append(list, comment{c.ID, c.Parent, c.Acct, c.Name, c.URL, c.HTML, c.PublishedAt.UTC()})
				last = c.ID
			}
		}
		if len(found) < page {
			return list, nil
		}
	}
}

// folderName names a video's folder such that a listing shows them in order.
func folderName(v store.Video) string {
	at := v.PublishedAt
	if at.IsZero() {
		at = v.CreatedAt
	}
	return at.UTC().Format("2006-01-02") + "-" + cmp.Or(plain(v.Title, 60), "video") + "-" + v.ID
}

// fileName names the film after the file that the creator gave.
func fileName(v store.Video, stored string) string {
	ext := filepath.Ext(stored)
	given := v.Media.SourceName
	return cmp.Or(plain(strings.TrimSuffix(given, filepath.Ext(given)), 80), "video") + ext
}

// plain returns text as a part of a file name that every file system takes.
func plain(text string, most int) string {
	var b strings.Builder
	gap := false
	for _, r := range strings.ToLower(text) {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			gap = true
			continue
		}
		if b.Len()+4 > most {
			break
		}
		if gap && b.Len() > 0 {
			b.WriteByte('-')
		}
		gap = false
		b.WriteRune(r)
	}
	return b.String()
}
