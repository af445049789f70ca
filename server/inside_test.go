package server

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/server/metrics"
	"github.com/tubelet/tubelet/store/archive"
)

// TestNoWayIn lists every route that can change anything, and what it can change. There is
// no log-in and no page of an administrator: whoever adds a route here says why.
func TestNoWayIn(t *testing.T) {
	c := newChannel(t)
	want := map[string]string{
		"POST /views/{id}":         "counts a view, once a session and a few times a day for an address",
		"POST /inbox":              "takes what other servers sign, within limits for each",
		"POST /users/{name}/inbox": "the same",
		"POST /interact":           "nothing: it leads a visitor to their own server",
		"POST /knock":              "nothing: it connects back to who asks, a few times an hour",
		"GET /tracker/socket":      "a viewer tells the tracker of itself, in memory",
		"GET /tracker/crowd":       "a player that begins tells the others so, in memory",
		"GET /tracker/announce":    "a torrent program tells the tracker of itself, in memory",
	}
	got := map[string]string{}
	for _, pattern := range slices.Sorted(maps.Keys(c.routes())) {
		method, path, ok := strings.Cut(pattern, " ")
		if !ok {
			t.Errorf("%q answers every method", pattern)
		}
		if method != "GET" && method != "HEAD" && method != "OPTIONS" || strings.HasPrefix(path, "/tracker/") && !strings.HasSuffix(path, "/scrape") {
			got[pattern] = want[pattern]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, path := range []string{
		"/admin", "/login", "/wp-admin/", "/wp-login.php", "/.env", "/.git/config", "/api/v1/users", "/api/v1/oauth-clients/local", "/oauth/token", "/auth/sign_in",
		"/metrics", "/debug/pprof/", "/debug/vars", "/server-status", "/actuator/health", "/tubelet.db", "/keys/actor.pem", "/../keys/actor.pem", "/media/../keys/actor.pem", "/tls/state.json",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH"} {
			a := c.ask(t, method, path)
			refused := a.StatusCode == 404 || a.StatusCode == 405 || method != "GET" && a.StatusCode == 403
			if !refused && !(a.StatusCode == http.StatusTemporaryRedirect || a.StatusCode == http.StatusMovedPermanently) {
				t.Errorf("%s %s: %s", method, path, a.Status)
			}
			if a.Header.Get("Set-Cookie") != "" || a.Header.Get("WWW-Authenticate") != "" {
				t.Errorf("%s %s asks for a log-in: %v", method, path, a.Header)
			}
		}
	}
}

func TestHealthRoutes(t *testing.T) {
	c := newChannel(t)
	for _, path := range []string{"/livez", "/readyz"} {
		a := c.get(t, path)
		if a.StatusCode != 200 || a.body != "ok\n" || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s %q", path, a.Status, a.body)
		}
	}
}

// TestAlerts asks that every figure that an alert looks at is there.
func TestAlerts(t *testing.T) {
	c := newChannel(t)
	if err := c.store.Archive().Made(t.Context(), lastBackup()); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(c.data, "tls"), 0o700); err != nil {
		t.Fatal(err)
	}
	state := `{"mode":"auto","host":"video.example","not_after":"2030-01-01T00:00:00Z","failures":2}`
	if err := os.WriteFile(filepath.Join(c.data, "tls", "state.json"), []byte(state), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := c.inside(t.Context(), c.data, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	text := string(metrics.Text(list))
	rules, err := os.ReadFile(filepath.Join("..", "docs", "alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`tubelet_[a-z_]+`).FindAllString(string(rules), -1)
	if len(names) < 8 {
		t.Errorf("only %d figures are looked at", len(names))
	}
	for _, name := range names {
		if !strings.Contains(text, "\n"+name+" ") && !strings.Contains(text, "\n"+name+"{") {
			t.Errorf("an alert looks at %s, which is not there", name)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if !regexp.MustCompile(`^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"]*"\})? [-+0-9.e]+)$`).MatchString(line) {
			t.Errorf("Prometheus would not read %q", line)
		}
	}
	if !strings.Contains(text, "\ntubelet_certificate_not_after_timestamp_seconds 1.8934") || !strings.Contains(text, `tubelet_problem{name="disk"} 0`) {
		t.Error(text)
	}
}

func lastBackup() archive.Last {
	return archive.Last{At: time.Now(), Folder: "/mnt/backup/1", Bytes: 1, Files: 1}
}
