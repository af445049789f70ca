package fmp4

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
)

func seed(f *testing.F) {
	names, err := filepath.Glob("testdata/tiny/*")
	if err != nil || len(names) < 5 {
		f.Fatalf("%d seeds, %v", len(names), err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}

// FuzzScan checks that whatever is scanned lies within the file and in order.
func FuzzScan(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Scan(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		var at int64
		for _, fr := range file.Fragments {
			if fr.Offset < at || fr.Size <= 0 || fr.Offset+fr.Size > int64(len(b)) || fr.Duration < 0 || fr.Start < 0 {
				t.Fatalf("fragment %+v of %d bytes", fr, len(b))
			}
			at = fr.Offset + fr.Size
		}
		Playlist(file, "x.mp4")
		if peak, average := file.Bandwidth(); peak < 0 || average < 0 {
			t.Fatalf("bandwidth %d, %d", peak, average)
		}
	})
}

func FuzzProbe(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := probe(source{r: bytes.NewReader(b), size: int64(len(b))})
		if err != nil {
			return
		}
		for _, one := range info.Tracks {
			if one.Duration < 0 || one.KeyframeGap < 0 || one.Samples < 0 || one.Bytes < 0 {
				t.Fatalf("track %+v", one)
			}
		}
	})
}

// FuzzRemux checks that what comes out of a remux, if anything does, is a file that our
// own scanner takes.
func FuzzRemux(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		var out bytes.Buffer
		if err := remux(context.Background(), source{r: bytes.NewReader(b), size: int64(len(b))}, &out, nil); err != nil {
			return
		}
		if _, err := Scan(bytes.NewReader(out.Bytes()), int64(out.Len())); err != nil {
			t.Fatalf("cannot scan what was written: %v", err)
		}
	})
}
