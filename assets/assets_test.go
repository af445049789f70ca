package assets_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/tubelet/tubelet/assets"
)

func TestPathCarriesAHash(t *testing.T) {
	for _, name := range []string{"site.css", "player.css", "watch.css", "player.js", "favicon.svg", "vendor/hls.light.min.js"} {
		if got := assets.Path(name); !regexp.MustCompile(`^/assets/[a-z./]+\.[0-9a-f]{12}\.(css|js|svg)$`).MatchString(got) {
			t.Errorf("Path(%q) = %q, want a hashed address", name, got)
		}
	}
}

func TestHandler(t *testing.T) {
	script := assets.Path("player.js")
	tests := []struct {
		name     string
		path     string
		accept   string
		status   int
		encoding string
	}{
		{"plain", script, "", 200, ""},
		{"packed", script, "br, gzip;q=0.8", 200, "gzip"},
		{"gzip refused", script, "gzip;q=0", 200, ""},
		{"unhashed", "/assets/player.js", "gzip", 404, ""},
		{"a module that is joined", "/assets/player/engine.js", "", 404, ""},
		{"a licence", "/assets/vendor/hls.js-LICENSE", "", 404, ""},
		{"outside", "/assets/../go.mod", "", 404, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", test.path, nil)
			r.Header.Set("Accept-Encoding", test.accept)
			w := httptest.NewRecorder()
			assets.Handler().ServeHTTP(w, r)
			if w.Code != test.status || w.Header().Get("Content-Encoding") != test.encoding {
				t.Fatalf("answered %d with encoding %q, want %d with %q", w.Code, w.Header().Get("Content-Encoding"), test.status, test.encoding)
			}
			if w.Code == 200 {
				checkScript(t, w.Result())
			}
		})
	}
}

// checkScript checks that an answer is the player's script, to be kept for ever.
func checkScript(t *testing.T, answer *http.Response) {
	t.Helper()
	if got := answer.Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
		t.Errorf("Cache-Control: %s", got)
	}
	if got := answer.Header.Get("Content-Type"); got != "text/javascript; charset=utf-8" {
		t.Errorf("Content-Type: %s", got)
	}
	body := io.Reader(answer.Body)
	if answer.Header.Get("Content-Encoding") == "gzip" {
		packed, err := gzip.NewReader(body)
		if err != nil {
			t.Fatal(err)
		}
		body = packed
	}
	got, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	want, err := assets.Read("player.js")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes of script, want the %d of Read (%v)", len(got), len(want), err)
	}
}

// TestJoinedModulesParse lets Node read the joined modules: two modules that declare
// the same name are a mistake that only shows there.
func TestJoinedModulesParse(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal(`missing node: "make test" installs it`)
	}
	for _, name := range []string{"player.js", "swarm.js"} {
		text, err := assets.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		check := exec.CommandContext(t.Context(), node, "--input-type=module", "--check")
		check.Stdin = bytes.NewReader(text)
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// TestModules runs the tests of the modules that need no browser.
func TestModules(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal(`missing node: "make test" installs it`)
	}
	if out, err := exec.CommandContext(t.Context(), node, "--no-warnings", "../testdata/browser/modules.mjs").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestWatchSheet: the sheet of the watch page is what the two say, without what is for readers.
func TestWatchSheet(t *testing.T) {
	w := httptest.NewRecorder()
	assets.Handler().ServeHTTP(w, httptest.NewRequest("GET", assets.Path("watch.css"), nil))
	got := w.Body.String()
	rules := 0
	for _, name := range []string{"site.css", "player.css"} {
		sheet, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(sheet), "*/") {
			before, _, _ := strings.Cut(part, "/*")
			rules += strings.Count(before, "{")
		}
	}
	if n := strings.Count(got, "{"); n != rules || n != strings.Count(got, "}") || strings.Contains(got, "/*") || strings.Contains(got, "; ") {
		t.Errorf("%d rules, want %d; %.300s", n, rules, got)
	}
}
