package child

import (
	"context"
	"time"
)

// Slices of the parent's budget: large ones while they come at once, so that the pipe is
// no brake; small ones while they are waited for, so that little lies unused.
const (
	smallSlice = 64 << 10
	largeSlice = 256 << 10
)

// purse holds what the parent granted to one way. Connections take from it in turn, so
// none goes without while others have.
type purse struct {
	spend func(n int64) error

	turn  chan struct{} // held by who takes; those who wait are served in the order they came
	left  int64
	slice int64
}

func newPurse(spend func(n int64) error) *purse {
	return &purse{spend: spend, turn: make(chan struct{}, 1), slice: largeSlice}
}

// take waits until n bytes may leave. What was asked for is awaited even when ctx ends
// meanwhile: the parent counts it as spent, so the next one has it.
func (p *purse) take(ctx context.Context, n int) error {
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.turn }()
	for p.left < int64(n) {
		start := time.Now()
		if err := p.spend(p.slice); err != nil {
			return err
		}
		p.left += p.slice
		p.slice = smallSlice
		if time.Since(start) < 20*time.Millisecond {
			p.slice = largeSlice
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	p.left -= int64(n)
	return nil
}
