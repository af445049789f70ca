// Package follow shows the events of long work, a publish above all: to people as a moving
// line and the addresses that matter, to programs as one JSON object a line.
package follow

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
)

// Reporter shows the events of one piece of work.
type Reporter struct {
	term     *term.Terminal
	site     wire.Site
	json     bool
	progress *term.Progress
	told     map[string]bool // what was said and is not said twice
}

// New returns a reporter that has said nothing yet.
func New(t *term.Terminal, site wire.Site, json bool) *Reporter {
	return &Reporter{term: t, site: site, json: json, progress: t.NewProgress(), told: map[string]bool{}}
}

// Report shows one event. It is called by one goroutine at a time.
func (r *Reporter) Report(e work.Event) {
	if e.Kind != work.EventProgress && r.twice(e.Kind+" "+e.Job.Kind+" "+e.Reason) {
		return
	}
	if r.json {
		r.print(r.site.Event(e))
		return
	}
	switch e.Kind {
	case work.EventProgress:
		r.progress.Show(term.Step{Stage: e.Stage, Percent: e.Percent, Speed: e.Speed, ETA: e.ETA})
	case work.EventWatchable:
		r.say(term.Green, "Watchable", e.Video)
	case work.EventDone:
		r.say(term.Green, "Done", e.Video)
	case work.EventWaiting:
		r.note("Waiting (" + e.Job.Kind + "): " + e.Reason)
	case work.EventFailed:
		r.note("Failed (" + e.Job.Kind + "): " + e.Reason)
	}
}

// Follow looks on while the stored video v is worked at, unless nobody wants to wait. From
// here on an interrupt loses nothing.
func (r *Reporter) Follow(ctx context.Context, w *work.Worker, v store.Video, rev int, noWait bool) error {
	if noWait {
		r.Stored(v)
		return nil
	}
	err := w.Follow(ctx, v.ID, rev, r.Report)
	r.Clear()
	if ctx.Err() != nil && err != nil {
		return &exit.DetachedError{ID: v.ID}
	}
	return err
}

// Stored shows that v is safe, with what follows left to others.
func (r *Reporter) Stored(v store.Video) {
	if r.json {
		r.print(r.site.Milestone("stored", v))
		return
	}
	r.say(term.Bold, "Stored", v)
}

// Clear takes the moving line away: what is printed next is not ours.
func (r *Reporter) Clear() { r.progress.Clear() }

func (r *Reporter) twice(what string) bool {
	before := r.told[what]
	r.told[what] = true
	return before
}

// print writes one line. Where standard output is gone there is nobody to be told so, and
// the work goes on.
func (r *Reporter) print(event any) {
	_ = json.NewEncoder(r.term.Out).Encode(event)
}

func (r *Reporter) say(style term.Style, what string, v store.Video) {
	r.progress.Clear()
	if note := hidden(v); note != "" {
		what += " (" + note + ")"
	}
	fmt.Fprintf(r.term.Out, "%s %s\n", r.term.Paint(style, what+":"), r.site.Address(v))
}

func (r *Reporter) note(text string) {
	r.progress.Clear()
	fmt.Fprintln(r.term.Err, term.Clean(text))
}

// hidden says why strangers do not find v.
func hidden(v store.Video) string {
	switch {
	case v.Visibility == store.Draft:
		return "draft, for you alone"
	case !v.PublishAt.IsZero() && v.PublishedAt.IsZero():
		return "for you alone until " + term.Time(v.PublishAt)
	case v.Visibility == store.Unlisted:
		return "unlisted"
	}
	return ""
}
