package media

import (
	"context"
	"errors"
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
	sound  string // file with the sound, "" when there is none
	done   map[int]Rendition
	tally  *tally
}

// Encode makes the given rungs of src in dir and returns their renditions in the same
// order. It may be interrupted at any moment: called again with the same dir it goes on
// from the last whole chunk, and the same frames come out; with one thread the same bytes
// too (with several, x264's capped rate control depends on their timing). Its errors carry no prefix:
// they come from one step, which the caller names.
func (m *Maker) Encode(ctx context.Context, src Source, rungs []Rung, dir string, report func(Progress)) ([]Rendition, error) {
	if _, err := m.tool(ffmpeg); err != nil {
		return nil, err
	}
	x := &encoding{Maker: m, src: src, dir: dir, chunks: filepath.Join(dir, "chunks"), done: map[int]Rendition{}}
	if err := os.MkdirAll(x.chunks, 0o700); err != nil {
		return nil, err
	}
	for _, r := range rungs {
		if old, ok := finished(dir, r.rendition()); ok {
			x.done[r.Height] = old
		}
	}
	if err := x.make(ctx, rungs, report); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(x.chunks); err != nil {
		return nil, err
	}
	var all []Rendition
	for _, r := range rungs {
		all = append(all, x.done[r.Height])
	}
	return all, nil
}

// make encodes the rungs that are not done. The groups are those of all rungs all the same:
// with the rungs, the chunks would change, and be made again.
func (x *encoding) make(ctx context.Context, rungs []Rung, report func(Progress)) error {
	if len(x.missing(rungs)) == 0 {
		return nil
	}
	groups, threads := x.groups(x.src, rungs)
	x.tally = newTally(groups, x.src, x.gops, report)
	var recipes []recipe
	for _, group := range groups {
		recipes = append(recipes, recipe{src: x.src, rungs: group, threads: threads, enc: x.encoder(ctx),
			grid: newGrid(x.src.VideoLength, group[0].FPS, x.gops)})
	}
	if err := x.dropChunks(func(name string) bool { return !named(name, recipes) }); err != nil {
		return err
	}
	if x.src.HasAudio {
		var err error
		x.tally.stage = "encoding sound"
		if x.sound, err = x.Maker.sound(ctx, x.src, 0, x.chunks, x.tally.sound); err != nil {
			return err
		}
	}
	for _, rc := range recipes {
		if err := x.group(ctx, rc); err != nil {
			return err
		}
	}
	return nil
}

// missing returns the rungs that are not done.
func (x *encoding) missing(rungs []Rung) (list []Rung) {
	for _, r := range rungs {
		if _, ok := x.done[r.Height]; !ok {
			list = append(list, r)
		}
	}
	return list
}

// group makes the renditions of a group. Chunks of two versions of an encoder do not go
// together: when ffmpeg was changed half-way, the group is made again, once.
func (x *encoding) group(ctx context.Context, rc recipe) error {
	before := x.tally.done
	err := x.renditions(ctx, rc)
	if !errors.Is(err, fmp4.ErrDiffer) {
		return err
	}
	x.log.Warn("the encoder has changed, encoding again", "error", err)
	x.tally.done = before
	if err := x.dropChunks(func(name string) bool { return named(name, []recipe{rc}) }); err != nil {
		return err
	}
	return x.renditions(ctx, rc)
}

// renditions encodes what is missing of a group and joins it. A rung's chunks go as soon as
// it is joined, which keeps room on a small disk.
func (x *encoding) renditions(ctx context.Context, rc recipe) error {
	rc, err := x.encode(ctx, rc)
	if err != nil {
		return err
	}
	for _, r := range x.missing(rc.rungs) {
		parts := x.parts(rc, r)
		rendition, err := x.join(ctx, x.dir, parts, x.sound, r.rendition())
		if err != nil {
			return err
		}
		x.done[r.Height] = rendition
		for _, part := range parts {
			if err := os.Remove(part); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropChunks removes the chunks that unwanted names.
func (x *encoding) dropChunks(unwanted func(name string) bool) error {
	entries, err := os.ReadDir(x.chunks)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "sound-") && unwanted(e.Name()) {
			if err := os.Remove(filepath.Join(x.chunks, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// named says whether name is that of a chunk of one of the recipes, or what they fall back to.
func named(name string, recipes []recipe) bool {
	for _, rc := range recipes {
		for _, way := range rc.ways() {
			if slices.ContainsFunc(way.rungs, func(r Rung) bool { return strings.HasPrefix(name, way.id(r)+"-") }) {
				return true
			}
		}
	}
	return false
}

// encode makes all chunks of a group. When a hardware encoder fails on the way, the whole
// group is made by libx264 instead: the parameter sets of two encoders differ, so one
// rendition never mixes them.
func (x *encoding) encode(ctx context.Context, rc recipe) (recipe, error) {
	ways := rc.ways()
	at := 0
	for i, way := range ways {
		if x.begun(way) {
			at = i // it fell back before it was interrupted
		}
	}
	before := x.tally.done
	for ; ; at++ {
		err := x.allChunks(ctx, ways[at])
		if err == nil || ctx.Err() != nil || at+1 == len(ways) || !ways[at].fault(err) {
			return ways[at], err
		}
		x.log.Warn("encoding failed, going on in another way", "encoder", ways[at].enc.name, "error", err)
		x.tally.done = before
	}
}

// begun says whether some chunk of the recipe exists.
func (x *encoding) begun(rc recipe) bool {
	entries, err := os.ReadDir(x.chunks)
	return err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return strings.HasSuffix(e.Name(), ".mp4") &&
			slices.ContainsFunc(rc.rungs, func(r Rung) bool { return strings.HasPrefix(e.Name(), rc.id(r)+"-") })
	})
}

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

// have says whether chunk k is there for every missing rung of the group. When one is not,
// it is made with all the others: alone, its picture would be scaled from another one.
func (x *encoding) have(rc recipe, k int64) bool {
	for _, r := range x.missing(rc.rungs) {
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
