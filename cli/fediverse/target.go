package fediverse

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/store"
)

// hosts is a host name in ASCII, RFC 1123 2.1; some servers have an underscore in it all the same.
var hosts = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$`)

// targetOf checks whom a word means: a host, or a handle.
func targetOf(word string) (string, error) {
	user, host, isHandle := strings.Cut(strings.TrimPrefix(word, "@"), "@")
	if !isHandle {
		user, host = "", word
	}
	host, ok := hostOf(host)
	if !ok || isHandle && !userName(user) || len(word) > 320 {
		return "", exit.Usagef("%q is neither a person such as @ada@social.example nor a host such as social.example", word)
	}
	if isHandle {
		return "@" + user + "@" + host, nil
	}
	return host, nil
}

// handleOf checks a word that has to be a handle.
func handleOf(word string) (string, error) {
	if target, err := targetOf(word); err == nil && strings.HasPrefix(target, "@") {
		return target, nil
	}
	return "", exit.Usagef("%q is no address of an account, such as @ada@social.example", word)
}

// hostOf returns a host, with its port where it has one, in the form in which it is kept.
func hostOf(text string) (string, bool) {
	name, port, hasPort := strings.Cut(strings.ToLower(text), ":")
	if n, err := strconv.Atoi(port); hasPort && (err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != port) {
		return "", false
	}
	name = strings.TrimSuffix(name, ".")
	if _, err := netip.ParseAddr(name); err != nil && !hosts.MatchString(name) {
		if name, err = idna.Lookup.ToASCII(name); err != nil {
			return "", false
		}
	}
	if !hosts.MatchString(name) || len(name) > 253 {
		return "", false
	}
	if hasPort {
		name += ":" + port
	}
	return name, true
}

// userName reports whether a name can stand before the host of a handle.
func userName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-~+", r)
	})
}

// refuseOwn returns an error when target is the channel itself or its server.
func refuseOwn(target string, own store.Channel) error {
	host := target[strings.LastIndex(target, "@")+1:]
	if host == strings.ToLower(own.Domain) {
		return exit.Usagef("%s is this channel's own host", target)
	}
	return nil
}

// wide reports whether a host is one under which strangers have names of their own, such as
// com or co.uk, or no whole name: who blocks that rarely knows whom else it means.
func wide(target string) bool {
	if strings.HasPrefix(target, "@") {
		return false
	}
	name, _, _ := strings.Cut(target, ":")
	suffix, listed := publicsuffix.PublicSuffix(name)
	return suffix == name && (listed || !strings.Contains(name, "."))
}
