package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/image/draw"

	"github.com/tubelet/tubelet/media/caption"
)

// posterWidth is the long side of a poster; wider gains nothing on a page.
const posterWidth = 1280

const posterScale = "scale='min(1280,iw)':'min(1280,ih)':force_original_aspect_ratio=decrease"

// thumbWidth is the long side of a poster in a list: a card is at most half as wide, and the
// denser screens have two pixels for one.
const thumbWidth = 480

// Picture is a poster, as two files of one folder.
type Picture struct {
	File          string // a JPEG
	Thumb         string // the same, smaller, for lists; empty where File is small enough
	Width, Height int    // of File
}

// Poster makes the picture shown before play, as a JPEG in dir whose name tells its
// content. at chooses the moment; when it is negative, a good frame is looked for: neither
// black nor a single colour. A source without picture gets its cover or its waveform.
func (m *Maker) Poster(ctx context.Context, src Source, at time.Duration, dir string) (Picture, error) {
	var best []byte
	var err error
	switch {
	case src.HasVideo && at >= 0:
		best, err = m.frame(ctx, src, min(at, max(0, src.VideoLength-time.Second/10)), 1)
	case src.HasVideo:
		best, err = m.goodFrame(ctx, src)
	case src.CoverArt:
		best, err = m.picture(ctx, job{input: src.Path}, src.CoverAt)
		if err != nil && ctx.Err() == nil {
			best, err = m.waveform(ctx, src)
		}
	default:
		best, err = m.waveform(ctx, src)
	}
	if err != nil {
		return Picture{}, fmt.Errorf("make poster: %w", err)
	}
	return writePoster(dir, best)
}

// PosterFromImage makes a poster of the JPEG, PNG or WebP file at path, without what the
// camera wrote into it.
func (m *Maker) PosterFromImage(ctx context.Context, path, dir string) (Picture, error) {
	data, err := m.image(ctx, path, posterScale)
	if err != nil {
		return Picture{}, fmt.Errorf("make poster: %w", err)
	}
	return writePoster(dir, data)
}

// CheckImage returns the error that making a picture of the file at path would end with, and
// writes nothing.
func (m *Maker) CheckImage(ctx context.Context, path string) error {
	_, err := m.image(ctx, path, posterScale)
	return err
}

// Avatar makes the channel's picture of the JPEG, PNG or WebP file at path: a square of its
// middle, as a JPEG in dir whose name tells its content, without what the camera wrote.
func (m *Maker) Avatar(ctx context.Context, path, dir string) (file string, err error) {
	return m.channelPicture(ctx, path, dir, "avatar", "crop='min(iw,ih)':'min(iw,ih)',scale='min(400,iw)':-1")
}

// Banner makes the wide picture of the channel's page likewise.
func (m *Maker) Banner(ctx context.Context, path, dir string) (file string, err error) {
	return m.channelPicture(ctx, path, dir, "banner", "scale='min(1600,iw)':-1")
}

func (m *Maker) channelPicture(ctx context.Context, path, dir, name, filter string) (file string, err error) {
	data, err := m.image(ctx, path, filter)
	if err == nil {
		file, err = writeHashed(dir, name, ".jpg", data)
	}
	if err != nil {
		return "", fmt.Errorf("make %s: %w", name, err)
	}
	return file, nil
}

// image re-encodes a picture file of the creator's.
func (m *Maker) image(ctx context.Context, path, filter string) ([]byte, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	data, err := m.still(ctx, job{input: path, formats: imageFormats, pixels: maxImage}, 0, filter)
	if failed, ok := errors.AsType[*runError](err); ok && strings.Contains(failed.stderr, "pixel count") {
		return nil, &RefusedError{fmt.Sprintf("the picture has more than %d million pixels; make it smaller", maxImage/1_000_000)}
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, ErrNoFFmpeg) {
		err = &RefusedError{"it is not a JPEG, PNG or WebP picture that can be read"}
	}
	return data, err
}

func writePoster(dir string, data []byte) (Picture, error) {
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return Picture{}, fmt.Errorf("make poster: %w", err)
	}
	p := Picture{Width: img.Bounds().Dx(), Height: img.Bounds().Dy()}
	if p.File, err = writeHashed(dir, "poster", ".jpg", data); err != nil {
		return Picture{}, fmt.Errorf("make poster: %w", err)
	}
	if max(p.Width, p.Height) <= thumbWidth {
		return p, nil
	}
	if data, err = shrink(img); err == nil {
		p.Thumb, err = writeHashed(dir, "thumb", ".jpg", data)
	}
	if err != nil {
		return Picture{}, fmt.Errorf("make small poster: %w", err)
	}
	return p, nil
}

// shrink returns img as a JPEG of the size for lists.
func shrink(img image.Image) ([]byte, error) {
	b := img.Bounds()
	scale := thumbWidth / float64(max(b.Dx(), b.Dy()))
	size := func(n int) int { return max(1, int(math.Round(float64(n)*scale))) }
	small := image.NewRGBA(image.Rect(0, 0, size(b.Dx()), size(b.Dy())))
	draw.CatmullRom.Scale(small, small.Bounds(), img, b, draw.Src, nil)
	var out bytes.Buffer
	err := jpeg.Encode(&out, small, &jpeg.Options{Quality: 80})
	return out.Bytes(), err
}

// goodFrame tries places of the video until one shows something. Most videos do at a tenth
// of their length; the first seconds are often black.
func (m *Maker) goodFrame(ctx context.Context, src Source) ([]byte, error) {
	var best []byte
	var bestScore float64
	var firstErr error
	for _, place := range []float64{0.1, 0.25, 0.5, 0.03, 0.75, 0} {
		data, err := m.frame(ctx, src, time.Duration(place*float64(src.VideoLength)), 60)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, ErrNoFFmpeg) {
				return nil, err
			}
			if firstErr == nil {
				firstErr = err // the others say the same
			}
			continue
		}
		score := interest(data)
		if best == nil || score > bestScore {
			best, bestScore = data, score
		}
		if score >= 1 {
			break
		}
	}
	if best == nil {
		return nil, firstErr
	}
	return best, nil
}

// frame takes the most typical of the n frames from at on.
func (m *Maker) frame(ctx context.Context, src Source, at time.Duration, n int) ([]byte, error) {
	w, h := fit(src.Width, src.Height)
	filters := ""
	if src.Interlaced {
		filters = "bwdif=mode=send_frame:deint=all,"
	}
	if n > 1 {
		filters += "thumbnail=n=" + strconv.Itoa(n) + ","
	}
	rc := recipe{src: src}
	filters += rc.scale(Rung{Width: w, PixHeight: h}, true)
	var out boundedWriter
	out.limit = 8 << 20
	err := m.run(ctx, job{tool: ffmpeg, input: src.Path, stdout: &out, urgent: true,
		decode: []string{"-ss", strconv.FormatFloat(at.Seconds(), 'f', 3, 64)},
		args: append([]string{"-map", "0:" + strconv.Itoa(src.VideoIndex), "-an", "-sn", "-dn",
			"-vf", filters}, jpegOut()...)})
	if src.HDR && toneFault(err) {
		src.HDR = false
		return m.frame(ctx, src, at, n)
	}
	return whole(out.Bytes(), err)
}

// jpegOut are the options for one JPEG on standard output, without metadata.
func jpegOut() []string {
	return append([]string{"-frames:v", "1", "-threads", "1", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", "3"},
		append(stripped(), "-f", "image2pipe", "pipe:1")...)
}

// whole makes an empty answer an error: ffmpeg reports success when no frame came out.
func whole(data []byte, err error) ([]byte, error) {
	if err == nil && len(data) == 0 {
		err = errors.New("no picture came out")
	}
	return data, err
}

// picture re-encodes a still picture, stream index of j's input.
func (m *Maker) picture(ctx context.Context, j job, index int) ([]byte, error) {
	return m.still(ctx, j, index, posterScale)
}

func (m *Maker) still(ctx context.Context, j job, index int, filter string) ([]byte, error) {
	var out boundedWriter
	out.limit = 8 << 20
	j.tool, j.stdout, j.urgent = ffmpeg, &out, true
	j.args = append([]string{"-map", "0:" + strconv.Itoa(index), "-an", "-sn", "-dn",
		"-vf", filter + ",setsar=1,format=yuvj420p"}, jpegOut()...)
	err := m.run(ctx, j)
	return whole(out.Bytes(), err)
}

// waveform draws the sound of the first ten minutes.
func (m *Maker) waveform(ctx context.Context, src Source) ([]byte, error) {
	if len(src.Audio) == 0 {
		return nil, errors.New("there is nothing to draw")
	}
	graph := fmt.Sprintf("[0:%d]aformat=channel_layouts=mono,compand=gain=-3,"+
		"showwavespic=s=1280x720:colors=0x7fb4ff[w];color=c=0x14181f:s=1280x720[b];[b][w]overlay=format=auto,format=yuvj420p[o]",
		src.Audio[0].Index)
	var out boundedWriter
	out.limit = 8 << 20
	err := m.run(ctx, job{tool: ffmpeg, input: src.Path, stdout: &out, urgent: true, decode: []string{"-t", "600"},
		args: append([]string{"-filter_complex", graph, "-map", "[o]"}, jpegOut()...)})
	return whole(out.Bytes(), err)
}

// fit returns the size of a poster: the source's, or less, never more.
func fit(w, h int) (int, int) {
	scale := math.Min(1, float64(posterWidth)/float64(max(w, h)))
	return even(float64(w) * scale), even(float64(h) * scale)
}

// interest rates a picture: 1 and more when it is neither dark, nor glaring, nor plain.
func interest(data []byte) float64 {
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return 0
	}
	mean, spread := brightness(img)
	return min(mean/32, (255-mean)/16, spread/14)
}

// brightness returns the mean and standard deviation of the luma.
func brightness(img image.Image) (mean, spread float64) {
	pic, ok := img.(*image.YCbCr)
	if !ok {
		return 0, 0
	}
	var sum, squares, n float64
	b := pic.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y += 4 {
		for x := b.Min.X; x < b.Max.X; x += 4 {
			v := float64(pic.Y[pic.YOffset(x, y)])
			sum, squares, n = sum+v, squares+v*v, n+1
		}
	}
	if n == 0 {
		return 0, 0
	}
	mean = sum / n
	return mean, math.Sqrt(max(0, squares/n-mean*mean))
}

// The storyboard's grid.
const (
	maxTiles    = 100
	tileColumns = 10
	tileLong    = 160 // pixels of a tile's long side
	tileLeast   = 2 * time.Second
)

// Storyboard makes the pictures for the preview over the scrubber: one grid of at most 100
// tiles, from keyframes alone, which costs a few per cent of a full decode.
func (m *Maker) Storyboard(ctx context.Context, src Source, dir string) (Storyboard, error) {
	if !src.HasVideo {
		return Storyboard{}, errors.New("make storyboard: there is no picture")
	}
	s, count := layout(src)
	interval := strconv.FormatFloat(s.Interval.Seconds(), 'f', 6, 64)
	rc := recipe{src: src}
	// The last picture stands until the end, or its tile would be missing.
	filters := fmt.Sprintf("tpad=stop_mode=clone:stop_duration=%[1]s,fps=1/%[1]s:start_time=0:round=near,%[2]s,format=yuvj420p,tile=%dx%d", interval,
		rc.scale(Rung{Width: s.Width, PixHeight: s.Height}, true), s.Columns, s.Rows)
	out := &boundedWriter{limit: 16 << 20}
	err := m.run(ctx, job{tool: ffmpeg, input: src.Path, stdout: out, cpu: time.Hour,
		decode: []string{"-skip_frame", "nokey", "-copyts", "-start_at_zero"},
		stall:  10*time.Minute + reading(src.Bytes), // nothing comes out before the last tile
		args: append([]string{"-map", "0:" + strconv.Itoa(src.VideoIndex), "-an", "-sn", "-dn",
			"-vf", filters}, jpegOut()...)})
	if src.HDR && toneFault(err) {
		src.HDR = false
		return m.Storyboard(ctx, src, dir)
	}
	data, err := whole(out.Bytes(), err)
	if err != nil {
		return Storyboard{}, fmt.Errorf("make storyboard: %w", err)
	}
	if s.File, err = writeHashed(dir, "storyboard", ".jpg", data); err != nil {
		return Storyboard{}, fmt.Errorf("make storyboard: %w", err)
	}
	var vtt bytes.Buffer
	err = caption.WriteTilesVTT(&vtt, caption.Tiles{File: s.File, Columns: s.Columns, Count: count,
		Width: s.Width, Height: s.Height, Interval: s.Interval, Length: src.Duration})
	if err == nil {
		s.VTT, err = writeHashed(dir, "storyboard", ".vtt", vtt.Bytes())
	}
	if err != nil {
		return Storyboard{}, fmt.Errorf("make storyboard: %w", err)
	}
	return s, nil
}

// layout decides tile size, interval and grid.
func layout(src Source) (s Storyboard, count int) {
	count = int(min(maxTiles, max(1, src.VideoLength/tileLeast)))
	s.Interval = max(src.VideoLength/time.Duration(count), time.Millisecond)
	s.Columns = min(count, tileColumns)
	s.Rows = (count + s.Columns - 1) / s.Columns
	scale := tileLong / float64(max(src.Width, src.Height))
	s.Width, s.Height = even(float64(src.Width)*scale), even(float64(src.Height)*scale)
	return s, count
}
