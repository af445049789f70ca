package server

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/tubelet/tubelet/server/cache"
	"github.com/tubelet/tubelet/server/pages"
	"github.com/tubelet/tubelet/store"
)

const (
	threadSize = 20 // threads of comments on a page
	moreSize   = 12 // related videos beside one
)

// videoPage makes a page of one video.
type videoPage func(context.Context, shown) (pages.Page, error)

// ofVideo answers with a page of the video in the address: from the cache what
// everybody may see, made for this request alone what needs a preview key. The name
// tells pages of the same video apart.
func (s *site) ofVideo(w http.ResponseWriter, r *http.Request, name string, build videoPage) error {
	address := r.PathValue("id")
	v, err := s.find(r.Context(), address)
	if err != nil {
		return err
	}
	if address != v.address() { // it was published since the preview address was handed out
		to := *r.URL
		to.Path = strings.Replace(to.Path, "/"+address, "/"+v.address(), 1)
		w.Header().Set("Cache-Control", private)
		http.Redirect(w, r, to.RequestURI(), http.StatusFound)
		return nil
	}
	if !v.Listed() {
		w.Header().Set("X-Robots-Tag", "noindex")
	}
	if v.key != "" {
		answer, err := s.videoAnswer(r.Context(), v, build)
		if err != nil {
			return err
		}
		answer.Cache = private
		cache.Make(answer).Serve(w, r)
		return nil
	}
	kept, key := s.cache, name+" "+v.ID
	if v.Media.State == store.Processing || v.Media.State == store.Watchable {
		// The page tells how far the work has come. What it is made from is as of the
		// version of the content, which may be a few milliseconds behind that of the jobs.
		version, err := s.cache.Version(r.Context())
		if err != nil {
			return err
		}
		kept, key = s.progress, key+" "+strconv.FormatInt(version, 10)
	}
	return s.keptIn(kept, w, r, key, func(ctx context.Context) (cache.Answer, error) {
		v, err := s.find(ctx, address) // again: this is kept as of the version that the cache knows
		if err != nil {
			return cache.Answer{}, err
		}
		return s.videoAnswer(ctx, v, build)
	})
}

func (s *site) videoAnswer(ctx context.Context, v shown, build videoPage) (cache.Answer, error) {
	page, err := build(ctx, v)
	if err != nil {
		return cache.Answer{}, err
	}
	return s.render(page)
}

func (s *site) showWatch(w http.ResponseWriter, r *http.Request) error {
	return s.ofVideo(w, r, "watch", func(ctx context.Context, v shown) (pages.Page, error) {
		head, err := s.head(ctx)
		if err != nil {
			return nil, err
		}
		page := &pages.Watch{Site: head, Video: v.Video, Key: v.key}
		if page.Player, err = s.player(ctx, head.Channel, v); err != nil {
			return nil, err
		}
		if page.Torrents, err = s.torrents(ctx, head.Channel, v.Video); err != nil {
			return nil, err
		}
		if page.Thread, err = s.thread(ctx, v, 1); err != nil {
			return nil, err
		}
		if page.More, err = s.store.Related(ctx, v.Video, moreSize); err != nil {
			return nil, err
		}
		if page.Originals, err = s.originals(ctx); err != nil {
			return nil, err
		}
		if v.Media.State == store.Processing || v.Media.State == store.Watchable {
			page.Jobs, err = s.store.Jobs(ctx, store.JobList{Video: v.ID, Open: true})
		}
		return page, err
	})
}

func (s *site) showComments(w http.ResponseWriter, r *http.Request) error {
	number, err := pageNumber(r)
	if err != nil {
		return err
	}
	return s.ofVideo(w, r, "comments "+strconv.Itoa(number), func(ctx context.Context, v shown) (pages.Page, error) {
		thread, err := s.thread(ctx, v, number)
		if err != nil {
			return nil, err
		}
		if number > thread.Paging.Pages() {
			return nil, store.ErrNotFound
		}
		head, err := s.head(ctx)
		return &pages.Comments{Site: head, Video: v.Video, Thread: thread}, err
	})
}

func (s *site) thread(ctx context.Context, v shown, number int) (pages.Thread, error) {
	policy, err := s.store.Setting(ctx, "comments")
	if err != nil {
		return pages.Thread{}, err
	}
	social, err := s.fed.On(ctx)
	if err != nil {
		return pages.Thread{}, err
	}
	list, total, err := s.store.Comments(ctx, v.ID, (number-1)*threadSize, threadSize)
	return pages.Thread{
		Video: v.Video, Key: v.key, Comments: list, Policy: cmp.Or(v.Commenting, policy), Social: social,
		Paging: pages.Paging{Number: number, Size: threadSize, Total: total},
	}, err
}

// showEmbed shows the bare player, in a frame of any page. Where to start is read from
// the address by the player itself.
func (s *site) showEmbed(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	autoplay, muted, loop := on(q.Get("autoplay")), on(q.Get("muted")), on(q.Get("loop"))
	early := autoplay && !q.Has("start") && !q.Has("t")
	name := fmt.Sprint("embed ", autoplay, muted, loop, early)
	return s.ofVideo(w, r, name, func(ctx context.Context, v shown) (pages.Page, error) {
		head, err := s.head(ctx)
		if err != nil {
			return nil, err
		}
		player, err := s.player(ctx, head.Channel, v)
		player.Embed, player.Autoplay, player.Muted, player.Loop = true, autoplay, muted, loop
		player.Early = early
		return &pages.Embed{Site: head, Video: v.Video, Player: player}, err
	})
}

// on reads a switch of an address, such as autoplay=1.
func on(value string) bool { return value == "1" || value == "true" }
