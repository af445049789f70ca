package deliver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tubelet/tubelet/fed/group"
	"github.com/tubelet/tubelet/fed/sign"
	"github.com/tubelet/tubelet/store/social"
)

// While nothing can be stored a few hosts get one delivery each, and the others none; all of it goes on
// once there is room again, and nobody gets anything twice.
func TestNothingStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		defer s.Close()
		const n = 100
		h := newHosts(func(string, int) error { return nil })
		for _, uri := range []string{"a", "b"} {
			var inboxes []string
			for i := range n {
				inboxes = append(inboxes, fmt.Sprintf("h%d.example", i))
			}
			send(t, s.Social(), uri, inboxes...)
		}
		full := time.Now().Add(time.Minute)
		d := New(Config{
			Store: s.Social(), Post: h.post, Woken: make(chan struct{}), Log: slog.New(slog.DiscardHandler),
			Key: func(context.Context, social.Target) (sign.Key, error) { return sign.Key{}, nil },
		})
		d.rows = group.New(maxGroup, func(ctx context.Context, list []social.Outcome) ([]struct{}, error) {
			if time.Now().Before(full) {
				return nil, errors.New("database or disk is full")
			}
			return make([]struct{}, len(list)), s.Social().Record(ctx, list, time.Now(), time.Now().Add(-week))
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = d.Run(ctx) }()
		time.Sleep(50 * time.Second)
		h.mu.Lock()
		if sent := len(h.got); sent < atOnce || sent > 2*atOnce {
			t.Errorf("%d hosts got something that could not be recorded", sent)
		}
		h.mu.Unlock()
		time.Sleep(3 * time.Minute)
		cancel()
		<-done
		for inbox, got := range h.got {
			if !slices.Equal(got, []string{"a", "b"}) {
				t.Errorf("%s got %v", inbox, got)
			}
		}
		if left := queue(t, s.Social()); left != 0 || len(h.got) != n {
			t.Errorf("%d left, %d hosts", left, len(h.got))
		}
	})
}
