package term

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrNotAsked is returned where a question must be answered and nobody is there to do it.
var ErrNotAsked = errors.New("this needs an answer, and there is no terminal to ask on")

// ErrDeclined is returned when the answer was not the word asked for.
var ErrDeclined = errors.New("not confirmed, nothing was changed")

// Confirm shows the question on standard error and waits until word is typed. Both must be
// terminals: a question that lands in a file is not seen. What cannot be undone
// asks for the thing's name and not for a "y" that fingers type by themselves.
func (t *Terminal) Confirm(ctx context.Context, question, word string) error {
	if !t.InTTY || !t.ErrTTY {
		return ErrNotAsked
	}
	if _, err := fmt.Fprintf(t.Err, "%s\nType %s to go on: ", question, word); err != nil {
		return err
	}
	// A read from a terminal cannot be called off, so the answer is awaited beside ctx;
	// after Ctrl-C the program ends and takes the reader along.
	answer := make(chan string, 1)
	failed := make(chan error, 1)
	go func() {
		line, err := bufio.NewReader(t.In).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			failed <- err
			return
		}
		answer <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-failed:
		return fmt.Errorf("read the answer: %w", err)
	case line := <-answer:
		if line != word {
			return ErrDeclined
		}
		return nil
	}
}
