package media

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/tubelet/tubelet/media/fmp4"
)

// fragments are the muxer's flags for our layout; cmaf makes picture and sound both begin
// at 0 although B-frames reorder.
const fragments = "+cmaf+frag_keyframe+skip_trailer"

// Copy makes the top rendition of src by stream copy, in dir. MP4 is rewritten by our own
// remuxer, which writes every byte once where ffmpeg writes it twice to make room for the
// index; other containers go through ffmpeg first. An error that wraps ErrNotCopyable says
// that the picture has to be encoded after all. Its errors carry no prefix, as Encode's.
func (m *Maker) Copy(ctx context.Context, src Source, dir string, report func(Progress)) (Rendition, error) {
	if reason := src.CopyReason(); reason != "" {
		return Rendition{}, fmt.Errorf("%w: %s", ErrNotCopyable, reason)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	decoded := make(chan error, 1)
	go func() {
		err := m.tryDecode(ctx, src)
		if err != nil {
			cancel(err)
		}
		decoded <- err
	}()
	r := src.copied().rendition()
	r.Copied = true
	part := filepath.Join(dir, "copy.part")
	err := m.copyStreams(ctx, src, part, stage("copying", src.Duration, report))
	if derr := <-decoded; derr != nil {
		err = derr
	}
	if err == nil {
		r, err = finish(dir, part, r)
	}
	if err == nil {
		err = r.checkCopy(src)
	}
	if err != nil {
		return Rendition{}, errors.Join(err, forget(dir, part, r))
	}
	return r, nil
}

// copyStreams writes the rendition to part, by the shortest way.
func (m *Maker) copyStreams(ctx context.Context, src Source, part string, report func(time.Duration, float64)) error {
	sound := !src.HasAudio || src.Audio[0].copyAudio()
	if sound {
		err := remux(ctx, src, part, report)
		if err == nil || !errors.Is(err, fmp4.ErrUnsupported) && !errors.Is(err, fmp4.ErrFormat) {
			return err
		}
		m.log.Debug("own remuxer gave up", "error", err)
	}
	codec := []string{"-c:a", "copy"}
	if !sound {
		codec = src.Audio[0].encodeArgs()
	}
	plain := part + ".mp4"
	defer os.Remove(plain)
	args := []string{"-map", "0:" + strconv.Itoa(src.VideoIndex), "-c:v", "copy"}
	if src.HasAudio {
		args = append(append(args, "-map", "0:"+strconv.Itoa(src.Audio[0].Index)), codec...)
	}
	args = append(args, stripped()...)
	err := m.run(ctx, job{tool: ffmpeg, input: src.Path, dir: filepath.Dir(part), urgent: true,
		args: append(args, "-f", "mp4", "file:"+filepath.Base(plain)),
		cpu:  time.Hour, size: 2*src.Bytes + 64<<20,
		progress: func(s status) { report(s.time, s.speed) }})
	if err != nil {
		return err
	}
	src.Path = plain
	err = remux(ctx, src, part, func(time.Duration, float64) {})
	if errors.Is(err, fmp4.ErrUnsupported) || errors.Is(err, fmp4.ErrFormat) {
		return fmt.Errorf("%w: %v", ErrNotCopyable, err)
	}
	return err
}

// remux runs our own remuxer on src.
func remux(ctx context.Context, src Source, part string, report func(time.Duration, float64)) error {
	f, err := os.Create(part)
	if err != nil {
		return err
	}
	defer f.Close()
	began := time.Now()
	err = fmp4.Remux(ctx, src.Path, f, func(done, total int64) {
		at := time.Duration(float64(src.Duration) * float64(done) / float64(max(total, 1)))
		report(at, at.Seconds()/max(time.Since(began).Seconds(), 0.001))
	})
	if err != nil {
		return err
	}
	return f.Close()
}

// tryDecode decodes the first second, strictly: what a decoder stumbles over there, a
// browser will not play.
func (m *Maker) tryDecode(ctx context.Context, src Source) error {
	err := m.run(ctx, job{tool: ffmpeg, input: src.Path, urgent: true, decode: []string{"-xerror"},
		args: []string{"-map", "0:" + strconv.Itoa(src.VideoIndex), "-an", "-sn", "-dn", "-t", "1", "-threads", "1", "-f", "null", "-"}})
	switch {
	case err == nil, errors.Is(err, ErrNoFFmpeg):
		return nil
	case ctx.Err() != nil:
		return err
	}
	return fmt.Errorf("%w: it does not decode cleanly: %v", ErrNotCopyable, err)
}

// checkCopy compares what was made with what the probe promised.
func (r Rendition) checkCopy(src Source) error {
	if short := src.Duration - r.Duration; short > time.Second+src.Duration/50 {
		return fmt.Errorf("%w: only %.1f of %.1f s arrived", ErrNotCopyable, r.Duration.Seconds(), src.Duration.Seconds())
	}
	return nil
}

// stripped are the options that keep private facts of the source (places, serial numbers,
// names) and of this machine out of every file we make.
func stripped() []string {
	return []string{"-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"}
}

// stage adapts a report about output time to one in percent of length.
func stage(name string, length time.Duration, report func(Progress)) func(time.Duration, float64) {
	return func(at time.Duration, speed float64) {
		if report == nil || length <= 0 {
			return
		}
		p := Progress{Stage: name, Percent: min(100, 100*at.Seconds()/length.Seconds()), Speed: speed}
		if speed > 0 {
			p.ETA = max(0, time.Duration(float64(length-at)/speed))
		}
		report(p)
	}
}

// rendition names the files of a rung and fills in what is known beforehand.
func (r Rung) rendition() Rendition {
	name := strconv.Itoa(r.Height) + "p"
	return Rendition{Height: r.Height, File: name + ".mp4", Playlist: name + ".m3u8",
		Width: r.Width, PixHeight: r.PixHeight, FPS: r.FPS}
}

// finish turns the whole file part into the rendition r of dir: measured, with its
// playlist, on the disk for good. The rendition's name appears last.
func finish(dir, part string, r Rendition) (Rendition, error) {
	r, playlist, err := measure(part, r)
	if err != nil {
		return r, err
	}
	list := filepath.Join(dir, r.Playlist)
	if err := os.WriteFile(list+".part", playlist, 0o600); err != nil {
		return r, err
	}
	for _, move := range [][2]string{{list + ".part", list}, {part, filepath.Join(dir, r.File)}} {
		if err := durable(move[0], move[1]); err != nil {
			return r, err
		}
	}
	return r, nil
}

// measure reads the fragments of the rendition at path.
func measure(path string, r Rendition) (Rendition, []byte, error) {
	file, err := scan(path)
	if err != nil {
		return r, nil, err
	}
	r.Bytes, r.Duration, r.Codecs = file.Size, file.Duration, file.Codecs()
	r.Bandwidth, r.Average = file.Bandwidth()
	return r, fmp4.Playlist(file, r.File), nil
}

// durable moves a finished file so that it survives a power cut under its new name.
func durable(from, to string) error {
	f, err := os.OpenFile(from, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	err = errors.Join(f.Chmod(0o600), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// forget removes what a failed attempt left.
func forget(dir string, part string, r Rendition) error {
	var errs []error
	for _, path := range []string{part, filepath.Join(dir, r.File), filepath.Join(dir, r.Playlist)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
