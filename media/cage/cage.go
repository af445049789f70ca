// Package cage starts a program that reads strangers' bytes so that it reaches little else of
// the machine. It gets the one file that it is to read, one folder to write into, and the
// system's programs and libraries to run from: no other file, no network, no new privileges.
//
//	goroutine -> its own thread -> walls on that thread -> fork: the child inherits them
//
// On Linux such walls hang on a thread and cannot be taken down, so the thread is thrown away
// with the child; no helper program stands between. Where the kernel has a wall not, or another
// system runs, the child starts without it: Walls says which there are.
package cage

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"sync"
)

// Room is what a program may reach.
type Room struct {
	Program string   // the program's file
	Input   *os.File // what it reads, nil for nothing
	Dir     string   // where it may read and write, "" for nowhere
	Devices bool     // it may use the machine's encoders
	Open    bool     // there are no walls at all
}

// Start starts cmd inside the room, as cmd.Start would. When it returns no error, ended must
// be called after cmd.Wait: the thread that started the child is kept until then, because
// the kernel kills a child with the thread that its death is tied to.
func (r Room) Start(cmd *exec.Cmd) (ended func(), err error) {
	started, end := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		if !r.Open {
			r.enclose()
		}
		started <- cmd.Start()
		<-end
	}()
	ended = sync.OnceFunc(func() { close(end) })
	if err := <-started; err != nil {
		ended()
		return nil, err
	}
	return ended, nil
}

// Fits says whether the program can run behind the walls at all. One from an unusual place may
// have its libraries where nothing may be read; one that runs nowhere is no matter of walls.
func (r Room) Fits(ctx context.Context) bool {
	version := func(r Room) error {
		cmd := exec.CommandContext(ctx, r.Program, "-version")
		cmd.Env = []string{}
		ended, err := r.Start(cmd)
		if err != nil {
			return err
		}
		defer ended()
		return cmd.Wait()
	}
	return version(r) == nil || version(Room{Program: r.Program, Open: true}) != nil
}

// Walls names what this machine puts around a program. An empty answer means none.
func Walls() []string {
	answer := make(chan []string)
	go func() {
		runtime.LockOSThread()
		answer <- Room{}.enclose()
	}()
	return <-answer
}
