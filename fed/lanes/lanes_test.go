package lanes_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
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
