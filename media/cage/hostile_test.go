package cage_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tubelet/tubelet/media/cage"
)

// TestSecondWall gives real ffmpeg files that name other files and hosts, without the lists of
// formats and protocols that package media gives it: what ffmpeg would then read, the walls
// must keep from it. The same runs without walls show that the table tries something.
func TestSecondWall(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Fatal("needs ffmpeg: make test installs it")
	}
	var hits atomic.Int32
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			hits.Add(1)
			conn.Close()
		}
	}()
	dir := t.TempDir()
	fixture := exec.Command(ffmpeg, "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=64x48:d=1", "-c:v", "mpeg2video", "secret.ts")
	fixture.Dir = dir
	if out, err := fixture.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	secret := filepath.Join(dir, "secret.ts")
	host := "http://" + listener.Addr().String() + "/x.ts"
	hls := "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n%\n#EXT-X-ENDLIST\n"
	concat := "ffconcat version 1.0\nfile '%'\n"
	rows := []struct{ name, file, text string }{
		{"concat naming a sibling", "a.mp4", strings.ReplaceAll(concat, "%", "secret.ts")},
		{"concat naming a path", "b.mp4", strings.ReplaceAll(concat, "%", secret)},
		{"concat naming a host", "c.ffconcat", strings.ReplaceAll(concat, "%", host)},
		{"playlist naming a sibling", "d.m3u8", strings.ReplaceAll(hls, "%", "secret.ts")},
		{"playlist naming a file URL", "e.m3u8", strings.ReplaceAll(hls, "%", "file://"+secret)},
		{"playlist naming a host", "f.m3u8", strings.ReplaceAll(hls, "%", host)},
	}
	free, caged := 0, 0
	for _, row := range rows {
		path := filepath.Join(dir, row.file)
		if err := os.WriteFile(path, []byte(row.text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, open := range []bool{true, false} {
			before := hits.Load()
			made := convert(t, ffmpeg, path, open)
			reached := made || hits.Load() > before
			if open && reached {
				free++
			}
			if !open && reached && has("landlock") && has("no network") {
				caged++
				t.Errorf("%s was read", row.name)
			}
		}
	}
	t.Logf("%d inputs: %d reach another file or host without walls, %d behind them", len(rows), free, caged)
	if free == 0 {
		t.Error("the table tries nothing")
	}
}

// convert lets ffmpeg make a video of the file at path with every format and protocol
// allowed, and says whether one came out.
func convert(t *testing.T, ffmpeg, path string, open bool) bool {
	t.Helper()
	input, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	room := cage.Room{Program: ffmpeg, Input: input, Dir: t.TempDir(), Open: open}
	reader := []string{"-allowed_extensions", "ALL"} // an option of the reader of playlists
	if !strings.HasSuffix(path, ".m3u8") {
		reader = []string{"-safe", "0"} // and one of that of lists
	}
	args := append([]string{"-nostdin", "-v", "error", "-protocol_whitelist", "file,http,tcp"}, reader...)
	cmd := exec.CommandContext(t.Context(), ffmpeg, append(args, "-i", path, "-c:v", "mpeg2video", "out.ts")...)
	cmd.Dir, cmd.Env = room.Dir, []string{}
	ended, err := room.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer ended()
	_ = cmd.Wait() // what came out is judged
	info, err := os.Stat(filepath.Join(room.Dir, "out.ts"))
	return err == nil && info.Size() > 0
}
