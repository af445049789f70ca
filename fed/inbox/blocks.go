package inbox

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/tubelet/tubelet/store/social"
)

// freshness is how long blocks are believed before they are loaded anew: commands of other
// processes change them.
const freshness = 2 * time.Second

// blocks are whom the creator does not want to hear, at hand.
type blocks struct {
	store *social.Store

	mu     sync.Mutex
	loaded time.Time
	mute   map[string]bool // by target; true when only muted
}

// blocked reports whether an actor, its host, or a domain above that is blocked; those
// that are only muted are heard, and not shown.
func (b *blocks) blocked(ctx context.Context, acct, host string, now time.Time) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.loaded) > freshness || now.Before(b.loaded) {
		list, err := b.store.Blocks(ctx)
		if err != nil {
			return false, err
		}
		b.mute = make(map[string]bool, len(list))
		for _, block := range list {
			b.mute[block.Target] = block.Mute
		}
		b.loaded = now
	}
	targets := []string{acct}
	for domain := host; domain != ""; _, domain, _ = strings.Cut(domain, ".") {
		targets = append(targets, domain)
	}
	for _, target := range targets {
		if mute, listed := b.mute[target]; listed && !mute {
			return true, nil
		}
	}
	return false, nil
}
