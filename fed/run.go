package fed

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	poll      = time.Second        // how often other processes' changes are looked for
	keepInbox = 3 * 24 * time.Hour // longer than any signature is good for
	keepSent  = 7 * 24 * time.Hour
	sweep     = time.Hour
	putOff    = 4 * 24 * time.Hour  // longer than anything is ever put off; see package deliver
	crawled   = 100                 // comments of one age that are asked about at once
	caughtUp  = 24 * time.Hour      // of what fell due while nobody asked
	strangers = 30 * 24 * time.Hour // after which actors are forgotten that did nothing here
	forgotten = 500                 // of them by one commit
	asking    = 20 * time.Second    // between two tries to reach ourselves
	askedLong = 5 * time.Minute     // after which we begin all the same
)

// Run works on what came in, tells what is new and delivers, until ctx ends. It returns nil
// then. While the setting "federation" is off, it does nothing.
func (f *Fed) Run(ctx context.Context) error {
	for f.waitAllowed(ctx) {
		f.run(ctx)
	}
	return nil
}

// run works until ctx ends, or the creator no longer wants to be part of it.
func (f *Fed) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	all.Go(func() { _ = f.verbs.Run(ctx) }) // nil when ctx ends, and else it does not
	all.Go(func() { f.crawl(ctx) })
	all.Go(func() {
		if f.waitReachable(ctx) {
			_ = f.deliver.Run(ctx)
		}
	})
	f.watch(ctx)
}

// waitAllowed waits until the creator wants to be part of the fediverse.
func (f *Fed) waitAllowed(ctx context.Context) bool {
	for f.isOff(ctx) {
		if !pause(ctx, poll) {
			return false
		}
	}
	return ctx.Err() == nil
}

func (f *Fed) isOff(ctx context.Context) bool {
	word, err := f.cfg.Store.Setting(ctx, "federation")
	return err == nil && word == "off"
}

// pause waits, and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// waitReachable waits until our own actor answers at its address. Others ask for it when they
// get anything from us, and some refuse us for a while when they cannot have it. There are
// households that cannot reach themselves from inside: after a while it goes on all the
// same.
func (f *Fed) waitReachable(ctx context.Context) bool {
	if f.cfg.Local {
		return ctx.Err() == nil
	}
	for began := time.Now(); ; {
		site, err := f.Site(ctx)
		if err == nil {
			err = f.reachable(ctx, site)
		}
		if err == nil || ctx.Err() != nil {
			return ctx.Err() == nil
		}
		if time.Since(began) > askedLong {
			f.cfg.Log.WarnContext(ctx, "delivering although we cannot reach our own address", "err", err)
			return true
		}
		if !pause(ctx, asking) {
			return false
		}
	}
}

// watch tells what is new, looks what other processes have put on its way, and forgets what is
// long over, until ctx ends or the creator switches it off.
func (f *Fed) watch(ctx context.Context) {
	version, due, swept, cleaned := int64(-1), time.Time{}, time.Time{}, time.Time{}
	for {
		now := time.Now()
		current, err := f.cfg.Store.DataVersion(ctx)
		if err == nil && (current != version || !now.Before(due)) {
			version = current
			if f.isOff(ctx) {
				return
			}
			due = f.tell(ctx, now)
			wake(f.sent)
		}
		if now.Sub(swept) > sweep {
			swept = now
			f.sweep(ctx, now)
		}
		if now.Sub(cleaned) > 24*sweep {
			cleaned = now
			f.clean(ctx, now)
		}
		if !pause(ctx, poll) {
			return
		}
	}
}

// tell tells what is new, and returns when to look again.
func (f *Fed) tell(ctx context.Context, now time.Time) time.Time {
	standing, err := f.social.Standing(ctx)
	if err == nil && !standing.Retired.IsZero() {
		return now.Add(sweep) // there is nobody any more who could tell
	}
	var next time.Time
	if err == nil {
		_, next, err = f.news.Once(ctx, now)
	}
	if err != nil && ctx.Err() == nil {
		f.cfg.Log.ErrorContext(ctx, "cannot tell what is new", "err", err)
		next = now.Add(time.Minute)
	}
	return next
}

func (f *Fed) sweep(ctx context.Context, now time.Time) {
	for _, forget := range []func() error{
		func() error { return f.social.Recall(ctx, now, now.Add(putOff)) },
		func() error { return f.social.ForgetInbox(ctx, now.Add(-keepInbox)) },
		func() error { return f.social.ForgetSent(ctx, now.Add(-keepSent)) },
	} {
		if err := forget(); err != nil && ctx.Err() == nil {
			f.cfg.Log.ErrorContext(ctx, "cannot forget what is long over", "err", err)
		}
	}
}

// ages are when after a comment its server is asked for answers to it: most come soon.
func ages() []time.Duration { return []time.Duration{sweep, 6 * sweep, 24 * sweep, 72 * sweep} }

// Crawl asks for the answers to comments that reached one of those ages between two times.
func (f *Fed) Crawl(ctx context.Context, from, to time.Time) error {
	for _, age := range ages() {
		list, err := f.social.Since(ctx, from.Add(-age), to.Add(-age), crawled)
		if err != nil {
			return err
		}
		for _, comment := range list {
			if err := f.verbs.Crawl(ctx, comment); err != nil {
				f.cfg.Log.DebugContext(ctx, "no answers to a comment", "comment", comment.URI, "err", err)
			}
		}
	}
	return ctx.Err()
}

// crawl asks once an hour, until ctx ends. Up to when is remembered, so that neither what a round
// takes nor a restart leaves anything out; after a longer absence only the last day counts.
func (f *Fed) crawl(ctx context.Context) {
	for wait := time.Duration(0); pause(ctx, wait); {
		now := time.Now()
		from, err := f.social.Crawled(ctx)
		if err == nil && now.Sub(from) >= sweep {
			if from.Before(now.Add(-caughtUp)) {
				from = now.Add(-caughtUp)
			}
			if err = f.Crawl(ctx, from, now); err == nil {
				from, err = now, f.social.SetCrawled(ctx, now)
			}
		}
		if from.After(now) { // the clock was ahead
			from, err = now, errors.Join(err, f.social.SetCrawled(ctx, now))
		}
		if wait = from.Add(sweep).Sub(now); err != nil && ctx.Err() == nil {
			f.cfg.Log.ErrorContext(ctx, "cannot ask for answers", "err", err)
			wait = sweep
		}
	}
}

// clean forgets actors that did nothing here, and pictures that are nobody's.
func (f *Fed) clean(ctx context.Context, now time.Time) {
	for ctx.Err() == nil {
		list, err := f.social.Strangers(ctx, now.Add(-strangers), forgotten)
		if err == nil {
			err = f.social.Forget(ctx, list)
		}
		if err != nil && ctx.Err() == nil {
			f.cfg.Log.ErrorContext(ctx, "cannot forget strangers", "err", err)
		}
		if err != nil || len(list) < forgotten {
			break
		}
	}
	if err := f.avatars.Sweep(ctx); err != nil && ctx.Err() == nil {
		f.cfg.Log.ErrorContext(ctx, "cannot sweep avatars", "err", err)
	}
}
