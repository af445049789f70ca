package group_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tubelet/tubelet/fed/group"
)

func TestWriter(t *testing.T) {
	var calls atomic.Int32
	busy, seen := atomic.Bool{}, sync.Map{}
	first := make(chan struct{})
	w := group.New(10, func(_ context.Context, items []int) ([]int, error) {
		if !busy.CompareAndSwap(false, true) {
			t.Error("two groups at once")
		}
		defer busy.Store(false)
		if calls.Add(1) == 1 {
			<-first
		}
		if len(items) > 10 {
			t.Errorf("a group of %d", len(items))
		}
		out := make([]int, len(items))
		for i, n := range items {
			if _, twice := seen.LoadOrStore(n, true); twice {
				t.Errorf("%d twice", n)
			}
			out[i] = 2 * n
		}
		return out, nil
	})
	var all sync.WaitGroup
	for n := range 100 {
		all.Go(func() {
			if got, err := w.Do(t.Context(), n); err != nil || got != 2*n {
				t.Errorf("%d: %d, %v", n, got, err)
			}
		})
	}
	close(first)
	all.Wait()
	if n := calls.Load(); n < 10 || n > 100 {
		t.Errorf("%d writes", n)
	}
}

// The failure of a write is that of all who wrote, and of nobody after.
func TestFailure(t *testing.T) {
	broken := errors.New("broken")
	fail := true
	w := group.New(10, func(_ context.Context, items []int) ([]int, error) {
		if fail {
			return nil, broken
		}
		return items, nil
	})
	if _, err := w.Do(t.Context(), 1); !errors.Is(err, broken) {
		t.Error(err)
	}
	fail = false
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // what is begun is finished
	if got, err := w.Do(ctx, 1); got != 1 || err != nil {
		t.Error(got, err)
	}
}
