package assets_test

import (
	"regexp"
	"testing"

	"github.com/tubelet/tubelet/assets"
)

// TestNoStrangersServers reads everything served for the name of a STUN or TURN server or
// a tracker: there is to be none but the channel's own, and that stands in the page.
func TestNoStrangersServers(t *testing.T) {
	foreign := regexp.MustCompile(`(stuns?|turns?):[a-z0-9-]+\.[a-z0-9.-]+|(wss?|udp)://[a-z0-9-]+\.|twilio|novage|openwebtorrent`)
	for _, name := range []string{"player.js", "swarm.js", "vendor/webtorrent.min.js", "vendor/hls.light.min.js", "watch.css", "player.css"} {
		text, err := assets.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		if found := foreign.FindAll(text, 5); len(found) > 0 {
			t.Errorf("%s names %q", name, found)
		}
		if name == "vendor/webtorrent.min.js" && len(text) < 200000 {
			t.Errorf("%s has only %d bytes left", name, len(text))
		}
	}
}
