package setup_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tubelet/tubelet/server/setup"
)

// mostExposed is what systemd-analyze may say of the unit: 10 is no protection at all.
const mostExposed = 2.5

// TestUnitIsTight has systemd judge the units, where there is systemd.
func TestUnitIsTight(t *testing.T) {
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("NOT TESTED: there is no systemd-analyze here, which make test installs")
	}
	for name, unit := range map[string]string{
		"service": setup.Unit("/usr/local/bin/tubelet", "/var/lib/tubelet", "tubelet"),
		"home":    setup.Unit("/home/me/bin/tubelet", "/home/me/my videos", "me"),
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "tubelet.service")
			if err := os.WriteFile(file, []byte(unit), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(tool, "security", "--offline=true", "--no-pager", file).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			found := regexp.MustCompile(`Overall exposure level for .*: ([0-9.]+)`).FindSubmatch(out)
			if found == nil {
				t.Fatalf("no verdict in\n%s", out)
			}
			exposure, err := strconv.ParseFloat(string(found[1]), 64)
			if err != nil || exposure > mostExposed {
				t.Errorf("exposure %s, at most %.1f is right\n%s", found[1], mostExposed, out)
			}
			t.Logf("exposure %s", found[1])
			for _, complaint := range []string{"Unknown key", "Failed to parse", "ignoring"} {
				if strings.Contains(string(out), complaint) {
					t.Errorf("systemd says:\n%s", out)
				}
			}
		})
	}
}

func TestUnitPlaces(t *testing.T) {
	for data, want := range map[string][]string{
		"/var/lib/tubelet":      {"StateDirectory=tubelet\nStateDirectoryMode=0700\n", "ProtectHome=yes\n"},
		"/var/lib/video/one":    {"StateDirectory=video/one\n"},
		"/var/lib":              {"ReadWritePaths=/var/lib\n"},
		"/var/lib/../../etc":    {"ReadWritePaths=/var/lib/../../etc\n"},
		"/var/lib/my videos":    {"ReadWritePaths=\"/var/lib/my videos\"\n"},
		"/srv/tubelet":          {"ReadWritePaths=/srv/tubelet\n", "ProtectHome=yes\n"},
		"/home/me/.local/share": {"ReadWritePaths=/home/me/.local/share\n", "ProtectHome=read-only\n"},
	} {
		unit := setup.Unit("/usr/local/bin/tubelet", data, "tubelet")
		for _, w := range want {
			if !strings.Contains(unit, w) {
				t.Errorf("%s: no %q in\n%s", data, w, unit)
			}
		}
	}
}
