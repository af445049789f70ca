package media

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tubelet/tubelet/media/fmp4"
)

// encoding is one call of Encode.
type encoding struct {
	*Maker
	src    Source
	dir    string // where renditions go
	chunks string // where their parts wait
	tally  *tally
}

// Encode makes the given rungs of src in dir and returns their renditions in the same
// order. It may be interrupted at any moment: called again with the same dir it goes on
// from the last whole chunk, and the bytes come out the same.
func (m *Maker) Encode(ctx context.Context, src Source, rungs []Rung, dir string, report func(Progress)) ([]Rendition, error) {
	if _, err := m.tool(ffmpeg); err != nil {
		return nil, err
	}
	x := &encoding{Maker: m, src: src, dir: dir, chunks: filepath.Join(dir, "chunks")}
	if err := os.MkdirAll(x.chunks, 0o700); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	done := map[int]Rendition{}
	var todo []Rung
	for _, r := range rungs {
		if old, ok := finished(dir, r.rendition()); ok {
			done[r.Height] = old
		} else {
			todo = append(todo, r)
		}
	}
	if len(todo) > 0 {
		if err := x.make(ctx, todo, done, report); err != nil {
			return nil, fmt.Errorf("encode: %w", err)
		}
	}
	if err := os.RemoveAll(x.chunks); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	var all []Rendition
	for _, r := range rungs {
		all = append(all, done[r.Height])
	}
	return all, nil
}

// make encodes the rungs that are missing and adds them to done.
func (x *encoding) make(ctx context.Context, rungs []Rung, done map[int]Rendition, report func(Progress)) error {
	groups, threads := x.groups(x.src, rungs)
	x.tally = newTally(groups, x.src, x.gops, report)
	sound := ""
	if x.src.HasAudio {
		var err error
		x.tally.stage = "encoding sound"
		if sound, err = x.sound(ctx, x.src, 0, x.chunks, x.tally.sound); err != nil {
			return err
		}
	}
	for _, group := range groups {
		rc := recipe{src: x.src, rungs: group, threads: threads, enc: x.encoder(ctx),
			grid: newGrid(x.src.VideoLength, group[0].FPS, x.gops)}
		rc, err := x.group(ctx, rc)
		if err != nil {
			return err
		}
		for _, r := range group {
			rendition, err := x.join(ctx, x.dir, x.parts(rc, r), sound, r.rendition())
			if err != nil {
				return err
			}
			done[r.Height] = rendition
		}
	}
	return nil
}

// group encodes all chunks of a group. When a hardware encoder fails on the way, the whole
// group is made by libx264 instead: the parameter sets of two encoders differ, so one
// rendition never mixes them.
func (x *encoding) group(ctx context.Context, rc recipe) (recipe, error) {
	soft := rc
	soft.enc = x264()
	if rc.enc.name != software && x.begun(soft) {
		rc = soft // it fell back before it was interrupted
	}
	err := x.allChunks(ctx, rc)
	if err == nil || rc.enc.name == software || ctx.Err() != nil || !hardwareFault(err) {
		return rc, err
	}
	x.log.Warn("hardware encoder failed, going on with libx264", "encoder", rc.enc.name, "error", err)
	return soft, x.allChunks(ctx, soft)
}

// begun says whether some chunk of the recipe exists.
func (x *encoding) begun(rc recipe) bool {
	entries, err := os.ReadDir(x.chunks)
	return err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return strings.HasPrefix(e.Name(), rc.id(rc.rungs[0])+"-") && strings.HasSuffix(e.Name(), ".mp4")
	})
}

// hardwareFault says whether another encoder could fare better.
func hardwareFault(err error) bool { return !diskFull(err) && !errors.Is(err, ErrNoFFmpeg) }

// allChunks encodes what is missing of a group.
func (x *encoding) allChunks(ctx context.Context, rc recipe) error {
	x.tally.stage = "encoding " + names(rc.rungs)
	for k := range rc.grid.count {
		if !x.have(rc, k) {
			if err := x.chunk(ctx, rc, k); err != nil {
				return err
			}
		}
		x.tally.finish(rc, k)
	}
	return nil
}

// have says whether chunk k is there for every rung of the group. One rung alone is not
// enough: made without the others its picture would be scaled from another one.
func (x *encoding) have(rc recipe, k int64) bool {
	for _, r := range rc.rungs {
		if _, err := os.Stat(filepath.Join(x.chunks, rc.file(r, k))); err != nil {
			return false
		}
	}
	return true
}

// chunk encodes chunk k of all rungs of a group with one decode.
func (x *encoding) chunk(ctx context.Context, rc recipe, k int64) error {
	err := x.run(ctx, job{tool: ffmpeg, input: x.src.Path, dir: x.chunks, global: rc.enc.global,
		decode: rc.decode(k), args: rc.args(k), hardware: rc.enc.name != software,
		cpu: 6 * time.Hour, size: rc.limit(k),
		// Before the first frame comes out, the preroll and a whole GOP must be decoded.
		stall:    noProgress + time.Duration(10*rc.src.preroll()*float64(time.Second)),
		progress: func(s status) { x.tally.running(rc, k, s) }})
	if err != nil {
		return err
	}
	for _, r := range rc.rungs {
		if err := rc.check(x.chunks, r, k); err != nil {
			return err
		}
	}
	for _, r := range rc.rungs {
		path := filepath.Join(x.chunks, rc.file(r, k))
		if err := durable(path+".part", path); err != nil {
			return err
		}
	}
	return nil
}

// parts lists the chunk files of a rung.
func (x *encoding) parts(rc recipe, r Rung) []string {
	var files []string
	for k := range rc.grid.count {
		files = append(files, filepath.Join(x.chunks, rc.file(r, k)))
	}
	return files
}

// groups decides which rungs share a decode: all of them where memory allows, else each
// alone, and with one thread where even that is tight. It asks for the machine's whole
// memory, not for what is free: a resumed run must decide the same.
func (m *Maker) groups(src Source, rungs []Rung) (groups [][]Rung, threads int) {
	return group(src, rungs, memory(), m.threads())
}

func group(src Source, rungs []Rung, memory int64, threads int) ([][]Rung, int) {
	need := func(rungs []Rung) int64 {
		// Bytes a pixel, measured: the decoder's pictures and the encoder's look-ahead.
		bytes := int64(60<<20) + 40*int64(src.CodedWidth*src.CodedHeight)
		for _, r := range rungs {
			bytes += 110 * int64(r.Width*r.PixHeight)
		}
		return bytes
	}
	if memory > 0 && need(rungs[:1]) > memory/2 {
		threads = 1
	}
	if sameRate(rungs) && (memory == 0 || need(rungs) <= memory/3) {
		return [][]Rung{rungs}, threads
	}
	var groups [][]Rung
	for _, r := range rungs {
		groups = append(groups, []Rung{r})
	}
	return groups, threads
}

func sameRate(rungs []Rung) bool {
	return !slices.ContainsFunc(rungs, func(r Rung) bool { return r.FPS != rungs[0].FPS })
}

func names(rungs []Rung) string {
	var list []string
	for _, r := range rungs {
		list = append(list, strconv.Itoa(r.Height)+"p")
	}
	return strings.Join(list, ", ")
}

// tally turns what single runs of ffmpeg report into the progress of the whole. Work is
// counted in encoded pixels.
type tally struct {
	stage  string
	report func(Progress)
	src    Source
	total  float64
	done   float64 // whole chunks
	fresh  float64 // work done by this call, as opposed to found
	began  time.Time
}

// soundShare is the part of the work that the sound is, about.
const soundShare = 0.03

func newTally(groups [][]Rung, src Source, gops int, report func(Progress)) *tally {
	t := &tally{report: report, src: src, began: time.Now()}
	for _, g := range groups {
		t.total += float64(newGrid(src.VideoLength, g[0].FPS, gops).frames) * pixels(g)
	}
	return t
}

func pixels(rungs []Rung) float64 {
	sum := 0.0
	for _, r := range rungs {
		sum += float64(r.Width * r.PixHeight)
	}
	return sum
}

func (t *tally) sound(at time.Duration, speed float64) {
	t.tell(soundShare*min(1, at.Seconds()/max(t.src.Duration.Seconds(), 0.001)), speed)
}

func (t *tally) running(rc recipe, k int64, s status) {
	frames := min(s.frame, rc.grid.expect(k))
	work := t.done + float64(frames)*pixels(rc.rungs)
	t.tell(soundShare+(1-soundShare)*min(1, work/t.total), s.speed)
}

func (t *tally) finish(rc recipe, k int64) {
	t.done += float64(rc.grid.expect(k)) * pixels(rc.rungs)
	t.tell(soundShare+(1-soundShare)*min(1, t.done/t.total), 0)
}

// tell reports a fraction of the whole. The time left follows from the pace of this call.
func (t *tally) tell(fraction, speed float64) {
	if t.fresh == 0 {
		t.fresh = fraction // what was already there when work began
	}
	p := Progress{Stage: t.stage, Percent: 100 * fraction, Speed: speed}
	if gain := fraction - t.fresh; gain > 0.001 {
		p.ETA = time.Duration(float64(time.Since(t.began)) * (1 - fraction) / gain)
	}
	if t.report != nil {
		t.report(p)
	}
}

// scan reads the fragments of the file at path.
func scan(path string) (*fmp4.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return fmp4.Scan(f, info.Size())
}
