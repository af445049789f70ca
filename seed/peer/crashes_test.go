package peer

import (
	"testing"
	"time"
)

// TestCrashes: five in ten minutes are too many, one a day is not.
func TestCrashes(t *testing.T) {
	for _, test := range []struct {
		name   string
		every  time.Duration
		failed bool
		pauses []time.Duration
	}{
		{"one upon the other", time.Second, true, []time.Duration{1 * time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 1 * time.Second}},
		{"one a day", 24 * time.Hour, false, []time.Duration{time.Second, time.Second, time.Second, time.Second, time.Second, time.Second}},
		{"four in the window", crashWindow / 3, false, []time.Duration{1 * time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second, 5 * time.Second}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := crashes{first: time.Second, last: 5 * time.Second}
			now := time.Unix(1_700_000_000, 0)
			for i, want := range test.pauses {
				pause, failed := c.add(now)
				if pause != want || failed != (test.failed && i == maxCrashes-1) {
					t.Errorf("crash %d: pause %v, want %v, failed %v", i+1, pause, want, failed)
				}
				now = now.Add(test.every)
			}
		})
	}
}
