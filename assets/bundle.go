package assets

import (
	"bytes"
	"fmt"
	"io/fs"
	"regexp"
)

// A module's imports stand at the start of a line, name a neighbour, and rename
// nothing; its exports are declarations. That is all the grammar the joining needs,
// and bundle refuses what does not fit it.
var (
	importLine = regexp.MustCompile(`(?m)^import\s*(?:\{[^}]*\}\s*from\s*)?"\./([a-z0-9_-]+\.js)";\n`)
	anyImport  = regexp.MustCompile(`(?m)^import\b.*`)
	exportWord = regexp.MustCompile(`(?m)^export (async function|function|const|class)\b`)
	anyExport  = regexp.MustCompile(`(?m)^export\b.*`)
	forReaders = regexp.MustCompile(`(?m)^[ \t]*(//.*)?\n|^[ \t]+`) // whole-line comments, empty lines, indentation
	atEnd      = regexp.MustCompile(`(?m)([;{,(\[]) +// .*$`)       // comments at the end of a line; no text in our modules looks so
)

// bundle joins the ES module first and all it imports into one module, each file
// once and after those it needs, without what is only for readers of the source. No
// template string may span lines. All share one scope, so no two may declare the
// same name at top level: a browser refuses such a file, and so does its test. What
// first exports, the joined module exports.
func bundle(dir fs.FS, first string) ([]byte, error) {
	j := joiner{dir: dir, first: first, seen: map[string]bool{}}
	if err := j.add(first); err != nil {
		return nil, fmt.Errorf("join module %s: %w", first, err)
	}
	return j.out.Bytes(), nil
}

type joiner struct {
	dir   fs.FS
	first string
	seen  map[string]bool
	out   bytes.Buffer
}

func (j *joiner) add(name string) error {
	if j.seen[name] {
		return nil
	}
	j.seen[name] = true
	src, err := fs.ReadFile(j.dir, name)
	if err != nil {
		return err
	}
	for _, m := range importLine.FindAllSubmatch(src, -1) {
		if bytes.Contains(m[0], []byte(" as ")) {
			return fmt.Errorf("%s: cannot rename in %q", name, m[0])
		}
		if err := j.add(string(m[1])); err != nil {
			return err
		}
	}
	src = importLine.ReplaceAll(src, nil)
	joined := exportWord.ReplaceAll(src, []byte("$1"))
	for _, rest := range []*regexp.Regexp{anyImport, anyExport} {
		if line := rest.Find(joined); line != nil {
			return fmt.Errorf("%s: cannot join %q", name, line)
		}
	}
	if name != j.first {
		src = joined
	}
	j.out.Write(forReaders.ReplaceAll(atEnd.ReplaceAll(src, []byte("$1")), nil))
	return nil
}
