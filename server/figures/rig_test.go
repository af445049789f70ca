//go:build bench

package figures_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tubelet/tubelet/store"
)

const (
	videos   = 1000
	comments = 500
	film     = 64 << 20 // bytes of the one film there is
	ours     = "127.0.0.1:18050"
	theirs   = "127.0.0.1:18051"
)

// build makes the binary as it is shipped.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "tubelet")
	c := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "github.com/tubelet/tubelet")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

// seed makes a channel of a thousand videos. The first has a film and many comments; its
// id is returned.
func seed(t *testing.T) (data, id string) {
	t.Helper()
	data = t.TempDir()
	ctx := t.Context()
	db, err := store.Open(ctx, filepath.Join(data, "tubelet.db"))
	check(t, err)
	defer db.Close()
	check(t, db.CreateChannel(ctx, store.Channel{Handle: "bench", Domain: ours, Local: true, Name: "Bench", Language: "en", CreatedAt: time.Now()}))
	for i := range videos {
		v := video(i)
		check(t, db.CreateVideo(ctx, store.NewVideo{Video: v}))
		if i == 0 {
			id = v.ID
		}
	}
	for i := range comments {
		_, err := db.AddComment(ctx, store.Comment{
			Video: id, AuthorName: fmt.Sprint("Viewer ", i), AuthorAcct: fmt.Sprintf("@v%d@social.example", i),
			AuthorURL: "https://social.example/@v", URL: fmt.Sprintf("https://social.example/@v/%d", i),
			HTML: "<p>At 1:23 the vise is turned round: why is that? " + strings.Repeat("A few more words. ", 10) + "</p>", PublishedAt: time.Now().Add(-time.Duration(i) * time.Minute),
		})
		check(t, err)
	}
	dir := filepath.Join(data, "videos", id, "1")
	check(t, os.MkdirAll(dir, 0o700))
	check(t, os.WriteFile(filepath.Join(dir, "720p.mp4"), bytes.Repeat([]byte("0123456789abcdef"), film/16), 0o644))
	return data, id
}

func video(i int) store.Video {
	rung := func(height int) store.Rendition {
		n := fmt.Sprintf("%dp", height)
		return store.Rendition{Height: height, File: n + ".mp4", Playlist: n + ".m3u8", Bytes: film, Width: height * 16 / 9, PixHeight: height, FPS: 30, Codecs: "avc1.64001f,mp4a.40.2", Bandwidth: height * 3000, Average: height * 2000,
			Infohash: fmt.Sprintf("%040x", i*10000+height), Pieces: 1 << 19}
	}
	return store.Video{
		ID: store.NewID(), Title: fmt.Sprintf("Video %d about the workshop", i), Visibility: store.Public, Downloads: true,
		Description: "0:00 Start\n1:23 The vise\n\n" + strings.Repeat("What was done, *why*, and with which tool. ", 12),
		Tags:        []string{"workshop", fmt.Sprint("tag", i%40)}, CreatedAt: time.Now().Add(time.Duration(i-videos) * time.Hour),
		Chapters: []store.Chapter{{Title: "Start"}, {Start: 83 * time.Second, Title: "The vise"}},
		Media: store.Media{
			Rev: 1, State: store.Done, SourceSHA256: fmt.Sprintf("%064d", i), Duration: 10 * time.Minute, Width: 1920, Height: 1080, FPS: 30,
			HasVideo: true, HasAudio: true, Poster: "poster-00000000.jpg", PosterWidth: 1280, PosterHeight: 720,
			Renditions: []store.Rendition{rung(1080), rung(720), rung(480), rung(360)},
		},
	}
}

// process is a program that serves.
type process struct{ *exec.Cmd }

// start starts a program and returns when address answers 200, and how long that took.
func start(t *testing.T, address, path, name string, args ...string) (process, time.Duration) {
	t.Helper()
	c := exec.Command(name, args...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	begin := time.Now()
	check(t, c.Start())
	for time.Since(begin) < 20*time.Second {
		if answers(address, path) {
			return process{c}, time.Since(begin)
		}
		time.Sleep(time.Millisecond)
	}
	c.Process.Kill()
	c.Wait()
	t.Fatalf("%s does not answer:\n%s", name, out.String())
	return process{}, 0
}

func answers(address, path string) bool {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, "GET", "http://"+address+path, nil)
	r.Close = true
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == 200
}

func (p process) stop() {
	p.Process.Signal(syscall.SIGTERM)
	p.Wait()
}

// nginx serves a folder as a careful administrator would have it.
func nginx(t *testing.T, root, path string) process {
	t.Helper()
	bin, err := exec.LookPath("nginx")
	if err != nil {
		bin = "/usr/sbin/nginx"
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "nginx.conf")
	user := ""
	if os.Getuid() == 0 {
		user = "user root;\n"
	}
	check(t, os.WriteFile(config, []byte(user+`daemon off; worker_processes auto; pid `+dir+`/pid; error_log stderr crit;
events { worker_connections 512; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; gzip_static on;
client_body_temp_path `+dir+`/a; proxy_temp_path `+dir+`/b; fastcgi_temp_path `+dir+`/c; uwsgi_temp_path `+dir+`/d; scgi_temp_path `+dir+`/e;
types { video/mp4 mp4; text/html html; }
server { listen `+theirs+`; root `+root+`; } }
`), 0o600))
	p, _ := start(t, theirs, path, bin, "-c", config, "-p", dir)
	return p
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// commits stores a view twice a second, as other work of the server does, until the
// returned function is called.
func commits(t *testing.T, data, id string) (stop func()) {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(data, "tubelet.db"))
	check(t, err)
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-end:
				return
			case <-time.After(500 * time.Millisecond):
				if err := db.AddViews(context.Background(), map[string]int64{id: 1}); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	return func() { close(end); <-done; db.Close() }
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}
