package setup_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/server/setup"
)

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"/srv/video": "/srv/video", "/a b": "'/a b'", "it's": `'it'\''s'`, "": "''", "$x": "'$x'",
	} {
		if got := setup.Quote(in); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestInPlace(t *testing.T) {
	for path, want := range map[string]bool{
		"/usr/local/bin/tubelet": true, "/usr/bin/tubelet": true, "/opt/tubelet/tubelet": true,
		"/root/tubelet": false, "/home/me/go/bin/tubelet": false, "/tmp/usr/bin/tubelet": false, "/usrlocal/tubelet": false,
	} {
		if got := setup.InPlace(path); got != want {
			t.Errorf("InPlace(%s) = %v", path, got)
		}
	}
}

func TestNewUser(t *testing.T) {
	got := strings.Join(setup.NewUser("/srv/a b"), "\n")
	want := "useradd --system --user-group --home-dir '/srv/a b' --shell /usr/sbin/nologin tubelet\n" +
		"chown -R tubelet:tubelet '/srv/a b'"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
