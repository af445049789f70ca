package sim

import (
	"testing"
	"time"
)

// six is six viewers of three minutes on half the line that they need.
func six(mode Mode, arrive func(int) time.Duration) Scenario {
	return Scenario{Mode: mode, Viewers: 6, Length: 180 * time.Second, Rate: 2 * mbit, Origin: 6 * mbit, Uplink: Mixed, Arrive: arrive}
}

// TestHalfTheLine is the case that the scheduler exists for, against the other ways.
func TestHalfTheLine(t *testing.T) {
	for _, row := range []struct {
		name   string
		arrive func(int) time.Duration
		mostX  float64
	}{
		{"together", Together(6, time.Second), 1.4},
		{"5 s apart", Apart(5 * time.Second), 1.6},
	} {
		t.Run(row.name, func(t *testing.T) {
			ours := Mean(six(Coordinated, row.arrive), 10)
			if ours.OriginX > row.mostX || ours.Stalls > 1 || ours.Ended != 60 {
				t.Errorf("coordinated: %.2f X, %.2f stall seconds a minute, %d of 60 ended; want at most %.1f X and 1 s", ours.OriginX, ours.Stalls, ours.Ended, row.mostX)
			}
			for name, mode := range map[string]Mode{"plain HTTP": PlainHTTP, "p2p-media-loader": MediaLoader, "uncoordinated": Uncoordinated} {
				other := Mean(six(mode, row.arrive), 10)
				if other.OriginX <= ours.OriginX || other.Stalls <= ours.Stalls && mode != Uncoordinated {
					t.Errorf("%s: %.2f X and %.2f s, coordinated %.2f X and %.2f s", name, other.OriginX, other.Stalls, ours.OriginX, ours.Stalls)
				}
			}
		})
	}
}

// TestPlainIsPlain checks the model itself: without peers and with room enough, everybody
// fetches everything once and nothing stalls; with half the room, playing takes twice as long.
func TestPlainIsPlain(t *testing.T) {
	s := six(PlainHTTP, Apart(5*time.Second))
	s.Origin = 100 * mbit
	if r := Mean(s, 3); r.OriginX < 5.99 || r.OriginX > 6.01 || r.Stalls > 0 || r.Waste > 0.001 || r.UpP95 > 0 {
		t.Errorf("with room enough: %+v", r)
	}
	s = six(PlainHTTP, Together(6, time.Second))
	if r := Mean(s, 3); r.OriginX < 5.99 || r.Stalls < 50 || r.Stalls > 65 {
		t.Errorf("on half the line: %.2f X, %.1f stall seconds a minute, want 6 X and about 60", r.OriginX, r.Stalls)
	}
}

// TestSameSeedSameRun: a result can be looked at again.
func TestSameSeedSameRun(t *testing.T) {
	s := six(Coordinated, Apart(time.Second))
	s.Viewers, s.Churn, s.Seed = 20, true, 7
	a, b := Run(s), Run(s)
	a.TickNs, b.TickNs = 0, 0
	if a != b {
		t.Errorf("two runs differ:\n%+v\n%+v", a, b)
	}
}

// TestMirror: a friend's machine carries a lone viewer, and most of six.
func TestMirror(t *testing.T) {
	s := six(Coordinated, Together(6, time.Second))
	s.Mirrors = []float64{10 * mbit}
	if r := Mean(s, 5); r.OriginX > 0.6 || r.Stalls > 0.5 {
		t.Errorf("six viewers: %.2f X, %.2f stall seconds a minute", r.OriginX, r.Stalls)
	}
	s.Viewers, s.Arrive = 1, Together(1, 0)
	if r := Mean(s, 5); r.OriginX > 0.1 || r.MirrorX < 0.85 || r.Stalls > 0.1 {
		t.Errorf("a lone viewer: %.2f X of the origin, %.2f of the mirror, %.2f stall seconds a minute", r.OriginX, r.MirrorX, r.Stalls)
	}
}

// TestCrowd: two hundred come within ten seconds to a line that has room for twenty-five.
func TestCrowd(t *testing.T) {
	s := Scenario{Mode: Coordinated, Viewers: 200, Length: 120 * time.Second, Rate: 2 * mbit, Origin: 50 * mbit,
		Uplink: FCC, Give: 0.6, Arrive: Together(200, 10*time.Second), Step: 100 * time.Millisecond}
	if r := Mean(s, 1); r.OriginX > 0.05*200 || r.Stalls > 0.5 || r.StartP95 > 6 || r.Ended != 200 {
		t.Errorf("%.2f X of 200, %.2f stall seconds a minute, start %.1f s at the 95th percentile, %d ended", r.OriginX, r.Stalls, r.StartP95, r.Ended)
	}
}

// TestChurn: fifty come and go, seek, pause and switch.
func TestChurn(t *testing.T) {
	s := Scenario{Mode: Coordinated, Viewers: 50, Length: 180 * time.Second, Rate: 2 * mbit, Origin: 20 * mbit,
		Uplink: Mixed, Arrive: Apart(2 * time.Second), Churn: true, Step: 100 * time.Millisecond}
	r := Mean(s, 2)
	if r.OriginX > 0.3*r.PlayedX || r.Stalls > 0.5 || r.Ended != 100 {
		t.Errorf("%.2f X of %.2f played, %.2f stall seconds a minute, %d of 100 ended", r.OriginX, r.PlayedX, r.Stalls, r.Ended)
	}
}

// TestPlainPlayers: a fifth without P2P does not spoil it for the others.
func TestPlainPlayers(t *testing.T) {
	s := six(Coordinated, Apart(2*time.Second))
	s.Viewers, s.Origin, s.Plain = 20, 20*mbit, 0.2
	if r := Mean(s, 3); r.Stalls > 2 || r.OriginX > 10 {
		t.Errorf("%.2f X of 20, %.2f stall seconds a minute", r.OriginX, r.Stalls)
	}
}
