package budget

import (
	"sync/atomic"
	"time"
)

// Counts is what has left, by way.
type Counts struct {
	All   [Ways]int64 // since the start of the process
	Day   [Ways]int64 // since midnight UTC, or the start of the process
	Month Used        // this calendar month (UTC), earlier runs included
}

// counters count without a lock; the day is a difference taken when somebody looks.
type counters struct {
	all     [Ways]atomic.Int64
	day     time.Time
	morning [Ways]int64 // all, when the day began
}

func midnight(now time.Time) time.Time {
	return now.UTC().Truncate(24 * time.Hour)
}

func (c *counters) start(now time.Time) { c.day = midnight(now) }

func (c *counters) add(way Way, n int64) {
	if way < 0 || way >= Ways {
		way = HTTP
	}
	c.all[way].Add(n)
}

// read is also what notices a new day: a day begins with the first look at it.
func (c *counters) read(now time.Time) (counts Counts) {
	for way := range counts.All {
		counts.All[way] = c.all[way].Load()
	}
	if today := midnight(now); today.After(c.day) {
		c.day, c.morning = today, counts.All
	}
	for way := range counts.Day {
		counts.Day[way] = counts.All[way] - c.morning[way]
	}
	return counts
}
