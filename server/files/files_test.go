package files_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/server/files"
)

// body is a file in which every position is told by its content.
func body(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 / 3)
	}
	return b
}

// serve starts a real server (so that sendfile is used) with one file.
func serve(t testing.TB, content []byte) *httptest.Server {
	name := filepath.Join(t.TempDir(), "480p.mp4")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	if err := os.Chtimes(name, old, old); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Open(name)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		defer f.Close()
		w.Header().Set("Content-Type", "video/mp4")
		w.Header().Set("ETag", files.ETag("480p.mp4", 1, int64(len(content))))
		if err := files.Send(w, r, f, nil); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestSend(t *testing.T) {
	content := body(3<<20 + 12345)
	size := len(content)
	s := serve(t, content)
	etag := files.ETag("480p.mp4", 1, int64(size))
	whole := [2]int{0, size}
	none := [2]int{0, 0}
	for _, c := range []struct {
		name   string
		method string
		header string // "Name: value" lines
		status int
		want   [2]int // bytes of the file
	}{
		{"whole", "GET", "", 200, whole},
		{"head", "HEAD", "", 200, none},
		{"first byte", "GET", "Range: bytes=0-0", 206, [2]int{0, 1}},
		{"across pieces", "GET", "Range: bytes=1000-3000000", 206, [2]int{1000, 3000001}},
		{"open end", "GET", "Range: bytes=3145728-", 206, [2]int{3145728, size}},
		{"suffix", "GET", "Range: bytes=-10", 206, [2]int{size - 10, size}},
		{"suffix longer than the file", "GET", "Range: bytes=-99999999", 206, whole},
		{"end beyond the file", "GET", "Range: bytes=3145728-99999999", 206, [2]int{3145728, size}},
		{"end beyond int64", "GET", "Range: bytes=3145728-99999999999999999999999", 206, [2]int{3145728, size}},
		{"upper case unit", "GET", "Range: BYTES=0-1", 206, [2]int{0, 2}},
		{"white space", "GET", "Range: bytes= 0-1 ", 206, [2]int{0, 2}},
		{"head with a range", "HEAD", "Range: bytes=0-0", 206, none},
		{"suffix of nothing", "GET", "Range: bytes=-0", 416, none},
		{"beyond the end", "GET", "Range: bytes=99999999-", 416, none},
		{"start at the size", "GET", fmt.Sprintf("Range: bytes=%d-", size), 416, none},
		{"start beyond int64", "GET", "Range: bytes=99999999999999999999999-", 416, none},
		{"reversed", "GET", "Range: bytes=5-2", 416, none},
		{"no number", "GET", "Range: bytes=a-b", 416, none},
		{"minus minus", "GET", "Range: bytes=--5", 416, none},
		{"only a dash", "GET", "Range: bytes=-", 416, none},
		{"several: the first counts", "GET", "Range: bytes=10-19,30-39", 206, [2]int{10, 20}},
		{"several: the first that exists", "GET", "Range: bytes=99999999-,30-39", 206, [2]int{30, 40}},
		{"a thousand overlapping", "GET", "Range: bytes=0-" + strings.Repeat(",0-", 999), 206, whole},
		{"other unit", "GET", "Range: frames=0-1", 200, whole},
		{"no unit", "GET", "Range: 0-1", 200, whole},
		{"if-range same", "GET", "If-Range: " + etag + "\nRange: bytes=0-9", 206, [2]int{0, 10}},
		{"if-range other", "GET", "If-Range: \"old\"\nRange: bytes=0-9", 200, whole},
		{"if-range weak", "GET", "If-Range: W/" + etag + "\nRange: bytes=0-9", 200, whole},
		{"if-range date", "GET", "If-Range: Wed, 01 May 2024 12:00:00 GMT\nRange: bytes=0-9", 206, [2]int{0, 10}},
		{"if-none-match", "GET", "If-None-Match: " + etag, 304, none},
		{"if-none-match other", "GET", "If-None-Match: \"x\"", 200, whole},
		{"if-modified-since", "GET", "If-Modified-Since: Wed, 01 May 2024 12:00:00 GMT", 304, none},
		{"if-match other", "GET", "If-Match: \"x\"", 412, none},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, got := ask(t, c.method, s.URL, c.header)
			if res.StatusCode != c.status {
				t.Fatalf("status %d, want %d", res.StatusCode, c.status)
			}
			if c.status < 400 && !bytes.Equal(got, content[c.want[0]:c.want[1]]) {
				t.Errorf("%d bytes, want bytes %d to %d", len(got), c.want[0], c.want[1])
			}
			if want := fmt.Sprintf("bytes */%d", size); c.status == 416 && res.Header.Get("Content-Range") != want {
				t.Errorf("Content-Range %q, want %q", res.Header.Get("Content-Range"), want)
			}
			if c.status == 200 && res.ContentLength != int64(size) {
				t.Errorf("Content-Length %d, want %d", res.ContentLength, size)
			}
		})
	}
}

func TestETag(t *testing.T) {
	tag := files.ETag("480p.mp4", 1, 1000)
	if tag != files.ETag("480p.mp4", 1, 1000) {
		t.Error("the tag changes by itself")
	}
	for _, other := range []string{files.ETag("480p.mp4", 2, 1000), files.ETag("480p.mp4", 1, 1001), files.ETag("720p.mp4", 1, 1000)} {
		if other == tag {
			t.Errorf("another file has the same tag %s", tag)
		}
	}
	if !strings.HasPrefix(tag, `"`) {
		t.Errorf("%s is not a strong tag", tag)
	}
}

func TestSendEmpty(t *testing.T) {
	s := serve(t, nil)
	for _, header := range []string{"", "Range: bytes=0-", "Range: bytes=-5"} {
		res, got := ask(t, "GET", s.URL, header)
		if res.StatusCode != 200 || len(got) != 0 {
			t.Errorf("%q: %d, %d bytes", header, res.StatusCode, len(got))
		}
	}
}

// direct is a connection that takes files by themselves, as package net does.
type direct struct {
	*httptest.ResponseRecorder
	files, others int
}

func (d *direct) ReadFrom(src io.Reader) (int64, error) {
	if l, ok := src.(*io.LimitedReader); ok {
		if _, ok := l.R.(*os.File); ok {
			d.files++
			return io.Copy(d.ResponseRecorder, src)
		}
	}
	d.others++
	return io.Copy(d.ResponseRecorder, src)
}

// TestSendKeepsSendfile looks that what reaches the connection is the file itself,
// without which package net copies every byte through this process.
func TestSendKeepsSendfile(t *testing.T) {
	content := body(3 << 20)
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := &direct{ResponseRecorder: httptest.NewRecorder()}
	d.Header().Set("Content-Type", "video/mp4")
	if err := files.Send(d, httptest.NewRequest("GET", "/", nil), f, nil); err != nil {
		t.Fatal(err)
	}
	if d.files != 12 || d.others != 0 || !bytes.Equal(d.Body.Bytes(), content) {
		t.Errorf("%d pieces as files and %d otherwise, want 12 and 0", d.files, d.others)
	}
}

// FuzzRange asks for anything and expects to get no more than the file, and what the
// answer says.
func FuzzRange(f *testing.F) {
	for _, seed := range []string{"bytes=0-", "bytes=-0", "bytes=1-2,3-4", "bytes=9-1", "x=0-1", "bytes=0-9223372036854775808", "bytes=,,1-,"} {
		f.Add(seed)
	}
	content := body(1000)
	name := filepath.Join(f.TempDir(), "f")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header string) {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Range", header)
		w := httptest.NewRecorder()
		w.Header().Set("Content-Type", "video/mp4")
		if err := files.Send(w, r, file, nil); err != nil {
			t.Fatal(err)
		}
		checkPart(t, w, content)
	})
}

func checkPart(t *testing.T, w *httptest.ResponseRecorder, content []byte) {
	switch w.Code {
	case 200:
		if !bytes.Equal(w.Body.Bytes(), content) {
			t.Fatal("200 without the whole file")
		}
	case 206:
		var start, end, size int
		if _, err := fmt.Sscanf(w.Header().Get("Content-Range"), "bytes %d-%d/%d", &start, &end, &size); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(w.Body.Bytes(), content[start:end+1]) {
			t.Fatalf("Content-Range %d-%d does not describe the body", start, end)
		}
	case 416:
	default:
		t.Fatalf("status %d", w.Code)
	}
}

func ask(t *testing.T, method, url, header string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(header, "\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			req.Header[name] = []string{value}
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, got
}
