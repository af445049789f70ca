package pages_test

import (
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tubelet/tubelet/server/pages"
	"github.com/tubelet/tubelet/store"
	"golang.org/x/net/html"
)

var update = flag.Bool("update", false, "write the golden files")

func newPages(t testing.TB) *pages.Pages {
	t.Helper()
	p, err := pages.New(pages.Config{Asset: func(name string) string { return "/assets/" + name }})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// cases are every page: full, empty and hostile, and the states of a watch page.
func cases() map[string]pages.Page {
	bare := pages.Site{Channel: store.Channel{Handle: "me", Domain: "127.0.0.1:8080", Local: true, Name: "Me"}}
	bad := hostileSite()
	bv := hostileVideo()
	bt := pages.Thread{Video: bv, Comments: hostileComments(), Paging: pages.Paging{Number: 2, Size: 30, Total: 99}}
	empty := store.Video{ID: "k3v9x0a1b2", Title: "One", Visibility: store.Public, PublishedAt: day(0)}
	out := map[string]pages.Page{
		"channel-full":    sampleChannel(),
		"channel-empty":   &pages.Channel{Site: bare},
		"channel-pinned":  pinnedChannel(),
		"channel-tag":     &pages.Channel{Site: sampleSite(), Tag: "tea & cake", Tags: sampleChannel().Tags, Videos: sampleList()[:2], Paging: pages.Paging{Number: 2, Size: 2, Total: 9}},
		"channel-hostile": &pages.Channel{Site: bad, Latest: &bv, Videos: []store.Video{bv}, Tag: hostile, Tags: []store.TagCount{{Tag: hostile, Count: 1}}, Paging: pages.Paging{Number: 2, Size: 1, Total: 3}},
		"search-full":     &pages.Search{Site: sampleSite(), Query: "plane iron", Videos: sampleList(), Paging: pages.Paging{Number: 1, Size: 9, Total: 19}},
		"search-empty":    &pages.Search{Site: bare, Query: "nothing like it"},
		"search-form":     &pages.Search{Site: bare},
		"search-hostile":  &pages.Search{Site: bad, Query: hostile, Videos: []store.Video{bv}, Paging: pages.Paging{Number: 1, Size: 1, Total: 2}},
		"watch-full":      sampleWatch(),
		"watch-empty":     &pages.Watch{Site: bare, Video: empty, Player: pages.NewPlayer(bare.Channel, empty, ""), Thread: pages.Thread{Video: empty}},
		"watch-hostile":   &pages.Watch{Site: bad, Video: bv, Torrents: sampleTorrents(bad.Channel, hostileVideo()), Player: pages.NewPlayer(bad.Channel, bv, ""), Thread: bt, More: []store.Video{bv}, Originals: true},
		"comments-full":   &pages.Comments{Site: sampleSite(), Video: sampleVideo(), Thread: pages.Thread{Video: sampleVideo(), Comments: sampleComments(), Paging: pages.Paging{Number: 2, Size: 30, Total: 62}}},
		"comments-empty":  &pages.Comments{Site: bare, Video: empty, Thread: pages.Thread{Video: empty, Paging: pages.Paging{Number: 9, Size: 30, Total: 3}}},
		"comments-bad":    &pages.Comments{Site: bad, Video: bv, Thread: bt},
		"about-full":      &pages.About{Site: sampleSite(), P2P: "ask"},
		"about-empty":     &pages.About{Site: bare},
		"about-hostile":   &pages.About{Site: bad, P2P: "off"},
		"error-404":       &pages.Error{Site: sampleSite(), Status: 404},
		"error-500":       &pages.Error{Status: 500},
		"error-hostile":   &pages.Error{Site: bad, Status: 400, Detail: hostile},
	}
	for name, page := range watchStates() {
		out[name] = page
	}
	shared := sampleWatch()
	shared.Torrents = sampleTorrents(shared.Site.Channel, sampleVideo())
	shared.Player.Short = true
	shared.Player.Swarm = &pages.Swarm{
		Mode: "ask", Socket: "/tracker/socket", STUN: "stun:video.example:8443",
		Renditions: []pages.SwarmRendition{{Height: 720, Infohash: strings.Repeat("0badcafe", 5), Torrent: "https://video.example/720p.torrent", PieceLength: 1 << 17, Size: 9e6}},
	}
	out["watch-shared"] = shared
	for name, page := range socialCases(bad, bv) {
		out[name] = page
	}
	return out
}

// socialCases are the pages of a channel that people follow from their own servers.
func socialCases(bad pages.Site, bv store.Video) map[string]pages.Page {
	s := sampleSite()
	s.Follow, s.Followers = true, 2418
	channel, watch, held, closed := sampleChannel(), sampleWatch(), sampleWatch(), sampleWatch()
	channel.Site = s
	channel.Videos[1].Warning = "sharp edges"
	for _, w := range []*pages.Watch{watch, held, closed} {
		w.Site, w.Thread.Social = s, true
		w.Video.Likes, w.Video.Boosts, w.Video.Warning = 218, 64, "sharp edges"
		w.Thread.Comments[1].EditedAt = day(0).Add(9 * time.Hour)
	}
	embed := &pages.Embed{Site: s, Video: watch.Video, Player: pages.NewPlayer(s.Channel, watch.Video, "")}
	embed.Player.Embed, embed.Player.Autoplay, embed.Player.Early = true, true, true
	watch.Player.Video, bv.Warning = watch.Video, hostile
	badEmbed := &pages.Embed{Site: bad, Video: bv, Player: pages.NewPlayer(bad.Channel, bv, "")}
	held.Thread.Policy, closed.Thread.Policy = "approve", "closed"
	draft := sampleWatch()
	draft.Site, draft.Thread.Social, draft.Key, draft.Video.Visibility = s, true, "abcdefghij0123456789", store.Draft
	draft.Thread.Video, draft.Thread.Key = draft.Video, draft.Key
	return map[string]pages.Page{
		"channel-social": channel, "embed-warned": embed, "embed-hostile": badEmbed, "embed": &pages.Embed{Site: sampleSite(), Video: sampleVideo(), Player: sampleWatch().Player},
		"watch-social": watch, "watch-approve": held, "watch-closed": closed, "watch-social-draft": draft,
		"interact-follow":  &pages.Interact{Site: s, What: "follow"},
		"interact-reply":   &pages.Interact{Site: s, What: "reply", Video: sampleVideo(), Comment: 3, Author: "Jun"},
		"interact-link":    &pages.Interact{Site: s, What: "boost", Video: sampleVideo(), Handle: "@ada@social.example", Link: "https://social.example/authorize_interaction?uri=x"},
		"interact-problem": &pages.Interact{Site: s, What: "like", Video: sampleVideo(), Handle: "ada", Problem: "That is no address like @you@social.example."},
		"interact-hostile": &pages.Interact{Site: bad, What: "like", Video: bv, Comment: 1, Author: hostile, Handle: hostile, Link: "javascript:alert(8)", Problem: hostile},
	}
}

// watchStates are the moments in a video's life that its page shows.
func watchStates() map[string]pages.Page {
	state := func(key string, change func(*pages.Watch)) *pages.Watch {
		w := sampleWatch()
		w.Key, w.More, w.Thread = key, nil, pages.Thread{}
		w.Video.Comments = 0
		change(w)
		w.Player = pages.NewPlayer(w.Site.Channel, w.Video, key)
		w.Thread.Video = w.Video
		return w
	}
	return map[string]pages.Page{
		"watch-processing": state("", func(w *pages.Watch) {
			w.Video.Media = store.Media{State: store.Processing, Duration: time.Minute}
			w.Jobs = []store.Job{{Kind: "transcode", State: store.JobRunning, Percent: 41.7}}
		}),
		"watch-waiting": state("", func(w *pages.Watch) {
			w.Video.Media = store.Media{State: store.Processing}
			w.Jobs = []store.Job{{Kind: "transcode", State: store.JobWaiting, Reason: "internal words"}}
		}),
		"watch-failed": state("", func(w *pages.Watch) {
			w.Video.Media = store.Media{State: store.Failed, Error: "internal words"}
		}),
		"watch-draft": state("abcdefghij0123456789", func(w *pages.Watch) {
			w.Video.Visibility, w.Video.PublishedAt = store.Draft, time.Time{}
		}),
		"watch-scheduled": state("abcdefghij0123456789", func(w *pages.Watch) {
			w.Video.PublishedAt, w.Video.PublishAt = time.Time{}, day(-9)
		}),
		"watch-unlisted": state("", func(w *pages.Watch) { w.Video.Visibility = store.Unlisted }),
		"watch-improving": state("", func(w *pages.Watch) {
			w.Video.Media.State, w.Video.Downloads = store.Watchable, false
			w.Video.Media.Renditions = w.Video.Media.Renditions[2:]
		}),
		"watch-audio": state("", func(w *pages.Watch) {
			w.Video.Media.HasVideo, w.Video.Media.Width, w.Video.Media.Height = false, 0, 0
			w.Video.Media.Renditions = []store.Rendition{{File: "audio.mp4", Playlist: "audio.m3u8", Bytes: 9_100_000, Codecs: "mp4a.40.2"}}
		}),
	}
}

// TestDownloads looks that the original, which tells where it was filmed, is offered only
// where that is said.
func TestDownloads(t *testing.T) {
	for _, c := range []struct {
		name                 string
		downloads, originals bool
		files                int
		original             bool
	}{
		{"nothing", false, false, 0, false},
		{"renditions", true, false, 3, false},
		{"all", true, true, 4, true},
		{"originals of other videos", false, true, 0, false},
	} {
		w := sampleWatch()
		w.Video.Media.SourceFile = "source.mov"
		w.Video.Downloads, w.Originals = c.downloads, c.originals
		list := w.Downloads()
		has := slices.ContainsFunc(list, func(d pages.Download) bool { return strings.HasSuffix(d.URL, "/source.mov") })
		if len(list) != c.files || has != c.original {
			t.Errorf("%s: %v", c.name, list)
		}
	}
}

func TestPages(t *testing.T) {
	p := newPages(t)
	for name, page := range cases() {
		t.Run(name, func(t *testing.T) {
			body, err := p.Render(page)
			if err != nil {
				t.Fatal(err)
			}
			got := string(body)
			checkSafe(t, got)
			file := filepath.Join("testdata", name+".html")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s differs (-want +got), run with -update if that is meant:\n%s", file, diff)
			}
		})
	}
}

// checkSafe looks for what no page may hold, whatever people wrote: script of its
// own, styles, frames, and addresses that run or that load from elsewhere.
func checkSafe(t *testing.T, page string) {
	t.Helper()
	for _, bad := range []string{"ZgotmplZ", "internal words", "<no value>", "%!"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		attrs := map[string]string{}
		for _, a := range n.Attr {
			attrs[a.Key] = a.Val
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
				t.Errorf("<%s> has the attribute %s", n.Data, a.Key)
			}
		}
		checkElement(t, n.Data, attrs)
	}
}

func checkElement(t *testing.T, name string, attrs map[string]string) {
	t.Helper()
	switch name {
	case "style", "iframe", "object", "embed", "base":
		t.Errorf("the page has a <%s>", name)
	case "script":
		if attrs["src"] == "" && attrs["type"] != "application/ld+json" {
			t.Error("the page has an inline script")
		}
	}
	if src, ok := attrs["src"]; ok && (!strings.HasPrefix(src, "/") || strings.HasPrefix(src, "//")) {
		t.Errorf("<%s> loads %q", name, src)
	}
	href := attrs["href"]
	scheme, _, found := strings.Cut(href, ":")
	if scheme == "magnet" {
		checkMagnet(t, href)
		return
	}
	if found && !strings.ContainsAny(scheme, "/?#") && scheme != "https" && scheme != "http" && scheme != "mailto" {
		t.Errorf("<%s> leads to %q", name, href)
	}
}

// checkMagnet checks that a magnet link leads to nobody but us.
func checkMagnet(t *testing.T, link string) {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Errorf("magnet link: %v", err)
		return
	}
	for key, values := range u.Query() {
		for _, v := range values {
			host, _ := url.Parse(v)
			if key != "xt" && key != "dn" && (host == nil || host.Host != "video.example") {
				t.Errorf("a magnet link has %s=%s", key, v)
			}
		}
	}
}

func TestPrivatePages(t *testing.T) {
	p := newPages(t)
	for name, page := range watchStates() {
		w := page.(*pages.Watch)
		private := w.Key != "" || w.Video.Visibility != store.Public
		body := render(t, p, page)
		if got := strings.Contains(body, `content="noindex"`); got != private {
			t.Errorf("%s: noindex is %v, want %v", name, got, private)
		}
		if private && strings.Contains(body, "application/ld+json") {
			t.Errorf("%s: a private page describes itself to search engines", name)
		}
		if w.Key != "" && strings.Contains(body, "oembed") {
			t.Errorf("%s: a preview names its oEmbed address", name)
		}
	}
}

func render(t testing.TB, p *pages.Pages, page pages.Page) string {
	t.Helper()
	b, err := p.Render(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func BenchmarkWatch(b *testing.B) {
	p, page := newPages(b), sampleWatch()
	for b.Loop() {
		if _, err := p.Render(page); err != nil {
			b.Fatal(err)
		}
	}
}
