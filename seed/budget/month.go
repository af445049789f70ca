package budget

import "time"

// month counts the calendar month (UTC) and ends it softly: when a tenth is left, the line
// is slowed so that the rest lasts to the month's end. So there is no day on which nothing
// plays: leases and starts come first, peers multiply them. Only when the rest is gone too
// (the limit was lowered) a trickle of a hundredth of the month remains.
type month struct {
	limit int64
	used  int64
	first time.Time // the month's first instant
	other Used      // the month before a change: clocks jump, and jump back
}

const (
	softPart    = 0.1
	tricklePart = 0.01
)

func monthOf(now time.Time) time.Time {
	now = now.UTC()
	return time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// add counts n bytes and begins a new month when it is due. A clock that was a month ahead
// for a while takes nothing away: what was counted then belongs to this month too.
func (m *month) add(now time.Time, n int64) {
	switch first := monthOf(now); {
	case first.After(m.first):
		before := Used{m.first, m.used}
		m.first, m.used = first, 0
		if m.other.Month.Equal(first) {
			m.used = m.other.Bytes
		}
		m.other = before
	case first.Before(m.first) && m.other.Month.Equal(first):
		m.first, m.used, m.other = first, m.used+m.other.Bytes, Used{Month: m.first}
	}
	m.used += n
}

// recall takes over what was counted before, if it is this month's and more.
func (m *month) recall(u Used) {
	if monthOf(u.Month).Equal(m.first) {
		m.used = max(m.used, u.Bytes)
	}
}

// soft says that the last tenth has begun.
func (m *month) soft() bool {
	return m.limit > 0 && float64(m.limit-m.used) < softPart*float64(m.limit)
}

// rate is what the month allows now, in bytes a second; 0: as much as the line takes.
func (m *month) rate(now time.Time) float64 {
	if !m.soft() {
		return 0
	}
	end := m.first.AddDate(0, 1, 0)
	left := max(end.Sub(now).Seconds(), 60)
	trickle := tricklePart * float64(m.limit) / end.Sub(m.first).Seconds()
	return max(float64(m.limit-m.used)/left, trickle)
}
