package front

import (
	"testing"

	"github.com/tubelet/tubelet/store"
)

func TestAddress(t *testing.T) {
	for _, w := range []struct {
		name   string
		cfg    Config
		domain string
		want   string
	}{
		{"as told", Config{Local: true, Listen: "127.0.0.1:9"}, "127.0.0.1:8080", "127.0.0.1:9"},
		{"the local channel's own", Config{Local: true}, "127.0.0.1:18123", "127.0.0.1:18123"},
		{"localhost", Config{Local: true}, "localhost:18123", "localhost:18123"},
		{"IPv6", Config{Local: true}, "[::1]:18123", "[::1]:18123"},
		{"tried out locally", Config{Local: true}, "video.example", LocalAddress},
		{"another machine's name", Config{Local: true}, "tubelet:8000", LocalAddress},
	} {
		w.cfg.Channel = store.Channel{Domain: w.domain}
		got, err := address(w.cfg, set{}, false)
		if err != nil || got != w.want {
			t.Errorf("%s: %q, %v; want %q", w.name, got, err, w.want)
		}
	}
}
