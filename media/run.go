package media

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/tubelet/tubelet/media/cage"
)

// The demuxers that strangers' files may reach. What is missing matters: playlists (hls,
// concat, dash, sdp, image2) name other files, and tty renders any text as a picture.
const (
	mediaFormats = "mov,matroska,mpegts,avi,flv,ogg,wav,mp3,flac,aac,aiff,asf,mpeg"
	imageFormats = "jpeg_pipe,png_pipe,webp_pipe"
)

const (
	noProgress = 60 * time.Second // a run that gets no further for so long is killed
	maxAlloc   = 256 << 20        // bytes in one allocation: an 8K picture at 10 bits fits
	maxImage   = 64_000_000       // pixels of a picture file, which may be larger than a video's
	slowDisk   = 2 << 20          // bytes a second at which even the slowest disk is read
	stderrTail = 4 << 10
)

// job is one run of ffmpeg or ffprobe.
type job struct {
	tool    string
	input   string   // path of the file it reads, "" for none; the tool never sees this name
	formats string   // demuxers allowed; empty means mediaFormats
	global  []string // options ahead of everything
	decode  []string // options of the input
	args    []string // what follows the input
	dir     string   // working folder, where relative outputs go
	pixels  int      // of a picture at most; 0 means maxPixels

	stdout   io.Writer    // nil discards
	progress func(status) // nil when not wanted; needs ffmpeg
	urgent   bool         // somebody waits: normal priority
	hardware bool         // drivers map more address space than a limit could allow
	cpu      time.Duration
	size     int64 // limit of the output file
	stall    time.Duration
}

// status is one report of a running ffmpeg.
type status struct {
	frame int64
	time  time.Duration // of the output so far
	bytes int64
	speed float64
}

// limits are what the kernel enforces on a child where it can.
type limits struct {
	cpu   time.Duration
	size  int64
	space int64 // address space, 0 for no limit
	nice  int
	idle  bool // disk only when nobody else wants it
}

var errStalled = errors.New("no progress for too long")

// reading is how long a file of so many bytes may take to be read without anything coming out.
func reading(bytes int64) time.Duration { return time.Duration(bytes/slowDisk) * time.Second }

// run runs j to its end. However it ends, no process is left behind.
func (m *Maker) run(ctx context.Context, j job) error {
	path, err := m.tool(j.tool)
	if err != nil {
		return err
	}
	err = m.runAt(ctx, path, j)
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() < 126 || exit.ExitCode() > 127 {
		return err
	}
	// The shell or the loader could not start it. What a file may have done does not count:
	// whether it fits is tried without one.
	if m.isOpen(path) || cage.Familiar(path) || (cage.Room{Program: path}).Fits(ctx) {
		return err
	}
	m.log.Warn("program runs without its cage, where its libraries cannot be read", "program", path)
	m.open.Store(path, true)
	return m.runAt(ctx, path, j)
}

// isOpen says whether the program at path was found to need more than its cage gives.
func (m *Maker) isOpen(path string) bool {
	_, open := m.open.Load(path)
	return open
}

// runAt runs j with the program at path.
func (m *Maker) runAt(ctx context.Context, path string, j job) (err error) {
	var in *os.File
	if j.input != "" {
		if in, err = openRegular(j.input); err != nil {
			return err
		}
		defer in.Close()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := max(j.stall, m.stall)
	watchdog := time.AfterFunc(stall, func() { cancel(errStalled) })
	defer watchdog.Stop()

	argv := append([]string{path}, j.argv(m.threads())...)
	m.log.Debug("run "+j.tool, "command", strings.Join(argv, " "))
	if _, err := exec.LookPath(shell); err == nil {
		argv = append([]string{shell, "-c", gate}, argv...)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	tail := &tailWriter{limit: stderrTail}
	cmd.Stderr, cmd.Stdout, cmd.Dir = tail, io.Discard, j.dir
	alive := func() { watchdog.Reset(stall) }
	if j.stdout != nil {
		cmd.Stdout = pulse{j.stdout, alive}
	}
	cmd.Env = []string{}
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	room := cage.Room{Program: path, Input: in, Dir: j.dir, Devices: j.hardware, Open: m.isOpen(path)}
	err = m.supervise(cmd, j, room, alive)
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%s: %w", j.tool, cause)
	}
	// ffmpeg takes the signal at the limit for a wish to quit, and just exits. The kernel
	// counts a little otherwise for the limit than for the account.
	limit := m.limits(j).cpu
	if ps := cmd.ProcessState; ps != nil && ps.UserTime()+ps.SystemTime() >= limit/2 && ps.ExitCode() == 255 {
		return fmt.Errorf("%s: used more processor time than its limit", j.tool)
	}
	return explain(j.tool, err, tail.String())
}

// supervise starts cmd in its room and waits for it, passing on its progress.
func (m *Maker) supervise(cmd *exec.Cmd, j job, room cage.Room, alive func()) error {
	in := room.Input
	if in == nil {
		null, err := os.Open(os.DevNull)
		if err != nil {
			return err
		}
		defer null.Close()
		in = null
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	closed, open, err := os.Pipe()
	if err != nil {
		return errors.Join(err, w.Close())
	}
	defer open.Close()
	cmd.ExtraFiles = []*os.File{in, w, closed} // descriptors 3, 4 and 5 of the child
	ended, err := room.Start(cmd)
	w.Close()
	closed.Close()
	if err != nil {
		return err
	}
	defer ended()
	if err := confine(cmd.Process.Pid, m.limits(j)); err != nil {
		// What reads strangers' bytes does not run without limits.
		return errors.Join(err, cmd.Cancel(), ignoreExit(cmd.Wait()))
	}
	if err := yield(cmd.Process.Pid, m.limits(j)); err != nil {
		m.log.Debug("priority not lowered", "error", err)
	}
	open.Close() // the gate
	read := make(chan struct{})
	go func() {
		defer close(read)
		readProgress(r, func(s status) {
			alive()
			if j.progress != nil {
				j.progress(s)
			}
		})
	}()
	err = cmd.Wait()
	<-read
	if m.used != nil {
		m.used(cmd.ProcessState)
	}
	return err
}

// ignoreExit drops the status of a process that we killed.
func ignoreExit(err error) error {
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil
	}
	return err
}

// limits chooses the limits of j.
func (m *Maker) limits(j job) limits {
	l := limits{cpu: j.cpu, size: j.size, space: addressSpace(memory()), nice: m.config().Nice, idle: true}
	if l.cpu == 0 {
		l.cpu = 2 * time.Minute
	}
	if l.size == 0 {
		l.size = 64 << 20
	}
	if j.hardware {
		l.space = 0
	}
	if j.urgent {
		l.nice, l.idle = 0, false
	}
	return l
}

// addressSpace limits what a child may map: the machine's memory, 8 GiB at most. Below 3 GiB
// threads' stacks and heaps, which are mapped long before they are used, would not fit.
func addressSpace(memory int64) int64 {
	if memory == 0 {
		return 8 << 30
	}
	return min(8<<30, max(memory, 3<<30))
}

// argv builds the command line. Threads are set for decoder, filters and encoder alike:
// each of the three takes all cores unless told.
func (j job) argv(threads int) []string {
	n := strconv.Itoa(threads)
	formats := j.formats
	if formats == "" {
		formats = mediaFormats
	}
	pixels := j.pixels
	if pixels == 0 {
		pixels = maxPixels
	}
	args := []string{"-hide_banner", "-loglevel", "error", "-max_alloc", strconv.Itoa(maxAlloc)}
	input := []string{"-protocol_whitelist", "file", "-format_whitelist", formats,
		"-max_pixels", strconv.Itoa(pixels), "-max_streams", strconv.Itoa(maxStreams)}
	if j.tool == ffmpeg {
		args = append(args, "-nostdin", "-y", "-nostats", "-stats_period", "0.5", "-progress", "pipe:4",
			"-filter_threads", n, "-filter_complex_threads", n)
		input = append(input, "-threads", n)
	}
	args = append(args, j.global...)
	if j.input != "" {
		args = append(append(args, input...), j.decode...)
		args = append(args, "-i", "file:"+fdPath(3))
	}
	return append(args, j.args...)
}

// openRegular opens the file at path, which must be a plain one: a pipe would block and
// a device never end.
func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &RefusedError{"it is not a regular file"}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// readProgress reads ffmpeg's progress blocks and reports each that got further.
func readProgress(r io.Reader, report func(status)) {
	var now, last status
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), "=")
		value = strings.TrimSpace(value)
		switch key {
		case "frame":
			now.frame, _ = strconv.ParseInt(value, 10, 64)
		case "out_time_us":
			us, _ := strconv.ParseInt(value, 10, 64) // far below zero while unknown
			now.time = time.Duration(max(0, us)) * time.Microsecond
		case "total_size":
			now.bytes, _ = strconv.ParseInt(value, 10, 64)
		case "speed":
			now.speed, _ = strconv.ParseFloat(strings.TrimSuffix(value, "x"), 64)
		case "progress":
			if now.frame != last.frame || now.time != last.time || now.bytes != last.bytes {
				report(now)
				last = now
			}
		}
	}
	_, _ = io.Copy(io.Discard, r) // a line too long must not block the child
}

// explain says what the end of a failed run means.
func explain(tool string, err error, stderr string) error {
	if strings.Contains(stderr, syscall.ENOSPC.Error()) || strings.Contains(stderr, "No space left on device") {
		return fmt.Errorf("%s: %w", tool, syscall.ENOSPC)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() && ws.Signal() == syscall.SIGXFSZ {
			return fmt.Errorf("%s: output grew past its limit", tool)
		}
	}
	return &runError{tool: tool, err: err, stderr: stderr}
}

// runError is the failure of a run, with what it said.
type runError struct {
	tool, stderr string
	err          error
}

// Error names the tool, its exit status and its last line.
func (e *runError) Error() string {
	lines := strings.Split(strings.TrimSpace(e.stderr), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return fmt.Sprintf("%s: %v: %s", e.tool, e.err, last)
	}
	return fmt.Sprintf("%s: %v", e.tool, e.err)
}

func (e *runError) Unwrap() error { return e.err }

// pulse passes on what a run writes, which is a sign of life.
type pulse struct {
	to    io.Writer
	alive func()
}

func (p pulse) Write(b []byte) (int, error) {
	p.alive()
	return p.to.Write(b)
}

// tailWriter keeps the last bytes of what is written to it.
type tailWriter struct {
	limit int
	buf   bytes.Buffer
}

func (t *tailWriter) Write(p []byte) (int, error) {
	t.buf.Write(p)
	if over := t.buf.Len() - t.limit; over > 0 {
		t.buf.Next(over)
	}
	return len(p), nil
}

// String returns the tail without control characters, which a hostile file could place there.
func (t *tailWriter) String() string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(t.buf.String(), ""))
}

// boundedWriter refuses to take more than limit bytes.
type boundedWriter struct {
	bytes.Buffer
	limit int
}

func (b *boundedWriter) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.limit {
		return 0, errors.New("too much output")
	}
	return b.Buffer.Write(p)
}

// diskFull says whether err means that there is no room left.
func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
