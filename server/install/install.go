// Package install sets a server up on a Debian-like system, and takes it away again: ffmpeg,
// program, user, folder, channel, unit. What it does is a list of steps, each of which is
// either done already or a command, so that what a dry run prints is what is run.
package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tubelet/tubelet/server/setup"
)

// ErrOtherSystem means that this is no system that it knows its way about.
var ErrOtherSystem = errors.New("this is no Debian, Ubuntu or Raspberry Pi OS")

// Config says what is to be set up.
type Config struct {
	Data   string // the data directory; empty means that of the unit that is there, or DefaultData
	User   string // whom the server runs as; empty means that of the unit, or setup.ServiceUser
	Binary string // the program that runs now
	Domain string // of the channel that is made; empty makes none
	Handle string
	Name   string

	// For tests; their zero values mean this machine.
	Root string                                         // under which files are looked at and written
	Run  func(ctx context.Context, argv []string) error // runs a command
	Look func(name string) bool                         // whether a program is there
}

// Step is one thing to do.
type Step struct {
	What string   // in a few words
	Argv []string // the command; nil for a file that is written
	Path string   // of that file
	Text string   // what is written into it
	Done bool     // there is nothing to do
	Soft bool     // the others go on when it fails
}

// Shell returns the step as one would type it.
func (s Step) Shell() string {
	if s.Argv == nil {
		return fmt.Sprintf("write %s (%d lines)", setup.Quote(s.Path), strings.Count(s.Text, "\n"))
	}
	words := make([]string, len(s.Argv))
	for i, word := range s.Argv {
		words[i] = setup.Quote(word)
	}
	return strings.Join(words, " ")
}

// installed is where the program is put when it lies elsewhere.
const installed = "/usr/local/bin/tubelet"

// packaged is the unit of the Debian package.
const packaged = "/usr/lib/systemd/system/tubelet.service"

func (cfg *Config) fill() {
	if cfg.Root == "" {
		cfg.Root = "/"
	}
	if cfg.Run == nil {
		cfg.Run = run
	}
	if cfg.Look == nil {
		cfg.Look = func(name string) bool {
			_, err := exec.LookPath(name)
			return err == nil
		}
	}
}

// run runs a command whose output goes to the standard error, where people see it.
func run(ctx context.Context, argv []string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	return cmd.Run()
}

func (cfg Config) at(path string) string { return filepath.Join(cfg.Root, path) }

func (cfg Config) exists(path string) bool {
	_, err := os.Stat(cfg.at(path))
	return err == nil
}

// debian reports whether the system's own word for itself names Debian.
func (cfg Config) debian() bool {
	text, err := os.ReadFile(cfg.at("/etc/os-release"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if (key == "ID" || key == "ID_LIKE") && slices.Contains(strings.Fields(strings.Trim(value, `"'`)), "debian") {
			return true
		}
	}
	return false
}

// names reports whether a file such as /etc/passwd has a line for a name.
func (cfg Config) names(file, name string) bool {
	text, err := os.ReadFile(cfg.at(file))
	return err == nil && (bytes.HasPrefix(text, []byte(name+":")) || bytes.Contains(text, []byte("\n"+name+":")))
}

// Plan returns the steps that set the server up, in their order.
func Plan(cfg Config) ([]Step, error) {
	cfg.fill()
	if !cfg.debian() {
		return nil, ErrOtherSystem
	}
	cfg, err := Settle(cfg)
	if err != nil {
		return nil, err
	}
	if cfg.Domain != "" {
		if err := (setup.Config{Domain: cfg.Domain, Handle: cfg.Handle, Name: cfg.Name}).Check(); err != nil {
			return nil, err
		}
	}
	user, program := cfg.User, cfg.Binary
	haveFFmpeg := cfg.Look("ffmpeg") && cfg.Look("ffprobe")
	steps := []Step{
		{What: "refresh the lists of packages", Argv: []string{"apt-get", "update"}, Done: haveFFmpeg, Soft: true},
		{What: "install ffmpeg", Argv: []string{"apt-get", "install", "--yes", "--no-install-recommends", "ffmpeg", "ca-certificates"}, Done: haveFFmpeg},
	}
	if !setup.InPlace(program) {
		program = installed
		steps = append(steps, Step{What: "put the program in its place", Argv: []string{"install", "-m", "0755", cfg.Binary, installed}, Done: cfg.same(cfg.Binary, installed)})
	}
	steps = append(steps, Step{
		What: "make a user for it", Done: cfg.names("/etc/passwd", user),
		Argv: []string{"useradd", "--system", "--user-group", "--home-dir", cfg.Data, "--no-create-home", "--shell", "/usr/sbin/nologin", user},
	})
	for _, group := range []string{"video", "render"} {
		// So that it may use the hardware's encoder.
		if cfg.names("/etc/group", group) {
			steps = append(steps, Step{What: "let it use the graphics card", Argv: []string{"usermod", "-aG", group, user}, Done: cfg.member(group, user), Soft: true})
		}
	}
	steps = append(steps, Step{
		What: "make the data folder", Argv: []string{"install", "-d", "-m", "0700", "-o", user, "-g", user, cfg.Data}, Done: cfg.exists(cfg.Data),
	})
	if cfg.Domain != "" {
		steps = append(steps, Step{What: "make the channel", Done: cfg.exists(filepath.Join(cfg.Data, "tubelet.db")), Argv: []string{
			"runuser", "-u", user, "--", program, "init", "--json", "--data", cfg.Data, "--domain", cfg.Domain, "--name", cfg.Name, "--handle", cfg.Handle,
		}})
	}
	return append(steps, cfg.service(program, user)...), nil
}

// service is the steps about systemd. A unit of the Debian package is left as it is, as is
// one that is the same but for what its owner added in a drop-in.
func (cfg Config) service(program, user string) []Step {
	unit := setup.Unit(program, cfg.Data, user)
	old, _ := os.ReadFile(cfg.at(setup.UnitFile)) // none is as good as another
	have := string(old) == unit || cfg.exists(packaged)
	steps := []Step{{What: "write the unit", Path: setup.UnitFile, Text: unit, Done: have}}
	if !cfg.exists("/run/systemd/system") {
		return steps
	}
	steps = append(steps, Step{What: "have systemd read it", Argv: []string{"systemctl", "daemon-reload"}, Done: have})
	if cfg.Domain != "" || cfg.exists(filepath.Join(cfg.Data, "tubelet.db")) {
		enabled := cfg.exists("/etc/systemd/system/multi-user.target.wants/tubelet.service")
		steps = append(steps, Step{What: "start it, now and at each start of the machine", Argv: []string{"systemctl", "enable", "--now", "tubelet"}, Done: have && enabled})
	}
	return steps
}

// same reports whether two files have the same bytes.
func (cfg Config) same(a, b string) bool {
	one, err := os.ReadFile(a)
	if err != nil {
		return false
	}
	other, err := os.ReadFile(cfg.at(b))
	return err == nil && bytes.Equal(one, other)
}

// member reports whether a user is in a group, by the lines of group(5).
func (cfg Config) member(group, user string) bool {
	text, err := os.ReadFile(cfg.at("/etc/group"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) == 4 && f[0] == group && slices.Contains(strings.Split(f[3], ","), user) {
			return true
		}
	}
	return false
}

// Do runs the steps that are not done, telling each before it begins.
func Do(ctx context.Context, cfg Config, steps []Step, tell func(Step)) error {
	cfg.fill()
	for _, s := range steps {
		tell(s)
		if s.Done {
			continue
		}
		if err := cfg.do(ctx, s); err != nil && !s.Soft {
			return fmt.Errorf("%s: %w", s.What, err)
		}
	}
	return nil
}

func (cfg Config) do(ctx context.Context, s Step) error {
	if s.Argv != nil {
		return cfg.Run(ctx, s.Argv)
	}
	return write(cfg.at(s.Path), s.Text)
}

// write replaces a file as a whole: a unit that is half there would be half heeded.
func write(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".tubelet-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
