//go:build interop

package interop

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"testing"
)

// TestGoToSocial runs the flows with people on GoToSocial.
func TestGoToSocial(t *testing.T) {
	if os.Getenv("GOTOSOCIAL") == "" {
		t.Skip("GOTOSOCIAL does not name a folder")
	}
	r := newRig(t, "gotosocial")
	flows(t, r, startGoToSocial(t, r))
}

// TestGoToSocialLeft has the channel move away, which a run that had somebody move to it cannot.
func TestGoToSocialLeft(t *testing.T) {
	if os.Getenv("GOTOSOCIAL") == "" {
		t.Skip("GOTOSOCIAL does not name a folder")
	}
	r := newRig(t, "gotosocial-left")
	p := startGoToSocial(t, r)
	bea := p.people["bea"]
	if bea.find("accounts", "@workshop@"+ours) == nil {
		t.Fatal("FAILS: the handle is not found")
	}
	bea.to(bea.account("@workshop@"+ours), "follow")
	r.wait("Bea follows us", func() bool { return has(r.list("followers"), "@bea@") })
	leaves(t, r, p)
}

func startGoToSocial(t *testing.T, r *rig) *place {
	t.Helper()
	dir, data := os.Getenv("GOTOSOCIAL"), t.TempDir()
	env := map[string]string{
		"HOST": "gts.test", "BIND_ADDRESS": "127.0.0.1", "PORT": "22002", "DB_TYPE": "sqlite", "DB_ADDRESS": filepath.Join(data, "db"),
		"STORAGE_LOCAL_BASE_PATH": filepath.Join(data, "storage"), "WEB_TEMPLATE_BASE_DIR": filepath.Join(dir, "web", "template"),
		"WEB_ASSET_BASE_DIR": filepath.Join(dir, "web", "assets"), "HTTP_CLIENT_ALLOW_IPS": "127.0.0.0/8", "TRUSTED_PROXIES": "127.0.0.1/32",
		"ADVANCED_RATE_LIMIT_REQUESTS": "0", "ADVANCED_THROTTLING_MULTIPLIER": "0", "LOG_LEVEL": "info",
	}
	for key, value := range env {
		t.Setenv("GTS_"+key, value)
	}
	const password = "correct-Horse-battery-9"
	program := filepath.Join(dir, "gotosocial")
	up := func() bool { return status("https://gts.test/api/v1/instance") == http.StatusOK }
	stop := r.start("gotosocial", nil, program, "server", "start")
	r.wait("GoToSocial answers", up)
	stop() // it makes its database at the first start, and sees new people at the next
	for _, name := range persons() {
		r.run("", program, "admin", "account", "create", "--username", name, "--email", name+"@gts.test", "--password", password)
	}
	r.start("gotosocial", nil, program, "server", "start")
	r.wait("GoToSocial answers again", up)
	p := &place{host: "gts.test", people: map[string]*client{}, seldom: true}
	for _, name := range persons() {
		p.people[name] = signIn(t, "https://gts.test", name+"@gts.test", password)
	}
	p.alias = func(name, actor string) {
		p.people[name].call(http.MethodPost, "/api/v1/accounts/alias", url.Values{"also_known_as_uris": {actor}})
	}
	p.move = func(name, actor string) {
		p.people[name].call(http.MethodPost, "/api/v1/accounts/move", url.Values{"password": {password}, "moved_to_uri": {actor}})
	}
	return p
}

// signIn goes through OAuth as a browser does, with the forms of GoToSocial.
func signIn(t *testing.T, base, email, password string) *client {
	t.Helper()
	c := &client{t: t, base: base}
	const back = "urn:ietf:wg:oauth:2.0:oob"
	app := c.call(http.MethodPost, "/api/v1/apps", url.Values{"client_name": {"interop"}, "redirect_uris": {back}, "scopes": {"read write follow"}}).(map[string]any)
	id, secret := fmt.Sprint(app["client_id"]), fmt.Sprint(app["client_secret"])
	jar, err := cookiejar.New(nil)
	must(t, err)
	browser := &http.Client{Jar: jar}
	ask := base + "/oauth/authorize?" + url.Values{"client_id": {id}, "redirect_uri": {back}, "response_type": {"code"}, "scope": {"read write follow"}}.Encode()
	open, err := browser.Get(ask)
	must(t, err)
	open.Body.Close()
	for path, form := range map[string]url.Values{"/auth/sign_in": {"username": {email}, "password": {password}}} {
		answer, err := browser.PostForm(base+path, form)
		must(t, err)
		answer.Body.Close()
	}
	answer, err := browser.PostForm(base+"/oauth/authorize", url.Values{})
	must(t, err)
	answer.Body.Close()
	code := answer.Request.URL.Query().Get("code")
	if code == "" {
		t.Fatalf("no code at %s", answer.Request.URL)
	}
	token := c.call(http.MethodPost, "/oauth/token", url.Values{
		"client_id": {id}, "client_secret": {secret}, "redirect_uri": {back}, "grant_type": {"authorization_code"}, "code": {code}, "scope": {"read write follow"},
	}).(map[string]any)
	c.token = fmt.Sprint(token["access_token"])
	return c
}
