// Package group writes in one go what many ask for at about the same time. A database that
// makes sure of each commit does a few hundred of them a second; with a group to a commit,
// it is the processor that sets the pace, and nobody waits for a timer.
package group

import (
	"context"
	"sync"
	"time"
)

// patience bounds one write.
const patience = 30 * time.Second

// Writer writes groups, one after the other. It is safe for concurrent use.
type Writer[T, R any] struct {
	write func(context.Context, []T) ([]R, error)
	most  int

	turn sync.Mutex // of the group that is being written
	mu   sync.Mutex
	next *group[T, R] // the one that still takes members
}

type group[T, R any] struct {
	items   []T
	results []R // one an item
	err     error
	done    chan struct{}
}

// New returns a writer of groups of at most so many.
func New[T, R any](most int, write func(context.Context, []T) ([]R, error)) *Writer[T, R] {
	return &Writer[T, R]{write: write, most: most}
}

// Do writes an item, together with those that come while the group before is being written,
// and returns when it is written. What is begun is finished, even when ctx ends.
func (w *Writer[T, R]) Do(ctx context.Context, item T) (R, error) {
	w.mu.Lock()
	if w.next == nil || len(w.next.items) >= w.most {
		w.next = &group[T, R]{done: make(chan struct{})}
	}
	mine, place := w.next, len(w.next.items)
	mine.items = append(mine.items, item)
	w.mu.Unlock()
	if place == 0 { // the first of a group writes it
		w.run(context.WithoutCancel(ctx), mine)
	}
	<-mine.done
	if mine.err != nil {
		var none R
		return none, mine.err
	}
	return mine.results[place], nil
}

func (w *Writer[T, R]) run(ctx context.Context, g *group[T, R]) {
	w.turn.Lock()
	defer w.turn.Unlock()
	defer close(g.done)
	w.mu.Lock()
	if w.next == g {
		w.next = nil
	}
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	g.results, g.err = w.write(ctx, g.items)
}
