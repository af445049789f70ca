package setup_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tubelet/tubelet/server/setup"
)

// strict is the environment of this test's own child, which gives up executable memory, as
// the unit makes the server do, and becomes ffmpeg.
const strict = "TUBELET_TEST_STRICT"

func TestMain(m *testing.M) {
	if os.Getenv(strict) == "" {
		os.Exit(m.Run())
	}
	// What systemd's MemoryDenyWriteExecute is on kernels from 6.3; children inherit it.
	if err := unix.Prctl(unix.PR_SET_MDWE, unix.PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0); err != nil {
		os.Exit(77)
	}
	path, err := exec.LookPath("ffmpeg")
	if err == nil {
		err = syscall.Exec(path, os.Args, []string{})
	}
	os.Stderr.WriteString(err.Error())
	os.Exit(1)
}

// TestFFmpegWithoutExecutableMemory encodes, scales and makes pictures under the unit's
// MemoryDenyWriteExecute: programs that make code at run time fail there.
func TestFFmpegWithoutExecutableMemory(t *testing.T) {
	if !strings.Contains(setup.Unit("/usr/bin/tubelet", "/var/lib/tubelet", "tubelet"), "MemoryDenyWriteExecute=yes\n") {
		t.Fatal("the unit does not deny it: then this test is for nothing")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, options := range []string{
		"-f lavfi -i testsrc2=s=640x360:r=25:d=1 -f lavfi -i sine=d=1 -vf scale=426:240:flags=bicubic,format=yuv420p -c:v libx264 -preset faster -c:a aac -movflags +cmaf+frag_keyframe " + dir + "/a.mp4",
		"-i " + dir + "/a.mp4 -vf scale=320:-2:flags=lanczos,thumbnail=5 -frames:v 1 -q:v 3 " + dir + "/a.jpg",
		"-i " + dir + "/a.mp4 -c:v mpeg4 -c:a libmp3lame " + dir + "/a.avi",
	} {
		cmd := exec.Command(self, append(strings.Fields("-nostdin -v error -y"), strings.Fields(options)...)...)
		cmd.Env = append(os.Environ(), strict+"=1")
		out, err := cmd.CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 77 {
			t.Skip("this kernel cannot deny it to a single process")
		}
		if err != nil {
			t.Errorf("ffmpeg %s: %v\n%s", options, err, out)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "a.jpg")); err != nil || info.Size() == 0 {
		t.Error("no picture came out", err)
	}
}
