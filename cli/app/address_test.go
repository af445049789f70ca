package app

import (
	"testing"

	"github.com/tubelet/tubelet/store"
)

func TestVideoID(t *testing.T) {
	ours := store.Channel{Domain: "video.example"}
	local := store.Channel{Domain: "localhost:8080", Local: true}
	tests := []struct {
		name    string
		channel store.Channel
		word    string
		want    string
	}{
		{"id", ours, "k3v9x2m1qa", "k3v9x2m1qa"},
		{"page", ours, "https://video.example/w/k3v9x2m1qa", "k3v9x2m1qa"},
		{"page at a moment", ours, "https://video.example/w/k3v9x2m1qa?t=1m3s#comments", "k3v9x2m1qa"},
		{"without https", ours, "Video.Example/w/k3v9x2m1qa/", "k3v9x2m1qa"},
		{"preview of a draft", ours, "https://video.example/w/k3v9x2m1qa~abcdefgh", "k3v9x2m1qa"},
		{"player", ours, "https://video.example/embed/k3v9x2m1qa", "k3v9x2m1qa"},
		{"local", local, "http://127.0.0.1:8099/w/k3v9x2m1qa", "k3v9x2m1qa"},
		{"local by IPv6", local, "http://[::1]:8099/w/k3v9x2m1qa", "k3v9x2m1qa"},
		{"local, another site", local, "https://other.example/w/k3v9x2m1qa", "https://other.example/w/k3v9x2m1qa"},
		{"another site", ours, "https://other.example/w/k3v9x2m1qa", "https://other.example/w/k3v9x2m1qa"},
		{"another port", ours, "https://video.example:8443/w/k3v9x2m1qa", "https://video.example:8443/w/k3v9x2m1qa"},
		{"another page", ours, "https://video.example/about", "https://video.example/about"},
		{"no address", ours, "ftp://video.example/w/k3v9x2m1qa", "ftp://video.example/w/k3v9x2m1qa"},
		{"nothing", ours, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := videoID(tt.channel, tt.word); got != tt.want {
				t.Errorf("%q", got)
			}
		})
	}
}
