package setup_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/tubelet/tubelet/server/setup"
)

func TestReadUnit(t *testing.T) {
	for text, want := range map[string][2]string{
		"": {},
		"[Service]\nUser = me\nExecStart=/usr/bin/tubelet serve --data=/srv/x/\n":               {"/srv/x", "me"},
		"User=a\nUser=b\nExecStart=/bin/a --data /a\nExecStart=\nExecStart=-/bin/a --data /b\n": {"/b", "b"},
		"#User=me\n;ExecStart=/bin/a --data /a\n":                                               {},
		"ExecStart=/bin/a serve \\\n  --data '/a b' \\\n  -v\n":                                 {"/a b", ""},
		"User=%i\nExecStart=/bin/a --data %S/tubelet\n":                                         {},
		"User=\nExecStart=/bin/a --data ${DIR}\n":                                               {},
		"ExecStart=/bin/a --data data\n":                                                        {},
		"ExecStart=/bin/a --data\n":                                                             {},
		"ExecStart=/bin/a --data /a\\x20b\n":                                                    {},
		"ExecStart=/bin/a --data \"/a\n":                                                        {},
	} {
		if data, user := setup.ReadUnit(text); data != want[0] || user != want[1] {
			t.Errorf("%q: %q, %q; want %q", text, data, user, want)
		}
	}
}

// FuzzReadUnit reads back what Unit wrote.
func FuzzReadUnit(f *testing.F) {
	for _, data := range []string{"/var/lib/tubelet", `/home/a b/100%/"data"`, `/mnt/$x\'y`, "/ü/%h"} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data string) {
		setup.ReadUnit(data)
		if !filepath.IsAbs(data) || filepath.Clean(data) != data || strings.ToValidUTF8(data, "") != data || strings.ContainsFunc(data, func(r rune) bool { return r < ' ' }) {
			return
		}
		if got, user := setup.ReadUnit(setup.Unit("/usr/bin/tubelet", data, "me")); got != data || user != "me" {
			t.Errorf("%q reads as %q, %q", data, got, user)
		}
	})
}
