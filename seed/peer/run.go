package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/tubelet/tubelet/seed/peer/child"
	"github.com/tubelet/tubelet/seed/peer/wire"
)

const (
	maxCrashes  = 5 // in crashWindow, then no more
	crashWindow = 10 * time.Minute
	startIn     = 20 * time.Second
	stopIn      = 3 * time.Second
	lookEvery   = time.Second
	silentFor   = 45 * time.Second // without a report, the child hangs

	calls   = 64      // of the child's, done at a time
	maxLine = 1 << 20 // bytes of the child's

	// Of the child's heap; it refuses newcomers above and ends itself far above (package
	// child). A limit of the address space is no way to bound a Go program, which reserves
	// far more than it uses.
	memoryLimit = "GOMEMLIMIT=128MiB"
	socketEnv   = "TUBELET_SEED_SOCKET"
)

var errSilent = errors.New("the seed's process does not answer")

// Run answers STUN and keeps the child as needed until ctx ends.
func (s *Seed) Run(ctx context.Context) error {
	crashes := crashes{first: s.firstPause, last: s.lastPause}
	var notBefore time.Time
	for {
		if err := s.rest(ctx, notBefore); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		err := s.live(ctx)
		now := time.Now()
		if err == nil {
			notBefore = time.Time{}
			continue
		}
		pause, failed := crashes.add(now)
		s.cfg.Log.Warn("seed crashed", "error", err, "restart in", pause)
		if failed {
			s.cfg.Log.Error("seeding is off: its process crashed too often; pages and players go on without it", "crashes", maxCrashes)
		}
		s.update(func() { s.stats.Crashes++; s.failed, s.paused = failed, !failed })
		notBefore = now.Add(pause)
	}
}

// crashes are those of the last crashWindow. Older ones tell nothing: a child lives only while
// somebody needs it, so one may crash every few days and never live long.
type crashes struct {
	first, last time.Duration // pauses after a crash
	at          []time.Time
}

// add counts a crash, and says how long to pause and whether that was one too many.
func (c *crashes) add(now time.Time) (pause time.Duration, failed bool) {
	c.at = slices.DeleteFunc(c.at, func(t time.Time) bool { return now.Sub(t) > crashWindow })
	pause = min(c.first<<len(c.at), c.last)
	if c.at = append(c.at, now); len(c.at) < maxCrashes {
		return pause, false
	}
	c.at = nil // switched on again, it begins anew
	return c.first, true
}

// rest answers STUN until a child is wanted, and not before notBefore.
func (s *Seed) rest(ctx context.Context, notBefore time.Time) error {
	if s.cfg.Conn == nil {
		return s.sleep(ctx, notBefore)
	}
	if err := s.cfg.Conn.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("answer STUN: %w", err)
	}
	served := make(chan error, 1)
	go func() { served <- s.stun.Serve(s.cfg.Conn) }()
	err := s.sleep(ctx, notBefore)
	// Wakes the reader; the packets that come now wait for the child.
	err = errors.Join(err, s.cfg.Conn.SetReadDeadline(time.Unix(1, 0)))
	if failed := <-served; failed != nil {
		err = errors.Join(err, fmt.Errorf("answer STUN: %w", failed))
	}
	return err
}

// sleep returns when a child is wanted, or ctx ends.
func (s *Seed) sleep(ctx context.Context, notBefore time.Time) error {
	if wait := time.Until(notBefore); wait > 0 {
		patient, cancel := context.WithTimeout(ctx, wait)
		// Switched off and on again, it is tried at once.
		_ = s.await(patient, func() bool { return !s.paused })
		cancel()
		s.update(func() { s.paused = false })
	}
	_ = s.await(ctx, s.wanted)
	return nil
}

// live is the life of one child. It returns nil when it was we who ended it.
func (s *Seed) live(ctx context.Context) error {
	// The kernel ends the child when the thread that started it ends (Pdeathsig).
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p, err := s.start()
	if err != nil {
		return err
	}
	line := wire.New(wire.Config{In: p.out, Out: p.in, Handlers: s.handlers(), Calls: calls, MaxLine: maxLine})
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	talked := make(chan error, 1)
	go func() { talked <- line.Serve(work) }()
	var greeting sync.WaitGroup
	greeting.Go(func() { s.greet(work, line, p) })
	wanted := s.watch(ctx, p, talked)
	_ = p.in.Close() // a healthy child says its last figures and ends
	killer := time.AfterFunc(stopIn, p.kill)
	defer killer.Stop()
	<-talked
	cancel()
	greeting.Wait()
	s.update(func() {
		for way, n := range s.figures.Sent {
			s.stats.Sent[way] += n
		}
		s.stats.Received += s.figures.Received
		s.line, s.figures, s.stats.Listen = nil, wire.Figures{}, ""
	})
	reason := p.end()
	if wanted {
		return nil
	}
	return reason
}

// greet tells the child what to do, and everybody that it is there.
func (s *Seed) greet(ctx context.Context, line *wire.Line, p *process) {
	ctx, cancel := context.WithTimeout(ctx, startIn)
	defer cancel()
	var started wire.Started
	err := line.Call(ctx, wire.Start, wire.Setup{Listen: s.cfg.Listen, Encrypted: s.cfg.Hashes != nil}, &started)
	if err != nil {
		p.fail(err)
		return
	}
	s.update(func() { s.line, s.stats.Listen = line, started.Listen; s.busy, s.heard = time.Now(), time.Now() })
}

// watch returns when the child has ended, or should: because ctx ends, the seed is switched
// off, or nobody needs it. Only then it is wanted.
func (s *Seed) watch(ctx context.Context, p *process, talked chan error) (wanted bool) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		s.mu.Lock()
		changed := s.changed
		idle := s.cfg.Listen == "" && s.offers == 0 && s.line != nil && time.Since(s.busy) > s.cfg.Idle
		on, silent := s.on, s.line != nil && time.Since(s.heard) > silentFor
		s.mu.Unlock()
		switch {
		case !on || idle:
			return true
		case silent:
			p.fail(errSilent)
			return false
		}
		select {
		case err := <-talked:
			talked <- err
			return false
		case <-ctx.Done():
			return true
		case <-changed:
		case <-tick.C:
		}
	}
}

// start starts a child with the socket, two pipes, and nothing else of ours: no open file,
// no variable of our environment, no argument.
func (s *Seed) start() (*process, error) {
	p := &process{cmd: s.cfg.Command(context.Background())}
	p.cmd.Env = []string{memoryLimit}
	p.cmd.Dir = string(os.PathSeparator)
	p.cmd.Stderr = &p.said
	p.cmd.SysProcAttr = ownGroup()
	p.cmd.WaitDelay = stopIn
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start the seed: %w", err)
	}
	if p.out, err = p.cmd.StdoutPipe(); err != nil {
		return nil, fmt.Errorf("start the seed: %w", err)
	}
	if s.cfg.Conn != nil {
		socket, err := s.cfg.Conn.File()
		if err != nil {
			return nil, fmt.Errorf("start the seed: %w", err)
		}
		defer socket.Close()
		p.cmd.ExtraFiles = []*os.File{socket}
		p.cmd.Env = append(p.cmd.Env, socketEnv+"="+strconv.Itoa(firstExtra))
	}
	err = p.cmd.Start()
	if s.cfg.Conn != nil {
		// To hand it over made the socket, which is one for both of us, a blocking one.
		err = errors.Join(err, nonblocking(s.cfg.Conn))
	}
	if err != nil {
		if p.cmd.Process != nil {
			_ = p.end()
		}
		return nil, fmt.Errorf("start the seed: %w", err)
	}
	yield(p.cmd.Process.Pid)
	return p, nil
}

// firstExtra is the descriptor of the first extra file in a child.
const firstExtra = 3

// Child is what the hidden command runs: until stdin ends, which the parent's death ends too.
//
// What libraries print meanwhile goes nowhere: strangers decide how much that is, and the parent
// keeps the beginning only. The reason of a crash comes from Go's runtime, which writes past this.
func Child(ctx context.Context, stdin io.Reader, stdout io.Writer, conn *net.UDPConn) error {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("silence the libraries: %w", err)
	}
	defer func(before *os.File) { os.Stderr = before }(os.Stderr)
	os.Stderr = null
	return child.Run(ctx, child.Config{In: stdin, Out: stdout, Conn: conn})
}

// Inherited returns the socket that the parent handed to this process, or nil.
func Inherited() (*net.UDPConn, error) {
	text := os.Getenv(socketEnv)
	if text == "" {
		return nil, nil
	}
	fd, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", socketEnv, err)
	}
	file := os.NewFile(uintptr(fd), "socket")
	defer file.Close()
	conn, err := net.FilePacketConn(file)
	if err != nil {
		return nil, fmt.Errorf("take the socket over: %w", err)
	}
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		return nil, fmt.Errorf("take the socket over: it is %T", conn)
	}
	return udp, nil
}
