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

	// So many are asked for at a time: while one is used the next is on its way, and the
	// budget never runs while nobody waits for it.
	ahead = 4
)

// purse holds what the parent granted to one way. Connections take from it in turn, so
// none goes without while others have.
type purse struct {
	spend func(n int64) error

	turn   chan struct{} // held by who takes; those who wait are served in the order they came
	left   int64
	slice  int64
	asked  int        // slices on their way
	coming chan grant // has room for all of them
}

// grant is a slice, or why there is none.
type grant struct {
	n    int64
	took time.Duration
	err  error
}

func newPurse(spend func(n int64) error) *purse {
	return &purse{spend: spend, turn: make(chan struct{}, 1), slice: largeSlice, coming: make(chan grant, ahead)}
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
		p.ask(1)
		select {
		case g := <-p.coming:
			p.asked--
			if g.err != nil {
				return g.err
			}
			p.left += g.n
			p.slice = smallSlice
			if g.took < 20*time.Millisecond {
				p.slice = largeSlice
				continue
			}
			p.ask(ahead)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	p.left -= int64(n)
	return nil
}

// ask makes sure that so many slices are on their way.
func (p *purse) ask(slices int) {
	for ; p.asked < slices; p.asked++ {
		n := p.slice
		go func() {
			start := time.Now()
			err := p.spend(n)
			p.coming <- grant{n, time.Since(start), err}
		}()
	}
}
