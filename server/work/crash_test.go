package work_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
)

// oneThread makes the bytes comparable: with several threads x264 now and then ends a stream
// differently under the same options.
func oneThread() media.Config { return media.Config{Threads: 1} }

// publisher is the program that TestCrash kills. It publishes, or goes on with what is
// there, as a command or as a server, and says what it acknowledges.
func publisher() int {
	ctx := context.Background()
	data, id := os.Getenv("TUBELET_TEST_DATA"), os.Getenv("TUBELET_TEST_ID")
	s, err := openChannel(ctx, data)
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	w := work.New(work.Config{Data: data, Store: s, Media: media.New(oneThread())})
	say := func(e work.Event) {
		switch e.Kind {
		case work.EventWatchable, work.EventDone, work.EventFailed:
			fmt.Println(e.Kind, e.Video.ID, e.Reason)
		}
	}
	if id == "" {
		v, err := w.Publish(ctx, work.Publish{Path: os.Getenv("TUBELET_TEST_CLIP"), Title: "Crash"}, say)
		if err != nil {
			fmt.Println("error", err)
			return 1
		}
		fmt.Println("row", v.ID)
		id = v.ID
	}
	if os.Getenv("TUBELET_TEST_SERVER") != "" {
		go w.Run(ctx)
		err = waitDone(ctx, s, id)
	} else {
		err = w.Follow(ctx, id, 0, say)
	}
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	return 0
}

// waitDone returns when a server has done everything for a video.
func waitDone(ctx context.Context, s *store.Store, id string) error {
	for {
		jobs, err := s.Jobs(ctx, store.JobList{Video: id, Open: true})
		if err != nil || len(jobs) == 0 {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// expected is what an undisturbed publish of a clip brings.
type expected struct {
	clip  string
	files map[string]string // of the revision's folder: name to checksum
	took  time.Duration
}

// whole reports whether a file of that checksum is as it must be. A picture may be another
// one when a kill hit ffmpeg, so its name, which holds the checksum, speaks for it.
func (e expected) whole(name, sum string) bool {
	if stem, digest, ok := strings.Cut(strings.TrimSuffix(name, filepath.Ext(name)), "-"); ok && slices.Contains([]string{"poster", "thumb", "storyboard"}, stem) {
		return strings.HasPrefix(sum, digest)
	}
	return sum == e.files[name]
}

func undisturbed(t *testing.T, clip string) expected {
	t.Helper()
	b := newBench(t, oneThread())
	began := time.Now()
	v := b.publish(work.Publish{Path: clip, Title: "Crash"})
	b.follow(v.ID, 0)
	return expected{clip, sums(t, filepath.Join(b.data, "videos", v.ID, "1")), time.Since(began)}
}

// sums returns the checksums of the files in dir.
func sums(t *testing.T, dir string) map[string]string {
	t.Helper()
	m := map[string]string{}
	for _, name := range files(t, dir) {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		m[name] = hex.EncodeToString(sum[:])
	}
	return m
}

// TestCrash kills publishers, servers and their ffmpeg at random moments, again and again
// until each video is done, and checks after every kill that nothing acknowledged is lost,
// that no row names a file that is not whole, and that one sweep leaves no orphan.
func TestCrash(t *testing.T) {
	// Few frames over a long time: several chunks of a minute each, cheaply.
	clips := []expected{
		undisturbed(t, clip(t, "ready.mp4", "440x440", 3, 150)),
		undisturbed(t, clip(t, "other.avi", "320x180", 10, 150, "-c:v", "mpeg4", "-c:a", "mp3")),
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d; undisturbed %v and %v", seed, clips[0].took, clips[1].took)
	c := &crash{t: t, rand: rand.New(rand.NewPCG(seed, 0)), chunks: map[string]time.Time{}, victims: map[string]int{}}
	for trial := 0; c.kills < crashes; trial++ {
		c.trial(clips[trial%len(clips)], trial%4 >= 2)
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d kills: %v; %d found a chunk to go on from", c.kills, c.victims, c.resumed)
	if c.resumed == 0 {
		t.Error("no kill fell between two chunks, so nothing is known about going on")
	}
}

type crash struct {
	t       *testing.T
	rand    *rand.Rand
	kills   int
	victims map[string]int
	resumed int
	chunks  map[string]time.Time // finished parts seen after the last kill, and their age
}

// trial publishes one clip to the end, with kills on the way.
func (c *crash) trial(want expected, server bool) {
	data, id := c.t.TempDir(), ""
	clear(c.chunks)
	for round := 0; ; round++ {
		after := time.Duration(c.rand.Int64N(int64(want.took / 2)))
		if round == 0 && c.rand.IntN(2) == 0 {
			after /= 4 // while it is taken in
		}
		if round > 7 {
			after = time.Hour // enough
		}
		out, killed, err := c.run(data, want.clip, id, server, after)
		id = c.check(data, id, out, want, round%2 == 0)
		if c.t.Failed() {
			return
		}
		if !killed && err == nil {
			break
		}
		if round > 12 {
			c.t.Fatalf("it does not get to the end: %v\n%s", err, out)
		}
	}
	c.final(data, id, want)
}

// run starts a publisher, kills it or its ffmpeg after a while, and returns what it said.
func (c *crash) run(data, clip, id string, server bool, after time.Duration) (out string, killed bool, err error) {
	self, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "TUBELET_TEST_ROLE=publisher", "TUBELET_TEST_DATA="+data, "TUBELET_TEST_CLIP="+clip, "TUBELET_TEST_ID="+id)
	if server {
		cmd.Env = append(cmd.Env, "TUBELET_TEST_SERVER=1")
	}
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.WaitDelay = 5 * time.Second // an orphaned ffmpeg may hold the pipe
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
		return said.String(), false, err
	case <-time.After(after):
	}
	tools := children(cmd.Process.Pid)
	if len(tools) > 0 && c.rand.IntN(4) == 0 {
		c.count("ffmpeg")
		for _, pid := range tools {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		err = <-ended // it goes on by itself, or gives the publish up
		return said.String(), false, err
	}
	if server {
		c.count("server")
	} else {
		c.count("command")
	}
	cmd.Process.Kill()
	err = <-ended
	return said.String(), true, err
}

func (c *crash) count(victim string) {
	c.kills++
	c.victims[victim]++
}

// children lists the child processes of pid.
func children(pid int) []int {
	var list []int
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, path := range tasks {
		data, _ := os.ReadFile(path)
		for _, field := range strings.Fields(string(data)) {
			if n, err := strconv.Atoi(field); err == nil {
				list = append(list, n)
			}
		}
	}
	return list
}

// check holds what is on the disk against what was said, and returns the video's id.
func (c *crash) check(data, id, out string, want expected, sweep bool) string {
	t := c.t
	t.Helper()
	c.integrity(filepath.Join(data, "tubelet.db"))
	b := openBench(t, data, media.Config{})
	defer b.store.Close()
	videos, _, err := b.store.Videos(t.Context(), store.List{Audience: store.Everyone})
	if err != nil || len(videos) > 1 {
		t.Fatalf("%d videos, %v", len(videos), err)
	}
	acknowledged := func(word string) bool { return strings.Contains("\n"+out, "\n"+word+" ") }
	if len(videos) == 0 {
		if id != "" || acknowledged("row") || acknowledged("watchable") {
			t.Fatalf("an acknowledged video is lost; it said:\n%s", out)
		}
	} else {
		v := b.video(videos[0].ID)
		id = v.ID
		if acknowledged("watchable") && len(v.Media.Renditions) == 0 || acknowledged("done") && v.Media.State != store.Done {
			t.Errorf("it said:\n%s\nbut the row says %+v", out, v.Media)
		}
		c.wholeFiles(b, v, want)
	}
	c.goneOn(data)
	if sweep {
		b.clean()
	}
	return id
}

// wholeFiles checks every file that a row names, before any sweep.
func (c *crash) wholeFiles(b *bench, v store.Video, want expected) {
	named, err := b.store.Files(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	have := sums(c.t, filepath.Join(b.data, "videos", v.ID, "1"))
	for _, path := range named {
		name := filepath.Base(path)
		if have[name] == "" {
			c.t.Errorf("%s is in a row and not on the disk", path)
		} else if !want.whole(name, have[name]) {
			c.t.Errorf("%s is not the whole file", path)
		}
	}
}

// goneOn checks that finished parts were not made again since the kill before.
func (c *crash) goneOn(data string) {
	parts, _ := filepath.Glob(filepath.Join(data, "work", "job-*", "chunks", "*.mp4"))
	seen := map[string]time.Time{}
	for _, path := range parts {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		seen[path] = info.ModTime()
		if before, ok := c.chunks[path]; ok && !before.Equal(info.ModTime()) {
			c.t.Errorf("%s was made twice", path)
		}
	}
	if len(seen) > 0 {
		c.resumed++
	}
	c.chunks = seen
}

func (c *crash) integrity(path string) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return // killed before it had one
	}
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		c.t.Fatal(err)
	}
	defer db.Close()
	for _, pragma := range []string{"integrity_check", "foreign_key_check"} {
		var said string
		err := db.QueryRow("pragma " + pragma).Scan(&said)
		if said != "ok" && !errors.Is(err, sql.ErrNoRows) {
			c.t.Errorf("%s: %s %v", pragma, said, err)
		}
	}
}

// final checks that the video is what it would be had nobody been killed.
func (c *crash) final(data, id string, want expected) {
	b := openBench(c.t, data, media.Config{})
	defer b.store.Close()
	v := b.video(id)
	if v.Media.State != store.Done || !v.Listed() || v.Media.SourceSHA256 == "" {
		c.t.Errorf("ended as %+v", v)
	}
	for _, j := range b.jobs(id, false) {
		if j.State != store.JobDone {
			c.t.Errorf("job %s is %s: %s", j.Kind, j.State, j.Reason)
		}
	}
	got := sums(c.t, filepath.Join(data, "videos", id, "1"))
	if diff := cmp.Diff(kinds(want.files), kinds(got)); diff != "" {
		c.t.Errorf("undisturbed (-) and disturbed (+) files differ:\n%s", diff)
	}
	b.clean()
	entries, _ := os.ReadDir(filepath.Join(data, "work"))
	if len(entries) > 0 {
		c.t.Errorf("work holds %v", entries)
	}
}

// kinds lists names with the digests of pictures left out.
func kinds(files map[string]string) []string {
	var list []string
	for name := range files {
		stem, _, _ := strings.Cut(name, "-")
		list = append(list, stem+filepath.Ext(name))
	}
	slices.Sort(list)
	return list
}
