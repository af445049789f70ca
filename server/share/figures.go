package share

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tubelet/tubelet/seed/tracker"
	"github.com/tubelet/tubelet/store"
)

// Figures is what `tubelet swarm` shows. A way is http (to players and downloads), swarm
// (HTTP that the swarm asked for), webrtc, tcp (uTP too), or peers, which is what viewers
// had from each other.
type Figures struct {
	Viewers int                   `json:"viewers"` // that share
	Swarms  []tracker.SwarmStats  `json:"swarms"`
	Mirrors []tracker.MirrorStats `json:"mirrors"`
	Rate    map[string]float64    `json:"rate"`  // bytes a second, by way
	Today   store.Traffic         `json:"today"` // bytes by way
	Month   store.Traffic         `json:"month"`
	Limit   Limit                 `json:"limit"`
	Short   bool                  `json:"short"` // the upload is in short supply
	Seed    string                `json:"seed"`  // state of the seed, "off" without one
}

// Limit is what the settings allow; 0 is no limit.
type Limit struct {
	Rate  int64 `json:"rate"`  // bytes a second
	Month int64 `json:"month"` // bytes
}

// longestAsked is more than anybody asks for at once: what lies further ahead was asked under a
// clock that was wrong, and would have the disk written to each second until then.
const longestAsked = time.Minute

// watching writes figures while a command looks on, and costs nothing while none does.
type watching struct {
	share *Share
	until time.Time
	last  store.Traffic // counts when the last figures were written, nil at first
	at    time.Time
}

// heed sees whether somebody looks on.
func (w *watching) heed(ctx context.Context) (err error) {
	w.until, err = w.share.cfg.Store.FiguresAsked(ctx)
	return err
}

// tell writes the figures of the last second. The first time it only begins to measure.
func (w *watching) tell(ctx context.Context, now time.Time) error {
	if left := w.until.Sub(now); left <= 0 || left > longestAsked {
		w.last = nil
		return nil
	}
	counts := w.share.traffic.counts()
	last, since := w.last, now.Sub(w.at).Seconds()
	w.last, w.at = counts, now
	if last == nil || since <= 0 {
		return nil
	}
	rate := map[string]float64{}
	for way, n := range counts {
		rate[way] = float64(n-last[way]) / since
	}
	f, err := w.share.figures(ctx, now)
	if err != nil {
		return err
	}
	f.Rate = rate
	text, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("write figures: %w", err)
	}
	return w.share.cfg.Store.TellFigures(ctx, store.Figures{At: now, JSON: text})
}

// Counts is what videos uploaded since the start, by way, and how many viewers share now.
func (s *Share) Counts() (store.Traffic, int) { return s.traffic.counts(), s.tracker.Stats().Viewers }

func (s *Share) figures(ctx context.Context, now time.Time) (Figures, error) {
	stats := s.tracker.Stats()
	f := Figures{Viewers: stats.Viewers, Swarms: stats.Swarms, Mirrors: stats.Mirrors, Short: s.Short(), Seed: "off"}
	if r := s.seeder.current(); r != nil {
		f.Seed = r.seed.Stats().State
	}
	var err error
	if f.Today, f.Month, err = s.cfg.Store.Traffic(ctx, now); err != nil {
		return f, err
	}
	for way, n := range s.traffic.unstored() {
		f.Today[way] += n
		f.Month[way] += n
	}
	f.Limit.Rate, f.Limit.Month, err = Limits(ctx, s.cfg.Store)
	return f, err
}

// Limits reads the settings upload.rate and upload.month, in bytes.
func Limits(ctx context.Context, s *store.Store) (rate, month int64, err error) {
	var values [2]int64
	for i, key := range []string{"upload.rate", "upload.month"} {
		text, err := s.Setting(ctx, key)
		if err == nil {
			values[i], err = store.ParseBytes(text)
		}
		if err != nil {
			return 0, 0, fmt.Errorf("read setting %s: %w", key, err)
		}
	}
	return values[0], values[1], nil
}
