// Package cache keeps finished answers: pages, feeds and playlists, plain and
// compressed. An answer holds for one version of the data it was made from; the
// first request after a commit makes it anew, and others that come meanwhile wait for
// that one. When the new answer is the old one byte for byte (a commit elsewhere in
// the store) its compressed form is kept, since compressing costs more than making.
package cache

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"time"
)

// Answer is what a builder makes: bytes of one type.
type Answer struct {
	Type  string // Content-Type
	Cache string // Cache-Control; empty means "no-cache": keep it, but ask
	Body  []byte
}

// Config is what New needs.
type Config struct {
	// Version returns a number that changes when the data does.
	Version func(context.Context) (int64, error)
	// Bytes bounds what is kept. An answer larger than a quarter of it is not kept.
	Bytes int
}

// settle is how long a version is believed without asking. A commit is seen this much
// later at most.
const settle = 5 * time.Millisecond

// buildTime bounds the making of one answer. It belongs to no single request, since
// others may wait for it.
const buildTime = 20 * time.Second

// Cache keeps answers. Its methods may be called at the same time.
type Cache struct {
	cfg Config

	asking  sync.Mutex // held while the version is asked for
	mu      sync.Mutex
	version int64
	asked   time.Time
	entries map[string]*list.Element // of *entry
	recent  *list.List               // the most recently used first
	bytes   int
}

// entry is one answer, or one in the making.
type entry struct {
	key     string
	version int64
	ready   chan struct{} // closed when made
	made    *Made
	err     error
	bytes   int // as counted in Cache.bytes
}

// New returns an empty Cache.
func New(cfg Config) *Cache {
	return &Cache{cfg: cfg, entries: map[string]*list.Element{}, recent: list.New()}
}

// Get returns the answer kept under key, or has it made. An error is not kept.
func (c *Cache) Get(ctx context.Context, key string, build func(context.Context) (Answer, error)) (*Made, error) {
	version, err := c.Version(ctx)
	if err != nil {
		return nil, err
	}
	e, old, mine := c.claim(key, version)
	if mine {
		c.build(ctx, e, old, build)
	}
	select {
	case <-e.ready:
		return e.made, e.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Version returns the version of the data, at most a few milliseconds old.
func (c *Cache) Version(ctx context.Context) (int64, error) {
	if v, ok := c.believed(); ok {
		return v, nil
	}
	c.asking.Lock()
	defer c.asking.Unlock()
	if v, ok := c.believed(); ok { // another request asked meanwhile
		return v, nil
	}
	asked := time.Now() // before the answer: a commit after it is seen in time
	v, err := c.cfg.Version(ctx)
	if err != nil {
		return 0, fmt.Errorf("ask for the version of the data: %w", err)
	}
	c.mu.Lock()
	c.version, c.asked = v, asked
	c.mu.Unlock()
	return v, nil
}

func (c *Cache) believed() (int64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version, time.Since(c.asked) < settle
}

// claim finds the entry of key, or puts a new one in its place that the caller must
// build. The answer it replaces is returned with it.
func (c *Cache) claim(key string, version int64) (e *entry, old *Made, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, ok := c.entries[key]; ok {
		e := at.Value.(*entry)
		if e.version == version {
			c.recent.MoveToFront(at)
			return e, nil, false
		}
		old = e.old()
		c.drop(at)
	}
	e = &entry{key: key, version: version, ready: make(chan struct{})}
	c.entries[key] = c.recent.PushFront(e)
	return e, old, true
}

// old returns what the entry holds, nil while it is being made.
func (e *entry) old() *Made {
	select {
	case <-e.ready:
		return e.made
	default:
		return nil
	}
}

// build fills e. A panic of the builder goes on to its request, after those who wait
// were told.
func (c *Cache) build(ctx context.Context, e *entry, old *Made, build func(context.Context) (Answer, error)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), buildTime)
	defer cancel()
	e.err = fmt.Errorf("make %s: stopped halfway", e.key)
	defer func() {
		c.settle(e)
		close(e.ready)
	}()
	answer, err := build(ctx)
	if err != nil {
		e.err = err
		return
	}
	e.made, e.err = finish(answer, old), nil
}

// settle counts a finished entry and makes room for it, or forgets it when it failed
// or is too large to keep.
func (c *Cache) settle(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.entries[e.key]
	if !ok || at.Value != e { // replaced by a newer one already
		return
	}
	if e.err != nil || e.made.size() > c.cfg.Bytes/4 {
		c.drop(at)
		return
	}
	e.bytes = e.made.size() + len(e.key)
	c.bytes += e.bytes
	for c.bytes > c.cfg.Bytes {
		c.drop(c.recent.Back())
	}
}

// drop forgets an entry. Whoever holds it goes on holding it.
func (c *Cache) drop(at *list.Element) {
	e := c.recent.Remove(at).(*entry)
	delete(c.entries, e.key)
	c.bytes -= e.bytes
}

func finish(a Answer, old *Made) *Made {
	if a.Cache == "" {
		a.Cache = "no-cache"
	}
	sum := sha256.Sum256(a.Body)
	tag := hex.EncodeToString(sum[:12])
	if old != nil && old.tag == tag && old.answer.Type == a.Type && old.answer.Cache == a.Cache {
		return old
	}
	return &Made{answer: a, tag: tag, packed: pack(a.Body)}
}
