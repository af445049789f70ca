package input

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tubelet/tubelet/store"
)

// LineError is a mistake in front matter, with the line of the file that has it.
type LineError struct {
	Line int
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns what is wrong.
func (e *LineError) Unwrap() error { return e.Err }

const fence = "---"

// sameAsSetting stands for a video that says nothing of its own.
const sameAsSetting = "default"

const notes = `# visibility: public, unlisted or draft. at: 2026-12-01T18:00 publishes then, empty at once.
# p2p: on, ask, off, or default as the setting p2p says. warning: of the content, empty for none.
# comments: open, approve, links, closed, or default as the setting comments says.
# chapters: lines such as - 1:23 What follows. Below the second --- comes the description, in Markdown.
`

// Format writes what may be edited of v: front matter, then the description. Chapters and
// tags are shown even when empty, so that nobody has to know their names.
func Format(v store.Video) []byte {
	tags := make([]string, len(v.Tags))
	for i, tag := range v.Tags {
		tags[i] = written(tag, true)
	}
	var b bytes.Buffer
	b.WriteString(fence + "\n" + notes)
	for _, row := range [][2]string{
		{"title", written(v.Title, false)},
		{"visibility", written(string(v.Visibility), false)},
		{"at", written(formatAt(v), false)},
		{"tags", "[" + strings.Join(tags, ", ") + "]"},
		{"language", written(v.Language, false)},
		{"license", written(v.License, false)},
		{"downloads", strconv.FormatBool(v.Downloads)},
		{"p2p", cmp.Or(v.P2P, sameAsSetting)},
		{"comments", cmp.Or(v.Commenting, sameAsSetting)},
		{"warning", written(v.Warning, false)},
	} {
		b.WriteString(row[0] + ": " + row[1] + "\n")
	}
	if len(v.Chapters) == 0 {
		b.WriteString("chapters: []\n")
	} else {
		b.WriteString("chapters:\n")
	}
	for _, c := range v.Chapters {
		b.WriteString("    - " + written(formatOffset(c.Start)+" "+c.Title, false) + "\n")
	}
	b.WriteString(fence + "\n\n" + v.Description + "\n")
	return b.Bytes()
}

// Same reports whether v and w say the same in all that may be edited.
func Same(v, w store.Video) bool {
	return v.Title == w.Title && v.Description == w.Description && v.Visibility == w.Visibility &&
		v.PublishAt.Equal(w.PublishAt) && slices.Equal(v.Tags, w.Tags) && v.Language == w.Language &&
		v.License == w.License && v.Downloads == w.Downloads && v.P2P == w.P2P &&
		v.Commenting == w.Commenting && v.Warning == w.Warning && slices.Equal(v.Chapters, w.Chapters)
}

// formatAt writes the moment for which v is scheduled, if it still is.
func formatAt(v store.Video) string {
	if v.PublishAt.IsZero() || !v.PublishedAt.IsZero() {
		return ""
	}
	return v.PublishAt.Local().Format("2006-01-02T15:04:05")
}

// Parse returns v with what text says about it. Fields that text leaves out stay as they
// are. A mistake is a *LineError.
func Parse(text []byte, v store.Video, now time.Time) (store.Video, error) {
	front, body, err := split(string(text))
	if err != nil {
		return v, err
	}
	list, err := entries(front)
	if err != nil {
		return v, err
	}
	if err := apply(list, &v, now); err != nil {
		return v, err
	}
	v.Description = strings.TrimSpace(strings.ReplaceAll(body, "\r\n", "\n"))
	return v, nil
}

// split parts the front matter from the description. The lines of front count from 2.
func split(text string) (front, body string, err error) {
	text = strings.TrimPrefix(text, "\ufeff")
	first, rest, _ := strings.Cut(text, "\n")
	if strings.TrimRight(first, " \r") != fence {
		return "", "", &LineError{1, errors.New("the front matter must begin with a line of three dashes")}
	}
	at := 0
	for line := range strings.Lines(rest) {
		if strings.TrimRight(line, " \r\n") == fence {
			return rest[:at], rest[at+len(line):], nil
		}
		at += len(line)
	}
	return "", "", &LineError{1, errors.New("a second line of three dashes must end the front matter")}
}

// setters says how each key changes a video.
func setters(now time.Time) map[string]func(value, *store.Video) error {
	return map[string]func(value, *store.Video) error{
		"title":      setTitle,
		"visibility": setVisibility,
		"at":         func(n value, v *store.Video) error { return setAt(n, v, now) },
		"tags":       setTags,
		"language":   func(n value, v *store.Video) error { return scalar(n, &v.Language) },
		"license":    func(n value, v *store.Video) error { return scalar(n, &v.License) },
		"downloads":  setDownloads,
		"p2p":        setP2P,
		"comments":   setComments,
		"warning":    func(n value, v *store.Video) error { return scalar(n, &v.Warning) },
		"chapters":   setChapters,
	}
}

func apply(list []entry, v *store.Video, now time.Time) error {
	setters := setters(now)
	seen := map[string]bool{}
	for _, e := range list {
		set, known := setters[e.key]
		if !known {
			return &LineError{e.value.line, fmt.Errorf(
				"%q is not known: use title, visibility, at, tags, language, license, downloads, p2p, comments, warning, chapters", e.key)}
		}
		if seen[e.key] {
			return &LineError{e.value.line, fmt.Errorf("%s is there twice", e.key)}
		}
		seen[e.key] = true
		if err := set(e.value, v); err != nil {
			line, ok := errors.AsType[*LineError](err)
			if !ok {
				line = &LineError{e.value.line, err}
			}
			return &LineError{line.Line, fmt.Errorf("%s: %w", e.key, line.Err)}
		}
	}
	return nil
}
