package fediverse

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tubelet/tubelet/fed/web"
	"github.com/tubelet/tubelet/server/cache"
)

// maker makes a document for a request.
type maker = func(context.Context, *http.Request) (web.Document, error)

// open answers everybody with a document.
func (f *Fediverse) open(make maker) Action {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Access-Control-Allow-Origin", "*") // RFC 7033, section 5
		return f.send(w, r, make)
	}
}

// object answers programs with a document and sends people to a page.
func (f *Fediverse) object(make maker) Action {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Add("Vary", "Accept")
		if !web.Wants(r) {
			return f.redirect(w, r)
		}
		w.Header().Set("Access-Control-Allow-Origin", "*")
		return f.send(w, r, make)
	}
}

// redirect sends a browser that came to an id to what it shows people.
func (f *Fediverse) redirect(w http.ResponseWriter, r *http.Request) error {
	if err := f.on(r.Context()); err != nil {
		return err
	}
	page, err := f.fed.Web().People(r.Context(), r)
	if _, gone := errors.AsType[*web.GoneError](err); gone {
		return f.cfg.Refuse(http.StatusGone, "")
	}
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-cache")
	http.Redirect(w, r, page, http.StatusFound)
	return nil
}

// send answers from the page cache. What was there once is gone with a tombstone.
func (f *Fediverse) send(w http.ResponseWriter, r *http.Request, make maker) error {
	made, err := f.cfg.Cache.Get(r.Context(), key(r), func(ctx context.Context) (cache.Answer, error) {
		if err := f.on(ctx); err != nil {
			return cache.Answer{}, err
		}
		document, err := make(ctx, r)
		return cache.Answer{Type: document.Type, Body: document.Body}, err
	})
	if gone, ok := errors.AsType[*web.GoneError](err); ok {
		cache.Make(cache.Answer{Type: web.ActivityType, Body: gone.Body}).Send(w, r, http.StatusGone)
		return nil
	}
	if err != nil {
		return err
	}
	made.Serve(w, r)
	return nil
}

// key is what an answer is kept under. Only what tells answers apart is in it, so that nobody
// fills the cache with the same answer.
func key(r *http.Request) string {
	query := r.URL.Query()
	key := "fed " + r.URL.Path + " " + query.Get("page") + " " + strings.ToLower(query.Get("resource"))
	if strings.HasSuffix(r.URL.Path, "/followers") { // which change without a commit that the cache heeds
		key += " " + strconv.FormatInt(time.Now().Truncate(fresh).Unix(), 10)
	}
	return key
}

// Lead answers programs that ask for a page with the way to its object, as those do whose
// people search by the address of a page.
func (f *Fediverse) Lead(page Action, object func(*http.Request) string) Action {
	return func(w http.ResponseWriter, r *http.Request) error {
		if !web.Wants(r) {
			w.Header().Add("Vary", "Accept")
			return page(w, r)
		}
		if on, err := f.On(r.Context()); err != nil || !on {
			return errors.Join(err, page(w, r))
		}
		w.Header().Add("Vary", "Accept")
		w.Header().Set("Cache-Control", "no-cache")
		http.Redirect(w, r, object(r), http.StatusFound)
		return nil
	}
}

// Actor is the address of the actor behind the channel's front page.
func (f *Fediverse) Actor(*http.Request) string { return "/users/" + f.cfg.Channel.Handle }

// Video is the address of the object behind a watch page.
func (f *Fediverse) Video(r *http.Request) string {
	return "/videos/" + url.PathEscape(r.PathValue("id"))
}
