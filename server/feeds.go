package server

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/tubelet/tubelet/server/cache"
	"github.com/tubelet/tubelet/server/feed"
	"github.com/tubelet/tubelet/store"
)

func (s *site) sendRSS(w http.ResponseWriter, r *http.Request) error {
	return s.feed(w, r, 1, "application/rss+xml; charset=utf-8", feed.RSS)
}

func (s *site) sendAtom(w http.ResponseWriter, r *http.Request) error {
	return s.feed(w, r, 1, "application/atom+xml; charset=utf-8", feed.Atom)
}

// sendJSONFeed has pages, for mirrors.
func (s *site) sendJSONFeed(w http.ResponseWriter, r *http.Request) error {
	number := 1
	if r.URL.Query().Has("page") {
		var err error
		if number, err = pageNumber(r); err != nil {
			return err
		}
	}
	return s.feed(w, r, number, "application/feed+json; charset=utf-8", feed.JSON)
}

func (s *site) sendSitemap(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	number := 0 // the whole, or the index of its parts
	if r.URL.Query().Has("page") {
		var err error
		if number, err = pageNumber(r); err != nil {
			return err
		}
	}
	return s.cached(w, r, "sitemap "+strconv.Itoa(number), func(ctx context.Context) (cache.Answer, error) {
		body, err := s.sitemap(ctx, number)
		return cache.Answer{Type: "application/xml; charset=utf-8", Body: body}, err
	})
}

// sitemap returns part number of the sitemap. Part 0 is the whole where that is no longer
// than a part, else the index of the parts. A part is small enough for the cache.
func (s *site) sitemap(ctx context.Context, number int) ([]byte, error) {
	part := max(number, 1)
	l, total, err := s.list(ctx, (part-1)*feed.SitemapLength, feed.SitemapLength)
	switch {
	case err != nil:
		return nil, err
	case number == 0 && total > feed.SitemapLength:
		return feed.SitemapIndex(l.Channel, (total+feed.SitemapLength-1)/feed.SitemapLength)
	case part > 1 && len(l.Videos) == 0:
		return nil, store.ErrNotFound
	}
	return feed.Sitemap(l, part)
}

// feed sends the newest listed videos in some form, or a later page of them.
func (s *site) feed(w http.ResponseWriter, r *http.Request, page int, kind string, write func(feed.List) ([]byte, error)) error {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	return s.cached(w, r, "feed "+strconv.Itoa(page)+" "+kind, func(ctx context.Context) (cache.Answer, error) {
		l, total, err := s.list(ctx, (page-1)*feed.Length, feed.Length)
		if err == nil && page > 1 && len(l.Videos) == 0 {
			err = store.ErrNotFound
		}
		if err != nil {
			return cache.Answer{}, err
		}
		l.Page, l.More = page, page*feed.Length < total
		body, err := write(l)
		return cache.Answer{Type: kind, Body: body}, err
	})
}

// list returns the channel with some of its listed videos, and how many there are.
func (s *site) list(ctx context.Context, offset, length int) (feed.List, int, error) {
	channel, err := s.store.Channel(ctx)
	if err != nil {
		return feed.List{}, 0, err
	}
	videos, total, err := s.store.Videos(ctx, store.List{Offset: offset, Limit: length})
	if err != nil {
		return feed.List{}, 0, err
	}
	p2p, err := s.store.Setting(ctx, "p2p")
	return feed.List{Channel: channel, Videos: videos, P2P: p2p, Prose: s.prose}, total, err
}

// sendRobots asks search engines to leave out what is no page of its own.
func (s *site) sendRobots(w http.ResponseWriter, r *http.Request) error {
	text := "User-agent: *\nDisallow: /search\nDisallow: /download/\nAllow: /\n\nSitemap: " + s.channel.Base() + "/sitemap.xml\n"
	cache.Make(cache.Answer{Type: "text/plain; charset=utf-8", Cache: "public, max-age=3600", Body: []byte(text)}).Serve(w, r)
	return nil
}

// sendOEmbed tells other sites how to show a video (https://oembed.com).
func (s *site) sendOEmbed(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	asXML := q.Get("format") == "xml"
	if f := q.Get("format"); f != "" && f != "json" && f != "xml" {
		return &statusError{http.StatusNotImplemented, "This server answers in the formats json and xml."}
	}
	id, ok := s.videoOf(q.Get("url"))
	if !ok {
		return &statusError{http.StatusNotFound, "The url is not that of a video of this channel."}
	}
	limits, err := limitsOf(q)
	if err != nil {
		return err
	}
	v, err := s.find(r.Context(), id)
	if err != nil {
		return err
	}
	if len(v.Media.Renditions) == 0 {
		return store.ErrNotFound
	}
	channel, err := s.store.Channel(r.Context())
	if err != nil {
		return err
	}
	o, err := feed.NewOEmbed(channel, v.Video, limits)
	if err != nil {
		return err
	}
	answer := cache.Answer{Type: "application/json; charset=utf-8", Cache: "public, max-age=600"}
	answer.Body, err = o.JSON()
	if asXML {
		answer.Type = "text/xml; charset=utf-8"
		answer.Body, err = o.XML()
	}
	if err != nil {
		return err
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	cache.Make(answer).Serve(w, r)
	return nil
}

// videoOf returns the id in the address of a watch or embed page of ours. An address
// with a preview key is not one: what is hidden is shown nowhere else.
func (s *site) videoOf(address string) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || !s.answersTo(u.Host) {
		return "", false
	}
	kind, id, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	if kind != "w" && kind != "embed" || id == "" || strings.ContainsAny(id, "/~") {
		return "", false
	}
	return id, true
}

// limitsOf reads the largest size that the asking page has room for.
func limitsOf(q url.Values) (feed.Limits, error) {
	var l feed.Limits
	for name, into := range map[string]*int{"maxwidth": &l.Width, "maxheight": &l.Height} {
		text := q.Get(name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return l, &statusError{http.StatusBadRequest, "The " + name + " is not a number of pixels."}
		}
		*into = n
	}
	return l, nil
}
