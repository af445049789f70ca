package web

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strings"

	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store"
)

func document(kind string, v any) (Document, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return Document{}, fmt.Errorf("write an answer: %w", err)
	}
	return Document{kind, body}, nil
}

// webfinger tells where the actor of a handle or address is (RFC 7033).
func (w *Web) webfinger(_ context.Context, site vocab.Site, r *http.Request) (Document, error) {
	name, id, ok := who(site, r.URL.Query().Get("resource"))
	if !ok {
		return Document{}, store.ErrNotFound
	}
	base := site.Channel.Base()
	return document(jrdType, map[string]any{
		"subject": "acct:" + name + "@" + site.Channel.Domain,
		"aliases": []string{id, base + "/"},
		"links": []map[string]string{
			{"rel": "self", "type": "application/activity+json", "href": id},
			{"rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": base + "/"},
		},
	})
}

// who finds the actor that a resource means: acct:name@host, an actor's id, or, for whoever
// knows only the address of the channel, that.
func who(site vocab.Site, resource string) (name, id string, ok bool) {
	account, isAccount := strings.CutPrefix(strings.ToLower(resource), "acct:")
	group := site.GroupName()
	switch {
	case isAccount && account == site.Channel.Handle+"@"+site.Channel.Domain, resource == site.Person(), resource == site.Channel.Base()+"/", resource == site.Channel.Base():
		return site.Channel.Handle, site.Person(), true
	case isAccount && account == group+"@"+site.Channel.Domain, resource == site.Group():
		return group, site.Group(), true
	}
	return "", "", false
}

// hostMeta tells how WebFinger is asked here (RFC 6415).
func (w *Web) hostMeta(_ context.Context, site vocab.Site, _ *http.Request) (Document, error) {
	template := html.EscapeString(site.Channel.Base() + "/.well-known/webfinger?resource={uri}")
	return Document{xrdType, []byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0"><Link rel="lrdd" template="` + template + `"/></XRD>` + "\n")}, nil
}

// nodeLinks tells where NodeInfo is, and, for whoever knows only our host, which actor to
// follow (FEP-2677).
func (w *Web) nodeLinks(_ context.Context, site vocab.Site, _ *http.Request) (Document, error) {
	base := site.Channel.Base()
	return document(jsonType, map[string]any{"links": []map[string]string{
		{"rel": "http://nodeinfo.diaspora.software/ns/schema/2.1", "href": base + "/nodeinfo/2.1"},
		{"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0", "href": base + "/nodeinfo/2.0"},
		{"rel": "https://www.w3.org/ns/activitystreams#Application", "href": site.Group()},
	}})
}

// nodeInfo tells what this server is (FEP-f1d5).
func (w *Web) nodeInfo(ctx context.Context, site vocab.Site, r *http.Request) (Document, error) {
	version := r.PathValue("version")
	if version != "2.0" && version != "2.1" {
		return Document{}, store.ErrNotFound
	}
	_, videos, err := w.cfg.Store.Videos(ctx, store.List{Limit: 1})
	if err != nil {
		return Document{}, err
	}
	software := map[string]string{"name": "tubelet", "version": w.cfg.Version}
	if version == "2.1" {
		software["repository"] = "https://github.com/tubelet/tubelet"
	}
	return document(`application/json; profile="http://nodeinfo.diaspora.software/ns/schema/`+version+`#"`, map[string]any{
		"version": version, "software": software, "protocols": []string{"activitypub"},
		"services":          map[string][]string{"inbound": {}, "outbound": {"atom1.0", "rss2.0"}},
		"openRegistrations": false,
		"usage":             map[string]any{"users": map[string]int{"total": 1, "activeMonth": 1, "activeHalfyear": 1}, "localPosts": videos},
		"metadata":          map[string]string{"nodeName": site.Channel.Name},
	})
}
