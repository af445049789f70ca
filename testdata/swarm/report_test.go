//go:build bench

package swarm

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// figures are what is reported of a run.
type figures struct {
	origin   float64 // media bytes over HTTP, in multiples of the file
	wire     float64 // all that left the home, in multiples of the file
	shared   float64 // bytes over data channels, in multiples of the file
	events   float64
	stalled  float64 // seconds, all viewers
	late     float64 // the same by the clock
	first    float64 // median seconds from navigation to the first frame
	slowest  float64
	wasted   float64 // beyond one copy of the file, viewers that ended, in multiples of the file
	cpu      float64
	ended    float64
	stallMin float64 // stall seconds per viewer-minute
}

func figuresOf(r run) figures {
	size := float64(r.Size)
	f := figures{wire: float64(r.Wire) / size, cpu: r.CPU}
	var firsts []float64
	var watched float64
	for _, v := range r.Viewers {
		f.origin += float64(v.HTTP) / size
		f.shared += float64(v.In) / size
		for _, s := range v.Stalls {
			f.events++
			f.stalled += s.Seconds
		}
		f.late += v.Late
		watched += v.Played + v.Late
		first := v.FirstFrame / 1000
		if first == 0 { // it never came
			first = r.Seconds
		}
		firsts = append(firsts, first)
		if v.Ended {
			f.ended++
			f.wasted += max(0, float64(v.HTTP+v.In)/size-1)
		}
	}
	f.first, f.slowest = median(firsts), slices.Max(firsts)
	f.stallMin = f.stalled / max(watched/60, 1e-9)
	return f
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[half-1] + sorted[half]) / 2
	}
	return sorted[half]
}

// middle takes the median of each figure by itself.
func middle(all []figures) figures {
	of := func(pick func(figures) float64) float64 {
		var values []float64
		for _, f := range all {
			values = append(values, pick(f))
		}
		return median(values)
	}
	return figures{
		of(func(f figures) float64 { return f.origin }), of(func(f figures) float64 { return f.wire }),
		of(func(f figures) float64 { return f.shared }), of(func(f figures) float64 { return f.events }),
		of(func(f figures) float64 { return f.stalled }), of(func(f figures) float64 { return f.late }),
		of(func(f figures) float64 { return f.first }), of(func(f figures) float64 { return f.slowest }),
		of(func(f figures) float64 { return f.wasted }), of(func(f figures) float64 { return f.cpu }),
		of(func(f figures) float64 { return f.ended }), of(func(f figures) float64 { return f.stallMin }),
	}
}

const heading = "| cell | way | runs | origin X | wire X | shared X | stalls, events / s | s per viewer-minute | first frame s, median / last | wasted X | server CPU s | ended |"

func row(cell, way string, runs, viewers int, f figures) string {
	return fmt.Sprintf("| %s | %s | %d | %.2f | %.2f | %.2f | %.0f / %.1f (clock %.1f) | %.2f | %.1f / %.1f | %.2f | %.1f | %.0f/%d |",
		cell, way, runs, f.origin, f.wire, f.shared, f.events, f.stalled, f.late, f.stallMin, f.first, f.slowest, f.wasted, f.cpu, f.ended, viewers)
}

// describe is the line of one run.
func describe(r run) string {
	line := row(r.Cell, r.Way, 1, len(r.Viewers), figuresOf(r)) + fmt.Sprintf(" load %s, busy %.0f %%", r.Load, 100*r.Busy)
	for i, v := range r.Viewers {
		for _, fault := range v.Faults {
			first, _, _ := strings.Cut(fault, "\n")
			line += fmt.Sprintf("\n  viewer %d: %s", i, first)
		}
	}
	return line
}

// report prints a cell's medians and checks them against what was asked.
func report(t *testing.T, c cell, ways []string, runs map[string][]run) {
	t.Helper()
	t.Log(heading)
	by := map[string]figures{}
	for _, way := range ways {
		var all []figures
		for _, r := range runs[way] {
			all = append(all, figuresOf(r))
		}
		by[way] = middle(all)
		t.Log(row(c.name(), way, len(all), c.viewers, by[way]))
	}
	mine, measured := by[ours]
	if !measured {
		return
	}
	if most := asked(c); mine.origin > most {
		t.Errorf("%s: the origin sent %.2f X, asked at most %.2f", c.name(), mine.origin, most)
	}
	if c.capped && mine.stallMin > 1 {
		t.Errorf("%s: %.2f stall seconds per viewer-minute, asked at most 1", c.name(), mine.stallMin)
	}
	if other, ok := by[opponent]; ok && (mine.origin > other.origin || mine.stalled > other.stalled) {
		t.Errorf("%s: %.2f X and %.1f s of stalls, p2p-media-loader %.2f X and %.1f s", c.name(), mine.origin, mine.stalled, other.origin, other.stalled)
	}
	if c.viewers == 6 && c.capped && !c.mixed && (mine.stalled > 0 || mine.ended < 6) {
		t.Errorf("%s: %.1f s of stalls and %.0f of 6 ended, asked none and all", c.name(), mine.stalled, mine.ended)
	}
}

// asked is the most that the origin may send in a cell, in multiples of the file.
func asked(c cell) float64 {
	together := c.gap == 0
	switch {
	case c.viewers != 6:
		return float64(c.viewers)
	case !c.capped && together:
		return 1.6
	case !c.capped:
		return 1.9
	case !c.mixed:
		return 1.15
	case together:
		return 1.3
	default:
		return 1.7
	}
}
