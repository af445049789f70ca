package cli_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tubelet/tubelet/cli"
	"github.com/tubelet/tubelet/server/certs/acmetest"
	"github.com/tubelet/tubelet/store"
)

func TestMain(m *testing.M) {
	tubelet := func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		os.Exit(cli.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	testscript.Main(m, map[string]func(){
		"tubelet": tubelet,
		"exe":     tubelet, // as the server calls itself to start the seed: /proc/self/exe
		"get":     get,
	})
}

// TestStories runs the program as its users do. A bug gets a story before it gets a fix.
func TestStories(t *testing.T) {
	p := params()
	p.Dir = filepath.Join("..", "testdata", "script")
	testscript.Run(t, p)
}

func params() testscript.Params {
	return testscript.Params{
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("TUBELET_DATA", filepath.Join(env.WorkDir, "data"))
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("TZ", "UTC")
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name != "root" {
				return false, fmt.Errorf("no condition %q", name)
			}
			return os.Geteuid() == 0, nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"certificate": certificate,
			"clip":        clip,
			"field":       field,
			"keep":        keep,
			"listening":   listening,
			"mirrored":    mirrored,
			"neighbours":  neighbours,
			"ontty":       ontty,
			"port":        port,
			"snap":        snap,
			"settled":     settled,
		},
	}
}

// certificate writes a certificate that lasts an hour: certificate CERT KEY NAME.
func certificate(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(acmetest.WriteCertificate(ts.MkAbs(args[0]), ts.MkAbs(args[1]), args[2], time.Now().Add(time.Hour)))
}

// mirrored makes the channel know a mirror: mirrored NAME.
func mirrored(ts *testscript.TestScript, neg bool, args []string) {
	db, err := store.Open(context.Background(), filepath.Join(ts.Getenv("TUBELET_DATA"), "tubelet.db"))
	ts.Check(err)
	defer db.Close()
	_, err = db.SeeMirror(context.Background(), store.Mirror{ID: strings.Repeat("ab", 16), Name: args[0], URL: "https://" + args[0] + ".example"})
	ts.Check(err)
}

// get fetches an address and prints the answer's body: get [-wait] [-head] [-trust FILE]
// [STATUS] URL. With -wait it tries until the status is the one asked for, at most half a
// minute. With -trust the name is taken to be this machine, with a certificate of that file.
func get() {
	args := os.Args[1:]
	wait, head, trust, status := false, false, "", 200
	for len(args) > 1 {
		switch args[0] {
		case "-wait":
			wait = true
		case "-head":
			head = true
		case "-trust":
			trust, args = args[1], args[1:]
		default:
			status, _ = strconv.Atoi(args[0])
		}
		args = args[1:]
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		err := fetch(args[0], status, head, trust)
		if err == nil {
			os.Exit(0)
		}
		if !wait || time.Now().After(deadline) {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func fetch(url string, status int, head bool, trust string) error {
	client := http.Client{Timeout: 20 * time.Second}
	if trust != "" {
		text, err := os.ReadFile(trust)
		if err != nil {
			return err
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(text)
		client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			_, port, _ := net.SplitHostPort(addr)
			return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+port)
		}}
	}
	res, err := client.Get(url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != status {
		return fmt.Errorf("%s: %s, want %d", url, res.Status, status)
	}
	if head {
		return res.Header.Write(os.Stdout)
	}
	_, err = os.Stdout.Write(body)
	return err
}

// clip renders two seconds of moving picture and sound: clip FILE [ffmpeg options of the
// output]. Without options browsers can play it.
func clip(ts *testscript.TestScript, neg bool, args []string) {
	options := args[1:]
	if len(options) == 0 {
		options = strings.Fields("-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 25 -c:a aac")
	}
	command := slices.Concat(
		strings.Fields("-v error -nostdin -y -f lavfi -i testsrc2=s=320x180:r=25:d=2 -f lavfi -i sine=f=440:d=2"),
		options, []string{ts.MkAbs(args[0])})
	out, err := exec.Command("ffmpeg", command...).CombinedOutput()
	if err != nil {
		ts.Fatalf("ffmpeg: %v\n%s", err, out)
	}
}

// field looks into the JSON that the last command printed, into its last milestone if it printed
// events: field PATH [VALUE]. The path names keys and places, "renditions.0.height";
// without a value there must be something that is not empty.
func field(ts *testscript.TestScript, neg bool, args []string) {
	got := lookup(ts, args[0])
	switch {
	case len(args) == 1 && (got == "") != neg:
		ts.Fatalf("%s is %q", args[0], got)
	case len(args) == 2 && (got == args[1]) == neg:
		ts.Fatalf("%s is %q, want %q", args[0], got, args[1])
	}
}

// keep puts a field of the last command's JSON into the environment: keep NAME PATH.
func keep(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], lookup(ts, args[1]))
}

func lookup(ts *testscript.TestScript, path string) string {
	text := strings.TrimSpace(ts.ReadFile("stdout"))
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		ts.Check(json.Unmarshal([]byte(milestone(text)), &value))
	}
	for part := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			found, ok := v[part]
			if !ok {
				ts.Fatalf("no %s in %s", part, text)
			}
			value = found
		case []any:
			i, err := strconv.Atoi(part)
			if part == "length" {
				return strconv.Itoa(len(v))
			}
			if err != nil || i >= len(v) {
				ts.Fatalf("no %s in %s", part, text)
			}
			value = v[i]
		default:
			ts.Fatalf("nothing below %s in %s", part, text)
		}
	}
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}

// milestone returns the last of several lines of JSON that is no mere progress.
func milestone(text string) string {
	lines := slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool {
		return strings.HasPrefix(line, `{"event":"progress"`)
	})
	if len(lines) == 0 {
		return ""
	}
	return lines[len(lines)-1]
}

// port puts a free port into the environment: port NAME.
func port(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	_, number, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Setenv(args[0], number)
}

// snap writes names, sizes, times and contents of all files in a folder to a file, so that
// two of them can be compared: snap FOLDER FILE.
func snap(ts *testscript.TestScript, _ bool, args []string) {
	var b strings.Builder
	root := ts.MkAbs(args[0])
	ts.Check(filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %v", strings.TrimPrefix(path, root), info.Mode())
		if info.Mode().IsRegular() && info.Name() != "ballast" {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %v %x", info.ModTime(), content)
		}
		b.WriteByte('\n')
		return nil
	}))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(b.String()), 0o600))
}

// settled asks that a data directory holds nothing half-made and none of the videos that
// are not listed: settled FOLDER [ID ...].
func settled(ts *testscript.TestScript, _ bool, args []string) {
	root := ts.MkAbs(args[0])
	for folder, allowed := range map[string][]string{"work": nil, "videos": args[1:]} {
		entries, err := os.ReadDir(filepath.Join(root, folder))
		ts.Check(err)
		for _, e := range entries {
			if !slices.Contains(allowed, e.Name()) {
				ts.Fatalf("%s/%s is left", folder, e.Name())
			}
		}
	}
}
