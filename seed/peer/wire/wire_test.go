package wire_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/tubelet/tubelet/seed/peer/wire"
)

// pair returns two ends that serve each other, and what closes them.
func pair(t *testing.T, a, b map[string]wire.Handler, calls int) (left, right *wire.Line) {
	t.Helper()
	leftIn, rightOut := io.Pipe()
	rightIn, leftOut := io.Pipe()
	left = wire.New(wire.Config{In: leftIn, Out: leftOut, Handlers: a, Calls: calls, MaxLine: 1 << 16})
	right = wire.New(wire.Config{In: rightIn, Out: rightOut, Handlers: b, Calls: calls, MaxLine: 1 << 16})
	var serving sync.WaitGroup
	serving.Go(func() { _ = left.Serve(t.Context()) })
	serving.Go(func() { _ = right.Serve(t.Context()) })
	t.Cleanup(func() {
		leftOut.Close()
		rightOut.Close()
		serving.Wait()
	})
	return left, right
}

func TestCalls(t *testing.T) {
	refused := errors.New("not a public video")
	left, right := pair(t,
		map[string]wire.Handler{"spend": wire.Handle(func(_ context.Context, in wire.SpendCall) (wire.Answer, error) {
			return wire.Answer{SDP: in.Way}, nil
		})},
		map[string]wire.Handler{"lookup": wire.Handle(func(context.Context, wire.LookupCall) (wire.Share, error) {
			return wire.Share{}, refused
		})}, 8)
	var got wire.Answer
	if err := right.Call(t.Context(), "spend", wire.SpendCall{Way: "tcp", Bytes: 1}, &got); err != nil || got.SDP != "tcp" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := left.Call(t.Context(), "lookup", wire.LookupCall{}, nil); err == nil || !strings.Contains(err.Error(), refused.Error()) {
		t.Errorf("error %v", err)
	}
	if err := left.Call(t.Context(), "nonsense", 1, nil); err == nil || !strings.Contains(err.Error(), "unknown call") {
		t.Errorf("error %v", err)
	}
}

// TestBusy: more calls than are done at a time are refused at once, and answers still come
// through.
func TestBusy(t *testing.T) {
	release, began := make(chan struct{}), make(chan struct{}, 9)
	slow := map[string]wire.Handler{"wait": wire.Handle(func(context.Context, struct{}) (struct{}, error) {
		began <- struct{}{}
		<-release
		return struct{}{}, nil
	})}
	a, _ := pair(t, nil, slow, 2)
	results := make(chan error, 2)
	for range 2 {
		go func() { results <- a.Call(t.Context(), "wait", struct{}{}, nil) }()
	}
	<-began
	<-began
	if err := a.Call(t.Context(), "wait", struct{}{}, nil); !errors.Is(err, wire.ErrBusy) {
		t.Errorf("third call: %v", err)
	}
	close(release)
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestClosed(t *testing.T) {
	in, out := io.Pipe()
	l := wire.New(wire.Config{In: in, Out: io.Discard, Calls: 1, MaxLine: 100})
	served := make(chan error, 1)
	go func() { served <- l.Serve(t.Context()) }()
	called := make(chan error, 1)
	go func() { called <- l.Call(context.Background(), "x", 1, nil) }()
	out.Close()
	if err := <-called; !errors.Is(err, wire.ErrClosed) {
		t.Errorf("a call after the end: %v", err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestLongLine(t *testing.T) {
	l := wire.New(wire.Config{In: strings.NewReader(strings.Repeat("x", 1000)), Out: io.Discard, Calls: 1, MaxLine: 100})
	if err := l.Serve(t.Context()); err == nil {
		t.Error("a line of ten times the bound was read")
	}
}

// FuzzServe: what a child that was taken over may write.
func FuzzServe(f *testing.F) {
	f.Add(`{"id":1,"call":"spend","body":{"way":"tcp","bytes":1}}` + "\n")
	f.Add(`{"id":1,"body":{}}` + "\n" + `{"id":1,"call":"nonsense"}` + "\n[]\n")
	f.Fuzz(func(t *testing.T, text string) {
		l := wire.New(wire.Config{In: strings.NewReader(text), Out: io.Discard, Calls: 4, MaxLine: 1 << 10, Handlers: map[string]wire.Handler{
			"spend": wire.Handle(func(context.Context, wire.SpendCall) (struct{}, error) { return struct{}{}, nil }),
		}})
		_ = l.Serve(t.Context())
	})
}
