package pages

import (
	"fmt"
	"hash/fnv"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/tubelet/tubelet/store"
)

// funcs are the functions templates call. The asset function gives a file of
// package assets its public address.
func funcs(asset func(string) string, icons icons) template.FuncMap {
	return template.FuncMap{
		"asset":    asset,
		"icon":     icons.draw,
		"clock":    clock,
		"date":     date,
		"iso":      iso,
		"moment":   moment,
		"number":   number,
		"plural":   plural,
		"number64": func(n int64) string { return number(int(n)) },
		"plural64": func(n int64, one string) string { return plural(int(n), one) },
		"views":    views,
		"size":     size,
		"hue":      hue,
		"web":      web,
		"own":      own,
		"initials": initials,
		"seconds":  seconds,
		"side":     func(s Site, v store.Video) Card { return Card{Site: s, Video: v, Later: true} },
		"card":     func(s Site, v store.Video, i int) Card { return Card{Site: s, Video: v, Later: i >= 4} },
	}
}

// clock writes a length or a position as players do: 0:07, 12:48, 1:02:03.
func clock(d time.Duration) string {
	s := seconds(d)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// seconds returns the whole seconds of d, never negative.
func seconds(d time.Duration) int64 { return max(0, int64(d/time.Second)) }

// duration writes d as ISO 8601 has it: PT1H2M3S.
func duration(d time.Duration) string {
	s := seconds(d)
	out := "PT"
	if h := s / 3600; h > 0 {
		out += strconv.FormatInt(h, 10) + "H"
	}
	if m := s / 60 % 60; m > 0 {
		out += strconv.FormatInt(m, 10) + "M"
	}
	if s%60 > 0 || out == "PT" {
		out += strconv.FormatInt(s%60, 10) + "S"
	}
	return out
}

// date writes a day so that nobody can take the month for the day.
func date(t time.Time) string { return t.UTC().Format("2 January 2006") }

// iso writes a moment for machines.
func iso(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// moment writes a day and a time of day, with the zone it is in.
func moment(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }

// number groups digits by threes with a narrow no-break space, which no language
// takes for a decimal sign (SI Brochure 5.4.4).
func number(n int) string {
	s := strconv.Itoa(n)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return sign + s
}

// plural writes n with its noun: 1 comment, 2 comments.
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + one + "s"
}

func views(n int64) string {
	if n == 0 {
		return "No views yet"
	}
	return plural(int(n), "view")
}

// size writes a number of bytes in decimal units, as file managers and data plans do.
func size(n int64) string {
	units := []string{"kB", "MB", "GB", "TB"}
	f := float64(n) / 1000
	for i, u := range units {
		if f < 999.5 || i == len(units)-1 {
			if f < 9.95 {
				return strconv.FormatFloat(f, 'f', 1, 64) + "\u00a0" + u
			}
			return strconv.FormatFloat(f, 'f', 0, 64) + "\u00a0" + u
		}
		f /= 1000
	}
	return ""
}

// web returns an address on the web, and nothing for any other: a link that people
// gave us must not run script.
func web(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return ""
	}
	return address
}

// own returns a path on this host, and nothing for other addresses: pages load from
// nowhere else.
func own(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
		return ""
	}
	return path
}

// hue picks one of eight colours for a picture that is missing, always the same one
// for the same name.
func hue(name string) string {
	h := fnv.New32a()
	h.Write([]byte(name))
	return "hue" + strconv.Itoa(int(h.Sum32()%8))
}

// initials returns the first letters of the first two words of a name. In scripts
// without capitals two letters would read as a word, so there it is one.
func initials(name string) string {
	out := ""
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		r := []rune(word)[0]
		out += string(unicode.ToUpper(r))
		if len([]rune(out)) == 2 || unicode.ToUpper(r) == unicode.ToLower(r) {
			break
		}
	}
	return out
}
