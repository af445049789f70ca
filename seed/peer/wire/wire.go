// Package wire is what the seed's two processes say to each other over a pair of pipes: one
// JSON object a line, calls and their answers in both directions.
//
// A Line reads nothing larger than its bound and does no more calls at a time than it was
// told; what is too much is answered with ErrBusy. Neither side trusts the other to be
// well-behaved: the child talks to strangers, and the parent may be gone.
package wire

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// ErrBusy says that the other side has enough to do.
var ErrBusy = errors.New("too many calls at a time")

// ErrClosed says that the other side is gone.
var ErrClosed = errors.New("the line is closed")

// Handler does one call.
type Handler func(ctx context.Context, in json.RawMessage) (out any, err error)

// Config is what a Line needs.
type Config struct {
	In       io.Reader
	Out      io.Writer
	Handlers map[string]Handler
	Calls    int // how many of the other side's are done at a time
	MaxLine  int // bytes
}

// Line is one end.
type Line struct {
	cfg   Config
	slots chan struct{}
	gone  chan struct{} // closed when nothing more comes in

	writing sync.Mutex

	mu      sync.Mutex
	next    uint64
	waiting map[uint64]chan frame
}

// frame is one line: a call has a name, an answer none.
type frame struct {
	ID    uint64          `json:"id"`
	Call  string          `json:"call,omitempty"`
	Body  json.RawMessage `json:"body,omitempty"`
	Error string          `json:"error,omitempty"`
}

// New returns a Line. It hears nothing before Serve.
func New(cfg Config) *Line {
	return &Line{cfg: cfg, slots: make(chan struct{}, cfg.Calls), gone: make(chan struct{}), waiting: map[uint64]chan frame{}}
}

// Serve reads until the other side closes, and returns after the last call it did.
func (l *Line) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var calls sync.WaitGroup
	defer calls.Wait()
	defer cancel()
	defer close(l.gone)
	lines := bufio.NewScanner(l.cfg.In)
	lines.Buffer(make([]byte, 0, 4<<10), l.cfg.MaxLine)
	for lines.Scan() {
		var f frame
		if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
			return fmt.Errorf("read a line: %w", err)
		}
		switch {
		case f.Call == "":
			l.answered(f)
		default:
			select {
			case l.slots <- struct{}{}:
				calls.Go(func() {
					defer func() { <-l.slots }()
					l.do(ctx, f)
				})
			default:
				l.reply(f.ID, nil, ErrBusy)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read a line: %w", err)
	}
	return nil
}

func (l *Line) do(ctx context.Context, f frame) {
	handler, ok := l.cfg.Handlers[f.Call]
	if !ok {
		l.reply(f.ID, nil, fmt.Errorf("unknown call %q", f.Call))
		return
	}
	out, err := handler(ctx, f.Body)
	l.reply(f.ID, out, err)
}

// reply answers a call. When the other side is gone nobody is there to be told.
func (l *Line) reply(id uint64, out any, err error) {
	f := frame{ID: id}
	if err == nil {
		f.Body, err = json.Marshal(out)
	}
	if err != nil {
		f.Body, f.Error = nil, err.Error()
	}
	_ = l.write(f)
}

func (l *Line) answered(f frame) {
	l.mu.Lock()
	waiter := l.waiting[f.ID]
	delete(l.waiting, f.ID)
	l.mu.Unlock()
	if waiter != nil {
		waiter <- f
	}
}

// Call makes the other side do name with in, and reads its answer into out.
func (l *Line) Call(ctx context.Context, name string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("call %s: %w", name, err)
	}
	waiter := make(chan frame, 1)
	l.mu.Lock()
	l.next++
	id := l.next
	l.waiting[id] = waiter
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.waiting, id)
		l.mu.Unlock()
	}()
	if err := l.write(frame{ID: id, Call: name, Body: body}); err != nil {
		return fmt.Errorf("call %s: %w", name, err)
	}
	select {
	case f := <-waiter:
		return f.into(name, out)
	case <-l.gone:
		return fmt.Errorf("call %s: %w", name, ErrClosed)
	case <-ctx.Done():
		return fmt.Errorf("call %s: %w", name, ctx.Err())
	}
}

func (f frame) into(name string, out any) error {
	switch {
	case f.Error == ErrBusy.Error():
		return fmt.Errorf("call %s: %w", name, ErrBusy)
	case f.Error != "":
		return fmt.Errorf("call %s: %s", name, f.Error)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(f.Body, out); err != nil {
		return fmt.Errorf("call %s: read the answer: %w", name, err)
	}
	return nil
}

func (l *Line) write(f frame) error {
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	if _, err := l.cfg.Out.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return nil
}
