package budget

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestRate has 50 greedy clients of every way and class pull for 30 seconds.
func TestRate(t *testing.T) {
	for _, rate := range []int64{125_000, 2_500_000, 125_000_000} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := New(Config{Rate: rate})
				sent := greedy(t, b, 50, 30*time.Second)
				want := float64(rate) * 30
				if got := float64(sent); math.Abs(got/want-1) > 0.03 {
					t.Errorf("sent %.0f bytes in 30 s, want %.0f within 3 %%", got, want)
				}
				counts := b.Counts()
				if all := counts.All[HTTP] + counts.All[Swarm] + counts.All[WebRTC] + counts.All[TCP]; all < sent {
					t.Errorf("counted %d of %d bytes", all, sent)
				}
			})
		})
	}
}

// greedy returns what n clients got within d.
func greedy(t *testing.T, b *Budget, n int, d time.Duration) int64 {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var sent atomic.Int64
	var wg sync.WaitGroup
	for i := range n {
		c := Claim{Viewer: fmt.Sprint(i), Way: Way(i % int(Ways)), Class: Class(i % int(Classes))}
		wg.Go(func() {
			for b.Take(ctx, c, b.part()) == nil {
				sent.Add(int64(b.part()))
			}
		})
	}
	wg.Wait()
	return sent.Load()
}

// TestFair has one viewer with 30 connections and 10 with one each.
func TestFair(t *testing.T) {
	for _, class := range []Class{Plain, Bulk} {
		synctest.Test(t, func(t *testing.T) {
			b := New(Config{Rate: 1_000_000})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var sent [11]atomic.Int64
			var wg sync.WaitGroup
			for i := range 40 {
				viewer := min(i, 10)
				wg.Go(func() {
					for b.Take(ctx, Claim{Viewer: fmt.Sprint(viewer), Class: class}, partSize) == nil {
						sent[viewer].Add(partSize)
					}
				})
			}
			wg.Wait()
			for viewer := range sent {
				if got, want := float64(sent[viewer].Load()), 20e6/11; math.Abs(got/want-1) > 0.05 {
					t.Errorf("class %d: viewer %d got %.0f bytes, want %.0f", class, viewer, got, want)
				}
			}
		})
	}
}

func TestSetAtRunTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{Rate: 1000})
		done := make(chan error)
		b.Take(t.Context(), Claim{}, 1_000_000) // a thousand seconds' worth
		go func() { done <- b.Take(t.Context(), Claim{}, 1) }()
		time.Sleep(time.Second)
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("left while a thousand seconds' bytes were owed")
		default:
		}
		b.Set(0, 0)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if b.Limited() {
			t.Error("still limited")
		}
	})
}

func TestOwnerGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{Rate: 1000})
		b.Take(t.Context(), Claim{}, 100_000)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for class := range Classes {
			if err := b.Take(ctx, Claim{Viewer: "v", Class: class}, 1); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("class %d: Take says %v", class, err)
			}
		}
		if b.line.Waiting() && drainLine(b.line, time.Now()) != "" {
			t.Error("somebody who went away is still in the line")
		}
	})
}

// TestNoBurst sees that an idle line does not start everything at once.
func TestNoBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{Rate: 2_500_000})
		time.Sleep(time.Hour)
		sent := greedy(t, b, 50, 100*time.Millisecond)
		if sent > 2_500_000/10+50_000 {
			t.Errorf("%d bytes left in the first 100 ms", sent)
		}
	})
}

// TestMonthEndsSoftly spends 95 % of a month at once and then pulls greedily to its end.
func TestMonthEndsSoftly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the bubble's clock starts on 2000-01-01
		const month = 1_000_000_000
		b := New(Config{Month: month, Used: Used{Month: time.Now(), Bytes: month * 95 / 100}})
		if !b.Soft() || !b.Short() || !b.Limited() {
			t.Error("the last tenth has not begun")
		}
		first := greedy(t, b, 2, 24*time.Hour)
		if first < month/20/31/2 || first > month/20/31*2 {
			t.Errorf("%d bytes left on the first day, want about a 31st of what is left", first)
		}
		greedy(t, b, 2, 29*24*time.Hour+23*time.Hour)
		if used := b.Counts().Month.Bytes; used > month*101/100 || used < month*97/100 {
			t.Errorf("%d of %d bytes were used at the end", used, month)
		}
		time.Sleep(2 * time.Hour)
		if b.Soft() || b.Counts().Month.Bytes != 0 {
			t.Error("the new month has not begun")
		}
	})
}

func TestOldMonthCountsNothing(t *testing.T) {
	b := New(Config{Month: 1000, Used: Used{Month: time.Now().AddDate(0, -2, 0), Bytes: 999}})
	if b.Soft() {
		t.Error("an old month's bytes count in this one")
	}
}

// slowPipe takes bytes at a rate, as a socket does whose line is full.
type slowPipe struct{ rate float64 }

func (s slowPipe) Write(p []byte) (int, error) {
	time.Sleep(time.Duration(float64(len(p)) / s.rate * float64(time.Second)))
	return len(p), nil
}

// TestDrain measures without any set rate, and when the set rate is more than the line takes.
func TestDrain(t *testing.T) {
	for _, set := range []int64{0, 100_000_000} {
		synctest.Test(t, func(t *testing.T) {
			b := New(Config{Rate: set})
			w := b.Writer(t.Context(), Claim{Class: Leased}, 10_000_000, slowPipe{2_000_000})
			if q := b.Queue(); q <= 0 {
				t.Errorf("nothing is queued before anything was sent")
			}
			if _, err := w.Write(make([]byte, 8_000_000)); err != nil {
				t.Fatal(err)
			}
			if got := b.Drain(); math.Abs(got/2_000_000-1) > 0.1 {
				t.Errorf("measured %.0f bytes a second, the line takes 2000000", got)
			}
			if got := b.Queue(); math.Abs(got.Seconds()-1) > 0.1 {
				t.Errorf("2 MB that wait need %v, want 1 s", got)
			}
			w.Close()
			if b.Queue() != 0 {
				t.Error("a closed Writer still counts")
			}
		})
	}
}

func TestWriterCopies(t *testing.T) {
	want := bytes.Repeat([]byte("tubelet "), 100_000)
	for _, rate := range []int64{0, 100_000_000} {
		b := New(Config{Rate: rate})
		var out bytes.Buffer
		w := b.Writer(t.Context(), Claim{Way: Swarm}, int64(len(want)), &out)
		n, err := io.CopyN(w, bytes.NewReader(want), int64(len(want)))
		if err != nil || n != int64(len(want)) || !bytes.Equal(out.Bytes(), want) {
			t.Errorf("rate %d: copied %d bytes, %v", rate, n, err)
		}
		if got := b.Counts().All[Swarm]; got != int64(len(want)) {
			t.Errorf("rate %d: counted %d of %d bytes", rate, got, len(want))
		}
	}
}

// TestDeadlineComesNearer has an answer that is needed in two seconds wait behind others, each
// of which is needed at once: when the two seconds are over, its turn has come.
func TestDeadlineComesNearer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{Rate: 10 * partSize})
		ctx, stop := context.WithCancel(t.Context())
		write := func(viewer string, slack time.Duration, n int) error {
			c := Claim{Viewer: viewer, Way: Swarm, Class: Leased, Slack: slack}
			w := b.Writer(ctx, c, int64(n), io.Discard)
			defer w.Close()
			_, err := w.Write(make([]byte, n))
			return err
		}
		for i := range 3 {
			go func() {
				for write(fmt.Sprint("near", i), 0, partSize) == nil {
				}
			}()
		}
		began := time.Now()
		if err := write("far", 2*time.Second, 8*partSize); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("what was needed after 2 s was sent after %v", took)
		}
		stop()
		synctest.Wait()
	})
}

func TestShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{Rate: 100_000})
		if b.Short() {
			t.Error("short before anybody came")
		}
		greedyStarts(t, b)
		if !b.Short() {
			t.Error("not short though starts waited for seconds")
		}
		time.Sleep(shortFor + time.Second)
		if b.Short() {
			t.Error("still short long after")
		}
	})
}

func greedyStarts(t *testing.T, b *Budget) {
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() { b.Take(t.Context(), Claim{Viewer: fmt.Sprint(i), Class: Start}, partSize) })
	}
	wg.Wait()
}

// TestBulkIsNotShort sees that a download does not make new viewers start lower.
func TestBulkIsNotShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{Rate: 100_000})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		for b.Take(ctx, Claim{Viewer: "b", Class: Bulk}, partSize) == nil {
		}
		if b.Short() {
			t.Error("short though nobody but a download waited")
		}
	})
}

func BenchmarkTakeUnlimited(b *testing.B) {
	budget := New(Config{})
	for b.Loop() {
		budget.Take(b.Context(), Claim{Viewer: "v"}, partMost)
	}
}

func BenchmarkLine(b *testing.B) {
	for _, n := range []int{50, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			l, now := NewLine(), time.Unix(1000, 0)
			for i := range n {
				l.Push(now, claim(fmt.Sprint(i), Class(i%int(Classes)), 0), partSize)
			}
			for b.Loop() {
				t := l.Pop(now)
				l.Push(now, t.Claim, partSize)
			}
		})
	}
}

// TestStalled sees that who takes nothing of what was announced holds nobody back for long.
func TestStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{Rate: 1_000_000})
		w := b.Writer(t.Context(), Claim{Class: Leased}, 5_000_000, io.Discard)
		time.Sleep(owedFor / 2)
		if b.Queue() == 0 {
			t.Error("what was announced does not count")
		}
		time.Sleep(owedFor)
		if q := b.Queue(); q != 0 {
			t.Errorf("%v of queue after %v without a byte", q, owedFor)
		}
		if _, err := w.Write(make([]byte, 100_000)); err != nil {
			t.Error(err)
		}
		if err := w.Close(); err != nil || b.Queue() != 0 {
			t.Errorf("in the end %v of queue, %v", b.Queue(), err)
		}
	})
}

// TestClockJumps sets the clock a month ahead and back: what was used stays used.
func TestClockJumps(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	const limit = 1_000_000
	b := New(Config{Month: limit, Used: Used{Month: now, Bytes: 950_000}, Now: func() time.Time { return now }})
	for _, step := range []struct {
		name string
		jump time.Duration
		used int64
	}{
		{"a month ahead", 31 * 24 * time.Hour, 0},
		{"back", -31 * 24 * time.Hour, 951_000},
		{"two years back", -2 * 365 * 24 * time.Hour, 952_000},
		{"and forth", 2 * 365 * 24 * time.Hour, 953_000},
		{"the month really ends", 10 * 24 * time.Hour, 1000}, // the last bytes, which nobody had looked at
	} {
		now = now.Add(step.jump)
		if got := b.Counts().Month.Bytes; got != step.used {
			t.Errorf("%s: %d bytes are used, want %d", step.name, got, step.used)
		}
		b.count(HTTP, 1000)
	}
	b.Recall(Used{Month: now, Bytes: 40_000})
	b.Recall(Used{Month: now.AddDate(0, -1, 0), Bytes: 900_000})
	if got := b.Counts().Month.Bytes; got != 40_000 {
		t.Errorf("after a look at the database %d bytes are used, want 40000", got)
	}
}

// TestStalledReceiver: one who takes nothing, or next to nothing, does not make the line look slow.
func TestStalledReceiver(t *testing.T) {
	at := func(seconds float64) time.Time { return time.Unix(1000, 0).Add(time.Duration(seconds * 1e9)) }
	d := &drain{}
	for i := range 20 { // 100 kB/s on a busy line
		d.wrote(at(float64(i)*0.1), at(float64(i+1)*0.1), 10_000)
	}
	fast := d.rate()
	if fast < 90_000 || fast > 110_000 {
		t.Fatalf("measured %.0f bytes a second, want 100000", fast)
	}
	for i := range 40 { // then only a receiver that takes 16 KiB in ten seconds
		d.wrote(at(2+float64(i)*10), at(12+float64(i)*10), 16<<10)
	}
	if got := d.rate(); got != fast {
		t.Errorf("measured %.0f bytes a second after a stalled receiver, want %.0f", got, fast)
	}
	for i := range 30 { // a line that is slow for all still counts as slow
		d.wrote(at(500+float64(i)*1.1), at(501.1+float64(i)*1.1), 16<<10)
	}
	if got := d.rate(); got > 20_000 {
		t.Errorf("measured %.0f bytes a second on a line of 15 kB/s", got)
	}
}

// TestBeside: media makes room for scripts, but is not held up for long by whoever loads them
// without end.
func TestBeside(t *testing.T) {
	for _, w := range []struct {
		name        string
		each        int // bytes beside the gate, every tenth of a second
		least, most float64
	}{
		{"nothing", 0, 0.98, 1.02}, {"a tenth", 10_000, 0.88, 0.92}, {"without end", 10_000_000, 0.35, 0.6},
	} {
		synctest.Test(t, func(t *testing.T) {
			const rate = 1_000_000
			b := New(Config{Rate: rate})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var loading sync.WaitGroup
			defer loading.Wait()
			loading.Go(func() {
				for ctx.Err() == nil {
					b.Beside(w.each)
					time.Sleep(100 * time.Millisecond)
				}
			})
			sent := 0
			for b.Take(ctx, Claim{Class: Plain}, partSize) == nil {
				sent += partSize
			}
			if got := float64(sent) / rate / 20; got < w.least || got > w.most {
				t.Errorf("%s: media got %.2f of the rate", w.name, got)
			}
		})
	}
}
