package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestFederationDocument compares the lists of FEDERATION.md with the code.
func TestFederationDocument(t *testing.T) {
	text, err := os.ReadFile("FEDERATION.md")
	if err != nil {
		t.Fatal(err)
	}
	for heading, code := range map[string][]string{
		"### Activities received": received(t),
		"### Activities sent":     sent(t),
	} {
		if listed := firstColumn(t, string(text), heading); !slices.Equal(listed, code) {
			t.Errorf("%s: the document has %q, the code %q", heading, listed, code)
		}
	}
	named := unique(regexp.MustCompile(`(?m)^- \[(FEP-[0-9a-f]{4}):`).FindAllStringSubmatch(string(text), -1))
	known := append(inCode(t, regexp.MustCompile(`(FEP-[0-9a-f]{4})`)), "FEP-67ff") // which is the document itself
	for _, fep := range known {
		if !slices.Contains(named, fep) {
			t.Errorf("the code speaks of %s, the document does not", fep)
		}
	}
	for _, fep := range named {
		if !slices.Contains(known, fep) {
			t.Errorf("the document claims %s, and no line of the code says where", fep)
		}
	}
}

// received returns the keys of the table in package verbs.
func received(t *testing.T) []string {
	var keys []string
	inspect(t, "fed/verbs/verbs.go", func(n ast.Node) {
		f, ok := n.(*ast.FuncDecl)
		if !ok || f.Name.Name != "verbs" {
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if pair, ok := n.(*ast.KeyValueExpr); ok {
				keys = append(keys, literal(pair.Key))
			}
			return true
		})
	})
	slices.Sort(keys)
	return keys
}

// sent returns the kinds of activities that are made anywhere: the literals given to
// vocab's activity and Answer.
func sent(t *testing.T) []string {
	var kinds []string
	for _, folder := range []string{"fed", "fed/vocab", "fed/verbs", "fed/news"} {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			inspect(t, file, func(n ast.Node) {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return
				}
				if name := called(call); name != "activity" && name != "Answer" && name != "answer" {
					return
				}
				for _, arg := range call.Args {
					if kind := literal(arg); kind != "" && strings.ToUpper(kind[:1]) == kind[:1] {
						kinds = append(kinds, kind)
					}
				}
			})
		}
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

func inspect(t *testing.T, file string, see func(ast.Node)) {
	t.Helper()
	source, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(source, func(n ast.Node) bool {
		see(n)
		return true
	})
}

func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

func literal(e ast.Expr) string {
	if text, ok := e.(*ast.BasicLit); ok && text.Kind == token.STRING {
		value, _ := strconv.Unquote(text.Value)
		return value
	}
	return ""
}

// firstColumn returns what the first column of the table under a heading names, sorted.
func firstColumn(t *testing.T, text, heading string) []string {
	t.Helper()
	_, rest, found := strings.Cut(text, heading+"\n")
	if !found {
		t.Fatalf("no %q", heading)
	}
	rest, _, _ = strings.Cut(rest, "\n#")
	var names []string
	for line := range strings.Lines(rest) {
		cells := strings.Split(line, "|")
		if len(cells) > 2 {
			names = append(names, unique(regexp.MustCompile("`([A-Za-z]+)`").FindAllStringSubmatch(cells[1], -1))...)
		}
	}
	slices.Sort(names)
	return names
}

func unique(matches [][]string) []string {
	var list []string
	for _, m := range matches {
		list = append(list, m[1])
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// inCode returns what an expression finds in the sources of the federation.
func inCode(t *testing.T, what *regexp.Regexp) []string {
	t.Helper()
	var found [][]string
	for _, root := range []string{"fed", "server/fediverse", "store/social"} {
		err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(file) != ".go" {
				return err
			}
			text, err := os.ReadFile(file)
			found = append(found, what.FindAllStringSubmatch(string(text), -1)...)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return unique(found)
}
