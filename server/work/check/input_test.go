package check_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/server/work/check"
	"github.com/tubelet/tubelet/store"
)

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadThumbnail(t *testing.T) {
	picture := write(t, "a.jpg", "x")
	tests := []struct {
		arg  string
		want check.Thumbnail
		err  string
	}{
		{"", check.Thumbnail{}, ""},
		{"83", check.Thumbnail{At: 83 * time.Second, Given: true}, ""},
		{"1:23", check.Thumbnail{At: 83 * time.Second, Given: true}, ""},
		{"00:00:01.5", check.Thumbnail{At: 1500 * time.Millisecond, Given: true}, ""},
		{"1:02:03", check.Thumbnail{At: 3723 * time.Second, Given: true}, ""},
		{picture, check.Thumbnail{Image: picture, Given: true}, ""},
		{"nowhere.png", check.Thumbnail{}, "there is no file nowhere.png, and it is no time such as 1:23"},
		{"1:2:3:4", check.Thumbnail{}, "there is no file"},
		{"-1:00", check.Thumbnail{}, "there is no file"},
		{filepath.Dir(picture), check.Thumbnail{}, "is a folder"},
	}
	for _, tt := range tests {
		t.Run(tt.arg, func(t *testing.T) {
			got, err := check.ReadThumbnail(tt.arg)
			wantError(t, err, tt.err)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func wantError(t *testing.T, err error, part string) {
	t.Helper()
	if part == "" {
		if err != nil {
			t.Fatalf("unexpected error %v", err)
		}
		return
	}
	var told *check.Error
	if !errors.As(err, &told) || !strings.Contains(err.Error(), part) {
		t.Fatalf("got error %v, want a check.Error with %q", err, part)
	}
}

func TestReadCaption(t *testing.T) {
	srt := write(t, "a.srt", "1\n00:00:01,000 --> 00:00:02,500\nHello\n")
	broken := write(t, "b.srt", "this is no subtitle file\n")
	big := write(t, "c.srt", strings.Repeat("x", 5<<20))
	tests := []struct{ name, lang, path, err string }{
		{"good", "EN-us", srt, ""},
		{"no language", "", srt, "write en=FILE"},
		{"wrong language", "klingonese", srt, "is no language"},
		{"missing file", "en", "nowhere.srt", "there is no file"},
		{"no subtitles", "en", broken, "b.srt"},
		{"too large", "en", big, "larger than 4 MB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := check.ReadCaption(tt.lang, tt.path)
			wantError(t, err, tt.err)
			if tt.err == "" && (c.Row.Language != "en-US" || c.Row.Label != "American English" || !strings.HasPrefix(string(c.VTT), "WEBVTT")) {
				t.Errorf("got %+v %q", c.Row, c.VTT)
			}
		})
	}
}

func TestReadChapters(t *testing.T) {
	good := write(t, "a.txt", "0:00 Start\n0:30 Middle\n")
	list, err := check.ReadChapters(good)
	wantError(t, err, "")
	if diff := cmp.Diff([]store.Chapter{{Title: "Start"}, {Start: 30 * time.Second, Title: "Middle"}}, list); diff != "" {
		t.Error(diff)
	}
	_, err = check.ReadChapters(write(t, "b.txt", "nothing of the kind\n"))
	wantError(t, err, "b.txt")
}

func TestTags(t *testing.T) {
	got, err := check.Tags([]string{" #Pi ", "pi", "home  server", ""})
	wantError(t, err, "")
	if diff := cmp.Diff([]string{"Pi", "home server"}, got); diff != "" {
		t.Error(diff)
	}
	_, err = check.Tags([]string{strings.Repeat("x", 61)})
	wantError(t, err, "shorten it")
}

func TestVisibility(t *testing.T) {
	v, err := check.Visibility("", time.Time{})
	wantError(t, err, "")
	if v != store.Public {
		t.Errorf("got %q", v)
	}
	_, err = check.Visibility(store.Draft, time.Now())
	wantError(t, err, "a draft has no date")
	_, err = check.Visibility("secret", time.Time{})
	wantError(t, err, "is none of")
}
