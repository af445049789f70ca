package work_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
)

// An ffmpeg that reports success and made nothing, or nothing that can be read, fails the job with a
// sentence; the video is not watchable, and an honest one makes it whole.
func TestFFmpegLies(t *testing.T) {
	for name, lie := range map[string]string{"nothing": ":", "garbage": `head -c 50000 /dev/urandom >"${o#file:}"`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			liar := write(t, "ffmpeg", `#!/bin/bash
case "$*" in *libx264*.part*) for o in "$@"; do case "$o" in *.part) `+lie+`;; esac; done; exit 0;; esac
exec ffmpeg "$@"
`)
			if err := os.Chmod(liar, 0o700); err != nil {
				t.Fatal(err)
			}
			b := newBench(t, media.Config{FFmpeg: liar})
			v := b.publish(work.Publish{Path: clip(t, "a.avi", "320x180", 10, 2, "-c:v", "mpeg4", "-c:a", "mp3")})
			err := b.Follow(t.Context(), v.ID, 0, nil)
			if failed, ok := errors.AsType[*work.FailedError](err); !ok || !strings.Contains(failed.Reason, "no picture came out") {
				t.Errorf("got %v", err)
			}
			if v = b.video(v.ID); v.Media.State != store.Failed || v.Listed() || len(v.Media.Renditions) > 0 {
				t.Errorf("%+v", v.Media)
			}
			b = openBench(t, b.data, media.Config{})
			for _, j := range b.jobs(v.ID, false) {
				if j.State == store.JobFailed {
					if err := b.store.RetryJob(t.Context(), j.ID, true); err != nil {
						t.Error(err)
					}
				}
			}
			b.follow(v.ID, 0)
			if v = b.video(v.ID); v.Media.State != store.Done || !slices.Equal(heights(v), []int{180}) {
				t.Errorf("%+v", v.Media)
			}
			b.clean()
		})
	}
}
