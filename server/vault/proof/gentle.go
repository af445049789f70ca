package proof

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
)

// Gently runs do on a thread of its own that stands back for all other work, as nice and
// ionice make a process do, and returns its error. What it calls must read by itself and
// not leave that to other goroutines.
func Gently(do func() error) error {
	done := make(chan error, 1)
	go func() {
		// The thread ends with this goroutine, since it is never unlocked: nobody else gets a
		// thread that stands back.
		runtime.LockOSThread()
		standBack()
		done <- do()
	}()
	return <-done
}

// Each calls do for every number below n, a few at a time and gently, and returns what went
// wrong. It begins no further one after an error or the end of ctx.
func Each(ctx context.Context, n, workers int, do func(i int) error) error {
	var next atomic.Int64
	var group sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, workers)
	for w := range errs {
		group.Go(func() {
			errs[w] = Gently(func() error {
				for ctx.Err() == nil {
					i := int(next.Add(1) - 1)
					if i >= n {
						return nil
					}
					if err := do(i); err != nil {
						cancel()
						return err
					}
				}
				return nil
			})
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if next.Load() < int64(n) {
		return ctx.Err()
	}
	return nil
}
