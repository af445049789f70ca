package input

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// Editor runs the creator's text editor.
type Editor struct {
	Command     string // as in $EDITOR: may hold arguments
	In          io.Reader
	Out, ErrOut io.Writer
}

// EditorCommand returns the editor that the environment asks for, or one that is there.
func EditorCommand(getenv func(string) string) (string, error) {
	for _, name := range []string{"VISUAL", "EDITOR"} {
		if command := getenv(name); command != "" {
			return command, nil
		}
	}
	// Debian's "editor" is what the machine's owner chose; vi is what POSIX promises.
	for _, command := range []string{"editor", "nano", "vi"} {
		if _, err := exec.LookPath(command); err == nil {
			return command, nil
		}
	}
	return "", errors.New("no editor is there: set EDITOR, or use the options of tubelet edit")
}

// Edit lets the creator change text in a file of their own and returns the result with
// the file's path, when the editor failed too. The file stays: whoever calls removes it
// once nothing can be lost.
func (e Editor) Edit(ctx context.Context, pattern string, text []byte) (changed []byte, path string, err error) {
	f, err := os.CreateTemp("", pattern) // mode 0600
	if err != nil {
		return nil, "", fmt.Errorf("make a file to edit: %w", err)
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, f.Name(), fmt.Errorf("write the file to edit: %w", err)
	}
	// By the shell, as git does it: EDITOR="code --wait" has arguments.
	cmd := exec.CommandContext(ctx, "sh", "-c", e.Command+` "$@"`, e.Command, f.Name())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = e.In, e.Out, e.ErrOut
	failed := cmd.Run()
	changed, err = os.ReadFile(f.Name())
	switch {
	case failed != nil:
		return changed, f.Name(), fmt.Errorf("run the editor %s: %w", e.Command, failed)
	case err != nil:
		return nil, f.Name(), fmt.Errorf("read the edited file: %w", err)
	}
	return changed, f.Name(), nil
}
