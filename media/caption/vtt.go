package caption

import (
	"io"
	"regexp"
	"strings"
)

// ParseVTT reads WebVTT (https://www.w3.org/TR/webvtt1/). Notes, style sheets and
// regions are left out. Times with a comma are taken too.
func ParseVTT(r io.Reader) (Track, error) {
	lines, err := readLines(r)
	if err != nil {
		return Track{}, err
	}
	if !isVTT(lines) {
		return Track{}, problem(1, "a WebVTT file begins with the word WEBVTT")
	}
	return parseVTT(lines)
}

func isVTT(lines []string) bool {
	rest, ok := strings.CutPrefix(lines[0], "WEBVTT")
	return ok && (rest == "" || rest[0] == ' ' || rest[0] == '\t')
}

func parseVTT(lines []string) (Track, error) {
	var cues []Cue
	at := 1
	for at < len(lines) && lines[at] != "" && !strings.Contains(lines[at], "-->") {
		at++ // the header's own lines
	}
	for at < len(lines) {
		if strings.TrimSpace(lines[at]) == "" {
			at++
			continue
		}
		end := at
		for end < len(lines) && lines[end] != "" {
			end++
		}
		var err error
		if cues, err = parseBlock(cues, lines[at:end], at+1); err != nil {
			return Track{}, err
		}
		at = end
	}
	return finish(cues)
}

// parseBlock reads the lines between two blank ones; the first is number line.
func parseBlock(cues []Cue, block []string, line int) ([]Cue, error) {
	at := 0
	if !strings.Contains(block[0], "-->") {
		word, _, _ := strings.Cut(block[0], " ")
		if word, _, _ = strings.Cut(word, "\t"); word == "NOTE" || word == "STYLE" || word == "REGION" {
			return cues, nil
		}
		at = 1 // a cue's name
	}
	if at == len(block) || !strings.Contains(block[at], "-->") {
		return nil, problem(line, "text without a time; remove the blank line before it, or give it a line like 00:00:01.000 --> 00:00:04.000")
	}
	for at < len(block) {
		// A timing line begins a new cue even when the blank line before it was forgotten.
		end := nextTiming(block, at+1)
		var err error
		if cues, err = addCue(cues, line+at, block[at], strings.Join(block[at+1:end], "\n")); err != nil {
			return nil, err
		}
		at = end
	}
	return cues, nil
}

// settings is what each cue setting may say; "region" is gone with the regions.
var settings = map[string]*regexp.Regexp{
	"vertical": regexp.MustCompile(`^(rl|lr)$`),
	"line":     regexp.MustCompile(`^(-?\d{1,4}|\d{1,3}(\.\d{1,3})?%)(,(start|center|end))?$`),
	"position": regexp.MustCompile(`^\d{1,3}(\.\d{1,3})?%(,(line-left|center|line-right))?$`),
	"size":     regexp.MustCompile(`^\d{1,3}(\.\d{1,3})?%$`),
	"align":    regexp.MustCompile(`^(start|center|end|left|right)$`),
}

// cleanSettings keeps the settings that are well formed, each name once.
func cleanSettings(words []string) string {
	var kept []string
	seen := map[string]bool{}
	for _, word := range words {
		name, value, _ := strings.Cut(word, ":")
		if name == "align" && value == "middle" { // of an early draft, still common
			value = "center"
		}
		if form := settings[name]; form != nil && !seen[name] && form.MatchString(value) {
			seen[name] = true
			kept = append(kept, name+":"+value)
		}
	}
	return strings.Join(kept, " ")
}
