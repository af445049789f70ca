package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/store"
)

func TestChannel(t *testing.T) {
	s := open(t)
	_, err := s.Channel(t.Context())
	wantError(t, err, store.ErrNotFound)
	wantError(t, s.UpdateChannel(t.Context(), store.Channel{Name: "x"}), store.ErrNotFound)
	c := store.Channel{Handle: "workshop", Domain: "127.0.0.1:8080", Local: true, Name: "The Small Workshop", Language: "en",
		CreatedAt: time.Now().Truncate(time.Millisecond).UTC()}
	must(t, s.CreateChannel(t.Context(), c))
	wantError(t, s.CreateChannel(t.Context(), c), store.ErrExists)
	got, err := s.Channel(t.Context())
	must(t, err)
	c.Links = []store.Link{}
	same(t, got, c)

	c.Name, c.Description, c.Avatar, c.Banner = "Big Workshop", "*wood*", "avatar.png", "banner.jpg"
	c.Links = []store.Link{{Label: "Home", URL: "https://example.org/?a=\"b\""}}
	moved := c
	moved.Domain, moved.Handle = "elsewhere.example", "other"
	must(t, s.UpdateChannel(t.Context(), moved))
	got, err = s.Channel(t.Context())
	must(t, err)
	same(t, got, c)
}

func TestSettings(t *testing.T) {
	s := open(t)
	list, err := s.Settings(t.Context())
	must(t, err)
	for _, set := range list {
		if set.Doc == "" || set.Value != set.Default {
			t.Errorf("setting %+v", set)
		}
		must(t, s.SetSetting(t.Context(), set.Key, set.Default))
	}
	tests := []struct {
		key, value string
		want       error
	}{
		{"listen", ":8443", nil}, {"listen", "127.0.0.1:8080", nil}, {"listen", "[::1]:8080", nil},
		{"listen", "8080", store.ErrInvalid}, {"listen", ":http", store.ErrInvalid}, {"listen", ":70000", store.ErrInvalid},
		{"threads", "2", nil}, {"threads", "-1", store.ErrInvalid}, {"threads", "many", store.ErrInvalid},
		{"downloads", "all", nil}, {"downloads", "none", nil}, {"downloads", "perhaps", store.ErrInvalid},
		{"encoder", "libx264", nil}, {"encoder", "h265", store.ErrInvalid},
		{"max_height", "1080", nil}, {"max_height", "1", store.ErrInvalid},
		{"license", "CC-BY-4.0", nil}, {"license", "a\nb", store.ErrInvalid},
		{"log_level", "debug", nil}, {"log_level", "loud", store.ErrInvalid},
		{"transcode.nice", "20", store.ErrInvalid}, {"keep_originals", "always", nil},
		{"tls", "auto", nil}, {"tls", "on", store.ErrInvalid},
		{"tls.cert", "/etc/cert.pem", nil}, {"tls.cert", "cert.pem", store.ErrInvalid},
		{"listen.redirect", "off", nil}, {"listen.redirect", ":8081", nil}, {"listen.redirect", "80", store.ErrInvalid},
		{"trusted_proxies", "none", nil}, {"trusted_proxies", "10.0.0.0/8 fd00::/8", nil}, {"trusted_proxies", "10.0.0.1", store.ErrInvalid},
		{"metrics.listen", "127.0.0.1:9633", nil}, {"metrics.listen", "[::1]:9633", nil}, {"metrics.listen", "unix:/run/x", nil},
		{"metrics.listen", ":9633", store.ErrInvalid}, {"metrics.listen", "192.168.1.2:9633", store.ErrInvalid}, {"metrics.listen", "localhost:9633", store.ErrInvalid}, {"metrics.listen", "unix:run", store.ErrInvalid},
		{"on_address_change", "/bin/update --name 'a b'", nil}, {"on_address_change", "update", store.ErrInvalid}, {"on_address_change", "/bin/update 'a", store.ErrInvalid}, {"on_address_change", "/bin/a\nb", store.ErrInvalid},
		{"nonsense", "1", store.ErrNotFound},
	}
	for _, test := range tests {
		before, _ := s.Setting(t.Context(), test.key)
		wantError(t, s.SetSetting(t.Context(), test.key, test.value), test.want)
		after, _ := s.Setting(t.Context(), test.key)
		if test.want == nil {
			before = test.value
		}
		if after != before {
			t.Errorf("%s = %q leaves %q", test.key, test.value, after)
		}
	}
	_, err = s.Setting(t.Context(), "max_hight")
	wantError(t, err, store.ErrNotFound)
	if !strings.Contains(err.Error(), `"max_height"`) {
		t.Errorf("no hint in %q", err)
	}
	_, err = s.Setting(t.Context(), "nope")
	wantError(t, err, store.ErrNotFound)
	if got, want := err.Error(), `there is no setting "nope"`; got != want {
		t.Errorf("%q, want %q: nothing is near", got, want)
	}
	err = s.SetSetting(t.Context(), "threads", "x")
	if got, want := err.Error(), `threads = "x": it is a number from 0 to 1024`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Before there were three values, downloads had two.
func TestOlderWords(t *testing.T) {
	s := open(t)
	for _, step := range [][2]string{{"false", "none"}, {"true", "renditions"}, {"all", "all"}} {
		must(t, s.SetSetting(t.Context(), "downloads", step[0]))
		if got, err := s.Setting(t.Context(), "downloads"); err != nil || got != step[1] {
			t.Errorf("downloads = %s is %q, %v", step[0], got, err)
		}
	}
}

func TestSplitCommand(t *testing.T) {
	for _, w := range []struct{ text, want string }{
		{"", ""}, {"  ", ""}, {"/bin/a", "/bin/a"}, {" /bin/a  b ", "/bin/a|b"},
		{`/bin/a "b c" 'd "e"' ""`, `/bin/a|b c|d "e"|`}, {`/bin/a $(rm) ; | b`, `/bin/a|$(rm)|;|||b`},
	} {
		words, err := store.SplitCommand(w.text)
		if got := strings.Join(words, "|"); err != nil || got != w.want {
			t.Errorf("%q: %q, %v", w.text, got, err)
		}
	}
}
