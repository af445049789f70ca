package server

import (
	"net/http"

	"github.com/tubelet/tubelet/assets"
	"github.com/tubelet/tubelet/server/knock"
)

// handler returns the whole of what the server answers.
func (s *site) handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, do := range s.routes() {
		mux.Handle(pattern, do)
	}
	return s.gate(mux)
}

// routes is every address there is; those of the fediverse stand in package fediverse. {id} is a video's id, or its preview address.
func (s *site) routes() map[string]http.Handler {
	all := map[string]http.Handler{
		// Pages
		"GET /{$}":             s.page(s.fed.Lead(s.showChannel, s.fed.Actor)),
		"GET /search":          s.page(s.showSearch),
		"GET /about":           s.page(s.showAbout),
		"GET /w/{id}":          s.page(s.fed.Lead(s.showWatch, s.fed.Video)),
		"GET /w/{id}/comments": s.page(s.showComments),
		"GET /embed/{id}":      s.page(s.showEmbed),
		"GET /":                s.page(s.showNothing),

		// Files of videos; captions belong to the video and not to a revision
		"GET /media/{id}/{rev}/{file}":        s.page(s.sendMedia),
		"GET /media/{id}/captions/{file}":     s.page(s.sendCaption),
		"OPTIONS /media/{id}/{folder}/{file}": http.HandlerFunc(allowMedia),
		"GET /download/{id}/{file}":           s.page(s.sendDownload),

		// What programs read
		"GET /feed.xml":        s.page(s.sendRSS),
		"GET /feed.atom":       s.page(s.sendAtom),
		"GET /feed.json":       s.page(s.sendJSONFeed),
		"GET /sitemap.xml":     s.page(s.sendSitemap),
		"GET /robots.txt":      s.page(s.sendRobots),
		"GET /oembed":          s.page(s.sendOEmbed),
		"GET /services/oembed": s.page(s.sendOEmbed), // where PeerTube has it

		// Sharing; the addresses are those where players of PeerTube look
		"GET /tracker/socket":   http.HandlerFunc(s.share.Socket),
		"GET /tracker/announce": http.HandlerFunc(s.share.Announce),
		"GET /tracker/scrape":   http.HandlerFunc(s.share.Scrape),
		"GET /tracker/crowd":    http.HandlerFunc(s.share.Crowd),

		// The look
		"GET /assets/":        s.share.Beside(assets.Handler()),
		"GET /channel/{file}": s.page(s.sendPicture),
		"GET /favicon.svg":    s.page(s.sendIcon),
		"GET /favicon.ico":    s.page(s.sendIcon),

		// What watches over the server asks these
		"GET /livez":  http.HandlerFunc(s.health.Live),
		"GET /readyz": http.HandlerFunc(s.health.Ready),

		"POST /views/{id}": s.page(s.countView),
	}
	helper := knock.New(knock.Config{On: s.helps, Address: s.clientIP, Private: s.private})
	all["GET "+knock.Path] = http.HandlerFunc(helper.Look)
	all["POST "+knock.Path] = http.HandlerFunc(helper.Take) // changes nothing
	for pattern, do := range s.fed.Routes() {
		all[pattern] = s.page(do)
	}
	return all
}
