package media

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tubelet/tubelet/media/caption"
	"github.com/tubelet/tubelet/media/fmp4"
)

// Audio makes an audio-only rendition of track, an index of src.Audio. Track 0 is the
// rendition of an audio-only source; of a video the others are its alternative languages.
func (m *Maker) Audio(ctx context.Context, src Source, track int, dir string, report func(Progress)) (Rendition, error) {
	if track < 0 || track >= len(src.Audio) {
		return Rendition{}, fmt.Errorf("make audio: there is no track %d", track)
	}
	r := Rendition{File: "audio.mp4", Playlist: "audio.m3u8"}
	if lang := src.Audio[track].Language; track > 0 {
		if lang == "" {
			lang = "t" + strconv.Itoa(track)
		}
		r = Rendition{File: "audio-" + lang + ".mp4", Playlist: "audio-" + lang + ".m3u8", Language: src.Audio[track].Language}
	}
	if old, ok := finished(dir, r); ok {
		return old, nil
	}
	sound, err := m.sound(ctx, src, track, dir, stage("encoding sound", src.Duration, report))
	if err != nil {
		return r, fmt.Errorf("make audio: %w", err)
	}
	if r, err = m.join(ctx, dir, nil, sound, r); err != nil {
		return r, fmt.Errorf("make audio: %w", err)
	}
	if sound != src.Path {
		return r, os.Remove(sound)
	}
	return r, nil
}

// finished returns the rendition r of dir when an earlier run completed it.
func finished(dir string, r Rendition) (Rendition, bool) {
	if _, err := os.Stat(filepath.Join(dir, r.Playlist)); err != nil {
		return r, false
	}
	done, _, err := measure(filepath.Join(dir, r.File), r)
	return done, err == nil
}

// join writes a rendition from its encoded parts.
func (m *Maker) join(ctx context.Context, dir string, chunks []string, sound string, r Rendition) (Rendition, error) {
	part := filepath.Join(dir, r.File+".part")
	f, err := os.Create(part)
	if err != nil {
		return r, err
	}
	err = fmp4.Join(ctx, f, chunks, sound, nil)
	if err = errors.Join(err, f.Close()); err == nil {
		r, err = finish(dir, part, r)
	}
	if err != nil {
		return r, errors.Join(err, forget(dir, part, r))
	}
	return r, nil
}

// sound returns a file with the track's sound as AAC: src itself where it serves, else one
// encoded into dir, once for all renditions. Sound is never cut in chunks: every cut would
// add silence of its own.
func (m *Maker) sound(ctx context.Context, src Source, track int, dir string, report func(time.Duration, float64)) (string, error) {
	t := src.Audio[track]
	if track == 0 && t.serves() && isMP4(src.Format) && (t.BitRate <= 200_000 || !src.HasVideo) {
		return src.Path, nil
	}
	path := filepath.Join(dir, "sound-"+strconv.Itoa(t.Index)+".m4a")
	if audible(path) == nil {
		return path, nil
	}
	args := []string{"-map", "0:" + strconv.Itoa(t.Index), "-vn", "-sn", "-dn", "-threads", "1",
		"-af", "aresample=async=1:first_pts=0"}
	args = append(append(args, t.encodeArgs()...), stripped()...)
	part := filepath.Base(path) + ".part"
	err := m.run(ctx, job{tool: ffmpeg, input: src.Path, dir: dir, decode: []string{"-copyts", "-start_at_zero"},
		args: append(args, "-f", "mp4", "file:"+part), cpu: 2 * time.Hour, size: soundLimit(src),
		progress: func(s status) { report(s.time, s.speed) }})
	if err != nil {
		return "", err
	}
	if err := audible(filepath.Join(dir, part)); err != nil {
		return "", fmt.Errorf("ffmpeg reported success, but no sound came out: %w", err)
	}
	return path, durable(filepath.Join(dir, part), path)
}

// audible asks that the file at path holds sound.
func audible(path string) error {
	info, err := fmp4.Probe(path)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(info.Tracks, func(t fmp4.TrackInfo) bool { return t.Kind == fmp4.Audio && t.Samples > 0 }) {
		return errors.New("it is empty")
	}
	return nil
}

// serves says whether the track is fit for every rendition as it is.
func (t AudioTrack) serves() bool {
	return t.copyAudio() && !t.Trimmed && t.Start.Abs() < 50*time.Millisecond && (t.SampleRate == 44100 || t.SampleRate == 48000)
}

// isMP4 recognises ffmpeg's name of the MP4 family, and our own.
func isMP4(format string) bool {
	return format == "mp4" || format == "mov" || strings.HasPrefix(format, "mov,mp4")
}

func soundLimit(src Source) int64 { return int64(src.Duration.Seconds()*audioRate/4) + 16<<20 }

// encodeArgs are the options that make a track AAC in stereo or mono, as loud as it was.
func (t AudioTrack) encodeArgs() []string {
	rate := "48000"
	if t.SampleRate == 44100 {
		rate = "44100"
	}
	if t.Channels == 1 {
		return []string{"-c:a", "aac", "-b:a", "80k", "-ac", "1", "-ar", rate}
	}
	return []string{"-c:a", "aac", "-b:a", strconv.Itoa(audioRate), "-ac", "2", "-ar", rate}
}

// Subtitles takes the text tracks out of src, checked and written anew as WebVTT, one for
// each language. A track that cannot be read is left out.
func (m *Maker) Subtitles(ctx context.Context, src Source, dir string) ([]Caption, error) {
	var captions []Caption
	taken := map[string]bool{}
	for _, sub := range src.Subtitles {
		lang := sub.Language
		if lang == "" {
			lang = "und"
		}
		if taken[lang] || sub.Forced {
			continue
		}
		track, err := m.subtitle(ctx, src, sub)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, ErrNoFFmpeg) {
				return nil, fmt.Errorf("take subtitles: %w", err)
			}
			m.log.Warn("subtitle track left out", "stream", sub.Index, "error", err)
			continue
		}
		if len(track.Cues) == 0 {
			continue
		}
		var text bytes.Buffer
		if err := track.WriteVTT(&text); err != nil {
			return nil, fmt.Errorf("write subtitles: %w", err)
		}
		name, err := writeHashed(dir, lang, ".vtt", text.Bytes())
		if err != nil {
			return nil, fmt.Errorf("write subtitles: %w", err)
		}
		taken[lang] = true
		captions = append(captions, Caption{Language: lang, Label: sub.Title, File: name})
	}
	return captions, nil
}

// subtitle reads one text track.
func (m *Maker) subtitle(ctx context.Context, src Source, sub Subtitle) (caption.Track, error) {
	out := &boundedWriter{limit: 8 << 20}
	err := m.run(ctx, job{tool: ffmpeg, input: src.Path, stdout: out, cpu: 30 * time.Minute,
		decode: []string{"-copyts", "-start_at_zero"},
		stall:  noProgress + reading(src.Bytes), // hours may pass without a word
		args: append([]string{"-map", "0:" + strconv.Itoa(sub.Index), "-c:s", "webvtt",
			"-map_metadata", "-1", "-map_chapters", "-1"}, "-f", "webvtt", "pipe:1")})
	if err != nil {
		return caption.Track{}, err
	}
	return caption.ParseVTT(out)
}

// writeHashed writes data to a file of dir whose name tells its content, so that it may be
// cached for ever.
func writeHashed(dir, name, ext string, data []byte) (string, error) {
	sum := sha256.Sum256(data)
	file := name + "-" + hex.EncodeToString(sum[:4]) + ext
	path := filepath.Join(dir, file)
	if err := os.WriteFile(path+".part", data, 0o600); err != nil {
		return "", err
	}
	return file, durable(path+".part", path)
}
