package lanes_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tubelet/tubelet/fed/lanes"
	"github.com/tubelet/tubelet/store/social"
)

// Hosts that are slow and always have something older to do leave places for others.
func TestSlowHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var served atomic.Int64
		began := time.Now()
		list := func(context.Context) (list []social.Lane, err error) {
			for i := range 20 {
				list = append(list, social.Lane{Host: fmt.Sprintf("slow%d.example", i), Due: began})
			}
			return append(list, social.Lane{Host: "quick.example", Due: began.Add(time.Second)}), nil
		}
		work := func(ctx context.Context, host string) error {
			wait := time.Second
			if strings.HasPrefix(host, "slow") {
				wait = time.Minute
			} else {
				served.Add(1)
			}
			select {
			case <-time.After(wait):
			case <-ctx.Done():
			}
			return nil
		}
		ended := make(chan error)
		go func() {
			ended <- lanes.Run(ctx, lanes.Config{Most: 8, List: list, Work: work, Log: slog.New(slog.DiscardHandler)})
		}()
		time.Sleep(10 * time.Minute)
		if n := served.Load(); n < 100 {
			t.Errorf("a quick host had %d turns in ten minutes beside slow ones", n)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// While the disk is full a host is tried less and less often; once there is room again for one, all
// go on at once.
func TestFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		const hosts = 40
		full := time.Now().Add(2 * time.Hour)
		var mu sync.Mutex
		tries, last, done := map[string]int{}, map[string]time.Time{}, map[string]time.Time{}
		list := func(context.Context) (list []social.Lane, err error) {
			mu.Lock()
			defer mu.Unlock()
			for i := range hosts {
				if host := fmt.Sprintf("h%d.example", i); done[host].IsZero() {
					list = append(list, social.Lane{Host: host})
				}
			}
			return list, nil
		}
		work := func(_ context.Context, host string) error {
			mu.Lock()
			defer mu.Unlock()
			if time.Now().After(full) {
				done[host] = time.Now()
				return nil
			}
			gap := time.Since(last[host])
			if n := tries[host]; n > 0 && gap < min(5*time.Second<<(n-1), 5*time.Minute) {
				t.Errorf("%s is tried for the %dth time after %v", host, n+1, gap)
			}
			tries[host]++
			last[host] = time.Now()
			return errors.New("database or disk is full")
		}
		ended := make(chan error)
		go func() {
			ended <- lanes.Run(ctx, lanes.Config{Most: 8, List: list, Work: work, Log: slog.New(slog.DiscardHandler)})
		}()
		time.Sleep(3 * time.Hour)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		for host, n := range tries {
			if n < 20 || n > 40 {
				t.Errorf("%s was tried %d times in two hours", host, n)
			}
		}
		var first, latest time.Time
		for _, at := range done {
			if first.IsZero() || at.Before(first) {
				first = at
			}
			if at.After(latest) {
				latest = at
			}
		}
		if len(done) != hosts || first.Sub(full) > 5*time.Minute || latest.Sub(first) > 5*time.Second {
			t.Errorf("%d of %d hosts were served, from %v to %v after there was room", len(done), hosts, first.Sub(full), latest.Sub(full))
		}
	})
}
