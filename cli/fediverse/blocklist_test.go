package fediverse

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tubelet/tubelet/store/social"
)

// FuzzReadBlocks: lists are passed round between strangers. What is taken names a person or a
// host, and the servers in it survive being written and read again.
func FuzzReadBlocks(f *testing.F) {
	for _, seed := range []string{
		"#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate\nspam.example,suspend,true,true,\"a, b\",false\n",
		"Account address,Hide notifications\n@ada@peer.example,true\n",
		"spam.example\n\n@x@y.example\n", "\ufeff#domain\nB\u00fccher.example:8443.\n", "a,\"", "domain,severity\nx,noop\ny,silence\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := readBlocks(bytes.NewReader(text), time.Time{})
		if err != nil {
			return
		}
		for _, b := range list {
			if b.Target == "" || strings.ContainsAny(b.Target, " /") || strings.ContainsFunc(b.Target, unicode.IsControl) || !utf8.ValidString(b.Target+b.Note) || len(b.Note) > maxNote {
				t.Fatalf("took %+v", b)
			}
		}
		var out bytes.Buffer
		if err := writeBlocks(&out, list); err != nil {
			t.Fatal(err)
		}
		again, err := readBlocks(&out, time.Time{})
		if err != nil || !slices.Equal(servers(again), servers(list)) {
			t.Errorf("%q is read as %q, %v", servers(list), servers(again), err)
		}
	})
}

// servers returns the hosts of a list, with how they are blocked.
func servers(list []social.Block) []string {
	var hosts []string
	for _, b := range list {
		switch {
		case strings.HasPrefix(b.Target, "@"):
		case b.Mute:
			hosts = append(hosts, "mute "+b.Target)
		default:
			hosts = append(hosts, b.Target)
		}
	}
	return hosts
}
