//go:build bench

package sim

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/seed/swarm"
)

// row is one line of the table: the scenario, how many draws, and for which modes.
type row struct {
	name  string
	s     Scenario
	draws int
}

// small are the rows of up to fifty viewers: three minutes of 2 Mbit/s.
func small() []row {
	cell := func(name string, n int, line float64, up Spread, arrive func(int) time.Duration, draws int) row {
		return row{name, Scenario{Viewers: n, Length: 180 * time.Second, Rate: 2 * mbit, Origin: line * mbit, Uplink: up, Arrive: arrive}, draws}
	}
	churn := func(r row) row {
		r.name += ", churn"
		r.s.Churn = true
		return r
	}
	mirror := func(r row, up float64) row {
		r.name += fmt.Sprintf(", mirror of %g", up)
		r.s.Mirrors = []float64{up * mbit}
		return r
	}
	together, apart := Together(6, time.Second), Apart(5*time.Second)
	plain := cell("20, 2 s apart, 20, a fifth plain", 20, 20, Mixed, Apart(2*time.Second), 10)
	plain.s.Plain = 0.2
	return []row{
		cell("2, 5 s apart, open (5 up)", 2, 100, Even(5*mbit), apart, 10),
		cell("2, 5 s apart, half (5 up)", 2, 2, Even(5*mbit), apart, 10),
		cell("6 together, open", 6, 100, Mixed, together, 20),
		cell("6, 5 s apart, open", 6, 100, Mixed, apart, 20),
		cell("6 together, half", 6, 6, Mixed, together, 20),
		cell("6 together, half (20 up)", 6, 6, Even(20*mbit), together, 10),
		cell("6, 5 s apart, half", 6, 6, Mixed, apart, 20),
		cell("6, 5 s apart, half (20 up)", 6, 6, Even(20*mbit), apart, 10),
		churn(cell("6, 5 s apart, half", 6, 6, Mixed, apart, 20)),
		cell("20, 5 s apart, half (1-2 up)", 20, 20, Poor, apart, 5),
		plain,
		cell("50 in 2 s, open", 50, 100, Mixed, Together(50, 2*time.Second), 5),
		cell("50 in 2 s, half", 50, 50, Mixed, Together(50, 2*time.Second), 5),
		churn(cell("50, 2 s apart, 20", 50, 20, Mixed, Apart(2*time.Second), 5)),
		mirror(cell("1", 1, 6, Mixed, together, 5), 10),
		mirror(cell("6 together, half", 6, 6, Mixed, together, 10), 10),
		mirror(churn(cell("50, 2 s apart, 20", 50, 20, Mixed, Apart(2*time.Second), 5)), 20),
	}
}

// large are a thousand viewers of ten minutes on the FCC's uplinks, of which each gives 60 %.
func large() []row {
	cell := func(name string, line float64, arrive time.Duration, churn bool) row {
		return row{name, Scenario{Viewers: 1000, Length: 600 * time.Second, Rate: 2 * mbit, Origin: line * mbit, Uplink: FCC, Give: 0.6,
			Arrive: Together(1000, arrive), Churn: churn, Step: 100 * time.Millisecond}, 1}
	}
	return []row{
		cell("flash crowd in 30 s, line of 1000", 1000, 30*time.Second, false),
		cell("flash crowd in 30 s, line of 200", 200, 30*time.Second, false),
		cell("flash crowd in 30 s, line of 50", 50, 30*time.Second, false),
		cell("flash crowd in 30 s, line of 20", 20, 30*time.Second, false),
		cell("steady over 20 min, line of 50", 50, 20*time.Minute, false),
		cell("steady over 20 min, line of 20", 20, 20*time.Minute, false),
		cell("churn over 10 min, line of 50", 50, 10*time.Minute, true),
	}
}

// TestBenchSwarmSimulation prints the table of docs/sharing.md. ROWS chooses by name, WAY by way.
func TestBenchSwarmSimulation(t *testing.T) {
	modes := []Mode{PlainHTTP, MediaLoader, Uncoordinated, Coordinated}
	t.Log("viewers, arrival, line in Mbit/s | way | origin X | of played | stall s/min | start p50/p95 | waste | up p50/p95 | ended")
	for _, r := range append(small(), large()...) {
		if !strings.Contains(r.name, os.Getenv("ROWS")) {
			continue
		}
		for _, mode := range modes {
			if os.Getenv("WAY") != "" && os.Getenv("WAY") != names()[mode] {
				continue
			}
			if len(r.s.Mirrors) > 0 && mode != Coordinated || r.s.Viewers >= 1000 && mode == Uncoordinated {
				continue
			}
			r.s.Mode = mode
			show(t, r.name, mode, Mean(r.s, r.draws), r.draws*r.s.Viewers)
		}
	}
}

func names() [4]string {
	return [...]string{"plain HTTP", "p2p-media-loader", "uncoordinated", "coordinated"}
}

func show(t *testing.T, name string, mode Mode, r Result, viewers int) {
	way := names()[mode]
	line := fmt.Sprintf("%s | %s | %.2f | %.2f %% | %.2f | %.1f/%.1f | %.1f %% | %.2f/%.2f | %d/%d", name, way, r.OriginX, 100*r.OriginX/r.PlayedX,
		r.Stalls, r.StartP50, r.StartP95, 100*r.Waste, r.UpP50, r.UpP95, r.Ended, viewers)
	if mode == Coordinated {
		line += fmt.Sprintf(" | start %.2f first %.2f copies %.2f wishes %.2f mirror %.2f", r.StartX, r.FirstX, r.CopyX, r.WishX, r.MirrorX)
	}
	t.Log(line)
}

// TestBenchSwarmRules changes one rule at a time and keeps the rest.
func TestBenchSwarmRules(t *testing.T) {
	change := map[string]func(*swarm.Rules, *Client, *Scenario){
		"as it is":                      func(*swarm.Rules, *Client, *Scenario) {},
		"copies 2.5 s behind":           func(r *swarm.Rules, _ *Client, _ *Scenario) { r.CopyPenalty = 2.5 },
		"copies and wishes not behind":  func(r *swarm.Rules, _ *Client, _ *Scenario) { r.CopyPenalty, r.WishPenalty = 0, 0 },
		"wishes 10 s behind":            func(r *swarm.Rules, _ *Client, _ *Scenario) { r.WishPenalty = 10 },
		"no patience":                   func(r *swarm.Rules, _ *Client, _ *Scenario) { r.Patience = 1e9 },
		"no growth (a copy or none)":    func(r *swarm.Rules, _ *Client, _ *Scenario) { r.Growth, r.Margin = 0.01, -1 },
		"growth 1 s":                    func(r *swarm.Rules, _ *Client, _ *Scenario) { r.Growth = 1 },
		"growth 4 s":                    func(r *swarm.Rules, _ *Client, _ *Scenario) { r.Growth = 4 },
		"looks 30 s ahead":              func(r *swarm.Rules, c *Client, _ *Scenario) { r.LookAhead, c.Window = 30, 30 },
		"queue of 2 s":                  func(r *swarm.Rules, _ *Client, _ *Scenario) { r.Queue = 2 * time.Second },
		"queue of 0.2 s":                func(r *swarm.Rules, _ *Client, _ *Scenario) { r.Queue = 200 * time.Millisecond },
		"wishes from 6 s":               func(_ *swarm.Rules, c *Client, _ *Scenario) { c.WishFrom = 6 },
		"two pieces a peer":             func(_ *swarm.Rules, c *Client, _ *Scenario) { c.PerPeer = 2 },
		"begins with its first segment": func(_ *swarm.Rules, c *Client, _ *Scenario) { c.Steady = 0 },
		"HTTP until 5 s":                func(_ *swarm.Rules, c *Client, _ *Scenario) { c.HTTPUntil = 5 },
		"pieces of 64 KiB":              func(_ *swarm.Rules, _ *Client, s *Scenario) { s.PieceLength = 64 << 10 },
		"pieces of 256 KiB":             func(_ *swarm.Rules, _ *Client, s *Scenario) { s.PieceLength = 256 << 10 },
		"first segments of 4 s":         func(_ *swarm.Rules, _ *Client, s *Scenario) { s.LongStart = true },
		"viewers give half":             func(_ *swarm.Rules, _ *Client, s *Scenario) { s.Give = 0.5 },
		"P2P up after 3.6-8.4 s": func(_ *swarm.Rules, _ *Client, s *Scenario) {
			s.ConnectMin, s.ConnectMax = 3600*time.Millisecond, 8400*time.Millisecond
		},
		"partners at random":           func(_ *swarm.Rules, _ *Client, s *Scenario) { s.RandomPartners = true },
		"starts before leases, always": func(_ *swarm.Rules, _ *Client, s *Scenario) { s.StartsFirst = true },
	}
	for _, r := range small() {
		switch r.name {
		case "6 together, half", "6, 5 s apart, half", "50 in 2 s, half":
		default:
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(change)) {
			s := r.s
			s.Mode = Coordinated
			rules, client := swarm.DefaultRules(), DefaultClient()
			change[name](&rules, &client, &s)
			s.Rules, s.Client = &rules, &client
			got := Mean(s, 5)
			t.Logf("%s | %s | %.2f X | %.2f s/min | start %.1f/%.1f", r.name, name, got.OriginX, got.Stalls, got.StartP50, got.StartP95)
		}
	}
}
