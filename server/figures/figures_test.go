//go:build bench

package figures_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	connections = 8
	rounds      = 9
	lap         = 2 * time.Second
)

// TestFigureRanges measures random 1 MiB ranges of one film. Asked: at least 0.9 of what
// nginx serves of the same file.
func TestFigureRanges(t *testing.T) {
	bin := build(t)
	data, id := seed(t)
	path := "/media/" + id + "/1/720p.mp4"
	file := filepath.Join(data, "videos", id, "1", "720p.mp4")
	root := t.TempDir()
	check(t, os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o755))
	check(t, os.Link(file, filepath.Join(root, path)))
	we, _ := start(t, ours, "/about", bin, "serve", "--data", data, "--local", "--listen", ours)
	defer we.stop()
	they := nginx(t, root, path)
	defer they.stop()

	var us, them, ratios []float64
	for range rounds {
		b := megabytes(t, theirs, path)
		a := megabytes(t, ours, path)
		us, them, ratios = append(us, a), append(them, b), append(ratios, a/b)
	}
	t.Logf("1 MiB ranges of a film over %d connections: tubelet %.0f MB/s, nginx %.0f MB/s", connections, median(us), median(them))
	t.Logf("ratio, median of %d interleaved rounds: %.2f (asked: at least 0.9)", rounds, median(ratios))
}

func megabytes(t *testing.T, address, path string) float64 {
	n := load(t, address, func(w io.Writer) {
		first := rand.IntN(film>>20) << 20
		fmt.Fprintf(w, "GET %s HTTP/1.1\r\nHost: %s\r\nRange: bytes=%d-%d\r\n\r\n", path, ours, first, first+1<<20-1)
	}, 206)
	return float64(n) * (1 << 20) / 1e6 / lap.Seconds()
}

// TestFigureWatchPage measures the watch page of a video with 500 comments on a channel
// of 1000, with the load on the same cores. Asked: at least 2000 a second. It is compared
// with nginx, which serves the same page from a file, and with the same page while
// somebody commits twice a second.
func TestFigureWatchPage(t *testing.T) {
	bin := build(t)
	data, id := seed(t)
	path := "/w/" + id
	we, _ := start(t, ours, path, bin, "serve", "--data", data, "--local", "--listen", ours)
	defer we.stop()
	root := t.TempDir()
	check(t, os.MkdirAll(filepath.Join(root, "w"), 0o755))
	page, packed := fetch(t, "http://"+ours+path)
	check(t, os.WriteFile(filepath.Join(root, path+".html"), page, 0o644))
	check(t, os.WriteFile(filepath.Join(root, path+".html.gz"), packed, 0o644))
	they := nginx(t, root, path+".html")
	defer they.stop()

	var us, busy, them []float64
	for range rounds {
		them = append(them, requests(t, theirs, path+".html"))
		us = append(us, requests(t, ours, path))
		stop := commits(t, data, id)
		busy = append(busy, requests(t, ours, path))
		stop()
	}
	t.Logf("watch page, %d bytes (%d compressed), over %d connections, load on the same cores", len(page), len(packed), connections)
	t.Logf("requests a second, medians of %d interleaved rounds: tubelet %.0f (asked: at least 2000), with 2 commits a second %.0f; nginx with a ready file %.0f",
		rounds, median(us), median(busy), median(them))
}

func requests(t *testing.T, address, path string) float64 {
	n := load(t, address, func(w io.Writer) {
		fmt.Fprintf(w, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept-Encoding: gzip\r\n\r\n", path, ours)
	}, 200)
	return float64(n) / lap.Seconds()
}

// load sends requests over a few connections, each as soon as the last is answered, for
// the time of a lap, and returns how many were.
func load(t *testing.T, address string, request func(io.Writer), status int) int64 {
	t.Helper()
	var wg sync.WaitGroup
	counts := make([]int64, connections)
	end := time.Now().Add(lap)
	for i := range counts {
		wg.Go(func() {
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			in := bufio.NewReaderSize(c, 256<<10)
			var line bytes.Buffer
			for time.Now().Before(end) {
				line.Reset()
				request(&line)
				c.Write(line.Bytes())
				if err := skip(in, status); err != nil {
					t.Error(err)
					return
				}
				counts[i]++
			}
		})
	}
	wg.Wait()
	var n int64
	for _, c := range counts {
		n += c
	}
	return n
}

// skip reads one response, with as little work as it takes.
func skip(in *bufio.Reader, status int) error {
	length := -1
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.Contains(line, []byte(" "+strconv.Itoa(status)+" ")) {
			return fmt.Errorf("answered %s", line)
		}
		if name, value, ok := bytes.Cut(line, []byte(": ")); ok && strings.EqualFold(string(name), "Content-Length") {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		}
		if len(bytes.TrimSpace(line)) == 0 {
			_, err := in.Discard(length)
			return err
		}
	}
}

func fetch(t *testing.T, url string) (page, packed []byte) {
	t.Helper()
	for _, encoding := range []string{"identity", "gzip"} {
		r, err := http.NewRequest("GET", url, nil)
		check(t, err)
		r.Header.Set("Accept-Encoding", encoding)
		res, err := http.DefaultTransport.RoundTrip(r)
		check(t, err)
		packed, err = io.ReadAll(res.Body)
		check(t, err)
		res.Body.Close()
		if encoding == "identity" {
			page = packed
		}
	}
	return page, packed
}

// TestFigureStart measures from the start of the process to the first page. Asked: at
// most 150 ms with 1000 videos.
func TestFigureStart(t *testing.T) {
	bin := build(t)
	data, _ := seed(t)
	var first, empty []float64
	for range rounds {
		p, took := start(t, ours, "/", bin, "serve", "--data", data, "--local", "--listen", ours)
		p.stop()
		first = append(first, took.Seconds()*1000)
		bare := time.Now()
		run(t, bin, "help")
		empty = append(empty, time.Since(bare).Seconds()*1000)
	}
	t.Logf("start of serve to 200 on the channel page, %d videos: median %.0f ms of %d, worst %.0f ms (asked: at most 150 ms); the process alone, tubelet help: %.0f ms",
		videos, median(first), rounds, first[len(first)-1], median(empty))
}

// TestFigureMemory measures the resident memory of a server at rest. Asked: at most 40 MiB
// with 1000 videos. What is the server's own is told apart from the pages of its program's
// file: those are the system's cache, and how many count depends on how large its pieces
// are. They are small when the file was read from the disk, as after the machine has booted,
// and since Linux 6.18 up to 2 MiB, all counted at the first touch, when it was just written.
func TestFigureMemory(t *testing.T) {
	bin := build(t)
	data, id := seed(t)
	memory(t, "program just written", bin, data, id)
	uncache(t, bin)
	memory(t, "program read from the disk", bin, data, id)
}

func memory(t *testing.T, state, bin, data, id string) {
	t.Helper()
	p, _ := start(t, ours, "/", bin, "serve", "--data", data, "--local", "--listen", ours)
	defer p.stop()
	time.Sleep(10 * time.Second)
	fresh, own := resident(t, p, "VmRSS"), resident(t, p, "RssAnon")
	for i := range 200 {
		for _, path := range []string{"/", "/w/" + id, "/?page=" + strconv.Itoa(1+i%40), "/search?q=video+" + strconv.Itoa(i), "/sitemap.xml", "/feed.xml"} {
			if !answers(ours, path) {
				t.Fatalf("%s does not answer", path)
			}
		}
	}
	peak := resident(t, p, "VmRSS")
	time.Sleep(time.Minute)
	t.Logf("%s, %d videos: resident %.1f MiB at rest after the start (asked: at most 40), of which %.1f its own; %.1f MiB right after 1200 pages; %.1f MiB a minute later, of which %.1f its own",
		state, videos, fresh, own, peak, resident(t, p, "VmRSS"), resident(t, p, "RssAnon"))
}

// uncache has the system forget what it holds of a file.
func uncache(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	check(t, err)
	defer f.Close()
	check(t, f.Sync())
	check(t, unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
}

// resident returns a line of the process's status in MiB.
func resident(t *testing.T, p process, line string) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	check(t, err)
	for l := range strings.SplitSeq(string(text), "\n") {
		var kib float64
		if _, err := fmt.Sscanf(l, line+": %f kB", &kib); err == nil {
			return kib / 1024
		}
	}
	t.Fatal("no " + line)
	return 0
}
