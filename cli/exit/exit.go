// Package exit says how the program ends: the one place where an error becomes an exit
// code, a message and what to do next.
package exit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/seed/mirror"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
)

// Exit codes. Scripts rely on them: they never change their meaning.
const (
	OK          = 0
	Failed      = 1
	Usage       = 2
	NotFound    = 3
	Conflict    = 4
	Remote      = 5
	Refused     = 6
	Interrupted = 130
)

// Meaning says in a few words what a code stands for, for help texts.
func Meaning(code int) string {
	return map[int]string{
		OK:          "done",
		Failed:      "failed",
		Usage:       "the command line was wrong, or a question could not be asked",
		NotFound:    "no such channel, video, job, setting or file",
		Conflict:    "in the way: it exists already, or somebody else is at it",
		Remote:      "another machine failed",
		Refused:     "the file is no video or audio that can be published",
		Interrupted: "interrupted",
	}[code]
}

// Report is an error as people and programs are told it.
type Report struct {
	Message string `json:"error"`
	Hint    string `json:"hint,omitempty"` // what to do next
	Exit    int    `json:"exit"`
	ID      string `json:"id,omitempty"` // the video in the way
}

// UsageError is a mistake in the command line.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns what was wrong.
func (e *UsageError) Unwrap() error { return e.Err }

// Usagef returns a UsageError.
func Usagef(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// ConflictError is something that the state of things does not allow.
type ConflictError struct{ Err error }

func (e *ConflictError) Error() string { return e.Err.Error() }

// Unwrap returns what is in the way.
func (e *ConflictError) Unwrap() error { return e.Err }

// Conflictf returns a ConflictError.
func Conflictf(format string, args ...any) error { return &ConflictError{fmt.Errorf(format, args...)} }

// RemoteError is something that went wrong on another machine.
type RemoteError struct{ Err error }

func (e *RemoteError) Error() string { return e.Err.Error() }

// Unwrap returns what went wrong.
func (e *RemoteError) Unwrap() error { return e.Err }

// NoChannelError says that the data directory holds no channel.
type NoChannelError struct {
	Data  string
	Local bool // it was wanted for trying out
}

func (e *NoChannelError) Error() string { return "there is no channel in " + e.Data }

// DetachedError says that the creator stopped looking while the work on a video was not
// done. Nothing is lost by it.
type DetachedError struct{ ID string }

func (e *DetachedError) Error() string {
	return "Detached. " + e.ID + " is stored, and work on it goes on while tubelet serve runs."
}

// hinted is an error with its own advice.
type hinted struct {
	error
	hint string
}

func (e *hinted) Unwrap() error { return e.error }

// Hint gives err an advice, unless it is nil.
func Hint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hinted{err, fmt.Sprintf(format, args...)}
}

// rule maps one kind of error. The first that matches is used, so the narrow stand first.
type rule struct {
	match func(error) bool
	code  int
	hint  func(error) string
}

// Describe returns the report of an error that is not nil.
func Describe(err error) Report {
	r := Report{Message: term.CleanLines(err.Error()), Exit: Failed}
	rules := rules()
	if i := slices.IndexFunc(rules, func(rule rule) bool { return rule.match(err) }); i >= 0 {
		r.Exit = rules[i].code
		if rules[i].hint != nil {
			r.Hint = rules[i].hint(err)
		}
	}
	if own, ok := errors.AsType[*hinted](err); ok {
		r.Hint = own.hint
	}
	if double, ok := errors.AsType[*store.DuplicateError](err); ok {
		// Where it was noticed says nothing to its owner.
		r.ID, r.Message = double.ID, double.Error()
	}
	if r.Exit == Interrupted && errors.Is(err, context.Canceled) {
		r.Message = "Interrupted."
	}
	return r
}

func rules() []rule {
	return []rule{
		{is[*DetachedError], Interrupted, detached},
		{matches(context.Canceled), Interrupted, nil},
		{is[*UsageError], Usage, nil},
		{is[*RemoteError], Remote, nil},
		{is[*ConflictError], Conflict, nil},
		{matches(term.ErrNotAsked), Usage, say("To go on without being asked, add --yes.")},
		{matches(term.ErrDeclined), Failed, nil},
		{is[*NoChannelError], NotFound, noChannel},
		{is[*media.RefusedError], Refused, nil},
		{is[*store.DuplicateError], Conflict, duplicate},
		{matches(store.ErrExists), Conflict, nil},
		{matches(mirror.ErrRunning), Conflict, nil},
		{matches(mirror.ErrUnknown), NotFound, say("To see them all: tubelet mirror ls")},
		{matches(store.ErrNotFound), NotFound, nil},
		{matches(store.ErrNewer), Failed, say("Install that version of tubelet, or a later one.")},
		{matches(store.ErrOlder), Failed, say("tubelet serve upgrades it, as does every command that changes something. A copy is kept.")},
		{matches(fs.ErrNotExist), NotFound, nil},
		{is[*work.InputError], Usage, nil},
		{matches(store.ErrInvalid), Usage, nil},
		{is[*work.SpaceError], Failed, nil},
		{matches(syscall.ENOSPC), Failed, say("The disk is full: make room and try again.")},
		{is[*work.FailedError], Failed, say("tubelet jobs shows the failed job; tubelet jobs retry ID tries it again.")},
		{matches(syscall.EADDRINUSE), Conflict, say("Another program listens there: stop it, or choose another address with --listen.")},
		{listenRefused, Failed, say(privileged)},
		{matches(fs.ErrPermission), Failed, asOwner},
	}
}

const privileged = `Ports below 1024 need a permission. Choose one:
  run it by the systemd unit that tubelet init printed
  sudo setcap cap_net_bind_service=+ep "$(command -v tubelet)"
  tubelet serve --listen 127.0.0.1:8080, behind a proxy that holds the certificate`

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func matches(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func say(text string) func(error) string { return func(error) string { return text } }

func listenRefused(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "listen" && errors.Is(err, fs.ErrPermission)
}

// asOwner says as whom to run the program, where what it may not touch belongs to somebody
// else. In a folder that it may not look into, that is the folder's owner.
func asOwner(err error) string {
	denied, ok := errors.AsType[*fs.PathError](err)
	if !ok {
		return ""
	}
	path := denied.Path
	info, err := os.Stat(path)
	for errors.Is(err, fs.ErrPermission) && path != filepath.Dir(path) {
		path = filepath.Dir(path)
		info, err = os.Stat(path)
	}
	owner, other := owner(info)
	if err != nil || !other {
		return ""
	}
	return fmt.Sprintf("%s belongs to %s. Run this as that user: sudo -u '%s' tubelet ...", path, owner, owner)
}

// Owned returns an error unless path belongs to the user that the program runs as. What root
// leaves in the folder of a service, locks above all, would stop the service.
func Owned(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if owner, other := owner(info); other {
		return Hint(fmt.Errorf("%s belongs to %s, who could not use what another user leaves there", path, owner),
			"Run it as the owner: sudo -u '%s' tubelet ...", owner)
	}
	return nil
}

// owner returns the name of a file's owner, for sudo -u, and whether that is another user.
func owner(info fs.FileInfo) (name string, other bool) {
	if info == nil {
		return "", false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) == os.Geteuid() {
		return "", false
	}
	name = "#" + strconv.FormatUint(uint64(stat.Uid), 10) // as sudo takes a number
	if u, err := user.LookupId(name[1:]); err == nil {
		name = u.Username
	}
	return name, true
}

func detached(err error) string {
	e, _ := errors.AsType[*DetachedError](err)
	return "To look on again, or to go on without a server: tubelet jobs attach " + e.ID
}

func noChannel(err error) string {
	if e, _ := errors.AsType[*NoChannelError](err); e.Local {
		return "Make one to try out: tubelet init --local"
	}
	return strings.Join([]string{
		"Make one:            tubelet init --domain video.example --name \"The Small Workshop\" --handle workshop",
		"Make one to try out: tubelet init --local",
		"Use one elsewhere:   add --data DIR, or set TUBELET_DATA.",
	}, "\n")
}

func duplicate(err error) string {
	e, _ := errors.AsType[*store.DuplicateError](err)
	return "To see it: tubelet show " + e.ID + "\nTo change what is said about it: tubelet edit " + e.ID
}
