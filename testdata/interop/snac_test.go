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

// TestSnac runs the flows with people on snac2.
func TestSnac(t *testing.T) {
	if os.Getenv("SNAC") == "" {
		t.Skip("SNAC does not name a program")
	}
	r := newRig(t, "snac2")
	flows(t, r, startSnac(t, r))
}

func startSnac(t *testing.T, r *rig) *place {
	t.Helper()
	program, base := os.Getenv("SNAC"), filepath.Join(t.TempDir(), "snac")
	r.run("127.0.0.1\n22003\nsnac.test\n\n\n", program, "init", base)
	plain := regexp.MustCompile(`(?m) is ([A-Za-z0-9]+)$`) // its form takes a + for a space
	passwords := map[string]string{}
	for _, name := range persons() {
		said := r.run("", program, "adduser", base, name)
		for !plain.MatchString(said) {
			said = r.run("", program, "resetpwd", base, name)
		}
		passwords[name] = plain.FindStringSubmatch(said)[1]
	}
	r.start("snac", []string{"DEBUG=1"}, program, "httpd", base)
	r.wait("snac2 answers", func() bool { return status("https://snac.test/") == http.StatusOK })
	p := &place{host: "snac.test", people: map[string]*client{}, page: "https://snac.test/ada"}
	for name, password := range passwords {
		answer, err := http.PostForm("https://snac.test/oauth/x-snac-get-token", url.Values{"login": {name}, "passwd": {password}})
		must(t, err)
		token, err := io.ReadAll(answer.Body)
		must(t, err, answer.Body.Close())
		p.people[name] = &client{t, "https://snac.test", string(token)}
	}
	p.lacks = map[string]string{
		"the creator's boost is taken back": "by its source it keeps boosts on purpose",
		"their block ends the follow":       "its API only mutes",
		"it is refused there":               "it knows no Reject and shows a follow as soon as it is asked for",
	}
	p.alias = func(name, actor string) { r.run("", program, "alias", base, name, actor) }
	p.move = func(name, actor string) {
		p.alias(name, actor) // names where to as well
		r.run("", program, "migrate", base, name)
	}
	return p
}
