// Package templates holds the HTML of every page. Its files are parsed by
// server/pages, where each page's data struct and the functions they call stand;
// the first line of a file names its struct.
package templates

import "embed"

// Files holds every template.
//
//go:embed *.html
var Files embed.FS

// Shared are the files that every page is parsed with: the frame around a page and
// the parts used by more than one.
var Shared = []string{"layout.html", "parts.html", "player.html"}

// Pages are the pages, each in the file of its name, each defining "main".
var Pages = []string{"channel", "search", "watch", "comments", "interact", "about", "error", "embed"}
