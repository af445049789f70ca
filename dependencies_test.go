package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDependencies looks whether docs/dependencies.md has each direct module of go.mod, with
// its version, and no other.
func TestDependencies(t *testing.T) {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	direct := map[string]bool{}
	for _, line := range regexp.MustCompile(`(?m)^\t(\S+ v\S+)( // indirect)?$`).FindAllStringSubmatch(string(mod), -1) {
		if line[2] == "" {
			direct[line[1]] = true
		}
	}
	listed := 0
	for _, name := range regexp.MustCompile("`([a-z0-9.]+/[^ `]+)` (v[0-9][^ |,]*)").FindAllStringSubmatch(string(page), -1) {
		listed++
		if !direct[name[1]+" "+name[2]] {
			t.Errorf("docs/dependencies.md lists %s %s, which is no direct module", name[1], name[2])
		}
		delete(direct, name[1]+" "+name[2])
	}
	for module := range direct {
		t.Errorf("docs/dependencies.md lacks %s", strings.TrimSpace(module))
	}
	t.Logf("%d direct modules", listed)
}
