package input

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

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

// header is the front matter in the order in which it is written. Chapters and tags are
// shown even when empty, so that nobody has to know their names.
type header struct {
	Title      string   `yaml:"title"`
	Visibility string   `yaml:"visibility"`
	At         string   `yaml:"at"`
	Tags       []string `yaml:"tags,flow"`
	Language   string   `yaml:"language"`
	License    string   `yaml:"license"`
	Downloads  bool     `yaml:"downloads"`
	P2P        string   `yaml:"p2p"`
	Comments   string   `yaml:"comments"`
	Warning    string   `yaml:"warning"`
	Chapters   []string `yaml:"chapters"`
}

// sameAsSetting stands for a video that says nothing of its own.
const sameAsSetting = "default"

const notes = `# visibility: public, unlisted or draft. at: 2026-12-01T18:00 publishes then, empty at once.
# p2p: on, ask, off, or default as the setting p2p says. warning: of the content, empty for none.
# comments: open, approve, links, closed, or default as the setting comments says.
# chapters: lines such as - 1:23 What follows. Below the second --- comes the description, in Markdown.
`

// Format writes what may be edited of v: YAML front matter, then the description.
func Format(v store.Video) ([]byte, error) {
	h := header{
		Title: v.Title, Visibility: string(v.Visibility), At: formatAt(v), Tags: v.Tags,
		Language: v.Language, License: v.License, Downloads: v.Downloads, P2P: cmp.Or(v.P2P, sameAsSetting),
		Comments: cmp.Or(v.Commenting, sameAsSetting), Warning: v.Warning,
	}
	for _, c := range v.Chapters {
		h.Chapters = append(h.Chapters, formatOffset(c.Start)+" "+c.Title)
	}
	text, err := yaml.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("write front matter: %w", err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n%s%s%s\n\n%s\n", fence, notes, text, fence, v.Description)
	return b.Bytes(), nil
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
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(quoted(front)), &doc); err != nil {
		return v, syntaxError(err)
	}
	if len(doc.Content) > 0 {
		if err := apply(doc.Content[0], &v, now); err != nil {
			return v, err
		}
	}
	v.Description = strings.TrimSpace(strings.ReplaceAll(body, "\r\n", "\n"))
	return v, nil
}

// plainLine is a text without quotes that stands on one line.
var plainLine = regexp.MustCompile(`(?m)^(title|warning|license):[ \t]+([^\s'"|>&*!%@\x60\[\]{}#][^\r\n]*)`)

// quoted sets quotes where YAML wants some and people do not: around a colon, which would
// begin another key, and a number sign, which would cut the rest off as a remark.
func quoted(front string) string {
	return plainLine.ReplaceAllStringFunc(front, func(line string) string {
		m := plainLine.FindStringSubmatch(line)
		value := strings.TrimRight(m[2], " \t")
		if !strings.Contains(value+" ", ": ") && !strings.Contains(value, " #") {
			return line
		}
		return m[1] + ": '" + strings.ReplaceAll(value, "'", "''") + "'"
	})
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

var yamlLine = regexp.MustCompile(`line (\d+): (.*)`)

// syntaxError counts the lines of a YAML error as the whole file has them.
func syntaxError(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, _ := strconv.Atoi(m[1])
		return &LineError{line + 1, errors.New(m[2])}
	}
	return &LineError{2, errors.New(text)}
}

// setters says how each key changes a video.
func setters(now time.Time) map[string]func(*yaml.Node, *store.Video) error {
	return map[string]func(*yaml.Node, *store.Video) error{
		"title":      setTitle,
		"visibility": setVisibility,
		"at":         func(n *yaml.Node, v *store.Video) error { return setAt(n, v, now) },
		"tags":       setTags,
		"language":   func(n *yaml.Node, v *store.Video) error { return scalar(n, &v.Language) },
		"license":    func(n *yaml.Node, v *store.Video) error { return scalar(n, &v.License) },
		"downloads":  setDownloads,
		"p2p":        setP2P,
		"comments":   setComments,
		"warning":    func(n *yaml.Node, v *store.Video) error { return scalar(n, &v.Warning) },
		"chapters":   setChapters,
	}
}

func apply(mapping *yaml.Node, v *store.Video, now time.Time) error {
	if mapping.Kind != yaml.MappingNode {
		return &LineError{mapping.Line + 1, errors.New("write lines such as title: A talk")}
	}
	setters := setters(now)
	seen := map[string]bool{}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		set, known := setters[key.Value]
		if !known {
			return &LineError{key.Line + 1, fmt.Errorf(
				"%q is not known: use title, visibility, at, tags, language, license, downloads, p2p, comments, warning, chapters", key.Value)}
		}
		if seen[key.Value] {
			return &LineError{key.Line + 1, fmt.Errorf("%s is there twice", key.Value)}
		}
		seen[key.Value] = true
		if err := set(value, v); err != nil {
			line, ok := errors.AsType[*LineError](err)
			if !ok {
				line = &LineError{value.Line + 1, err}
			}
			return &LineError{line.Line, fmt.Errorf("%s: %w", key.Value, line.Err)}
		}
	}
	return nil
}
