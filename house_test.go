package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport is the map of the house: what each top-level folder may import of ours.
// A folder's sub-packages follow the folder's rule and may import each other.
var mayImport = map[string][]string{
	".":         {"cli"},
	"cli":       {"server", "store", "media", "fed", "seed"},
	"server":    {"store", "fed", "media", "seed", "templates", "assets"},
	"fed":       {"store"},
	"media":     {},
	"seed":      {},
	"store":     {},
	"templates": {},
	"assets":    {},
}

// TestImports reads the sources itself: a test that asks `go list` is answered from the
// test cache when only another package's imports changed.
func TestImports(t *testing.T) {
	const module = "github.com/tubelet/tubelet/"
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && file != "." || entry.Name() == "node_modules") {
			return fs.SkipDir
		}
		if path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		room := strings.Split(filepath.ToSlash(filepath.Dir(file)), "/")[0]
		allowed, known := mayImport[room]
		if !known {
			t.Errorf("%s: no folder %q on the map of the house", file, room)
			return nil
		}
		source, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range source.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			ours, found := strings.CutPrefix(name, module)
			if !found {
				continue
			}
			target, _, _ := strings.Cut(ours, "/")
			if target != room && !slices.Contains(allowed, target) {
				t.Errorf("%s imports %s: %s may import only %v of ours", file, ours, room, allowed)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
