package fediverse

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tubelet/tubelet/fed/people"
	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/server/cache"
	"github.com/tubelet/tubelet/server/pages"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

const maxHandle = 320

// wish is what a visitor wants to do, and with what.
type wish struct {
	page   pages.Interact
	object string // address of what it is done with
}

// wish reads what a visitor wants from a form or an address. What is not shown to everybody is
// store.ErrNotFound.
func (f *Fediverse) wish(ctx context.Context, form url.Values) (wish, error) {
	if err := f.on(ctx); err != nil {
		return wish{}, err
	}
	head, err := f.cfg.Head(ctx)
	if err != nil {
		return wish{}, err
	}
	site, err := f.fed.Site(ctx)
	if err != nil {
		return wish{}, err
	}
	w := wish{page: pages.Interact{Site: head, What: form.Get("what")}, object: site.Person()}
	switch w.page.What {
	case "follow":
		return w, nil
	case "reply", "like", "boost":
	default:
		return w, store.ErrNotFound
	}
	w.page.Video, err = f.cfg.Store.Video(ctx, form.Get("video"))
	if err != nil || !w.page.Video.Listed() {
		return w, errors.Join(err, store.ErrNotFound)
	}
	w.object = site.Video(w.page.Video.ID)
	if form.Get("comment") == "" {
		return w, nil
	}
	number, err := strconv.ParseInt(form.Get("comment"), 10, 64)
	if err != nil {
		return w, store.ErrNotFound
	}
	comment, err := f.social.Comment(ctx, number)
	if err != nil || comment.State != social.Shown || comment.Video != w.page.Video.ID || comment.URI == "" {
		return w, errors.Join(err, store.ErrNotFound)
	}
	w.object, w.page.Object = comment.URI, comment.URI
	w.page.Comment, w.page.Author = number, comment.Name
	return w, nil
}

// ask shows the form that asks for a visitor's handle.
func (f *Fediverse) ask(w http.ResponseWriter, r *http.Request) error {
	wish, err := f.wish(r.Context(), r.URL.Query())
	if err != nil {
		return err
	}
	return f.show(w, r, http.StatusOK, wish.page)
}

// lead finds the page of a visitor's own server. With script the answer is its address; without,
// a page with a link: a form may not lead elsewhere by itself.
func (f *Fediverse) lead(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return f.cfg.Refuse(http.StatusBadRequest, "")
	}
	wish, err := f.wish(r.Context(), r.PostForm)
	if err != nil {
		return err
	}
	page := wish.page
	page.Handle = strings.TrimSpace(r.PostForm.Get("handle"))
	status := http.StatusOK
	page.Link, page.Problem, status = f.home(r, page.Handle, wish.object)
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		return sendLead(w, status, page)
	}
	return f.show(w, r, status, page)
}

// home asks the visitor's server where its people do such things.
func (f *Fediverse) home(r *http.Request, handle, object string) (link, problem string, status int) {
	user, host, found := strings.Cut(strings.TrimPrefix(handle, "@"), "@")
	if !found || user == "" || !strings.Contains(host, ".") && !strings.Contains(host, ":") || len(handle) > maxHandle {
		return "", "That is no address like @you@social.example.", http.StatusBadRequest
	}
	done, ok := f.turns.take(f.cfg.Address(r), time.Now())
	if !ok {
		return "", "Too many requests at this moment. Please try again in a minute.", http.StatusTooManyRequests
	}
	defer done()
	link, err := f.fed.FollowPage(r.Context(), handle, object)
	if err != nil {
		f.cfg.Log.DebugContext(r.Context(), "no page to follow from", "host", host, "err", err)
		return "", whyNot(err, host), http.StatusUnprocessableEntity
	}
	return link, "", http.StatusOK
}

// whyNot says in a visitor's words why their server leads nowhere.
func whyNot(err error, host string) string {
	status, answered := errors.AsType[*remote.StatusError](err)
	_, unreached := errors.AsType[*url.Error](err)
	switch {
	case answered && status.Gone():
		return "Your server does not know this address. Please check it."
	case errors.Is(err, people.ErrLately):
		return "Your server did not help a moment ago. Please check the address and try again in a while. Search for the address below there until then."
	case unreached:
		return "No server could be reached at " + host + ". Please check the address, or try again in a while."
	}
	return "Your server does not say where its people do this. Search for the address below there."
}

func sendLead(w http.ResponseWriter, status int, page pages.Interact) error {
	body, err := json.Marshal(map[string]string{"location": page.Link, "problem": page.Problem})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the visitor may be gone
	return nil
}

func (f *Fediverse) show(w http.ResponseWriter, r *http.Request, status int, page pages.Interact) error {
	answer, err := f.cfg.Render(&page)
	if err != nil {
		return err
	}
	answer.Cache = "private, no-store"
	made := cache.Make(answer)
	made.Send(w, r, status)
	return nil
}
