package feed_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/tubelet/tubelet/server/feed"
	"github.com/tubelet/tubelet/server/prose"
	"github.com/tubelet/tubelet/store"
)

var update = flag.Bool("update", false, "write the golden files")

// full is a channel with a video that has everything, one of sound alone, one that has
// next to nothing, and one that means harm.
func full() feed.List {
	at := func(day int) time.Time { return time.Date(2024, 5, day, 12, 30, 0, 0, time.FixedZone("", 7200)) }
	rung := func(height int) store.Rendition {
		return store.Rendition{Height: height, File: name(height) + ".mp4", Playlist: name(height) + ".m3u8", Bytes: int64(height) * 1e5, Width: height * 16 / 9, PixHeight: height, Average: height * 1500,
			Infohash: strings.Repeat("0badcafe", 5), Pieces: 128 << 10}
	}
	return feed.List{
		Prose:   prose.New(),
		P2P:     "on",
		Channel: store.Channel{Handle: "w", Domain: "video.example", Name: "The Small Workshop", Language: "en", Avatar: "avatar 1.jpg", Description: "Wood and *steel*.", CreatedAt: at(1)},
		Videos: []store.Video{{
			ID: "aaaaaaaaaa", Visibility: store.Public, Title: "A bench & a vise", Description: "First **line**.\n\n- https://example.org/?a=1&b=2", Language: "de",
			Tags: []string{"wood", "how to"}, Views: 1234, PublishedAt: at(20), UpdatedAt: at(21),
			Captions: []store.Caption{{Language: "de", Label: "Deutsch", File: "de-1.vtt"}},
			Media: store.Media{Rev: 3, HasVideo: true, Duration: 754600 * time.Millisecond, Width: 1920, Height: 1080, Poster: "poster-1.jpg", PosterWidth: 1280, PosterHeight: 720,
				Renditions: []store.Rendition{rung(1080), rung(720), rung(480), {File: "audio-fr.mp4", Language: "fr", Bytes: 9}}},
		}, {
			ID: "bbbbbbbbbb", Title: "Sound alone", Warning: "loud & <sudden> noise", PublishedAt: at(10), UpdatedAt: at(9),
			Media: store.Media{Rev: 1, HasAudio: true, Duration: 9 * time.Hour, Poster: "poster-2.jpg",
				Renditions: []store.Rendition{{File: "audio.mp4", Playlist: "audio.m3u8", Bytes: 5000, Average: 128000}}},
		}, {
			ID: "cccccccccc", Title: "Bare", PublishedAt: at(5),
		}, {
			ID: "dddddddddd", Visibility: store.Public, Title: hostile, Description: hostile, Tags: []string{hostile}, PublishedAt: at(4), Language: `"x`,
			Media: store.Media{Rev: 1, HasVideo: true, Poster: "poster-3.jpg", Renditions: []store.Rendition{rung(1080)}},
		}},
	}
}

const hostile = "</title>]]><script>alert(1)</script>\x00\x1b[31m\"'&\u2028 javascript:alert(1)"

func name(height int) string {
	return map[int]string{1080: "1080p", 720: "720p", 480: "480p"}[height]
}

func TestFeeds(t *testing.T) {
	for file, write := range map[string]func(feed.List) ([]byte, error){
		"rss.xml": feed.RSS, "atom.xml": feed.Atom, "feed.json": feed.JSON, "sitemap.xml": func(l feed.List) ([]byte, error) { return feed.Sitemap(l, 1) },
		"sitemap-part.xml":  func(l feed.List) ([]byte, error) { return feed.Sitemap(l, 2) },
		"sitemap-index.xml": func(l feed.List) ([]byte, error) { return feed.SitemapIndex(l.Channel, 3) },
	} {
		t.Run(file, func(t *testing.T) {
			got, err := write(full())
			if err != nil {
				t.Fatal(err)
			}
			golden(t, file, got)
			wellFormed(t, file, got)
			empty, err := write(feed.List{Prose: prose.New(), Channel: store.Channel{Domain: "video.example"}})
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "empty-"+file, empty)
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func wellFormed(t *testing.T, name string, text []byte) {
	t.Helper()
	if strings.HasSuffix(name, ".json") {
		if !json.Valid(text) {
			t.Error("not JSON")
		}
		return
	}
	d := xml.NewDecoder(bytes.NewReader(text))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("not XML: %v", err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "script" {
			t.Error("a title became an element")
		}
	}
}

// TestOEmbedFrame parses the HTML that other sites put in, for a hostile title.
func TestOEmbedFrame(t *testing.T) {
	l := full()
	o, err := feed.NewOEmbed(l.Channel, l.Videos[3], feed.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	z := html.NewTokenizer(strings.NewReader(o.HTML))
	var tags []string
	for z.Next() != html.ErrorToken {
		token := z.Token()
		tags = append(tags, token.Data)
		for _, a := range token.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "src" && a.Val != "https://video.example/embed/dddddddddd" {
				t.Errorf("attribute %s=%q", a.Key, a.Val)
			}
		}
	}
	if diff := cmp.Diff([]string{"iframe", "iframe"}, tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	for _, write := range []func() ([]byte, error){o.JSON, o.XML} {
		if _, err := write(); err != nil {
			t.Error(err)
		}
	}
	b, _ := o.XML()
	wellFormed(t, "oembed.xml", b)
}

func TestOEmbedThumbnail(t *testing.T) {
	l := full()
	for _, w := range []struct {
		name   string
		limits feed.Limits
		want   string
	}{
		{"fits", feed.Limits{}, "https://video.example/media/aaaaaaaaaa/3/poster-1.jpg"},
		{"too wide", feed.Limits{Width: 500}, ""},
		{"too high", feed.Limits{Height: 500}, ""},
	} {
		o, err := feed.NewOEmbed(l.Channel, l.Videos[0], w.limits)
		if err != nil || o.ThumbnailURL != w.want {
			t.Errorf("%s: %q, %v; want %q", w.name, o.ThumbnailURL, err, w.want)
		}
	}
}
