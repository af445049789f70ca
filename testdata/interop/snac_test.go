//go:build interop

package interop

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestSnac runs the flows with a person on snac2.
func TestSnac(t *testing.T) {
	program := os.Getenv("SNAC")
	if program == "" {
		t.Skip("SNAC does not name a program")
	}
	r := newRig(t, "snac2")
	base := filepath.Join(t.TempDir(), "snac")
	r.run("127.0.0.1\n22003\nsnac.test\n\n\n", program, "init", base)
	said := r.run("", program, "adduser", base, "ada")
	plain := regexp.MustCompile(`(?m) is ([A-Za-z0-9]+)$`) // its form takes a + for a space
	for !plain.MatchString(said) {
		said = r.run("", program, "resetpwd", base, "ada")
	}
	password := plain.FindStringSubmatch(said)[1]
	r.start("snac", []string{"DEBUG=1"}, program, "httpd", base)
	r.wait("snac2 answers", func() bool { return status("https://snac.test/") == http.StatusOK })
	answer, err := http.PostForm("https://snac.test/oauth/x-snac-get-token", url.Values{"login": {"ada"}, "passwd": {password}})
	must(t, err)
	defer answer.Body.Close()
	token, err := io.ReadAll(answer.Body)
	must(t, err)
	flows(t, r, &client{t, "https://snac.test", string(token)}, "@ada@snac.test")
}
