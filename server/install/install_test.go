package install_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/server/install"
	"github.com/tubelet/tubelet/server/setup"
	"github.com/tubelet/tubelet/store"
)

// machine is a scratch root with the files that are looked at.
func machine(t *testing.T) install.Config {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"etc/os-release": "PRETTY_NAME=\"Raspberry Pi OS\"\nID=raspbian\nID_LIKE=debian\n",
		"etc/passwd":     "root:x:0:0:root:/root:/bin/bash\n",
		"etc/group":      "root:x:0:\nvideo:x:44:me\n",
	} {
		put(t, filepath.Join(root, name), text)
	}
	return install.Config{
		Root: root, Data: "/var/lib/tubelet", Binary: filepath.Join(root, "home/me/tubelet"),
		Look: func(string) bool { return false },
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func plan(t *testing.T, cfg install.Config) []install.Step {
	t.Helper()
	steps, err := install.Plan(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

// todo lists what steps would run, as typed.
func todo(root string, steps []install.Step) []string {
	list := []string{}
	for _, s := range steps {
		if !s.Done {
			list = append(list, strings.ReplaceAll(s.Shell(), root, ""))
		}
	}
	return list
}

func TestPlan(t *testing.T) {
	cfg := machine(t)
	cfg.Domain, cfg.Name, cfg.Handle = "video.example", "It's mine", "me"
	put(t, filepath.Join(cfg.Root, "run/systemd/system/x"), "")
	want := []string{
		"apt-get update",
		"apt-get install --yes --no-install-recommends ffmpeg ca-certificates",
		"install -m 0755 /home/me/tubelet /usr/local/bin/tubelet",
		"useradd --system --user-group --home-dir /var/lib/tubelet --no-create-home --shell /usr/sbin/nologin tubelet",
		"usermod -aG video tubelet",
		"install -d -m 0700 -o tubelet -g tubelet /var/lib/tubelet",
		`runuser -u tubelet -- /usr/local/bin/tubelet init --json --data /var/lib/tubelet --domain video.example --name 'It'\''s mine' --handle me`,
		"write /etc/systemd/system/tubelet.service (",
		"systemctl daemon-reload",
		"systemctl enable --now tubelet",
	}
	got := todo(cfg.Root, plan(t, cfg))
	for i, line := range got {
		if before, _, found := strings.Cut(line, "("); found {
			got[i] = before + "("
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPlanOfWhatIsDone(t *testing.T) {
	cfg := machine(t)
	cfg.Look = func(string) bool { return true }
	cfg.Domain, cfg.Name, cfg.Handle = "video.example", "Mine", "me"
	put(t, cfg.Binary, "the program")
	for name, text := range map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/bash\ntubelet:x:998:998::/var/lib/tubelet:/usr/sbin/nologin\n",
		"etc/group":  "video:x:44:me,tubelet\nrender:x:45:tubelet\n", "usr/local/bin/tubelet": "the program",
		"var/lib/tubelet/tubelet.db": "", "run/systemd/system/x": "", "etc/systemd/system/multi-user.target.wants/tubelet.service": "",
	} {
		put(t, filepath.Join(cfg.Root, name), text)
	}
	steps := plan(t, cfg)
	var unit install.Step
	for _, s := range steps {
		if s.Path != "" {
			unit = s
		}
	}
	put(t, filepath.Join(cfg.Root, unit.Path), unit.Text)
	if got := todo(cfg.Root, plan(t, cfg)); len(got) != 0 {
		t.Errorf("there is still to do: %v", got)
	}
	// A newer program, and the rest stays.
	put(t, cfg.Binary, "a newer program")
	if diff := cmp.Diff([]string{"install -m 0755 /home/me/tubelet /usr/local/bin/tubelet"}, todo(cfg.Root, plan(t, cfg))); diff != "" {
		t.Error(diff)
	}
	// The package's unit counts.
	put(t, cfg.Binary, "the program")
	if err := os.Rename(filepath.Join(cfg.Root, unit.Path), filepath.Join(cfg.Root, "moved")); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(cfg.Root, "usr/lib/systemd/system/tubelet.service"), unit.Text)
	if got := todo(cfg.Root, plan(t, cfg)); len(got) != 0 {
		t.Errorf("with the package there is still to do: %v", got)
	}
}

func TestPlanElsewhere(t *testing.T) {
	cfg := machine(t)
	put(t, filepath.Join(cfg.Root, "etc/os-release"), "ID=fedora\nID_LIKE=\"rhel centos\"\n")
	if _, err := install.Plan(cfg); !errors.Is(err, install.ErrOtherSystem) {
		t.Errorf("%v", err)
	}
	if _, err := install.PlanRemoval(cfg, false); !errors.Is(err, install.ErrOtherSystem) {
		t.Errorf("%v", err)
	}
	put(t, filepath.Join(cfg.Root, "etc/os-release"), "ID=\"ubuntu\"\nID_LIKE=\"debian\"\n")
	if _, err := install.Plan(cfg); err != nil {
		t.Error(err)
	}
}

func TestDo(t *testing.T) {
	cfg := machine(t)
	var ran, told []string
	fail := ""
	cfg.Run = func(_ context.Context, argv []string) error {
		ran = append(ran, argv[0])
		if argv[0] == fail {
			return errors.New("no")
		}
		return nil
	}
	steps := []install.Step{
		{What: "done", Argv: []string{"never"}, Done: true}, {What: "soft", Argv: []string{"a"}, Soft: true},
		{What: "file", Path: "/etc/x/unit", Text: "text\n"}, {What: "last", Argv: []string{"b"}},
	}
	tell := func(s install.Step) { told = append(told, s.What) }
	fail = "a"
	if err := install.Do(t.Context(), cfg, steps, tell); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"a", "b"}, ran); diff != "" {
		t.Error(diff)
	}
	if text, err := os.ReadFile(filepath.Join(cfg.Root, "etc/x/unit")); err != nil || string(text) != "text\n" {
		t.Errorf("%q %v", text, err)
	}
	if diff := cmp.Diff([]string{"done", "soft", "file", "last"}, told); diff != "" {
		t.Error(diff)
	}
	fail = "b"
	if err := install.Do(t.Context(), cfg, steps, tell); err == nil || err.Error() != "last: no" {
		t.Errorf("%v", err)
	}
}

func TestPlanRemoval(t *testing.T) {
	cfg := machine(t)
	for _, name := range []string{"run/systemd/system/x", "usr/local/bin/tubelet", "var/lib/tubelet/tubelet.db"} {
		put(t, filepath.Join(cfg.Root, name), "")
	}
	put(t, filepath.Join(cfg.Root, "etc/systemd/system/tubelet.service"), setup.Unit("/usr/local/bin/tubelet", "/var/lib/tubelet", "tubelet"))
	put(t, filepath.Join(cfg.Root, "etc/passwd"), "tubelet:x:1:1::/:/bin/false\n")
	keeps := []string{
		"systemctl disable --now tubelet", "rm -f /etc/systemd/system/tubelet.service", "systemctl daemon-reload", "rm -f /usr/local/bin/tubelet",
	}
	for purge, want := range map[bool][]string{false: keeps, true: append(keeps[:4:4], "rm -rf -- /var/lib/tubelet", "userdel tubelet")} {
		steps, err := install.PlanRemoval(cfg, purge)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, todo(cfg.Root, steps)); diff != "" {
			t.Errorf("purge %v: %s", purge, diff)
		}
	}
	other := machine(t)
	other.Data = "/etc"
	if _, err := install.PlanRemoval(other, true); err == nil {
		t.Error("it would delete /etc")
	}
	steps, err := install.PlanRemoval(machine(t), true)
	if got := todo("", steps); err != nil || len(got) != 0 {
		t.Errorf("where nothing is: %v %v", got, err)
	}
}

// TestSettle lets a second install find what the first one has settled, and refuses to move it.
func TestSettle(t *testing.T) {
	const own, pack = "etc/systemd/system/tubelet.service", "usr/lib/systemd/system/tubelet.service"
	unit := func(data, user string) string { return setup.Unit("/usr/local/bin/tubelet", data, user) }
	without := func(key string) string {
		var lines []string
		for line := range strings.Lines(unit("/srv/tube", "ada")) {
			if !strings.HasPrefix(line, key) {
				lines = append(lines, line)
			}
		}
		return strings.Join(lines, "")
	}
	there := map[string]string{own: unit("/srv/tube", "ada")}
	for _, test := range []struct {
		name                 string
		units                map[string]string
		askedData, askedUser string
		data, user           string // "" where it is refused
		says                 string
	}{
		{"nothing is there", nil, "", "", "/var/lib/tubelet", "tubelet", ""},
		{"nothing is there, and asked", nil, "/srv/other", "eve", "/srv/other", "eve", ""},
		{"a unit, and nothing asked", there, "", "", "/srv/tube", "ada", ""},
		{"a unit, and the same asked", there, "/srv/x/../tube/", "ada", "/srv/x/../tube/", "ada", ""},
		{"another --data", there, "/srv/other", "", "", "", "/srv/tube, not in /srv/other"},
		{"another user", there, "", "eve", "", "", "runs as ada, not as eve"},
		{"the package's unit", map[string]string{pack: unit("/srv/pack", "tubelet")}, "", "", "/srv/pack", "tubelet", ""},
		{"the owner's before the package's", map[string]string{own: unit("/srv/tube", "ada"), pack: unit("/srv/pack", "tubelet")}, "", "", "/srv/tube", "ada", ""},
		{"no data in it", map[string]string{own: without("ExecStart=")}, "", "", "", "", "say it with --data"},
		{"no data in it, and asked", map[string]string{own: without("ExecStart=")}, "/srv/tube", "", "/srv/tube", "ada", ""},
		{"data by a variable", map[string]string{own: strings.ReplaceAll(unit("/srv/tube", "ada"), "/srv/tube", "/srv/%i")}, "/srv/tube", "", "/srv/tube", "ada", ""},
		{"no user in it", map[string]string{own: without("User=")}, "", "", "", "", "names no user"},
		{"an empty unit", map[string]string{own: ""}, "", "", "", "", "/etc/systemd/system/tubelet.service"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := machine(t)
			cfg.Data, cfg.User = test.askedData, test.askedUser
			for name, text := range test.units {
				put(t, filepath.Join(cfg.Root, name), text)
			}
			got, err := install.Settle(cfg)
			if test.data == "" {
				if !errors.Is(err, store.ErrExists) || !strings.Contains(err.Error(), test.says) {
					t.Errorf("got %s, %s, %v", got.Data, got.User, err)
				}
				for _, purge := range []bool{false, true} {
					if steps, err := install.PlanRemoval(cfg, purge); !errors.Is(err, store.ErrExists) {
						t.Errorf("a removal is planned: %v, %v", steps, err)
					}
				}
				if steps, err := install.Plan(cfg); !errors.Is(err, store.ErrExists) {
					t.Errorf("an install is planned: %v, %v", steps, err)
				}
				return
			}
			if err != nil || got.Data != test.data || got.User != test.user {
				t.Errorf("got %s, %s, %v", got.Data, got.User, err)
			}
		})
	}
}

// A unit that runs as a person keeps running as that one, and a removal leaves the person.
func TestPlanKeepsTheUser(t *testing.T) {
	cfg := machine(t)
	cfg.Data = ""
	put(t, filepath.Join(cfg.Root, "etc/systemd/system/tubelet.service"), setup.Unit("/usr/local/bin/tubelet", "/srv/tube", "ada"))
	put(t, filepath.Join(cfg.Root, "etc/passwd"), "ada:x:1000:1000::/home/ada:/bin/bash\n")
	put(t, filepath.Join(cfg.Root, "srv/tube/tubelet.db"), "")
	for _, line := range todo(cfg.Root, plan(t, cfg)) {
		if strings.Contains(line, "useradd") || strings.Contains(line, "/var/lib/tubelet") || strings.Contains(line, "-o tubelet") || strings.Contains(line, "write ") {
			t.Errorf("it would run %s", line)
		}
	}
	steps, err := install.PlanRemoval(cfg, true)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"rm -f /etc/systemd/system/tubelet.service", "rm -rf -- /srv/tube"}
	if diff := cmp.Diff(want, todo(cfg.Root, steps)); diff != "" {
		t.Error(diff)
	}
}

// TestPlanRefuses: what init would refuse in the end is refused before anything is done.
func TestPlanRefuses(t *testing.T) {
	for _, w := range []install.Config{{Domain: "http://x", Handle: "me"}, {Domain: "video.example", Handle: "N!"}} {
		cfg := machine(t)
		cfg.Domain, cfg.Handle, cfg.Name = w.Domain, w.Handle, "Workshop"
		if steps, err := install.Plan(cfg); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s, %s: %d steps, %v", w.Domain, w.Handle, len(steps), err)
		}
	}
}
