//go:build bench

package sim

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"
)

// TestBenchSwarmCells simulates the cells of the browser benchmark (testdata/swarm) with its
// clip, its lines and its upload rate, and five draws as it has five repeats.
func TestBenchSwarmCells(t *testing.T) {
	for _, n := range []int{2, 4, 6} {
		for _, capped := range []bool{false, true} {
			for _, mixed := range []bool{false, true} {
				for _, gap := range []time.Duration{0, 5 * time.Second} {
					for _, mode := range []Mode{PlainHTTP, MediaLoader, Coordinated} {
						if os.Getenv("WAY") != "" && os.Getenv("WAY") != names()[mode] {
							continue
						}
						s := browserCell(n, capped, mixed, gap)
						s.Mode = mode
						var sum Result
						for draw := range 5 {
							s.Seed = uint64(draw) + 1
							s.Uplink = browserLines(n, mixed, draw)
							sum = sum.plus(Run(s))
						}
						name := fmt.Sprintf("%d, gap %v, capped %v, mixed %v", n, gap, capped, mixed)
						show(t, name, mode, sum.over(5), 5*n)
					}
				}
			}
		}
	}
}

func browserCell(n int, capped, mixed bool, gap time.Duration) Scenario {
	const rate = 783_000.0 / 8
	s := Scenario{Viewers: n, Length: 184 * time.Second, Rate: rate, PieceLength: 128 << 10, Origin: 100 * mbit, Arrive: Apart(gap), AllConnect: true}
	if capped {
		s.Origin = 0.92 * float64(n) * rate / 2
	}
	return s
}

// browserLines deals the lines of testdata/swarm, in its order for a repeat.
func browserLines(n int, mixed bool, repeat int) Spread {
	lines := slices.Repeat([]float64{20 * mbit}, n)
	if mixed {
		lines = map[int][]float64{2: {2, 10}, 4: {0.256, 1, 5, 20}, 6: {0.256, 1, 2, 5, 10, 20}}[n]
		lines = slices.Clone(lines)
		for i := range lines {
			lines[i] *= mbit
		}
	}
	dealt := make([]float64, n)
	for i := range lines {
		dealt[(i*5+repeat)%n] = lines[i]
	}
	next := -1
	return func(*rand.Rand) float64 {
		next++
		return dealt[next%n]
	}
}
