package app

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/tubelet/tubelet/store"
)

// videoID returns the id of the video that a word means: it is the id, or the address of the
// video's page or player, as a browser shows it. Another site's address is returned as it is,
// and is no video of ours.
func videoID(c store.Channel, word string) string {
	address := word
	if !strings.Contains(word, "://") {
		address = "https://" + word
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || !isOurs(c, u) {
		return word
	}
	for _, before := range []string{"/w/", "/embed/"} {
		if id, ok := strings.CutPrefix(u.Path, before); ok {
			id, _, _ = strings.Cut(id, "~") // of a draft
			return strings.TrimSuffix(id, "/")
		}
	}
	return word
}

// isOurs reports whether an address is of the channel's host. One to try out goes by every name
// that means this machine, and any port.
func isOurs(c store.Channel, u *url.URL) bool {
	if strings.EqualFold(u.Host, c.Domain) {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return c.Local && (strings.EqualFold(u.Hostname(), "localhost") || err == nil && ip.IsLoopback())
}
