package input

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tubelet/tubelet/store"
)

func scalar(n value, to *string) error {
	if n.list {
		return errOne
	}
	*to = strings.TrimSpace(n.text)
	return nil
}

func setTitle(n value, v *store.Video) error {
	if err := scalar(n, &v.Title); err != nil {
		return err
	}
	if v.Title == "" {
		return errors.New("a video needs one")
	}
	return nil
}

func setVisibility(n value, v *store.Video) error {
	var text string
	if err := scalar(n, &text); err != nil {
		return err
	}
	all := []store.Visibility{store.Public, store.Unlisted, store.Draft}
	if !slices.Contains(all, store.Visibility(text)) {
		return fmt.Errorf("%q: use public, unlisted or draft", text)
	}
	v.Visibility = store.Visibility(text)
	return nil
}

func setAt(n value, v *store.Video, now time.Time) error {
	var text string
	if err := scalar(n, &text); err != nil {
		return err
	}
	// Left as it was, to the second that is written, it may have passed in the meantime.
	if text == formatAt(*v) {
		return nil
	}
	if text == "" {
		v.PublishAt = time.Time{}
		return nil
	}
	at, err := FutureTime(text, now)
	v.PublishAt = at
	return err
}

func setTags(n value, v *store.Video) error {
	texts, err := sequence(n)
	if err != nil {
		return err
	}
	v.Tags = List(texts)
	return nil
}

func setDownloads(n value, v *store.Video) error {
	var text string
	if err := scalar(n, &text); err != nil {
		return err
	}
	switch strings.ToLower(text) {
	case "true", "yes", "on", "y":
		v.Downloads = true
	case "false", "no", "off", "n":
		v.Downloads = false
	default:
		return errors.New("write true or false")
	}
	return nil
}

func setP2P(n value, v *store.Video) error {
	var text string
	if err := scalar(n, &text); err != nil {
		return err
	}
	if text == sameAsSetting {
		text = ""
	}
	if !slices.Contains([]string{"", "on", "ask", "off"}, text) {
		return fmt.Errorf("%q: use on, ask, off or default", text)
	}
	v.P2P = text
	return nil
}

func setComments(n value, v *store.Video) error {
	var text string
	if err := scalar(n, &text); err != nil {
		return err
	}
	if text == sameAsSetting {
		text = ""
	}
	if !slices.Contains([]string{"", "open", "approve", "links", "closed"}, text) {
		return fmt.Errorf("%q: use open, approve, links, closed or default", text)
	}
	v.Commenting = text
	return nil
}

func setChapters(n value, v *store.Video) error {
	texts, err := sequence(n)
	if err != nil {
		return err
	}
	var chapters []store.Chapter
	for i, text := range texts {
		offset, title, _ := strings.Cut(text, " ")
		start, err := parseOffset(offset)
		switch {
		case err != nil || strings.TrimSpace(title) == "":
			err = fmt.Errorf("%q: write time and title, such as 1:23 What follows", text)
		case len(chapters) > 0 && start <= chapters[len(chapters)-1].Start:
			err = fmt.Errorf("%q does not come after the chapter before it", text)
		}
		if err != nil {
			return &LineError{n.items[i].line, err}
		}
		chapters = append(chapters, store.Chapter{Start: start, Title: strings.TrimSpace(title)})
	}
	// A list that was and is empty is the same list, whatever Go makes of nil.
	if len(chapters)+len(v.Chapters) > 0 {
		v.Chapters = chapters
	}
	return nil
}

// sequence returns the texts of a list, each of them one value.
func sequence(n value) ([]string, error) {
	if !n.list && n.text != "" {
		return nil, errors.New("write a list, such as [a, b] or lines that begin with a dash")
	}
	var texts []string
	for _, item := range n.items {
		texts = append(texts, strings.TrimSpace(item.text))
	}
	return texts, nil
}

// formatOffset writes a place in a video as parseOffset reads it: 1:02:03.5, 0:07.
func formatOffset(d time.Duration) string {
	d = d.Round(time.Millisecond)
	h, m, s := d/time.Hour, d/time.Minute%60, d/time.Second%60
	text := fmt.Sprintf("%d:%02d", m, s)
	if h > 0 {
		text = fmt.Sprintf("%d:%02d:%02d", h, m, s)
	}
	if ms := d % time.Second / time.Millisecond; ms > 0 {
		text += strings.TrimRight(fmt.Sprintf(".%03d", ms), "0")
	}
	return text
}

// parseOffset reads [h:]m:s[.fraction].
func parseOffset(text string) (time.Duration, error) {
	parts := strings.Split(text, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return 0, errors.New("not a time")
	}
	var total time.Duration
	for i, part := range parts {
		unit := []string{"s", "m", "h"}[len(parts)-1-i]
		if part == "" || strings.Trim(part, "0123456789") != "" && (unit != "s" || strings.Trim(part, "0123456789.") != "") {
			return 0, errors.New("not a time")
		}
		d, err := time.ParseDuration(part + unit)
		if err != nil || i > 0 && d >= 60*map[string]time.Duration{"s": time.Second, "m": time.Minute}[unit] {
			return 0, errors.New("not a time")
		}
		total += d
	}
	if total < 0 {
		return 0, errors.New("not a time") // the hours were too many to count
	}
	return total.Round(time.Millisecond), nil
}
