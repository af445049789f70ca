package cli

import (
	"cmp"
	"context"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/store"
)

func newVersion(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use:     "version",
		Short:   "Say what this program is made of",
		Long:    "Says what this program is made of: its commit, Go, SQLite, and the ffmpeg it found.",
		Example: "  tubelet version --json",
		Args:    line.Words(),
		RunE:    func(c *cobra.Command, _ []string) error { return runVersion(c.Context(), a) },
	}
	line.Exits(c)
	return c
}

func runVersion(ctx context.Context, a *app.App) error {
	v := wire.Version{
		Schema: wire.Schema, Version: "(devel)", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
		SQLite: store.SQLite(), Build: map[string]string{},
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Version = cmp.Or(info.Main.Version, v.Version)
		for _, s := range info.Settings {
			v.Build[s.Key] = s.Value
		}
	}
	v.Commit, v.Time, v.Modified = v.Build["vcs.revision"], v.Build["vcs.time"], v.Build["vcs.modified"] == "true"
	maker := media.New(media.Config{})
	v.FFmpeg.Path, v.FFmpeg.Version = maker.Tool(ctx, "ffmpeg")
	v.FFprobe.Path, v.FFprobe.Version = maker.Tool(ctx, "ffprobe")
	return a.Answer(v, func() error { return showVersion(a, v) })
}

func showVersion(a *app.App, v wire.Version) error {
	commit := v.Commit
	if v.Modified {
		commit += " with changes"
	}
	name := strings.TrimSpace("tubelet " + v.Version + " " + commit)
	if err := a.Printf("%s\n%s %s/%s\nSQLite %s\n", name, v.Go, v.OS, v.Arch, v.SQLite); err != nil {
		return err
	}
	if v.FFmpeg.Path == "" || v.FFprobe.Path == "" {
		return a.Printf("ffmpeg was not found: until it is installed only MP4 files that browsers can play are published\n")
	}
	return a.Printf("ffmpeg %s (%s)\n", v.FFmpeg.Version, v.FFmpeg.Path)
}
