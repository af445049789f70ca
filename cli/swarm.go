package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/server/share"
	"github.com/tubelet/tubelet/store"
)

const (
	swarmAhead = 8 * time.Second // how far ahead the server is asked to tell; it is asked again half-way
	swarmWait  = 5 * time.Second // for a first answer: who is slower does not run
	swarmLook  = 250 * time.Millisecond
)

func newSwarm(a *app.App) *cobra.Command {
	var once bool
	c := &cobra.Command{
		Use:   "swarm",
		Short: "Watch who shares what, and what the upload carries",
		Long: `Shows what goes on while the server runs: how many viewers share, the peers of each video,
the upload by the way it takes, and what viewers had from each other, now, today and this
month. On a terminal it goes on until Ctrl-C; elsewhere it says it once.`,
		Example: "  tubelet swarm\n  tubelet swarm --json",
		Args:    line.Words(),
		RunE: func(c *cobra.Command, _ []string) error {
			return runSwarm(c.Context(), a, once || a.JSON || !a.Term.OutTTY)
		},
	}
	c.Flags().BoolVar(&once, "once", false, "say it once on a terminal too")
	line.Exits(c, exit.NotFound)
	return c
}

func runSwarm(ctx context.Context, a *app.App, once bool) error {
	s, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	w := &swarmWatch{session: s}
	first, err := w.first(ctx)
	if err != nil {
		return err
	}
	if once {
		return a.Answer(first, func() error { return a.Printf("%s", swarmText(a.Term, first, nil)) })
	}
	return w.live(ctx, a.Term, first)
}

// swarmWatch asks the server for its figures, through the database.
type swarmWatch struct {
	session *app.Session
	asked   time.Time
	seen    time.Time // when the last figures were told
}

// first waits for figures that are told now. Without any, no server runs, and what was
// counted until it stopped is all there is.
func (w *swarmWatch) first(ctx context.Context) (wire.Swarm, error) {
	w.seen = time.Now()
	for begun := w.seen; time.Since(begun) < swarmWait; {
		got, err := w.next(ctx)
		if got != nil || err != nil {
			return *cmp.Or(got, new(wire.Swarm)), err
		}
	}
	f := share.Figures{Seed: "off"}
	var err error
	if f.Today, f.Month, err = w.session.Store.Traffic(ctx, time.Now()); err != nil {
		return wire.Swarm{}, err
	}
	f.Limit.Rate, f.Limit.Month, err = share.Limits(ctx, w.session.Store)
	return wire.NewSwarm(f, time.Time{}, nil), err
}

// next waits a little and returns figures when there are new ones.
func (w *swarmWatch) next(ctx context.Context) (*wire.Swarm, error) {
	if now := time.Now(); now.Sub(w.asked) > swarmAhead/2 {
		if err := w.session.Store.AskFigures(ctx, now.Add(swarmAhead)); err != nil {
			return nil, err
		}
		w.asked = now
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(swarmLook):
	}
	told, err := w.session.Store.Figures(ctx)
	if err != nil || !told.At.After(w.seen) {
		return nil, err
	}
	w.seen = told.At
	var f share.Figures
	if err := json.Unmarshal(told.JSON, &f); err != nil {
		return nil, fmt.Errorf("read the server's figures: %w", err)
	}
	titles := map[string]string{}
	for _, one := range f.Swarms {
		if v, err := w.session.Store.Video(ctx, one.Video); err == nil {
			titles[one.Video] = v.Title
		}
	}
	s := wire.NewSwarm(f, told.At, titles)
	return &s, nil
}

// live draws figures as they come, until Ctrl-C, which is how one leaves.
func (w *swarmWatch) live(ctx context.Context, t *term.Terminal, first wire.Swarm) error {
	defer t.Screen()()
	var past []wire.Ways
	for now := &first; ; {
		if now != nil {
			past = append(past[max(0, len(past)-swarmPast):], now.Rate)
			if _, err := fmt.Fprint(t.Out, t.Redraw()+swarmText(t, *now, past)); err != nil {
				return err
			}
		}
		var err error
		if now, err = w.next(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if now == nil && time.Since(w.seen) > swarmWait {
			return store.Errorf(store.ErrNotFound, "the server has stopped")
		}
	}
}

const (
	swarmPast = 600 // seconds that the graph remembers
	swarmRows = 12  // renditions shown
)

// swarmText is one screen. past holds the rates so far, nil for no graph.
func swarmText(t *term.Terminal, s wire.Swarm, past []wire.Ways) string {
	var b strings.Builder
	if !s.Running {
		fmt.Fprintln(&b, "No server runs. What was counted:")
	} else {
		fmt.Fprintf(&b, "%s  %s\n", t.Paint(term.Bold, fmt.Sprintf("%d viewers share, %d mirrors help", s.Viewers, len(s.Mirrors))), s.At.Local().Format(time.TimeOnly))
	}
	sum := func(of string, rate, today, month int64) {
		fmt.Fprintf(&b, "%-20s%10s%12s%12s\n", of, mbit(rate), term.Bytes(today), term.Bytes(month))
	}
	fmt.Fprintln(&b, t.Paint(term.Dim, fmt.Sprintf("%-20s%10s%12s%12s", "WAY", "MBIT/S", "TODAY", "THIS MONTH")))
	sum("HTTP", s.Rate.HTTP, s.Today.HTTP, s.Month.HTTP)
	sum("HTTP to the swarm", s.Rate.Swarm, s.Today.Swarm, s.Month.Swarm)
	sum("WebRTC", s.Rate.WebRTC, s.Today.WebRTC, s.Month.WebRTC)
	sum("TCP and uTP", s.Rate.TCP, s.Today.TCP, s.Month.TCP)
	sum("upload in all", s.Rate.Sent(), s.Today.Sent(), s.Month.Sent())
	sum("among viewers", s.Rate.Peers, s.Today.Peers, s.Month.Peers)
	fmt.Fprintln(&b, limitText(s))
	if past != nil {
		swarmGraph(&b, t, s, past)
	}
	swarmTable(&b, t, s)
	return b.String()
}

func limitText(s wire.Swarm) string {
	text := "No limit on the upload."
	switch {
	case s.Limit.Rate > 0 && s.Limit.Month > 0:
		text = fmt.Sprintf("Limit %s Mbit/s and %s a month.", mbit(s.Limit.Rate), term.Bytes(s.Limit.Month))
	case s.Limit.Rate > 0:
		text = fmt.Sprintf("Limit %s Mbit/s.", mbit(s.Limit.Rate))
	case s.Limit.Month > 0:
		text = fmt.Sprintf("Limit %s a month.", term.Bytes(s.Limit.Month))
	}
	if s.Short {
		text += " The upload is short: new viewers start lower."
	}
	return text
}

func swarmGraph(b *strings.Builder, t *term.Terminal, s wire.Swarm, past []wire.Ways) {
	width := min(swarmPast, max(20, t.Width-14))
	var up, peers []float64
	for _, p := range past {
		up, peers = append(up, float64(p.Sent())), append(peers, float64(p.Peers))
	}
	fmt.Fprintf(b, "\nupload   %s\nviewers  %s\n", term.Graph(up, width, float64(s.Limit.Rate)), t.Paint(term.Green, term.Graph(peers, width, 0)))
}

func swarmTable(b *strings.Builder, t *term.Terminal, s wire.Swarm) {
	if len(s.Swarms) == 0 {
		return
	}
	out := *t
	out.Out = b
	table := term.Table{Columns: []term.Column{
		{Title: "VIDEO", Cut: true}, {Title: "RENDITION"}, {Title: "VIEWERS", Right: true}, {Title: "MIRRORS", Right: true},
		{Title: "PEERS", Right: true}, {Title: "FROM PEERS", Right: true},
	}}
	for _, one := range s.Swarms[:min(len(s.Swarms), swarmRows)] {
		table.Rows = append(table.Rows, []string{
			cmp.Or(one.Title, one.Video), one.Rendition, fmt.Sprint(one.Viewers), fmt.Sprint(one.Mirrors),
			fmt.Sprint(one.Peers), term.Bytes(one.FromPeers),
		})
	}
	fmt.Fprintln(b)
	_ = out.Write(table) // into memory
	if more := len(s.Swarms) - swarmRows; more > 0 {
		fmt.Fprintf(b, "and %d more\n", more)
	}
}

// mbit writes bytes a second as providers count a line.
func mbit(bytes int64) string { return fmt.Sprintf("%.1f", float64(bytes)*8/1e6) }
