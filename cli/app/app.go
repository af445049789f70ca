// Package app is one run of the program: its streams, the options that every command has,
// and the channel it opens. Commands of all packages below cli work through it, so that they
// answer, ask and fail in one manner.
package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/store"
)

// App is one run of the program.
type App struct {
	Term   *term.Terminal
	Getenv func(string) string
	Data   string // --data
	JSON   bool   // --json
}

// Fail tells the error and returns its exit code.
func (a *App) Fail(r exit.Report) int {
	if a.JSON {
		_ = json.NewEncoder(a.Term.Err).Encode(r)
		return r.Exit
	}
	fmt.Fprintln(a.Term.Err, "tubelet: "+r.Message)
	if r.Hint != "" {
		fmt.Fprintln(a.Term.Err, r.Hint)
	}
	return r.Exit
}

// Answer prints value as JSON, or calls people to say it in words.
func (a *App) Answer(value any, people func() error) error {
	if !a.JSON {
		return people()
	}
	out := json.NewEncoder(a.Term.Out)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(value)
}

// Printf writes to standard output.
func (a *App) Printf(format string, args ...any) error {
	_, err := fmt.Fprintf(a.Term.Out, format, args...)
	return err
}

// Confirm asks for v's id before what cannot be undone.
func (a *App) Confirm(ctx context.Context, yes bool, what string, v store.Video) error {
	if yes {
		return nil
	}
	return a.Term.Confirm(ctx, fmt.Sprintf(what, a.Term.PaintErr(term.Bold, term.Clean(v.Title))), v.ID)
}

// Source returns the path of a file, or for - the standard input.
func (a *App) Source(file string) (path string, stdin io.Reader, err error) {
	if file != "-" {
		return file, nil, nil
	}
	if a.Term.InTTY {
		return "", nil, exit.Usagef("standard input is the keyboard: give it a file, as in tubelet publish - < talk.mp4")
	}
	return "", a.Term.In, nil
}
