package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// mostModules is how many modules the program itself may name.
const mostModules = 16

// TestDependencies looks whether docs/dependencies.md has each direct module of go.mod, with
// its version, and no other; and under the right heading: for the binary is what code imports
// that is no test.
func TestDependencies(t *testing.T) {
	page, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	binary, tests, found := strings.Cut(string(page), "## Only in tests")
	if !found {
		t.Fatal("docs/dependencies.md has no heading for tests")
	}
	direct, imported := directModules(t), imports(t)
	listed := func(text string, linked bool) (n int) {
		for _, m := range regexp.MustCompile("`([a-z0-9.]+/[^ `]+)` (v[0-9][^ |,]*)").FindAllStringSubmatch(text, -1) {
			n++
			if direct[m[1]] != m[2] {
				t.Errorf("docs/dependencies.md lists %s %s, which is no direct module", m[1], m[2])
			}
			delete(direct, m[1])
			if names(imported, m[1]) != linked {
				t.Errorf("%s: imported outside of tests: %v", m[1], !linked)
			}
		}
		return n
	}
	if n := listed(binary, true); n == 0 || n > mostModules {
		t.Errorf("%d direct modules in the binary, at most %d", n, mostModules)
	}
	listed(tests, false)
	for module := range direct {
		t.Errorf("docs/dependencies.md lacks %s", module)
	}
}

// directModules returns the direct modules of go.mod with their versions.
func directModules(t *testing.T) map[string]string {
	t.Helper()
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	direct := map[string]string{}
	for _, line := range regexp.MustCompile(`(?m)^\t(\S+) (v\S+)( // indirect)?$`).FindAllStringSubmatch(string(mod), -1) {
		if line[3] == "" {
			direct[line[1]] = line[2]
		}
	}
	return direct
}

// imports returns what the sources import that are no tests.
func imports(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && file != "." || entry.Name() == "node_modules") {
			return fs.SkipDir
		}
		if filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
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
			all[name] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// names reports whether one of the imports is of module.
func names(imported map[string]bool, module string) bool {
	for name := range imported {
		if name == module || strings.HasPrefix(name, module+"/") {
			return true
		}
	}
	return false
}
