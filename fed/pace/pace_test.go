package pace_test

import (
	"testing"
	"time"

	"github.com/tubelet/tubelet/fed/pace"
)

var start = time.Unix(1_000_000, 0)

// taken returns how many of n turns a key gets at a moment.
func taken(t *pace.Turns[int], n, key int, at time.Time) (got int) {
	for range n {
		if t.Take(key, at) {
			got++
		}
	}
	return got
}

func TestTake(t *testing.T) {
	turns := &pace.Turns[int]{Every: 10 * time.Second, AtOnce: 3, Most: 10}
	for _, step := range []struct {
		name string
		at   time.Duration
		key  int
		want int
	}{
		{"a few at once", 0, 1, 3},
		{"none is back", 9 * time.Second, 1, 0},
		{"one is back", 10 * time.Second, 1, 1},
		{"another has all", 10 * time.Second, 2, 3},
		{"two are back, and a half", 35 * time.Second, 1, 2},
		{"the half was kept", 40 * time.Second, 1, 1},
		{"never more than all", time.Hour, 1, 3},
		{"the clock was set back", -time.Hour, 1, 0},
		{"from nothing", -time.Hour + 10*time.Second, 1, 1},
	} {
		if got := taken(turns, 5, step.key, start.Add(step.at)); got != step.want {
			t.Errorf("%s: %d turns, want %d", step.name, got, step.want)
		}
	}
}

// Strangers cannot fill the memory: when there are too many, those who have all turns go first.
func TestMost(t *testing.T) {
	for _, test := range []struct {
		name   string
		closed bool
		want   bool
	}{{"open", false, true}, {"closed", true, false}} {
		t.Run(test.name, func(t *testing.T) {
			turns := &pace.Turns[int]{Every: time.Second, AtOnce: 2, Most: 3, Closed: test.closed}
			taken(turns, 2, 1, start) // back after two seconds, the others after one
			for key := 2; key <= 3; key++ {
				turns.Take(key, start)
			}
			later := start.Add(time.Second)
			if !turns.Take(4, later) || taken(turns, 2, 1, later) != 1 {
				t.Error("there is no room for another, or the busy one was forgotten")
			}
			turns.Take(5, later)
			if got := turns.Take(6, later); got != test.want {
				t.Errorf("one too many: %v, want %v", got, test.want)
			}
			if again := taken(turns, 2, 1, later); again > 0 == test.closed {
				t.Errorf("the busy one has %d turns", again)
			}
		})
	}
}
