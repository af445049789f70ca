package verbs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/fed/vocab"
)

// What real servers sent us, and what others send by their documents (fed/testdata/README.md), is
// understood: each activity has what the inbox wants, a verb of ours, and, where it brings a
// note, one that is a comment with words in it.
func TestCaptured(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "testdata", "*", "*.json"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	v := &Verbs{policy: newPolicy()}
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), func(t *testing.T) {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			activity, err := vocab.Parse(body)
			if err != nil {
				t.Fatal(err)
			}
			if !remote.SameHost(activity.ID(), activity.Ref("actor")) || activity.Ref("object") == "" {
				t.Errorf("id %q, actor %q, object %q", activity.ID(), activity.Ref("actor"), activity.Ref("object"))
			}
			if verbs()[activity.Type()] == nil {
				t.Errorf("a %q is nothing we know", activity.Type())
			}
			note, whole := activity.Inner("object")
			if !whole || !note.Is("Note") {
				return
			}
			if err := isComment(note); err != nil {
				t.Error(err)
			}
			if note.Ref("attributedTo") != activity.Ref("actor") || v.sanitize(note.Text("content")) == "" || note.Time("published").IsZero() {
				t.Errorf("the note is %v", note)
			}
		})
	}
}
