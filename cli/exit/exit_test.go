package exit_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
)

func TestDescribe(t *testing.T) {
	listen := func(err error) error {
		return &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", err)}
	}
	tests := []struct {
		name string
		err  error
		code int
		says string // in message or hint
	}{
		{"anything", errors.New("broken"), exit.Failed, "broken"},
		{"usage", exit.Usagef("no %s", "way"), exit.Usage, "no way"},
		{"own hint", exit.Hint(exit.Usagef("no"), "try %d", 2), exit.Usage, "try 2"},
		{"not asked", term.ErrNotAsked, exit.Usage, "--yes"},
		{"declined", term.ErrDeclined, exit.Failed, "nothing was changed"},
		{"no channel", &exit.NoChannelError{Data: "/d"}, exit.NotFound, "tubelet init --domain"},
		{"no channel to try out", &exit.NoChannelError{Data: "/d", Local: true}, exit.NotFound, "tubelet init --local"},
		{"refused", &media.RefusedError{Reason: "a picture"}, exit.Refused, "a picture"},
		{"duplicate", &store.DuplicateError{ID: "k3v9x2m1qa"}, exit.Conflict, "tubelet show k3v9x2m1qa"},
		{"exists", store.ErrExists, exit.Conflict, ""},
		{"not found", store.ErrNotFound, exit.NotFound, ""},
		{"newer", store.ErrNewer, exit.Failed, "Install that version"},
		{"older", store.ErrOlder, exit.Failed, "tubelet serve upgrades it"},
		{"invalid", store.ErrInvalid, exit.Usage, ""},
		{"no file", &work.InputError{What: "file", Err: fs.ErrNotExist}, exit.NotFound, ""},
		{"input", &work.InputError{What: "tag", Err: errors.New("long")}, exit.Usage, "tag: long"},
		{"space", &work.SpaceError{Dir: "/d"}, exit.Failed, "make room"},
		{"disk full", syscall.ENOSPC, exit.Failed, "make room"},
		{"job failed", &work.FailedError{Reason: "r"}, exit.Failed, "tubelet jobs retry"},
		{"address in use", listen(syscall.EADDRINUSE), exit.Conflict, "--listen"},
		{"port refused", listen(syscall.EACCES), exit.Failed, "setcap"},
		{"file refused", &fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, exit.Failed, "permission denied"},
		{"interrupted", context.Canceled, exit.Interrupted, "Interrupted."},
		{"detached", &exit.DetachedError{ID: "k3v9x2m1qa"}, exit.Interrupted, "tubelet jobs attach k3v9x2m1qa"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := exit.Describe(fmt.Errorf("try it: %w", tt.err))
			if r.Exit != tt.code || !strings.Contains(r.Message+"\n"+r.Hint, tt.says) {
				t.Errorf("got %+v, want %d with %q", r, tt.code, tt.says)
			}
		})
	}
}

func TestDescribeOtherOwner(t *testing.T) {
	path, owner := "/", "root" // of everybody else
	if os.Geteuid() == 0 {
		path = filepath.Join(t.TempDir(), "tubelet.db")
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chown(path, 54321, -1)); err != nil {
			t.Fatal(err)
		}
		owner = "#54321"
	}
	r := exit.Describe(&fs.PathError{Op: "open", Path: path, Err: syscall.EACCES})
	if want := path + " belongs to " + owner + ". Run this as that user: sudo -u '" + owner + "' tubelet ..."; r.Hint != want {
		t.Errorf("hint %q, want %q", r.Hint, want)
	}
}

func TestOwned(t *testing.T) {
	dir, owner := t.TempDir(), "root"
	if err := exit.Owned(dir); err != nil {
		t.Errorf("our own folder: %v", err)
	}
	if os.Geteuid() != 0 {
		dir = "/"
	} else if owner = "#54321"; os.Chown(dir, 54321, -1) != nil {
		t.Fatal("root may not give a folder away")
	}
	r := exit.Describe(exit.Owned(dir))
	if want := "Run it as the owner: sudo -u '" + owner + "' tubelet ..."; r.Exit != exit.Failed || r.Hint != want {
		t.Errorf("%+v, want the hint %q", r, want)
	}
}

func TestDescribeCleans(t *testing.T) {
	if r := exit.Describe(errors.New("no file \x1b[31mx\x07")); r.Message != "no file x" {
		t.Errorf("%q", r.Message)
	}
	if r := exit.Describe(&store.DuplicateError{ID: "k3v9x2m1qa"}); r.ID != "k3v9x2m1qa" {
		t.Errorf("%+v", r)
	}
}

func TestMeanings(t *testing.T) {
	for _, code := range []int{
		exit.OK, exit.Failed, exit.Usage, exit.NotFound, exit.Conflict, exit.Remote, exit.Refused, exit.Interrupted,
	} {
		if exit.Meaning(code) == "" {
			t.Errorf("nobody says what %d means", code)
		}
	}
}
