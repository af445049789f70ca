package doctor

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTroubleshooting keeps docs/troubleshooting.md and the table together: a section for
// each check, in its order, that says something.
func TestTroubleshooting(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "troubleshooting.md"))
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	known := map[string]bool{}
	for _, c := range Table() {
		want = append(want, c.ID+" "+c.Title)
		if known[c.ID] || c.look == nil {
			t.Errorf("%s is there twice, or does nothing", c.ID)
		}
		known[c.ID] = true
	}
	for _, section := range strings.Split(string(text), "\n## ")[1:] {
		title, body, _ := strings.Cut(section, "\n")
		got = append(got, title)
		if len(strings.TrimSpace(body)) < 80 {
			t.Errorf("%s says hardly anything", title)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/troubleshooting.md has other sections than the table (-table +page)\n%s", diff)
	}
	for _, id := range regexp.MustCompile(`\bD\d\d\b`).FindAllString(string(text), -1) {
		if !known[id] {
			t.Errorf("the page speaks of %s, which is no check", id)
		}
	}
}

// TestReferences looks that texts in the code name only checks that are there.
func TestReferences(t *testing.T) {
	known := map[string]bool{}
	for _, c := range Table() {
		known[c.ID] = true
	}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range regexp.MustCompile(`\bD\d\d\b`).FindAllString(string(text), -1) {
			if !known[id] {
				t.Errorf("%s speaks of %s, which is no check", file, id)
			}
		}
	}
}
