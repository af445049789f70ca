package offer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/server/offer"
	"github.com/tubelet/tubelet/store"
)

func TestTorrents(t *testing.T) {
	public := store.Video{ID: "pub1234567", Title: "A & b", Visibility: store.Public, PublishedAt: time.Unix(1, 0)}
	public.Media = store.Media{Rev: 2, Renditions: []store.Rendition{
		{Height: 720, File: "720p.mp4", Bytes: 9, Infohash: strings.Repeat("0badcafe", 5)},
		{Height: 480, File: "480p.mp4", Bytes: 5}, // its torrent is still to be made
	}}
	for _, c := range []struct {
		name, setting string
		change        func(*store.Video)
		mode          string
	}{
		{"as the setting says", "on", func(*store.Video) {}, "on"},
		{"as the setting says, ask", "ask", func(*store.Video) {}, "ask"},
		{"as the setting says, off", "off", func(*store.Video) {}, "off"},
		{"without a setting", "", func(*store.Video) {}, "off"},
		{"this one off", "on", func(v *store.Video) { v.P2P = "off" }, "off"},
		{"this one on", "off", func(v *store.Video) { v.P2P = "on" }, "on"},
		{"unlisted", "on", func(v *store.Video) { v.Visibility, v.P2P = store.Unlisted, "on" }, "off"},
		{"draft", "on", func(v *store.Video) { v.Visibility, v.P2P = store.Draft, "on" }, "off"},
		{"not published yet", "on", func(v *store.Video) { v.PublishedAt = time.Time{} }, "off"},
	} {
		v := public
		c.change(&v)
		list := offer.Torrents(store.Channel{Domain: "video.example"}, v, c.setting)
		if got := offer.Mode(c.setting, v); got != c.mode || (len(list) == 1) != (c.mode != offer.Off) {
			t.Errorf("%s: %s, %d torrents, want %s", c.name, got, len(list), c.mode)
		}
		for _, one := range list {
			if one.URL != "https://video.example/media/pub1234567/2/720p.torrent" || !strings.Contains(one.Magnet, "dn=A%20%26%20b") ||
				strings.Count(one.Magnet, "%3A%2F%2F") != strings.Count(one.Magnet, "%3A%2F%2Fvideo.example%2F") {
				t.Errorf("%s: %s %s", c.name, one.URL, one.Magnet)
			}
		}
	}
}
