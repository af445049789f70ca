// Package check reads and judges what the creator says about a video: titles, tags,
// languages, subtitles, chapters, thumbnails. Nothing is stored before all of it is good.
package check

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/tubelet/tubelet/store"
)

// Error is a mistake in what the creator asked for, told before anything was stored.
type Error struct {
	What string // the option or field: "captions de", "chapters"; "file" is the video itself
	Err  error  // what is wrong, and what to do
}

func (e *Error) Error() string {
	if e.What == "file" { // who gave one file knows which
		return e.Err.Error()
	}
	return e.What + ": " + e.Err.Error()
}

// Unwrap returns the underlying error.
func (e *Error) Unwrap() error { return e.Err }

// Thumbnail is where a poster comes from: a picture, or a moment of the video.
type Thumbnail struct {
	Image string        // path of the picture, or
	At    time.Duration // the moment
	Given bool          // false: let it be chosen
}

// Visibility returns the visibility asked for, public when none was.
func Visibility(v store.Visibility, at time.Time) (store.Visibility, error) {
	switch v {
	case "":
		return store.Public, nil
	case store.Draft:
		if !at.IsZero() {
			return "", &Error{"visibility", errors.New("a draft has no date: give either --draft or --at")}
		}
		return v, nil
	case store.Public, store.Unlisted:
		return v, nil
	}
	return "", &Error{"visibility", fmt.Errorf("%q is none of public, unlisted and draft", v)}
}

// Tags returns the tags in clean form, each once.
func Tags(given []string) ([]string, error) {
	var tags []string
	for _, t := range given {
		t = Line(strings.TrimLeft(strings.TrimSpace(t), "#"), maxTag+1)
		if len([]rune(t)) > maxTag {
			return nil, &Error{"tag", fmt.Errorf("%q is longer than %d characters: shorten it", t, maxTag)}
		}
		if t != "" && !slices.ContainsFunc(tags, func(o string) bool { return strings.EqualFold(o, t) }) {
			tags = append(tags, t)
		}
	}
	if len(tags) > maxTags {
		return nil, &Error{"tag", fmt.Errorf("%d tags are more than %d: leave some out", len(tags), maxTags)}
	}
	return tags, nil
}

// Language returns the canonical form of a BCP 47 tag, "" for none.
func Language(what, tag string) (string, error) {
	if tag == "" {
		return "", nil
	}
	parsed, err := language.Parse(tag)
	if err != nil || parsed == language.Und {
		return "", &Error{what, fmt.Errorf("%q is no language: use a code such as en, de or pt-BR", tag)}
	}
	return parsed.String(), nil
}

// P2P returns what a video says about sharing: on, ask, off, or "" for default, which is as
// the setting says.
func P2P(word string) (string, error) {
	switch word {
	case "", "default":
		return "", nil
	case "on", "ask", "off":
		return word, nil
	}
	return "", &Error{"p2p", fmt.Errorf("%q: use on, ask, off, or default for what the setting p2p says", word)}
}

// Commenting returns what a video says about who may comment: open, approve, links, closed,
// or "" for default, which is as the setting says.
func Commenting(word string) (string, error) {
	switch word {
	case "", "default":
		return "", nil
	case "open", "approve", "links", "closed":
		return word, nil
	}
	return "", &Error{"comments", fmt.Errorf("%q: use open, approve, links, closed, or default for what the setting comments says", word)}
}

// MaxWarning is how long a content warning can be.
const MaxWarning = 200

// ReadThumbnail tells a time from a file name; a file that looks like a time can be given as
// ./1:23.
func ReadThumbnail(arg string) (Thumbnail, error) {
	if arg == "" {
		return Thumbnail{}, nil
	}
	if at, ok := parseTime(arg); ok {
		return Thumbnail{At: at, Given: true}, nil
	}
	path, err := Regular(arg)
	if err != nil {
		return Thumbnail{}, &Error{"thumbnail", fmt.Errorf("%w, and it is no time such as 1:23", err)}
	}
	return Thumbnail{Image: path, Given: true}, nil
}

// timeForm is [[h:]m:]s[.fraction].
var timeForm = regexp.MustCompile(`^(?:(?:(\d{1,2}):)?(\d{1,2}):)?(\d{1,6}(?:\.\d{1,3})?)$`)

func parseTime(s string) (time.Duration, bool) {
	m := timeForm.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	hours, _ := strconv.Atoi(m[1])
	minutes, _ := strconv.Atoi(m[2])
	seconds, _ := strconv.ParseFloat(m[3], 64)
	return time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute + time.Duration(seconds*float64(time.Second)), true
}

// missingError is a file that is not there, told in our words. It is os.ErrNotExist.
type missingError struct{ path string }

func (e missingError) Error() string        { return "there is no file " + e.path }
func (e missingError) Is(target error) bool { return target == os.ErrNotExist }

// Regular returns the absolute path of a regular file that can be read.
func Regular(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(abs)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", missingError{path}
	case err != nil:
		return "", err
	case info.IsDir():
		return "", fmt.Errorf("%s is a folder", path)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is no regular file: pipe it in with -", path)
	}
	f, err := os.Open(abs)
	if err != nil {
		return "", err
	}
	return abs, f.Close()
}

func readSmall(path string, limit int64) ([]byte, error) {
	abs, err := Regular(path)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(abs)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s is larger than %d MB", path, limit>>20)
	}
	return data, err
}
