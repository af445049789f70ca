package certs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCoolDown fails again and again.
func TestCoolDown(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	var s State
	minutes := []time.Duration{15, 30, 60, 120, 240, 480, 960, 1440, 1440, 1440}
	for i, want := range minutes {
		s.begin(now)
		if got := s.wait(now).Sub(now); got != want*time.Minute || s.LastError == "" {
			t.Errorf("try %d, interrupted: waits %v, %q", i, got, s.LastError)
		}
		s.end(now, byTLS, 1, errors.New("no"))
		if got := s.wait(now).Sub(now); got != want*time.Minute || s.Failures != i+1 || s.LastError != "no" {
			t.Errorf("try %d waits %v, want %v minutes", i, got, int(want))
		}
		now = s.Next
	}
	s.begin(now)
	s.end(now, byHTTP, 1, nil)
	if s.wait(now).After(now) || s.Failures != 0 || s.LastError != "" || s.Way != byHTTP {
		t.Errorf("after a success: %+v", s)
	}
}

// TestBudget asks for attempt after attempt without a wait, as somebody at the shell may.
func TestBudget(t *testing.T) {
	data := t.TempDir()
	if err := os.Mkdir(folder(data), 0o700); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	tried := 0
	for i := range 20 {
		s, err := Status(data)
		if err != nil {
			t.Fatal(err)
		}
		if !now.Before(s.wait(now)) {
			tried++
			s.begin(now)
			s.end(now, byTLS, 1, errors.New("no"))
		}
		s.Mode = "auto"
		if err := errors.Join(s.save(folder(data)), Retry(data)); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Duration(i) * time.Second)
	}
	s, err := Status(data)
	if err != nil || tried != hourOrders || s.OrdersLeft(now) != 0 {
		t.Errorf("%d attempts, %d left, %v", tried, s.OrdersLeft(now), err)
	}
	if !s.wait(now.Add(hour)).Before(now.Add(hour)) {
		t.Error("no attempt after an hour")
	}
	for range weekOrders {
		s.Orders = append(s.Orders, now.Add(-24*time.Hour))
	}
	if !s.wait(now.Add(hour)).After(now.Add(hour)) {
		t.Error("the week's limit does not hold")
	}
}

func TestStateFile(t *testing.T) {
	data, now := t.TempDir(), time.Now()
	if err := Retry(data); err != nil {
		t.Error(err)
	}
	if s, err := Status(data); err != nil || s.Mode != "" || s.wait(now).After(now) {
		t.Errorf("of nothing: %+v, %v", s, err)
	}
	if err := os.MkdirAll(folder(data), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "{", `{"orders": 7}`, strings.Repeat("[", 10000)} {
		if err := os.WriteFile(filepath.Join(folder(data), stateFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := Status(data); err != nil || !s.wait(now).After(now.Add(firstWait-time.Second)) {
			t.Errorf("%.20q: %+v, %v", text, s, err)
		}
	}
	// The clock was wrong by years when this was written.
	if s := (State{Next: now.AddDate(5, 0, 0)}); s.wait(now).Sub(now) > longestWait {
		t.Errorf("waits until %v", s.wait(now))
	}
	mended := State{Next: now.AddDate(5, 0, 0), Orders: []time.Time{now.Add(-hour), now.AddDate(5, 0, 0), now.Add(-2 * week)}}
	if mended.mend(now); !mended.Next.Equal(now.Add(firstWait)) || len(mended.Orders) != 1 || !mended.Orders[0].Equal(now.Add(-hour)) {
		t.Errorf("a clock that was ahead leaves %+v", mended)
	}
	if mended.mend(now.Add(time.Minute)); !mended.Next.Equal(now.Add(firstWait)) {
		t.Error("a wait moves on with the clock")
	}
	// It was ahead by less than the longest wait.
	for failures, wait := range map[int]time.Duration{0: firstWait, 1: firstWait, 4: 8 * firstWait, 40: 23 * hour} {
		s := State{Failures: failures, Next: now.Add(23 * hour)}
		if s.mend(now); s.Next.Sub(now) != wait {
			t.Errorf("after %d failures it waits %v", failures, s.Next.Sub(now))
		}
	}
	s := State{Mode: "auto", Host: "a.example", Directory: "d", Failures: 3, Next: now.Add(hour), Orders: []time.Time{now}}
	if s.adopt(Config{Host: "a.example", Directory: "d"}); s.Failures != 3 {
		t.Error("the same authority starts afresh")
	}
	if s.adopt(Config{Host: "a.example", Directory: "other"}); s.Failures != 0 || s.wait(now).After(now) || len(s.Orders) != 1 {
		t.Errorf("another authority: %+v", s)
	}
}

func TestWay(t *testing.T) {
	for _, w := range []struct {
		last     string
		failures int
		redirect bool
		want     string
	}{
		{"", 0, true, byTLS}, {"", 1, true, byHTTP}, {"", 2, true, byTLS}, {"", 1, false, byTLS},
		{byHTTP, 0, true, byHTTP}, {byHTTP, 1, true, byTLS}, {byHTTP, 0, false, byTLS},
	} {
		if got := (State{Way: w.last, Failures: w.failures}).way(w.redirect); got != w.want {
			t.Errorf("%+v: %s", w, got)
		}
	}
}
