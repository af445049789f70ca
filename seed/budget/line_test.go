package budget

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func claim(viewer string, class Class, slack time.Duration) Claim {
	return Claim{Viewer: viewer, Class: class, Slack: slack}
}

// drainLine pops everybody and returns the viewers in their order.
func drainLine(l *Line, now time.Time) string {
	var order []string
	for {
		t := l.Pop(now)
		if t == nil {
			return strings.Join(order, " ")
		}
		order = append(order, t.Claim.Viewer)
	}
}

func TestOrder(t *testing.T) {
	second := time.Second
	for _, tc := range []struct {
		name   string
		claims []Claim
		want   string
	}{
		{"classes", []Claim{claim("bulk", Bulk, 0), claim("plain", Plain, 0), claim("lease", Leased, second), claim("start", Start, 0)},
			"start lease plain bulk"},
		{"leases by deadline", []Claim{claim("far", Leased, 9*second), claim("near", Leased, 1*second), claim("late", Leased, -second)},
			"late near far"},
		{"starts first come first served", []Claim{claim("a", Start, 0), claim("b", Start, 0), claim("c", Start, 0)}, "a b c"},
		{"a plain player counts as three seconds", []Claim{claim("far", Leased, 4*second), claim("plain", Plain, 0), claim("near", Leased, 2*second)},
			"near plain far"},
		{"a plain player's own word counts nothing", []Claim{claim("liar", Plain, -9*second), claim("near", Leased, 2*second)}, "near liar"},
		{"turns by viewer, not by request", []Claim{claim("greedy", Bulk, 0), claim("greedy", Bulk, 0), claim("greedy", Bulk, 0), claim("modest", Bulk, 0)},
			"greedy modest greedy greedy"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, now := NewLine(), time.Unix(1000, 0)
			for _, c := range tc.claims {
				l.Push(now, c, 1000)
			}
			if got := drainLine(l, now); got != tc.want {
				t.Errorf("left in the order %q, want %q", got, tc.want)
			}
		})
	}
}

// TestNobodyStarves keeps every class waiting and counts who leaves, whether leases are needed
// now or in a while.
func TestNobodyStarves(t *testing.T) {
	for _, slack := range []time.Duration{0, 2 * plainSlack} {
		l, now := NewLine(), time.Unix(1000, 0)
		push := func(c Class) { l.Push(now, claim(fmt.Sprint(c), c, slack), 16<<10) }
		for c := range Classes {
			push(c)
		}
		var sent [Classes]float64
		for range 1000 {
			ticket := l.Pop(now)
			sent[ticket.Claim.Class]++
			push(ticket.Claim.Class)
		}
		for class, least := range map[Class]float64{Start: 300, Leased: 490, Plain: 95, Bulk: 48} {
			if sent[class] < least {
				t.Errorf("leases needed in %v: class %d got %v of 1000 parts, want at least %v", slack, class, sent[class], least)
			}
		}
	}
}

// TestNothingIsSavedUp sees that a class that did not wait has no claim on the past.
func TestNothingIsSavedUp(t *testing.T) {
	l, now := NewLine(), time.Unix(1000, 0)
	for range 100 {
		l.Push(now, claim("s", Start, 0), 16<<10)
		l.Pop(now)
	}
	l.Push(now, claim("bulk", Bulk, 0), 1000)
	l.Push(now, claim("start", Start, 0), 1000)
	if got := drainLine(l, now); got != "start bulk" {
		t.Errorf("left in the order %q", got)
	}
}

// TestGuard sees that a plain player gets its burst and then 1.2 times its media's rate while
// others wait, with as many requests open as it likes, and all that is left when nobody does.
func TestGuard(t *testing.T) {
	for _, tc := range []struct {
		name string
		bulk bool
		want float64
	}{
		{"a download waits", true, 1.2 * 100_000 * (60 + guardBurst.Seconds())},
		{"nobody waits", false, 60 * 1_000_000},
	} {
		l, now := NewLine(), time.Unix(1000, 0)
		l.Push(now, Claim{Viewer: "plain", Class: Plain, Rate: 100_000}, 10_000)
		if tc.bulk {
			l.Push(now, claim("bulk", Bulk, 0), 10_000)
		}
		sent := 0.0
		for range 60 * 100 { // a line of a megabyte a second
			ticket := l.Pop(now)
			if ticket.Claim.Class == Plain {
				sent += float64(ticket.Bytes)
			}
			l.Push(now, ticket.Claim, ticket.Bytes)
			now = now.Add(10 * time.Millisecond)
		}
		if sent < 0.98*tc.want || sent > 1.02*tc.want {
			t.Errorf("%s: a guarded player got %.0f bytes, want about %.0f", tc.name, sent, tc.want)
		}
	}
}

func TestLeave(t *testing.T) {
	for class := range Classes {
		l, now := NewLine(), time.Unix(1000, 0)
		gone := l.Push(now, claim("gone", class, 0), 1000)
		l.Push(now, claim("stays", class, 0), 1000)
		l.Leave(gone)
		if got := drainLine(l, now); got != "stays" {
			t.Errorf("class %d: left in the order %q", class, got)
		}
		if l.Waiting() {
			t.Errorf("class %d: somebody still waits in an empty line", class)
		}
	}
}

// TestForgets sees that the line does not remember every address that ever came.
func TestForgets(t *testing.T) {
	l, now := NewLine(), time.Unix(1000, 0)
	for i := range 10_000 {
		l.Push(now, claim(fmt.Sprint(i), Bulk, 0), 1000)
		l.Pop(now)
		now = now.Add(100 * time.Millisecond)
	}
	if n := len(l.fair[1].viewers); n > 1300 {
		t.Errorf("remembers %d viewers of the last two minutes, who were 1200", n)
	}
}
