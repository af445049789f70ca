//go:build bench

package figures_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tubelet/tubelet/store"
)

const (
	sharingRounds = 5
	atRest        = 15 * time.Second
)

// idle is a server that nobody asks for anything.
type idle struct{ start, memory, goroutines, descriptors, cpu []float64 }

// TestFigureSharing compares a server of a thousand videos that shares with one that does
// not, while nobody watches. Asked: at most 100 ms, 20 MiB, 20 goroutines, 10 descriptors
// more, and no measurable CPU.
func TestFigureSharing(t *testing.T) {
	bin := build(t)
	data, _ := seed(t)
	var off, on idle
	for range sharingRounds {
		off.measure(t, bin, data, "off")
		on.measure(t, bin, data, "on")
	}
	for _, w := range []struct {
		what    string
		off, on []float64
		asked   string
	}{
		{"start to 200 on the channel page, ms", off.start, on.start, "100 more"},
		{"resident memory at rest, MiB", off.memory, on.memory, "20 more"},
		{"goroutines", off.goroutines, on.goroutines, "20 more"},
		{"descriptors", off.descriptors, on.descriptors, "10 more"},
		{fmt.Sprintf("CPU in %v at rest, ms", atRest), off.cpu, on.cpu, "no more"},
	} {
		t.Logf("%s, %d videos, medians of %d interleaved rounds: sharing off %.1f, on %.1f (asked: at most %s)",
			w.what, videos, sharingRounds, median(w.off), median(w.on), w.asked)
	}
}

func (i *idle) measure(t *testing.T, bin, data, p2p string) {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(data, "tubelet.db"))
	check(t, err)
	check(t, db.SetSetting(t.Context(), "p2p", p2p))
	check(t, db.SetSetting(t.Context(), "seed", p2p))
	check(t, db.Close())
	p, took := start(t, ours, "/", bin, "serve", "--data", data, "--local", "--listen", ours)
	time.Sleep(5 * time.Second)
	before := processor(t, p)
	time.Sleep(atRest)
	used := processor(t, p) - before
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.Process.Pid))
	check(t, err)
	i.start = append(i.start, took.Seconds()*1000)
	i.memory = append(i.memory, resident(t, p, "VmRSS"))
	i.descriptors = append(i.descriptors, float64(len(files)))
	i.cpu = append(i.cpu, used)
	i.goroutines = append(i.goroutines, float64(goroutines(t, p)))
}

// goroutines ends p in the way in which Go tells what all its goroutines do, and counts
// those that are not the runtime's own.
func goroutines(t *testing.T, p process) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	check(t, p.Process.Signal(syscall.SIGQUIT))
	p.Wait()
	check(t, ctx.Err())
	told := p.Stderr.(*bytes.Buffer).String()
	n := len(regexp.MustCompile(`(?m)^goroutine \d+ .*\[`).FindAllString(told, -1))
	if n == 0 {
		t.Fatalf("no goroutine in\n%s", told)
	}
	return n
}

// processor returns the milliseconds of CPU that p has used.
func processor(t *testing.T, p process) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
	check(t, err)
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	var user, system float64
	fmt.Sscan(fields[11], &user)
	fmt.Sscan(fields[12], &system)
	return (user + system) * 10 // ticks of 1/100 s
}
