package video

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/input"
	"github.com/tubelet/tubelet/server/setup"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
)

// fromFile changes v as a file with front matter and description says.
func (o *editOptions) fromFile(ctx context.Context, a *app.App, w *work.Worker, v store.Video) error {
	if o.any() {
		return exit.Usagef("--from says everything: leave the other options out")
	}
	path, stdin, err := a.Source(o.from)
	if err != nil {
		return err
	}
	if stdin == nil {
		file, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("read the text: %w", err)
		}
		defer file.Close()
		stdin = file
	}
	content, err := input.Words(stdin)
	if err != nil {
		return fmt.Errorf("%s: %w", o.from, err)
	}
	changed, err := input.Parse(content, v, time.Now())
	if err != nil {
		return &exit.UsageError{Err: fmt.Errorf("%s: %w", o.from, err)}
	}
	return save(ctx, w, v, changed)
}

// fromEditor lets the creator change v in their editor.
func fromEditor(ctx context.Context, a *app.App, s *app.Session, w *work.Worker, v store.Video) error {
	if !a.Term.InTTY && a.Getenv("VISUAL") == "" && a.Getenv("EDITOR") == "" {
		return exit.Usagef("there is no terminal to edit on: set EDITOR, or use the options (tubelet help edit)")
	}
	command, err := input.EditorCommand(a.Getenv)
	if err != nil {
		return &exit.UsageError{Err: err}
	}
	before := input.Format(v)
	editor := input.Editor{Command: command, In: a.Term.In, Out: a.Term.Out, ErrOut: a.Term.Err}
	if a.JSON {
		editor.Out = a.Term.Err // standard output is for JSON alone
	}
	after, file, err := editor.Edit(ctx, "tubelet-"+v.ID+"-*.md", before)
	if err != nil && bytes.Equal(after, before) {
		return fmt.Errorf("nothing was changed: %w", errors.Join(err, os.Remove(file)))
	}
	if err == nil {
		err = saveText(ctx, s, w, v, after)
	}
	if err != nil && file != "" {
		return exit.Hint(err, "Your text is kept in %s. To go on with it, correct it and:\n  tubelet edit %s --from %s",
			file, v.ID, setup.Quote(file))
	}
	if err != nil {
		return err
	}
	return os.Remove(file)
}

// saveText stores what the creator made of v, unless somebody else changed it meanwhile.
func saveText(ctx context.Context, s *app.Session, w *work.Worker, v store.Video, text []byte) error {
	changed, err := input.Parse(text, v, time.Now())
	if err != nil {
		return &exit.UsageError{Err: fmt.Errorf("the text has a mistake in %w", err)}
	}
	now, err := s.Video(ctx, v.ID)
	if err != nil {
		return err
	}
	if !input.Same(now, v) {
		return store.Errorf(store.ErrExists, "%s was changed while you edited it", v.ID)
	}
	return save(ctx, w, v, changed)
}
