package idle

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const smaps = `00400000-00403000 r--p 00000000 fe:00 77                                 /opt/my films/tubelet
Size:                 12 kB
Anonymous:             0 kB
VmFlags: rd mr mw me sd
00403000-01636000 r-xp 00003000 fe:00 77                                 /opt/my films/tubelet
Anonymous:             0 kB
01636000-02acf000 r--p 01236000 fe:00 77                                 /opt/my films/tubelet
Anonymous:             4 kB
02acf000-02ad0000 r-xp 01236000 fe:00 77                                 /opt/my films/tubelet (deleted)
Anonymous:             0 kB
02acf000-02ad2000 rw-p 026cf000 fe:00 77                                 /opt/my films/tubelet
Anonymous:             0 kB
7f0000000000-7f0000001000 r--p 00000000 fe:00 78                         /usr/lib/other.so
Anonymous:             0 kB
c000000000-c000400000 rw-p 00000000 00:00 0 
Anonymous:             0 kB
zz-01 r--p 00000000 fe:00 77 /opt/my films/tubelet
Anonymous:             0 kB
`

func TestUntouched(t *testing.T) {
	got, err := untouched(strings.NewReader(smaps), "/opt/my films/tubelet")
	want := []mapping{{0x400000, 0x403000}, {0x403000, 0x1636000}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(mapping{})); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// TestRelease lets go of the program that runs this very test, and goes on running.
func TestRelease(t *testing.T) {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if list, err := untouched(f, program); err != nil || len(list) == 0 {
		t.Fatalf("no mappings of %s: %v", program, err)
	}
	for range 3 {
		if err := Release(); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("true").CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
}
