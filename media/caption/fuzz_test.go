package caption

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func seed(f *testing.F) {
	names, err := filepath.Glob("testdata/captions/*.in")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
}

// FuzzParse checks that what we write is understood by our own strict reader, says the
// same, and holds no markup but WebVTT's.
func FuzzParse(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, in string) {
		for _, parse := range []func(string) (Track, error){
			func(s string) (Track, error) { return Parse(strings.NewReader(s)) },
			func(s string) (Track, error) { return ParseVTT(strings.NewReader(s)) },
		} {
			track, err := parse(in)
			if err != nil {
				continue
			}
			var b strings.Builder
			if err := track.WriteVTT(&b); err != nil {
				t.Fatal(err)
			}
			again, err := ParseVTT(strings.NewReader(b.String()))
			if err != nil {
				t.Fatalf("%v in\n%s", err, b.String())
			}
			if diff := cmp.Diff(track, again); diff != "" {
				t.Fatalf("(-parsed +read back):\n%s", diff)
			}
		}
	})
}

func FuzzCleanText(f *testing.F) {
	for _, s := range []string{"<b>a</b>", "<v A &amp; B>x", "&#65;&nbsp;&x;", "<script>", "<<b>>", "<c.a.b", "a\n\n<i>\n\nb</i>", "<00:00:01.000>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got := cleanText(in)
		if again := cleanText(got); again != got {
			t.Errorf("%q cleaned is %q, then %q", in, got, again)
		}
		if strings.Contains(got, "-->") || strings.Contains(got, "\n\n") || strings.Contains(strings.ToLower(got), "<script") {
			t.Errorf("%q cleaned is %q", in, got)
		}
	})
}

func FuzzChapters(f *testing.F) {
	seed(f)
	f.Add("0:00 Intro\n1:30 Middle\n")
	f.Add(";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=90000\ntitle=In\\=tro\n")
	f.Fuzz(func(t *testing.T, in string) {
		ChaptersFromText(in)
		list, err := ParseChapters(strings.NewReader(in))
		if err != nil {
			return
		}
		length := maxHours*time.Hour - time.Millisecond
		if list[len(list)-1].Start >= length {
			return // nothing can begin there
		}
		var b strings.Builder
		if err := WriteChaptersVTT(&b, list, length); err != nil {
			t.Fatal(err)
		}
		again, err := ParseChapters(strings.NewReader(b.String()))
		if err != nil {
			t.Fatalf("%v in\n%s", err, b.String())
		}
		if diff := cmp.Diff(list, again); diff != "" {
			t.Fatalf("(-parsed +read back):\n%s", diff)
		}
	})
}
