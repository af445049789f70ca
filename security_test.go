package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityTable looks whether every attack has a row in docs/security.md, and whether the
// tests that the rows name are there.
func TestSecurityTable(t *testing.T) {
	text, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	named, seen := 0, map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([A-G]\d[^|]*) \|[^|]*\| (.*) \|$`).FindAllStringSubmatch(string(text), -1) {
		for _, id := range ids(row[1]) {
			seen[id] = true
		}
		for _, part := range regexp.MustCompile("`([a-z0-9/.]+)`((?: (?:Test|Fuzz)[A-Za-z0-9]+)+)").FindAllStringSubmatch(row[2], -1) {
			for _, name := range strings.Fields(part[2]) {
				named++
				if !declares(t, part[1], name) {
					t.Errorf("%s: package %s has no %s", row[1], part[1], name)
				}
			}
		}
		for _, story := range regexp.MustCompile("story `([a-z-]+)`").FindAllStringSubmatch(row[2], -1) {
			named++
			if _, err := os.Stat(filepath.Join("testdata", "script", story[1]+".txtar")); err != nil {
				t.Errorf("%s: %v", row[1], err)
			}
		}
	}
	all, rows := 0, 0
	for group, last := range map[string]int{"A": 13, "B": 12, "C": 11, "D": 13, "E": 9, "F": 8, "G": 8} {
		for i := range last {
			all++
			if id := fmt.Sprint(group, i+1); !seen[id] {
				t.Errorf("no row for %s", id)
			} else {
				rows++
			}
		}
	}
	t.Logf("hostile matrix: %d of %d attacks have a row, which name %d tests", rows, all, named)
}

// TestFaultTable looks whether the tests are there that the table of faults names.
func TestFaultTable(t *testing.T) {
	text, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Faults\n")
	rows, named := regexp.MustCompile(`(?m)^\| ([a-z][^|]*) \|[^|]*\| (.*) \|$`).FindAllStringSubmatch(section, -1), 0
	for _, row := range rows[min(1, len(rows)):] { // below its head
		tests := regexp.MustCompile("`([a-z0-9/.]+)`((?: Test[A-Za-z0-9]+)+)").FindAllStringSubmatch(row[2], -1)
		if len(tests) == 0 {
			t.Errorf("%s: nothing tries it", row[1])
		}
		for _, part := range tests {
			for _, name := range strings.Fields(part[2]) {
				named++
				if !declares(t, part[1], name) {
					t.Errorf("%s: package %s has no %s", row[1], part[1], name)
				}
			}
		}
	}
	if len(rows) < 12 {
		t.Errorf("%d rows", len(rows))
	}
	t.Logf("%d faults, %d tests", len(rows)-1, named)
}

// ids reads "A1-A3, B2".
func ids(text string) (list []string) {
	for part := range strings.SplitSeq(text, ",") {
		from, to, ranged := strings.Cut(strings.TrimSpace(part), "-")
		if !ranged {
			to = from
		}
		var first, last int
		fmt.Sscan(from[1:], &first)
		fmt.Sscan(to[1:], &last)
		for i := first; i <= last; i++ {
			list = append(list, fmt.Sprint(from[:1], i))
		}
	}
	return list
}

// declares says whether a test file of the folder has that function.
func declares(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}

// TestNoProxyOfTheEnvironment: what asks others must decide itself whom it dials, so nothing
// may use a transport that obeys HTTP_PROXY: attack C8.
func TestNoProxyOfTheEnvironment(t *testing.T) {
	obeys := map[string]bool{
		"DefaultClient": true, "DefaultTransport": true, "ProxyFromEnvironment": true,
		"Get": true, "Head": true, "Post": true, "PostForm": true,
	}
	looked := 0
	for _, root := range []string{"cli", "server", "fed", "media", "seed", "store"} {
		err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") || strings.HasSuffix(filepath.Dir(file), "test") {
				return err
			}
			looked++
			for _, use := range uses(t, file) {
				if obeys[use] {
					t.Errorf("%s uses http.%s", file, use)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if looked < 100 {
		t.Errorf("only %d files looked at", looked)
	}
}

// uses lists what a file takes from net/http, and "DefaultClient" for a client without a transport.
func uses(t *testing.T, file string) (names []string) {
	t.Helper()
	source, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ofHTTP := func(e ast.Expr) string {
		if s, ok := e.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "http" {
				return s.Sel.Name
			}
		}
		return ""
	}
	ast.Inspect(source, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			names = append(names, ofHTTP(n))
		case *ast.CompositeLit:
			if ofHTTP(n.Type) == "Client" && !sets(n, "Transport") {
				names = append(names, "DefaultClient")
			}
		}
		return true
	})
	return names
}

// sets says whether a literal sets a field.
func sets(literal *ast.CompositeLit, field string) bool {
	for _, element := range literal.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); ok {
			if key, ok := pair.Key.(*ast.Ident); ok && key.Name == field {
				return true
			}
		}
	}
	return false
}
