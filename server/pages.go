package server

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tubelet/tubelet/server/cache"
	"github.com/tubelet/tubelet/server/pages"
	"github.com/tubelet/tubelet/store"
)

const (
	gridSize     = 24  // videos on a page of the channel
	tagsShown    = 30  // beside them
	queryLength  = 200 // characters of a search that count
	pagesAllowed = 10_000

	searchesAtOnce = 2 // of the four reads that the store runs at once
	searchWait     = 2 * time.Second
)

// cached answers from the cache, which makes the answer where it has none.
func (s *site) cached(w http.ResponseWriter, r *http.Request, key string, build func(context.Context) (cache.Answer, error)) error {
	return s.keptIn(s.cache, w, r, key, build)
}

func (s *site) keptIn(c *cache.Cache, w http.ResponseWriter, r *http.Request, key string, build func(context.Context) (cache.Answer, error)) error {
	made, err := c.Get(r.Context(), key, build)
	if err != nil {
		return err
	}
	made.Serve(w, r)
	return nil
}

// render makes an answer of a page.
func (s *site) render(page pages.Page) (cache.Answer, error) {
	body, err := s.pages.Render(page)
	if err != nil {
		return cache.Answer{}, err
	}
	return cache.Answer{Type: "text/html; charset=utf-8", Body: body}, nil
}

// head is what every page shows of the channel.
func (s *site) head(ctx context.Context) (pages.Site, error) {
	channel, err := s.store.Channel(ctx)
	if err != nil {
		return pages.Site{}, err
	}
	follow, err := s.fed.On(ctx)
	if err != nil {
		return pages.Site{}, err
	}
	_, total, err := s.store.Videos(ctx, store.List{Limit: 1})
	return pages.Site{Channel: channel, Videos: total, Follow: follow}, err
}

func (s *site) showChannel(w http.ResponseWriter, r *http.Request) error {
	tag := r.URL.Query().Get("tag")
	number, err := pageNumber(r)
	if err != nil {
		return err
	}
	followers, err := s.fed.Followers(r.Context())
	if err != nil {
		return err
	}
	key := "channel " + strconv.Itoa(number) + " " + strconv.Itoa(followers) + " " + tag
	return s.cached(w, r, key, func(ctx context.Context) (cache.Answer, error) {
		return s.channelPage(ctx, tag, number, followers)
	})
}

func (s *site) channelPage(ctx context.Context, tag string, number, followers int) (cache.Answer, error) {
	head, err := s.head(ctx)
	if err != nil {
		return cache.Answer{}, err
	}
	head.Followers = followers
	list, total, err := s.store.Videos(ctx, store.List{Tag: tag, Offset: (number - 1) * gridSize, Limit: gridSize})
	if err != nil {
		return cache.Answer{}, err
	}
	if len(list) == 0 && (number > 1 || tag != "") {
		return cache.Answer{}, store.ErrNotFound
	}
	tags, err := s.store.Tags(ctx)
	if err != nil {
		return cache.Answer{}, err
	}
	if tag == "" && number == 1 {
		if list, err = s.pinnedFirst(ctx, list); err != nil {
			return cache.Answer{}, err
		}
	}
	page := &pages.Channel{
		Site: head, Tag: tag, Tags: tags[:min(len(tags), tagsShown)], Videos: list,
		Paging: pages.Paging{Number: number, Size: gridSize, Total: total},
	}
	if tag == "" && number == 1 && len(list) > 0 {
		page.Latest, page.Videos = &list[0], list[1:]
	}
	return s.render(page)
}

// pinnedFirst puts the pinned videos before the others of a list.
func (s *site) pinnedFirst(ctx context.Context, list []store.Video) ([]store.Video, error) {
	pinned, err := s.store.Pinned(ctx)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(v store.Video) bool { return !v.PinnedAt.IsZero() })
	return append(pinned, list...), nil
}

func (s *site) showSearch(w http.ResponseWriter, r *http.Request) error {
	query := strings.TrimSpace(r.URL.Query().Get("q"))
	if letters := []rune(query); len(letters) > queryLength {
		query = string(letters[:queryLength])
	}
	number, err := pageNumber(r)
	if err != nil {
		return err
	}
	answer, err := s.searchPage(r.Context(), query, number)
	if err != nil {
		return err
	}
	// Not kept: anybody can think of more queries than there is room for pages.
	cache.Make(answer).Serve(w, r)
	return nil
}

// searchPage searches when it is its turn, so that searches leave room for everything else.
func (s *site) searchPage(ctx context.Context, query string, number int) (cache.Answer, error) {
	turn := time.NewTimer(searchWait)
	defer turn.Stop()
	select {
	case s.searches <- struct{}{}:
		defer func() { <-s.searches }()
	case <-turn.C:
		return cache.Answer{}, &statusError{http.StatusServiceUnavailable, "Many people search at this moment. Please try again."}
	case <-ctx.Done():
		return cache.Answer{}, ctx.Err()
	}
	head, err := s.head(ctx)
	if err != nil {
		return cache.Answer{}, err
	}
	page := &pages.Search{Site: head, Query: query}
	if query != "" {
		var total int
		l := store.List{Query: query, Offset: (number - 1) * gridSize, Limit: gridSize}
		if page.Videos, total, err = s.store.Videos(ctx, l); err != nil {
			return cache.Answer{}, err
		}
		page.Paging = pages.Paging{Number: number, Size: gridSize, Total: total}
	}
	return s.render(page)
}

func (s *site) showAbout(w http.ResponseWriter, r *http.Request) error {
	return s.cached(w, r, "about", func(ctx context.Context) (cache.Answer, error) {
		head, err := s.head(ctx)
		if err != nil {
			return cache.Answer{}, err
		}
		p2p, err := s.store.Setting(ctx, "p2p")
		if err != nil {
			return cache.Answer{}, err
		}
		return s.render(&pages.About{Site: head, P2P: p2p})
	})
}

func (s *site) showNothing(http.ResponseWriter, *http.Request) error { return store.ErrNotFound }

// pageNumber reads the page of a list that is asked for, the first when none is.
func pageNumber(r *http.Request) (int, error) {
	text := r.URL.Query().Get("page")
	if text == "" {
		return 1, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > pagesAllowed {
		return 0, store.ErrNotFound
	}
	return n, nil
}
