// Package doctor looks whether a channel and the machine under it are well. Each thing it
// looks at is a Check: a value in one table, with an id that never changes, so that
// docs/troubleshooting.md and people's scripts can name it. A finding says what was seen
// and what to do, in words for somebody who has other things to do than run servers.
//
// It changes nothing and shows no secret. It asks the machine itself, the resolver that the
// machine uses anyway, the household's router, the channel's own name, and the friend's
// server that its user names: nobody else, so there is no third party to trust.
package doctor

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Level is how a check ended.
type Level string

// The levels. Warn is something that works, but not well or not for long.
const (
	OK       Level = "ok"
	Warn     Level = "warn"
	Fail     Level = "fail"
	NotAsked Level = "not asked"
)

// Finding is what a check found.
type Finding struct {
	Level  Level
	Cause  string // what was seen
	Remedy string // what to do, empty when it is all right
}

// Need is what a check cannot do without.
type Need int

// What a check may need.
const (
	Database Need = 1 << iota // an open database
	Network                   // to ask beyond this machine
	Domain                    // a channel with a domain, not one for trying out
	Friend                    // the address of a friend's Tubelet
	Alone                     // that nothing else runs: it measures
)

// Check is one thing that is looked at.
type Check struct {
	ID    string
	Title string
	Needs Need
	look  func(context.Context, *world) Finding
}

// Anchor is the check's place in docs/troubleshooting.md.
func (c Check) Anchor() string {
	return strings.ToLower(c.ID + "-" + strings.ReplaceAll(c.Title, " ", "-"))
}

// Result is a check that was done.
type Result struct {
	Check
	Finding
	Took time.Duration
}

// How long a check may take, and all of them.
const (
	localTime   = 1700 * time.Millisecond
	networkTime = 5 * time.Second
	wholeTime   = 28 * time.Second
)

// Run does all checks, in the order of the table. Those that only look go side by side,
// those that measure one by one after them.
func Run(ctx context.Context, cfg Config) []Result {
	ctx, cancel := context.WithTimeout(ctx, wholeTime)
	defer cancel()
	w := newWorld(ctx, cfg)
	checks := Table()
	results := make([]Result, len(checks))
	var wg sync.WaitGroup
	for i, c := range checks {
		if c.Needs&Alone == 0 {
			wg.Go(func() { results[i] = w.do(ctx, c) })
		}
	}
	wg.Wait()
	for i, c := range checks {
		if c.Needs&Alone != 0 {
			results[i] = w.do(ctx, c)
		}
	}
	return results
}

// Count counts the results of a level.
func Count(list []Result, level Level) int {
	n := 0
	for _, r := range list {
		if r.Level == level {
			n++
		}
	}
	return n
}

// do does one check, in its time. What hangs in the kernel, such as a disk that does not
// answer, cannot be called back: it is left alone, and told.
func (w *world) do(ctx context.Context, c Check) Result {
	if reason := w.missing(c.Needs); reason != "" {
		return Result{Check: c, Finding: Finding{NotAsked, reason, ""}}
	}
	limit := w.patience()
	if c.Needs&Network != 0 {
		limit = networkTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	began, done := time.Now(), make(chan Finding, 1)
	go func() { done <- c.look(ctx, w) }()
	var f Finding
	select {
	case f = <-done:
	case <-time.After(limit + limit/10):
		f = warn("It did not end within %s.", "Look at it by itself: the disk, or what it asks, may hang.", limit)
	}
	return Result{c, f, time.Since(began)}
}

// patience is how long a look at this machine may take.
func (w *world) patience() time.Duration { return cmp.Or(w.Patience, localTime) }

// missing says why a check is not done, or "".
func (w *world) missing(needs Need) string {
	switch {
	case needs&(Network|Friend) != 0 && w.Offline:
		return "offline"
	case needs&Database != 0 && w.Store == nil:
		return "the database could not be opened, see D09"
	case needs&Domain != 0 && w.Channel.Domain == "":
		return "the channel is not known, see D09"
	case needs&Domain != 0 && w.Channel.Local:
		return "this channel is for this machine only"
	case needs&Friend != 0 && w.Via == "":
		return "only somebody outside can tell: add --via https://a-friends-tubelet"
	}
	return ""
}

func fine(format string, args ...any) Finding {
	return Finding{OK, fmt.Sprintf(format, args...), ""}
}

// warn takes the remedy before the arguments, all of which are the cause's.
func warn(cause, remedy string, args ...any) Finding {
	return Finding{Warn, fmt.Sprintf(cause, args...), remedy}
}

func fail(cause, remedy string, args ...any) Finding {
	return Finding{Fail, fmt.Sprintf(cause, args...), remedy}
}

// skip is for what turns out, while looking, not to matter here.
func skip(format string, args ...any) Finding {
	return Finding{NotAsked, fmt.Sprintf(format, args...), ""}
}

// worst returns the gravest of several findings, the first of equals.
func worst(list ...Finding) Finding {
	grave := map[Level]int{NotAsked: 0, OK: 1, Warn: 2, Fail: 3}
	found := list[0]
	for _, f := range list[1:] {
		if cmp.Compare(grave[f.Level], grave[found.Level]) > 0 {
			found = f
		}
	}
	return found
}
