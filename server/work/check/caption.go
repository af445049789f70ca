package check

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/tubelet/tubelet/media/caption"
	"github.com/tubelet/tubelet/store"
)

const (
	maxSubtitles = 4 << 20 // bytes of one file
	maxChapters  = 1 << 20
)

// Subtitles is one caption track, re-written and held in memory until it is stored.
type Subtitles struct {
	Row  store.Caption
	VTT  []byte
	last time.Duration // when the latest text begins
}

// Within returns an error when a text begins after a video of this length has ended: most
// likely it is another video's file. A length of 0 is not known.
func (s Subtitles) Within(length time.Duration) error {
	if length == 0 || s.last < length {
		return nil
	}
	return &Error{"captions " + s.Row.Language, fmt.Errorf("a text begins at %v, and the video ends at %v: is it the file for this video?",
		s.last.Round(time.Second), length.Round(time.Second))}
}

// Chapters returns an error when a chapter begins after a video of this length has ended.
func Chapters(list []store.Chapter, length time.Duration) error {
	for _, c := range list {
		if length > 0 && c.Start >= length {
			return &Error{"chapters", fmt.Errorf("%q begins at %v, and the video ends at %v: correct the file", c.Title, c.Start.Round(time.Second), length.Round(time.Second))}
		}
	}
	return nil
}

// ReadCaption reads a subtitle file of the given language.
func ReadCaption(lang, path string) (Subtitles, error) {
	what := "captions " + lang
	tag, err := Language(what, lang)
	if err != nil {
		return Subtitles{}, err
	}
	if tag == "" {
		return Subtitles{}, &Error{"captions", errors.New("the language is missing: write en=FILE")}
	}
	data, err := readSmall(path, maxSubtitles)
	if err != nil {
		return Subtitles{}, &Error{what, err}
	}
	track, err := caption.Parse(bytes.NewReader(data))
	if err != nil {
		return Subtitles{}, &Error{what, inFile(path, err)}
	}
	return NewSubtitles(tag, track)
}

// Captions returns languages in canonical form, of which v must have captions.
func Captions(v store.Video, languages []string) ([]string, error) {
	var tags []string
	for _, lang := range languages {
		tag, err := Language("captions", lang)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(v.Captions, func(c store.Caption) bool { return c.Language == tag }) {
			return nil, store.Errorf(store.ErrNotFound, "%s has no captions in %q", v.ID, lang)
		}
		if !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	return tags, nil
}

// NewSubtitles writes a track anew, to be stored under a name of its own.
func NewSubtitles(tag string, track caption.Track) (Subtitles, error) {
	var vtt bytes.Buffer
	if err := track.WriteVTT(&vtt); err != nil {
		return Subtitles{}, err
	}
	row := store.Caption{Language: tag, Label: LanguageName(tag), File: CaptionFile(tag, vtt.Bytes())}
	last := time.Duration(0)
	for _, c := range track.Cues {
		last = max(last, c.Start)
	}
	return Subtitles{row, vtt.Bytes(), last}, nil
}

// CaptionFile names a caption after its content, so that the name may be cached for ever.
func CaptionFile(tag string, vtt []byte) string {
	sum := sha256.Sum256(vtt)
	return tag + "-" + hex.EncodeToString(sum[:4]) + ".vtt"
}

// LanguageName returns what a language is called by those who speak it.
func LanguageName(tag string) string {
	parsed, err := language.Parse(tag)
	if err != nil {
		return tag
	}
	if name := display.Self.Name(parsed); name != "" {
		return name
	}
	return tag
}

// ReadChapters reads and checks a chapter file: WebVTT, ffmetadata, or lines such as
// "1:02:03 Title".
func ReadChapters(path string) ([]store.Chapter, error) {
	data, err := readSmall(path, maxChapters)
	if err != nil {
		return nil, &Error{"chapters", err}
	}
	list, err := caption.ParseChapters(bytes.NewReader(data))
	if err != nil {
		return nil, &Error{"chapters", inFile(path, err)}
	}
	if len(list) == 0 {
		return nil, &Error{"chapters", fmt.Errorf("%s has none: write lines such as \"1:23 Title\"", path)}
	}
	return chapters(list), nil
}

func chapters(list []caption.Chapter) []store.Chapter {
	var out []store.Chapter
	for _, c := range list {
		out = append(out, store.Chapter{Start: c.Start, Title: Line(c.Title, MaxTitle)})
	}
	return out
}

// FromText returns the chapters that a description lists, if it does.
func FromText(description string) []store.Chapter {
	return chapters(caption.ChaptersFromText(description))
}

// inFile says in which line of which file a mistake is.
func inFile(path string, err error) error {
	var at *caption.LineError
	if errors.As(err, &at) && at.Line > 0 {
		return fmt.Errorf("%s, line %d: %s", path, at.Line, at.Problem)
	}
	return fmt.Errorf("%s: %w", path, err)
}
