package pages_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/tubelet/tubelet/server/offer"
	"github.com/tubelet/tubelet/server/pages"
	"github.com/tubelet/tubelet/store"
)

// day returns a fixed moment, so that pages look the same in every run.
func day(n int) time.Time {
	return time.Date(2026, 3, 12, 18, 30, 0, 0, time.UTC).AddDate(0, 0, -n)
}

func sampleSite() pages.Site {
	return pages.Site{
		Videos: 61,
		Channel: store.Channel{
			Handle: "workshop", Domain: "video.example", Name: "The Small Workshop", Language: "en",
			Description: "Hand tools, slow woodwork and repairs.\nNew video every other Thursday, *no sponsors*.\n\n" +
				"# Who\n\nI learnt from my [grandmother](https://workshop.example/gran), who learnt from hers.",
			Avatar: "avatar-1a2b3c4d.jpg", Banner: "banner-1a2b3c4d.jpg",
			Links: []store.Link{{Label: "workshop.example", URL: "https://workshop.example/"}, {Label: "@workshop@social.example", URL: "https://social.example/@workshop"}},
		},
	}
}

func sampleMedia() store.Media {
	return store.Media{
		Rev: 2, State: store.Done, SourceName: "plane.mov", SourceBytes: 1_843_221_004, SourceFile: "source.mov",
		Duration: 12*time.Minute + 48*time.Second, Width: 1920, Height: 1080, FPS: 25, HasVideo: true, HasAudio: true,
		Poster: "poster-0a1b2c3d.jpg", PosterWidth: 1280, PosterHeight: 720, Thumb: "thumb-0a1b2c3d.jpg",
		Storyboard: store.Storyboard{File: "storyboard-0a1b2c3d.jpg", VTT: "storyboard-0a1b2c3d.vtt", Columns: 5, Rows: 5, Width: 160, Height: 90, Interval: 10 * time.Second},
		Renditions: []store.Rendition{
			{Height: 1080, File: "1080p.mp4", Playlist: "1080p.m3u8", Bytes: 412_300_000, Width: 1920, PixHeight: 1080, FPS: 25, Codecs: "avc1.640028,mp4a.40.2", Bandwidth: 5_200_000, Average: 4_300_000, Copied: true},
			{Height: 720, File: "720p.mp4", Playlist: "720p.m3u8", Bytes: 188_100_000, Width: 1280, PixHeight: 720, FPS: 25, Codecs: "avc1.64001f,mp4a.40.2", Bandwidth: 2_400_000, Average: 1_950_000},
			{Height: 360, File: "360p.mp4", Playlist: "360p.m3u8", Bytes: 52_400_000, Width: 640, PixHeight: 360, FPS: 25, Codecs: "avc1.64001e,mp4a.40.2", Bandwidth: 700_000, Average: 540_000},
		},
	}
}

func sampleVideo() store.Video {
	return store.Video{
		ID: "k3v9x0a1b2", UUID: "6f1b3c1e-5f0a-4b6e-9a53-0f4f1a2b3c4d", Title: "Sharpening a hand plane without any jigs", Language: "en", License: "CC-BY-SA-4.0",
		Description: "Jigs are fine, but you can be sharp in ninety seconds with two stones and a bit of leather. Here is the way my grandmother taught me, filmed in one take.\n\n" +
			"The trick with the thumb is at 4:02, the *last stroke* at 11:30.\n\nStones I used are listed in [my notes](https://workshop.example/stones). Questions to https://workshop.example/ask please.",
		Tags: []string{"handtools", "sharpening"}, Visibility: store.Public, Downloads: true, Views: 12048, Comments: 4,
		PublishedAt: day(0), CreatedAt: day(1), UpdatedAt: day(0),
		Chapters: []store.Chapter{{Start: 0, Title: "Intro"}, {Start: 70 * time.Second, Title: "Flattening the back"}, {Start: 4 * time.Minute, Title: "The thumb"}, {Start: 690 * time.Second, Title: "The last stroke"}},
		Captions: []store.Caption{{Language: "en", Label: "English", File: "en-11aa22bb.vtt"}, {Language: "de", Label: "Deutsch", File: "de-11aa22bb.vtt"}},
		Media:    sampleMedia(),
	}
}

// sampleList is what a channel has, each video a little different.
func sampleList() []store.Video {
	titles := []string{
		"The cheap lathe that refused to die", "Steam bending ash with a wallpaper steamer", "Why I stopped using varnish",
		"A 300-year-old joint, cut slowly", "Workshop tour: everything fits in 9 m²", "Fixing a stripped thread, three ways",
		"Letters from viewers, volume 4", "Making a mallet from the firewood pile", "Plane irons: old steel against new",
	}
	var out []store.Video
	for i, title := range titles {
		v := sampleVideo()
		v.ID = fmt.Sprintf("vid%07d", i)
		v.Title, v.Views, v.Comments = title, int64(i*i*i*97), i%3
		v.PublishedAt = day(7 + 11*i)
		v.Media.Duration = time.Duration(340+i*i*61) * time.Second
		switch i {
		case 2: // no poster yet
			v.Media.Poster, v.Media.Thumb = "", ""
		case 5: // filmed upright
			v.Media.PosterWidth, v.Media.PosterHeight = 720, 1280
		}
		out = append(out, v)
	}
	return out
}

func sampleComments() []store.Comment {
	c := func(id, parent int64, name, acct, html string, likes, boosts int) store.Comment {
		return store.Comment{
			ID: id, Video: "k3v9x0a1b2", Parent: parent, AuthorName: name, AuthorAcct: acct, AuthorURL: "https://social.example/" + acct,
			HTML: html, URL: fmt.Sprintf("https://social.example/notes/%d", id), Likes: likes, Boosts: boosts, PublishedAt: day(0).Add(time.Duration(id) * time.Hour),
		}
	}
	return []store.Comment{
		c(1, 0, "Miro", "@miro@social.example", "<p>The trick with the thumb at 4:02 fixed years of rounded edges for me. Thank you!</p>", 3, 1),
		c(2, 1, "The Small Workshop", "@workshop@video.example", "<p>That thumb has done a lot of work. Glad it helped.</p>", 6, 2),
		c(3, 2, "Jun", "@jun@pixelfed.example", "<p>Same here, my block plane finally takes end grain.</p>", 0, 0),
		c(4, 0, "Tomás Ferreira", "@tomas@mastodon.example", "<p>Could you do one on cambered irons?</p>", 12, 0),
	}
}

func sampleWatch() *pages.Watch {
	s, v := sampleSite(), sampleVideo()
	return &pages.Watch{
		Site: s, Video: v, Player: pages.NewPlayer(s.Channel, v, ""),
		Thread: pages.Thread{Video: v, Comments: sampleComments(), Paging: pages.Paging{Number: 1, Size: 30, Total: 62}},
		More:   sampleList(), Originals: true,
	}
}

// sampleTorrents is what v offers once it is in a swarm.
func sampleTorrents(c store.Channel, v store.Video) []offer.Torrent {
	for i := range v.Media.Renditions {
		v.Media.Renditions[i].Infohash, v.Media.Renditions[i].Pieces = strings.Repeat("0badcafe", 5), 128<<10
	}
	return offer.Torrents(c, v, "on")
}

func sampleChannel() *pages.Channel {
	latest := sampleVideo()
	return &pages.Channel{
		Site: sampleSite(), Latest: &latest, Videos: sampleList(),
		Tags:   []store.TagCount{{Tag: "handtools", Count: 12}, {Tag: "sharpening", Count: 7}, {Tag: "repair", Count: 5}, {Tag: "tea & cake", Count: 1}},
		Paging: pages.Paging{Number: 1, Size: 24, Total: 61},
	}
}

// hostile is text that tries to leave its place.
const hostile = `</title></script><script>alert(1)</script>"'><img src=x onerror=alert(2)> {{.Site}} --> ]]>`

// hostileMarkdown tries the same by way of Markdown.
func hostileMarkdown() string {
	return hostile + "\n\n[a](javascript:alert(3)) [b](data:text/html,x) ![c](https://elsewhere.example/pixel.png) <a href=\"vbscript:x\" onclick=\"y\">d</a>\n\n" +
		"# One\n\n#### Four\n\n`1:00` and [2:00](https://e.example/3:00) and 4:00 and 99:59:59\n\n" +
		"مرحبا بالعالم (4:05).\n\n" + strings.Repeat("w", 300)
}

func hostileVideo() store.Video {
	v := sampleVideo()
	v.Title = hostile + " " + strings.Repeat("x", 300) + " \u202eمرحبا"
	v.Description, v.License = hostileMarkdown(), hostile
	v.Tags = []string{hostile, strings.Repeat("t", 300), "עברית"}
	v.Chapters = []store.Chapter{{Title: hostile}, {Start: time.Minute, Title: strings.Repeat("c", 300)}}
	v.Captions = []store.Caption{{Language: `en"><b>`, Label: hostile, File: `a/../"b.vtt`}}
	v.Media.SourceFile = `source "x".mov`
	return v
}

func hostileSite() pages.Site {
	s := sampleSite()
	s.Follow = true
	s.Channel.Name, s.Channel.Description, s.Channel.Language = hostile, hostileMarkdown(), "ar"
	s.Channel.Links = []store.Link{{Label: hostile, URL: "javascript:alert(4)"}, {Label: strings.Repeat("l", 300), URL: "https://e.example/?a=\"b\"&c"}}
	s.Channel.Avatar, s.Channel.Banner = "", ""
	return s
}

func hostileComments() []store.Comment {
	list := sampleComments()
	list[0].AuthorName, list[0].AuthorAcct, list[0].AuthorURL = hostile, hostile, "javascript:alert(5)"
	list[0].HTML = hostileMarkdown() + `<p onclick="x">hi <a href="javascript:alert(6)">there</a> <span class="vh">0:05</span></p><style>*{display:none}</style>`
	list[0].URL, list[0].Avatar = "javascript:alert(7)", "https://elsewhere.example/a.png"
	list[1].Parent, list[2].Parent = 3, 2 // a circle
	list[3].Parent = 999                  // an answer to what is not here
	return list
}

// pinnedChannel is a channel of which two videos come first.
func pinnedChannel() *pages.Channel {
	c := sampleChannel()
	c.Latest.PinnedAt, c.Videos[0].PinnedAt = day(0), day(1)
	return c
}
