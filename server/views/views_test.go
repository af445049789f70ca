package views_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/server/views"
)

// book is where counts go; it can be told to fail.
type book struct {
	mu     sync.Mutex
	total  map[string]int64
	writes int
	err    error
}

func (b *book) add(_ context.Context, counts map[string]int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return b.err
	}
	b.writes++
	for id, n := range counts {
		b.total[id] += n
	}
	return nil
}

func (b *book) counts() map[string]int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.total)
}

func counter() (*views.Counter, *book) {
	b := &book{total: map[string]int64{}}
	return views.New(b.add, slog.New(slog.DiscardHandler)), b
}

func TestCount(t *testing.T) {
	c, b := counter()
	for i, step := range []struct {
		name string
		r    views.Report
		want views.Outcome
	}{
		{"first", views.Report{Video: "a", Session: "s1", Address: "192.0.2.1", Agent: "x"}, views.Counted},
		{"same session", views.Report{Video: "a", Session: "s1", Address: "192.0.2.1", Agent: "x"}, views.Repeat},
		{"another video", views.Report{Video: "b", Session: "s1", Address: "192.0.2.1", Agent: "x"}, views.Counted},
		{"another session", views.Report{Video: "a", Session: "s2", Address: "192.0.2.1", Agent: "x"}, views.Counted},
		{"another address", views.Report{Video: "a", Session: "s1", Address: "192.0.2.2", Agent: "x"}, views.Counted},
		{"another browser", views.Report{Video: "a", Session: "s1", Address: "192.0.2.1", Agent: "y"}, views.Counted},
		{"parts that only join the same", views.Report{Video: "a", Session: "1x", Address: "192.0.2.", Agent: "s"}, views.Counted},
	} {
		if got := c.Count(step.r); got != step.want {
			t.Errorf("%d %s: %v, want %v", i, step.name, got, step.want)
		}
	}
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int64{"a": 5, "b": 1}, b.counts()); diff != "" {
		t.Error(diff)
	}
}

func TestOneViewerCannotPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := counter()
		for i := range 2000 {
			c.Count(views.Report{Video: "a", Session: fmt.Sprint(i), Address: "192.0.2.1", Agent: "x"})
			time.Sleep(2 * time.Second)
		}
		if err := c.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := b.counts()["a"]; n > 20 { // it may be midnight once
			t.Errorf("%d views by one browser in an hour", n)
		}
	})
}

// TestNewBrowsersDoNotHelp reports from one address under ever new names.
func TestNewBrowsersDoNotHelp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := counter()
		for i := range 500 {
			name := fmt.Sprint(i)
			c.Count(views.Report{Video: "a", Session: name, Address: "192.0.2.1", Agent: name})
			time.Sleep(2 * time.Second)
		}
		c.Count(views.Report{Video: "b", Session: "x", Address: "192.0.2.1", Agent: "x"})
		c.Count(views.Report{Video: "a", Session: "x", Address: "192.0.2.2", Agent: "x"})
		if err := c.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]int64{"a": 31, "b": 1}, b.counts()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestReportsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := counter()
		refused := 0
		for i := range 1000 {
			r := views.Report{Video: fmt.Sprint(i), Session: "s", Address: "192.0.2.1", Agent: fmt.Sprint(i)}
			if c.Count(r) == views.TooMany {
				refused++
			}
		}
		if refused != 940 {
			t.Errorf("%d of 1000 reports refused within a minute, want 940", refused)
		}
		time.Sleep(time.Minute)
		if got := c.Count(views.Report{Video: "later", Session: "s", Address: "192.0.2.1"}); got != views.Counted {
			t.Errorf("a minute later: %v", got)
		}
	})
}

func TestForgetsByDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := counter()
		r := views.Report{Video: "a", Session: "s", Address: "192.0.2.1"}
		c.Count(r)
		time.Sleep(24 * time.Hour)
		if got := c.Count(r); got != views.Counted {
			t.Errorf("the next day: %v", got)
		}
	})
}

func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := counter()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = c.Run(ctx) })
		for i := range 100 {
			c.Count(views.Report{Video: "a", Address: fmt.Sprint(i)})
		}
		time.Sleep(10 * views.Interval)
		if b.counts()["a"] != 100 || b.writes != 1 {
			t.Errorf("%d views in %d writes, want 100 in 1", b.counts()["a"], b.writes)
		}
		cancel()
		wg.Wait()
	})
}

func TestKeepsCountsWhenTheStoreFails(t *testing.T) {
	c, b := counter()
	b.err = errors.New("disk full")
	c.Count(views.Report{Video: "a", Address: "192.0.2.1"})
	if err := c.Flush(t.Context()); err == nil {
		t.Fatal("the error got lost")
	}
	b.err = nil
	c.Count(views.Report{Video: "a", Address: "192.0.2.2"})
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := b.counts()["a"]; n != 2 {
		t.Errorf("%d views, want 2", n)
	}
}

func TestFloodIsBounded(t *testing.T) {
	c, b := counter()
	for i := range 400_000 {
		c.Count(views.Report{Video: "a", Session: "s", Address: fmt.Sprint(i)})
	}
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := b.counts()["a"]; n != 400_000 {
		t.Errorf("%d views of as many people", n)
	}
}
