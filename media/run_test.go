package media

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// script returns the path of a program to run in ffmpeg's place.
func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ffmpeg")
	if err := os.WriteFile(path, []byte("#!/bin/bash\n"+body), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRunConfines(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("limits of a child exist on Linux only")
	}
	t.Setenv("TUBELET_SECRET", "x")
	dir := t.TempDir()
	m := New(Config{FFmpeg: script(t, "ulimit -a; /usr/bin/nice; echo env=$TUBELET_SECRET; echo \"args $@\"; pwd; readlink /proc/self/fd/3"), Nice: 12})
	out := &boundedWriter{limit: 1 << 20}
	input := filepath.Join(dir, "-weird\nname")
	if err := os.WriteFile(input, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := m.run(t.Context(), job{tool: ffmpeg, input: input, dir: dir, stdout: out, cpu: 7 * time.Second, size: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{"(seconds, -t) 7\n", "(blocks, -f) 1024\n", "(-n) 128\n", "(blocks, -c) 0\n", "(kbytes, -v) 8388608\n",
		"\n12\n", "env=\n", "-nostdin", "-protocol_whitelist file -format_whitelist " + mediaFormats, "-max_alloc",
		"-i file:/proc/self/fd/3", "-threads", "-filter_threads"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if args, _, _ := strings.Cut(text[strings.Index(text, "args "):], "\n"); strings.Contains(args, "weird") {
		t.Errorf("the name reached the command line: %s", args)
	}
}

// TestRunLeavesNothing ends a run and expects its children to be gone too.
func TestRunLeavesNothing(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	m := New(Config{FFmpeg: script(t, fmt.Sprintf("sleep 60 & echo $! >%s.part; mv %s.part %s; wait", pids, pids, pids))})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.run(ctx, job{tool: ffmpeg, dir: filepath.Dir(pids)}) }()
	var pid int
	for deadline := time.Now().Add(10 * time.Second); pid == 0 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if data, err := os.ReadFile(pids); err == nil {
			pid, _ = strconv.Atoi(strings.TrimSpace(string(data)))
		}
	}
	cancel()
	if pid == 0 {
		t.Fatalf("it never started: %v", <-done)
	}
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("run = %v, want Canceled", err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if state := processState(pid); state == "" || state == "Z" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d is still there", pid)
		}
	}
}

// processState returns the letter ps shows, "" when there is no such process.
func processState(pid int) string {
	out, _ := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return strings.TrimSpace(string(out[:min(len(out), 1)]))
}

// TestRunWatches has programs that hang, and one that takes long but says so.
func TestRunWatches(t *testing.T) {
	tests := []struct {
		name, body string
		hangs      bool
	}{
		{"silent", "sleep 60 & sleep 60", true},
		{"stopped", "kill -STOP $$", true},
		{"same progress", "for i in {1..600}; do printf 'frame=7\nprogress=continue\n' >&4; sleep 0.1; done", true},
		{"deaf", "trap '' TERM INT HUP; while :; do sleep 1; done", true},
		{"progress", "for i in {1..30}; do printf 'frame=%d\nprogress=continue\n' $i >&4; sleep 0.1; done", false},
		{"output", "for i in {1..30}; do echo $i; sleep 0.1; done", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pids := filepath.Join(t.TempDir(), "pid")
			m := New(Config{FFmpeg: script(t, "echo $$ >"+pids+"; "+test.body)})
			m.stall = 2 * time.Second
			err := m.run(t.Context(), job{tool: ffmpeg, dir: filepath.Dir(pids), stdout: &boundedWriter{limit: 1 << 10}})
			if test.hangs != errors.Is(err, errStalled) || !test.hangs && err != nil {
				t.Errorf("run = %v", err)
			}
			data, err := os.ReadFile(pids)
			if err != nil {
				t.Fatal(err)
			}
			if pid, _ := strconv.Atoi(strings.TrimSpace(string(data))); processState(pid) != "" {
				t.Errorf("process %d is still there", pid)
			}
		})
	}
}

// TestRunStall pins what a run gets when nobody makes it shorter.
func TestRunStall(t *testing.T) {
	if m := New(Config{}); m.stall != noProgress || noProgress > time.Minute {
		t.Errorf("a run may hang for %v", m.stall)
	}
}

func TestRunErrors(t *testing.T) {
	tests := []struct {
		name, body string
		j          job
		want       string
		is         error
	}{
		{"status and last line", "echo first >&2; echo second >&2; exit 3", job{}, "ffmpeg: exit status 3: second", nil},
		{"disk full", "echo 'x: No space left on device' >&2; exit 1", job{}, "", syscall.ENOSPC},
		{"endless stderr", "for i in {1..5000}; do echo 'spam spam spam spam'; done >&2; echo end >&2; exit 1", job{}, "ffmpeg: exit status 1: end", nil},
		{"control characters", "printf 'bad \\033[31mthing\\n' >&2; exit 1", job{}, "ffmpeg: exit status 1: bad [31mthing", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.j.tool = ffmpeg
			err := New(Config{FFmpeg: script(t, test.body)}).run(t.Context(), test.j)
			if err == nil || test.want != "" && err.Error() != test.want || test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("run = %v", err)
			}
		})
	}
}

// TestRunLimits lets real ffmpeg run into the kernel's limits.
func TestRunLimits(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("limits of a child exist on Linux only")
	}
	m := New(Config{Threads: 1})
	endless := []string{"-f", "lavfi", "-i", "testsrc2=s=640x480:r=30", "-c:v", "rawvideo", "-f", "avi"}
	dir := t.TempDir()
	err := m.run(t.Context(), job{tool: ffmpeg, dir: dir, args: append(endless, "file:big.avi"), size: 20 << 20})
	if err == nil || !diskFull(err) && !strings.Contains(err.Error(), "limit") {
		t.Errorf("too large: %v", err)
	}
	err = m.run(t.Context(), job{tool: ffmpeg, dir: dir, args: []string{"-f", "lavfi", "-i", "mandelbrot", "-f", "null", "-"}, cpu: time.Second})
	if err == nil || !strings.Contains(err.Error(), "processor time") {
		t.Errorf("too long: %v", err)
	}
}

func TestReadProgress(t *testing.T) {
	in := "frame=10\nout_time_us=1500000\ntotal_size=N/A\nspeed= 2.5x\nprogress=continue\nframe=10\nout_time_us=1500000\nprogress=continue\n" +
		"frame=20\nout_time_us=-9223372036854775807\nprogress=end\n"
	var got []status
	readProgress(strings.NewReader(in), func(s status) { got = append(got, s) })
	if len(got) != 2 || got[0].frame != 10 || got[0].time != 1500*time.Millisecond || got[0].speed != 2.5 || got[1].time != 0 {
		t.Errorf("got %+v", got)
	}
}

// TestRunOutside has a program whose library lies where the cage lets nothing be read.
func TestRunOutside(t *testing.T) {
	library := filepath.Join(t.TempDir(), "library")
	if err := os.WriteFile(library, []byte("fine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := New(Config{FFmpeg: script(t, "cat "+library+" || exit 127")})
	for range 2 {
		out := &boundedWriter{limit: 1 << 10}
		if err := m.run(t.Context(), job{tool: ffmpeg, stdout: out}); err != nil || out.String() != "fine\n" {
			t.Errorf("run = %q, %v", out.String(), err)
		}
	}
}
