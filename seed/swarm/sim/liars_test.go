package sim

import (
	"testing"
	"time"
)

// TestLiars: viewers who say that they have everything, and have nothing, do not end the first
// copies on which the others live. Believed, ten of them cost six viewers 4.6 X and 30 stall
// seconds a minute.
func TestLiars(t *testing.T) {
	honest := Mean(six(Coordinated, Together(6, time.Second)), 5)
	for _, liars := range []int{1, 10} {
		s := six(Coordinated, Together(6, time.Second))
		s.Liars = liars
		r := Mean(s, 5)
		t.Logf("six, %d liars: %.2f X, %.2f stall seconds a minute", liars, r.OriginX, r.Stalls)
		if r.FirstX < 0.9 || r.OriginX > honest.OriginX+0.3 || r.Stalls > honest.Stalls+0.7 || r.Ended != 30 {
			t.Errorf("six, %d liars: %.2f X and %.2f stall seconds a minute, %.2f without; %.2f X first copies, %d ended",
				liars, r.OriginX, r.Stalls, honest.OriginX, r.FirstX, r.Ended)
		}
	}
}

// TestLiarsInCrowd: the same for two hundred, of whom one in ten lies.
func TestLiarsInCrowd(t *testing.T) {
	s := Scenario{Mode: Coordinated, Viewers: 200, Length: 120 * time.Second, Rate: 2 * mbit, Origin: 50 * mbit,
		Uplink: FCC, Give: 0.6, Arrive: Together(200, 10*time.Second), Step: 100 * time.Millisecond, Liars: 20}
	r := Mean(s, 1)
	t.Logf("%.2f X, %.2f stall seconds a minute", r.OriginX, r.Stalls)
	if r.FirstX < 0.9 || r.OriginX > 12 || r.Stalls > 1 || r.Ended != 200 {
		t.Errorf("%.2f X of 200, %.2f stall seconds a minute, %.2f X first copies, %d ended", r.OriginX, r.Stalls, r.FirstX, r.Ended)
	}
}
