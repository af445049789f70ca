package store

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tubelet/tubelet/store/lite"
)

// Setting is one thing about this instance that the creator may change.
type Setting struct {
	Key     string
	Value   string // what holds now
	Default string
	Doc     string   // one line
	Choices []string // the values it can have, where they can be listed
}

// known is a setting before anybody changed it.
type known struct {
	key, standard, doc string
	rule
}

// rule says which values a setting can have.
type rule struct {
	check   func(string) error
	choices []string          // when they can be listed
	older   map[string]string // other words for a value, still understood
}

// plain returns the word in use for a value.
func (r rule) plain(value string) string {
	if word, ok := r.older[value]; ok {
		return word
	}
	return value
}

// or makes a rule understand other words besides.
func (r rule) or(older map[string]string) rule {
	r.older = older
	return r
}

// knownSettings is the table of settings, in the order in which they are shown.
func knownSettings() []known {
	return []known{
		{"listen", ":443", "address that serve listens on", rule{check: address}},
		{"listen.redirect", "auto", "address that sends visitors from http to https and proves the name to the certificate authority; auto is port 80 beside port 443, off none",
			orWord("auto", orWord("off", rule{check: address}))},
		{"tls", "off", "where the certificate comes from: auto (got and renewed by ACME), files (tls.cert and tls.key), or off behind a proxy; for the next start of serve", oneOf("auto", "files", "off")},
		{"tls.cert", "", "PEM file with the certificate and its chain, read again when it changes", rule{check: file}},
		{"tls.key", "", "PEM file with its key", rule{check: file}},
		{"tls.directory", "", "address of the ACME directory of the certificate authority; empty means Let's Encrypt", rule{check: webAddress}},
		{"tls.ca_file", "", "PEM file of who signed that directory's own certificate; empty means the system's", rule{check: file}},
		{"tls.email", "", "address that the certificate authority may write to", orWord("", rule{check: mailAddress})},
		{"tls.resolver", "", "DNS server that is asked whether the name leads here before a certificate is, such as 192.168.1.1:53; empty means the system's", orWord("", rule{check: address})},
		{"trusted_proxies", "auto", "networks whose X-Forwarded-For is believed, such as 10.1.0.0/16; auto is this machine and private networks while tls is off, and none else",
			orWord("auto", orWord("none", rule{check: networks}))},
		{"metrics.listen", "", "where Prometheus finds figures: a port of this machine such as 127.0.0.1:9633, or a socket such as unix:/run/tubelet/metrics; empty means nowhere", orWord("", rule{check: private})},
		{"ports", "off", "have the router at home send its ports here, by UPnP or NAT-PMP: upnp or off; for the next start of serve", oneOf("off", "upnp")},
		{"on_address_change", "", "command that is run when the address of this place on the internet has changed, for dynamic DNS; words with spaces in quotes", rule{check: command}},
		{"threads", "0", "processor cores that making videos may use; 0 means all", between(0, 1024)},
		{"transcode.nice", "15", "how far making videos stands back for other work, 0 to 19", between(0, 19)},
		{"encoder", "auto", "H.264 encoder; auto tries the hardware's, then libx264",
			oneOf("auto", "libx264", "h264_v4l2m2m", "h264_vaapi", "h264_qsv", "h264_nvenc", "h264_videotoolbox")},
		{"max_height", "2160", "highest rendition that is made, in lines", between(144, 4320)},
		{"keep_originals", "auto", "keep the files you publish: auto keeps those of which no rendition is a faithful copy, always keeps all",
			oneOf("auto", "always")},
		{"downloads", "renditions", "what visitors may download of new videos: renditions or none; all offers kept originals besides, of every video with downloads, " +
			"and with them the private metadata that cameras write, such as the place",
			oneOf("renditions", "all", "none").or(map[string]string{"true": "renditions", "false": "none"})},
		{"p2p", "on", "viewers share what they watch among themselves: on, ask (each viewer first) or off, which offers no torrents either",
			oneOf("on", "ask", "off")},
		{"seed", "on", "give videos to torrent programs and mirrors too, through the port seed.port: on or off", oneOf("on", "off")},
		{"seed.port", "auto", "UDP port for WebRTC and STUN, to be forwarded in the router; auto is 8443, with --local the port of the pages", orWord("auto", between(1, 65535))},
		{"seed.listen", "", "address for torrent programs over TCP and uTP, such as :6881; empty means none", orWord("", rule{check: address})},
		{"upload.rate", "none", "most that videos may take of the upload, in all, such as 20Mbit or 2.5MB a second; none for no limit", rule{check: rate}},
		{"upload.month", "none", "most that videos may upload in a month, such as 2TB; none for no limit", rule{check: amount}},
		{"federation", "on", "people follow, like and comment from their own servers (Mastodon, PeerTube and others): on or off", oneOf("on", "off")},
		{"federation.private", "", "private networks, such as 10.1.0.0/16, whose servers may be spoken to, without https too; for tests and closed networks", rule{check: networks}},
		{"federation.lists", "off", "tell everybody who follows the channel, and not only how many: on or off", oneOf("on", "off")},
		{"federation.quotes", "on", "let people elsewhere quote videos and your answers in posts of their own: on or off", oneOf("on", "off")},
		{"followers.approve", "false", "ask you before somebody follows: true or false", oneOf("true", "false")},
		{"comments", "open", "who may comment: open, approve (you first look at each), links (at each with a link) or closed", oneOf("open", "approve", "links", "closed")},
		{"license", "", "license of new videos, such as CC-BY-4.0", rule{check: line}},
		{"backup.dir", "", "folder for backups that the server makes by itself, best on another disk; empty means none", rule{check: folder}},
		{"backup.every", "24h", "time between two such backups, such as 12h or 7d", rule{check: interval}},
		{"backup.keep", "7", "how many backups are kept in that folder", between(1, 10000)},
		{"notify.url", "", "address that is told when something happens: a webhook, or a topic of ntfy; empty means none", rule{check: webAddress}},
		{"notify.format", "json", "what notify.url wants: json (a webhook) or ntfy", oneOf("json", "ntfy")},
		{"notify.smtp", "", "mail server that takes such messages, such as mail.example:587; empty means none", orWord("", rule{check: address})},
		{"notify.from", "", "address that such mail comes from", orWord("", rule{check: mailAddress})},
		{"notify.to", "", "address that such mail goes to", orWord("", rule{check: mailAddress})},
		{"notify.user", "", "name at the mail server, where it wants one", rule{check: line}},
		{"notify.password_file", "", "file with the password for it, readable by the server alone", rule{check: folder}},
		{"notify.every", "1h", "comments and followers are told together, at most so often", rule{check: interval}},
		{"knock", "on", "help friends' tubelet doctor --via: say how their machine looks from here, and connect back to it and to nobody else: on or off", oneOf("on", "off")},
		{"log_format", "auto", "how messages are logged: text, json, or auto (text on a terminal); for the next start of serve", oneOf("auto", "text", "json")},
		{"log_level", "info", "least important message that is logged: debug, info, warn or error", oneOf("debug", "info", "warn", "error")},
	}
}

// Settings returns all settings.
func (s *Store) Settings(ctx context.Context) ([]Setting, error) {
	var rows [][2]string
	err := s.db.Read(ctx, func(q lite.Querier) (err error) {
		rows, err = lite.All(ctx, q, func(row lite.Scanner, r *[2]string) error { return row.Scan(&r[0], &r[1]) },
			"select key, value from settings")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load settings: %w", err)
	}
	var list []Setting
	for _, k := range knownSettings() {
		set := Setting{Key: k.key, Value: k.standard, Default: k.standard, Doc: k.doc, Choices: k.choices}
		if i := slices.IndexFunc(rows, func(r [2]string) bool { return r[0] == k.key }); i >= 0 {
			set.Value = k.plain(rows[i][1])
		}
		list = append(list, set)
	}
	return list, nil
}

// Setting returns the value of a setting. An unknown key is ErrNotFound.
func (s *Store) Setting(ctx context.Context, key string) (string, error) {
	k, err := findSetting(key)
	if err != nil {
		return "", err
	}
	current := k.standard
	err = s.db.Read(ctx, func(q lite.Querier) error {
		found, err := lite.All(ctx, q, lite.Value[string], "select value from settings where key = ?", key)
		if len(found) > 0 {
			current = found[0]
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("load setting %s: %w", key, err)
	}
	return k.plain(current), nil
}

// SetSetting changes a setting. A value that makes no sense is ErrInvalid.
func (s *Store) SetSetting(ctx context.Context, key, value string) error {
	k, err := findSetting(key)
	if err != nil {
		return err
	}
	value = k.plain(value)
	if err := k.check(value); err != nil {
		return Errorf(ErrInvalid, "%s = %q: %w", key, value, err)
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		// What is the default is not stored, so that a better one reaches who never chose.
		if value == k.standard {
			_, err := tx.ExecContext(ctx, "delete from settings where key = ?", key)
			return err
		}
		_, err := tx.ExecContext(ctx, "insert into settings (key, value) values (?1, ?2) on conflict (key) do update set value = ?2", key, value)
		return err
	})
	if err != nil {
		return fmt.Errorf("change setting %s: %w", key, err)
	}
	return nil
}

// findSetting returns a setting by key. The error for an unknown one names the nearest, if
// one is near.
func findSetting(key string) (known, error) {
	near, best := "", 1+min(3, len(key)/2) // what is further away was not meant
	for _, k := range knownSettings() {
		if k.key == key {
			return k, nil
		}
		if d := distance(key, k.key); d < best {
			near, best = k.key, d
		}
	}
	if near == "" {
		return known{}, Errorf(ErrNotFound, "there is no setting %q", key)
	}
	return known{}, Errorf(ErrNotFound, "there is no setting %q; did you mean %q?", key, near)
}

// distance counts the bytes to insert, delete or replace between a and b (Levenshtein's).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func between(low, high int) rule {
	return rule{check: func(v string) error {
		if n, err := strconv.Atoi(v); err != nil || n < low || n > high {
			return fmt.Errorf("it is a number from %d to %d", low, high)
		}
		return nil
	}}
}

func oneOf(choices ...string) rule {
	return rule{choices: choices, check: func(v string) error {
		if !slices.Contains(choices, v) {
			return fmt.Errorf("it is one of %s", strings.Join(choices, ", "))
		}
		return nil
	}}
}

func address(v string) error {
	if _, port, err := net.SplitHostPort(v); err != nil || between(0, 65535).check(port) != nil {
		return fmt.Errorf("it is an address with a port, such as :443 or 127.0.0.1:8080")
	}
	return nil
}

func folder(v string) error {
	if v != "" && (!filepath.IsAbs(v) || strings.ContainsAny(v, "\r\n\x00")) {
		return fmt.Errorf("it is the whole path of a folder, such as /mnt/backup")
	}
	return nil
}

func file(v string) error {
	if folder(v) != nil {
		return fmt.Errorf("it is the whole path of a file, such as /etc/ssl/video.pem")
	}
	return nil
}

// ParseInterval reads a time such as 12h, 90m or 7d.
func ParseInterval(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil || !(n > 0 && n <= 3660) {
			return 0, Errorf(ErrInvalid, "%q is no time such as 12h or 7d", text)
		}
		return time.Duration(n * float64(24*time.Hour)), nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, Errorf(ErrInvalid, "%q is no time such as 12h or 7d", text)
	}
	return d, nil
}

func interval(v string) error {
	if d, err := ParseInterval(v); err != nil || d < time.Minute || d > 3660*24*time.Hour {
		return fmt.Errorf("it is a time such as 12h or 7d, at least 1m")
	}
	return nil
}

func webAddress(v string) error {
	u, err := url.Parse(v)
	if v == "" {
		return nil
	}
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.ContainsAny(v, " \r\n\t") {
		return fmt.Errorf("it is a web address, such as https://ntfy.example/my-channel")
	}
	return nil
}

func mailAddress(v string) error {
	parsed, err := mail.ParseAddress(v)
	if err != nil || parsed.Address != v || strings.ContainsAny(v, "\r\n") {
		return fmt.Errorf("it is a mail address, such as me@mail.example")
	}
	return nil
}

// private is an address that only this machine reaches.
func private(v string) error {
	if path, ok := strings.CutPrefix(v, "unix:"); ok {
		if filepath.IsAbs(path) && len(path) < 100 {
			return nil
		}
	} else if a, err := netip.ParseAddrPort(v); err == nil && a.Addr().IsLoopback() {
		return nil
	}
	return fmt.Errorf("it is a port of this machine, such as 127.0.0.1:9633, or a socket, such as unix:/run/tubelet/metrics")
}

func command(v string) error {
	if _, err := SplitCommand(v); err != nil {
		return err
	}
	return nil
}

// SplitCommand returns the words of a command. No shell reads them: a word in quotes, double
// or single, may hold spaces, and that is all.
func SplitCommand(text string) ([]string, error) {
	var words []string
	if strings.ContainsAny(text, "\r\n\x00") || len(text) > 1000 {
		return nil, Errorf(ErrInvalid, "a command is one line of at most 1000 bytes")
	}
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimSpace(rest) {
		end, word := strings.IndexByte(rest, ' '), ""
		if quote := rest[0]; quote == '"' || quote == '\'' {
			if end = strings.IndexByte(rest[1:], quote); end < 0 {
				return nil, Errorf(ErrInvalid, "a quote is not closed")
			}
			word, rest = rest[1:1+end], rest[2+end:]
		} else if end < 0 {
			word, rest = rest, ""
		} else {
			word, rest = rest[:end], rest[end:]
		}
		words = append(words, word)
	}
	if len(words) > 0 && !filepath.IsAbs(words[0]) {
		return nil, Errorf(ErrInvalid, "name the program by its whole path, such as /usr/local/bin/update-dns")
	}
	return words, nil
}

func networks(v string) error {
	for _, one := range strings.Fields(v) {
		if _, err := netip.ParsePrefix(one); err != nil {
			return fmt.Errorf("it is a list of networks such as 127.0.0.0/8")
		}
	}
	return nil
}

func line(v string) error {
	if strings.ContainsAny(v, "\r\n\x00") || len(v) > 200 {
		return fmt.Errorf("it is one line of at most 200 bytes")
	}
	return nil
}
