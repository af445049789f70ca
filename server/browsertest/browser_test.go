package browsertest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const scripts = "../../testdata/browser"

// TestBrowsers lets each browser watch the same published clip.
func TestBrowsers(t *testing.T) {
	need(t, "ffmpeg", "node", "chromium", "firefox-esr", "WebKitWebDriver", "xvfb-run", "dbus-run-session")
	c := serve(t, 4)
	t.Run("chromium player", func(t *testing.T) { c.script(t, "node", "player.mjs") })
	t.Run("chromium pages", func(t *testing.T) { c.script(t, "node", "pages.mjs") })
	t.Run("firefox", func(t *testing.T) { c.script(t, "node", "firefox.mjs") })
	t.Run("webkit", func(t *testing.T) {
		t.Setenv("MINIBROWSER", miniBrowser(t))
		c.script(t, "xvfb-run", "-a", "dbus-run-session", "--", "node", "webkit.mjs")
	})
}

// miniBrowser finds the browser that comes with the WebKit driver, in the folder of
// this machine's architecture.
func miniBrowser(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/*/webkit2gtk-4.*/MiniBrowser")
	if err != nil || len(found) == 0 {
		t.Fatal(`missing WebKit's MiniBrowser: "make test" installs it with the package webkit2gtk-driver`)
	}
	return found[len(found)-1]
}

// result is one line of a script's output.
type result struct {
	Name  string
	MS    int64
	Error string
}

// script runs a command with the channel's address and the video's id as its last
// arguments, and makes a subtest of each result. A script that reports nothing fails.
func (c channel) script(t *testing.T, command ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], append(command[1:], c.base, c.id)...)
	cmd.Dir = scripts
	cmd.Env = append(os.Environ(), "SHOTS="+t.ArtifactDir())
	var faults bytes.Buffer
	cmd.Stderr = &faults
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	count := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if r, ok := parse(lines.Bytes()); ok {
			count++
			r.report(t)
		}
	}
	if err := cmd.Wait(); err != nil || count == 0 {
		t.Errorf("%v: %d results, %v\n%s", command, count, err, faults.Bytes())
	}
}

// parse reads a result; anything else that a browser's tools print is passed over.
func parse(line []byte) (result, bool) {
	var r result
	err := json.Unmarshal(line, &r)
	return r, err == nil && r.Name != ""
}

func (r result) report(t *testing.T) {
	t.Run(r.Name, func(t *testing.T) {
		t.Logf("%v", time.Duration(r.MS)*time.Millisecond)
		if r.Error != "" {
			t.Error(r.Error)
		}
	})
}
