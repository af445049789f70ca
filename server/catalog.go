package server

import (
	"context"
	"sync"

	"github.com/tubelet/tubelet/store"
)

// catalogSize is how many videos are remembered at once: those being watched.
const catalogSize = 64

// catalog remembers videos between the many requests for the parts of one file. What it
// tells holds for the version of the data at the request.
type catalog struct {
	load    func(context.Context, string) (store.Video, error)
	version func(context.Context) (int64, error)

	mu     sync.Mutex
	at     int64
	videos map[string]store.Video
}

// video returns a video as the store has it now. The caller must not change what it
// points to.
func (c *catalog) video(ctx context.Context, id string) (store.Video, error) {
	version, err := c.version(ctx)
	if err != nil {
		return store.Video{}, err
	}
	if v, ok := c.known(version, id); ok {
		return v, nil
	}
	v, err := c.load(ctx, id)
	if err != nil {
		return store.Video{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at != version { // there was a commit meanwhile
		return v, nil
	}
	if len(c.videos) >= catalogSize {
		clear(c.videos)
	}
	c.videos[id] = v
	return v, nil
}

func (c *catalog) known(version int64, id string) (store.Video, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at != version || c.videos == nil {
		c.at, c.videos = version, map[string]store.Video{}
	}
	v, ok := c.videos[id]
	return v, ok
}

// shown is a video as one request may see it.
type shown struct {
	store.Video
	key string // the preview key that was shown for it, empty when it needs none
}

// address is what stands for the video in addresses.
func (v shown) address() string {
	if v.key == "" {
		return v.ID
	}
	return v.ID + "~" + v.key
}

// cacheControl says how long an immutable file of the video may be kept, and whether by
// caches that many share: those remember for whoever guesses what the creator has taken
// back. What only the creator may see is kept nowhere.
func (v shown) cacheControl() string {
	if v.key != "" {
		return private
	}
	if !v.Listed() {
		return "private, max-age=31536000, immutable"
	}
	return "public, max-age=31536000, immutable"
}

const private = "private, no-store"

// find returns the video that an address names: by its id what everybody may see, by
// id and preview key the rest. Everything else is store.ErrNotFound, without a
// difference between what is hidden and what is not there.
func (s *site) find(ctx context.Context, address string) (shown, error) {
	id, allowed := s.keys.Open(address)
	v, err := s.catalog.video(ctx, id)
	switch {
	case err != nil:
		return shown{}, err
	case v.Visible() && (allowed || address == id):
		return shown{Video: v}, nil
	case allowed:
		return shown{Video: v, key: s.keys.Key(id)}, nil
	}
	return shown{}, store.ErrNotFound
}
