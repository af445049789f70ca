package server

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/tubelet/tubelet/assets"
	"github.com/tubelet/tubelet/media/caption"
	"github.com/tubelet/tubelet/server/cache"
	"github.com/tubelet/tubelet/server/files"
	"github.com/tubelet/tubelet/server/playlist"
	"github.com/tubelet/tubelet/store"
)

// textBytes bounds the playlists and captions that are sent compressed, from memory: what
// the cache takes. The playlist of a film of nine hours is as long.
const textBytes = 512 << 10

// mediaTypes are the types of what lies in a video's folder. None of them can be taken
// for a page or for an object of the fediverse, whatever a client asks for.
var mediaTypes = map[string]string{
	".mp4":  "video/mp4",
	".m3u8": "application/vnd.apple.mpegurl",
	".jpg":  "image/jpeg",
	".png":  "image/png",
	".webp": "image/webp",
	".vtt":  "text/vtt; charset=utf-8",

	".torrent": "application/x-bittorrent",
}

// openMedia marks an answer as one that pages of others may read: PeerTube's players, and
// whoever embeds the file itself.
func openMedia(h http.Header, v shown) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "Content-Range, Content-Length, Accept-Ranges, ETag")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Del("Content-Security-Policy") // a film is no page, and browsers would not play it by itself
	if !v.Listed() {
		h.Set("X-Robots-Tag", "noindex")
	}
}

// allowMedia answers the question that browsers ask before a range request from another
// site.
func allowMedia(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, HEAD")
	h.Set("Access-Control-Allow-Headers", "Range, If-Range, If-None-Match")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

// revision returns the video of a request with the revision of the media that it names.
// An older one lives until its files are removed, for whoever is watching it; one that is
// still in the making is nobody's business.
func (s *site) revision(ctx context.Context, r *http.Request) (shown, error) {
	v, err := s.find(ctx, r.PathValue("id"))
	if err != nil {
		return shown{}, err
	}
	rev, err := strconv.Atoi(r.PathValue("rev"))
	if err != nil || rev < 1 || rev > v.Media.Rev || strconv.Itoa(rev) != r.PathValue("rev") {
		return shown{}, store.ErrNotFound
	}
	if rev != v.Media.Rev {
		v.Media, err = s.store.MediaRev(ctx, v.ID, rev)
	}
	return v, err
}

func (s *site) sendMedia(w http.ResponseWriter, r *http.Request) error {
	v, err := s.revision(r.Context(), r)
	if err != nil {
		return err
	}
	openMedia(w.Header(), v)
	name := r.PathValue("file")
	switch {
	case name == "master.m3u8":
		return s.sendMaster(w, r, v)
	case name == "chapters.vtt":
		return s.sendChapters(w, r, v)
	case name == segmentHashes:
		return s.sendHashes(w, r, v)
	case path.Ext(name) == ".torrent":
		return s.sendTorrent(w, r, v)
	}
	kind, ok := mediaType(v.Media, name)
	if !ok {
		return store.ErrNotFound
	}
	file := path.Join(v.ID, strconv.Itoa(v.Media.Rev), name)
	if ext := path.Ext(name); ext == ".m3u8" || ext == ".vtt" {
		return s.sendText(w, r, v, file, kind)
	}
	return s.sendFile(w, r, v, file, kind, false)
}

// mediaType returns the type of a file of m, and false for a file that m's rows do not
// name: what is half-made, or forgotten, or the original, which is only for download.
func mediaType(m store.Media, name string) (string, bool) {
	for _, r := range m.Renditions {
		if name == r.File && r.Height == 0 {
			return "audio/mp4", true
		}
		if name == r.File || name == r.Playlist {
			return mediaTypes[path.Ext(name)], true
		}
	}
	if name == m.Poster || name == m.Thumb || name == m.Storyboard.File || name == m.Storyboard.VTT {
		kind, known := mediaTypes[path.Ext(name)]
		return kind, known
	}
	return "", false
}

func (s *site) sendCaption(w http.ResponseWriter, r *http.Request) error {
	v, err := s.find(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	for _, c := range v.Captions {
		if c.File == r.PathValue("file") {
			openMedia(w.Header(), v)
			return s.sendText(w, r, v, path.Join(v.ID, "captions", c.File), mediaTypes[".vtt"])
		}
	}
	return store.ErrNotFound
}

// sendFile sends a file of a video, any part of it. The name comes from the store's rows.
func (s *site) sendFile(w http.ResponseWriter, r *http.Request, v shown, name, kind string, download bool) error {
	f, err := openFile(s.videos, name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at %s: %w", name, err)
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", v.cacheControl())
	if n := firstBytes(r, info.Size()); n > 0 {
		h.Set("ETag", files.ETag(path.Base(name)+"?first", v.Media.Rev, n))
		return files.SendFirst(w, r, f, n, s.budgeted(r, v, path.Base(name), download))
	}
	h.Set("ETag", files.ETag(path.Base(name), v.Media.Rev, info.Size()))
	return files.Send(w, r, f, s.budgeted(r, v, path.Base(name), download))
}

// firstBytes returns how much of a file an address with "?first=<bytes>" means, and 0 for
// the whole. A page can ask for such an address before its script has come, which it
// cannot for a range.
func firstBytes(r *http.Request, size int64) int64 {
	n, err := strconv.ParseInt(r.URL.Query().Get("first"), 10, 64)
	if err != nil || n <= 0 || n >= size {
		return 0
	}
	return n
}

// openFile opens a plain file. One that is gone although a row names it is simply not
// there: a visitor can't tell, and the creator's next sweep does.
func openFile(root *os.Root, name string) (*os.File, error) {
	f, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open %s: %w", name, store.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return f, nil
}

// sendText sends a playlist or captions, compressed unless they are very long.
func (s *site) sendText(w http.ResponseWriter, r *http.Request, v shown, name, kind string) error {
	if info, err := s.videos.Stat(name); err == nil && info.Size() > textBytes {
		return s.sendFile(w, r, v, name, kind, false)
	}
	return s.computed(w, r, v, name, func(ctx context.Context) (cache.Answer, error) {
		v, err := s.find(ctx, r.PathValue("id")) // again, as of the version that the cache knows
		if err != nil {
			return cache.Answer{}, err
		}
		f, err := openFile(s.videos, name)
		if err != nil {
			return cache.Answer{}, err
		}
		defer f.Close()
		body, err := io.ReadAll(io.LimitReader(f, textBytes)) // files do not grow
		if err != nil {
			return cache.Answer{}, fmt.Errorf("read %s: %w", name, err)
		}
		return cache.Answer{Type: kind, Cache: v.cacheControl(), Body: body}, nil
	})
}

// computed sends what is made from rows or small files: kept for everybody's video, made
// for this request alone for a hidden one.
func (s *site) computed(w http.ResponseWriter, r *http.Request, v shown, key string, build func(context.Context) (cache.Answer, error)) error {
	if v.key == "" {
		return s.cached(w, r, "media "+key, build)
	}
	answer, err := build(r.Context())
	if err != nil {
		return err
	}
	answer.Cache = private
	cache.Make(answer).Serve(w, r)
	return nil
}

// sendMaster sends the list of renditions. It changes while renditions are added, so it
// may be kept but must be asked about.
func (s *site) sendMaster(w http.ResponseWriter, r *http.Request, v shown) error {
	return s.fromRows(w, r, v, "master.m3u8", func(v shown, c store.Channel) (cache.Answer, error) {
		body := playlist.Master(v.Media, cmp.Or(v.Language, c.Language))
		if body == nil {
			return cache.Answer{}, store.ErrNotFound
		}
		return cache.Answer{Type: mediaTypes[".m3u8"], Body: body}, nil
	})
}

func (s *site) sendChapters(w http.ResponseWriter, r *http.Request, v shown) error {
	return s.fromRows(w, r, v, "chapters.vtt", func(v shown, _ store.Channel) (cache.Answer, error) {
		if len(v.Chapters) == 0 {
			return cache.Answer{}, store.ErrNotFound
		}
		var list []caption.Chapter
		for _, c := range v.Chapters {
			list = append(list, caption.Chapter{Start: c.Start, Title: c.Title})
		}
		var b bytes.Buffer
		err := caption.WriteChaptersVTT(&b, list, v.Media.Duration)
		return cache.Answer{Type: mediaTypes[".vtt"], Body: b.Bytes()}, err
	})
}

// fromRows sends a file of a revision that is on no disk.
func (s *site) fromRows(w http.ResponseWriter, r *http.Request, v shown, name string, build func(shown, store.Channel) (cache.Answer, error)) error {
	key := path.Join(v.ID, strconv.Itoa(v.Media.Rev), name)
	return s.computed(w, r, v, key, func(ctx context.Context) (cache.Answer, error) {
		v, err := s.revision(ctx, r) // again, as of the version that the cache knows
		if err != nil {
			return cache.Answer{}, err
		}
		channel, err := s.store.Channel(ctx)
		if err != nil {
			return cache.Answer{}, err
		}
		return build(v, channel)
	})
}

// sendDownload sends a rendition or the original as a file to keep, under a name that
// says what it is.
func (s *site) sendDownload(w http.ResponseWriter, r *http.Request) error {
	v, err := s.find(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	name := r.PathValue("file")
	title, ok := downloadName(v.Video, name)
	if ok && name == v.Media.SourceFile {
		ok, err = s.originals(r.Context())
	}
	if err != nil {
		return err
	}
	if !ok {
		return store.ErrNotFound
	}
	h := w.Header()
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": title}))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("X-Robots-Tag", "noindex")
	kind, ok := mediaType(v.Media, name)
	if !ok {
		kind = "application/octet-stream"
	}
	return s.sendFile(w, r, v, path.Join(v.ID, strconv.Itoa(v.Media.Rev), name), kind, true)
}

// originals reports whether originals may be downloaded. They carry what a camera or phone
// wrote into them, such as where that was, so the creator has to ask for it.
func (s *site) originals(ctx context.Context) (bool, error) {
	value, err := s.store.Setting(ctx, "downloads")
	return value == "all", err
}

// downloadName names a file after its video: "The bench vise (720p).mp4".
func downloadName(v store.Video, name string) (string, bool) {
	if !v.Downloads {
		return "", false
	}
	title := fileTitle(v.Title)
	for _, r := range v.Media.Renditions {
		if r.File == name {
			return title + " (" + strings.TrimSuffix(name, path.Ext(name)) + ")" + path.Ext(name), true
		}
	}
	return title + path.Ext(name), name != "" && name == v.Media.SourceFile
}

// fileTitle makes of a title what every file system takes for a name.
func fileTitle(title string) string {
	title = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || strings.ContainsRune(`/\:*?"<>|`, c) {
			return ' '
		}
		return c
	}, title)
	title = strings.Trim(strings.Join(strings.Fields(title), " "), ". -")
	if letters := []rune(title); len(letters) > 80 {
		title = strings.TrimSpace(string(letters[:80]))
	}
	return cmp.Or(title, "video")
}

// sendPicture sends the channel's avatar or banner.
func (s *site) sendPicture(w http.ResponseWriter, r *http.Request) error {
	channel, err := s.store.Channel(r.Context())
	if err != nil {
		return err
	}
	name := r.PathValue("file")
	kind, known := mediaTypes[path.Ext(name)]
	if name != channel.Avatar && name != channel.Banner || !known {
		return store.ErrNotFound
	}
	f, err := openFile(s.picture, name)
	if err != nil {
		return err
	}
	defer f.Close()
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cache-Control", "public, max-age=3600")
	return files.Send(w, r, f, nil)
}

// sendIcon sends browsers that guess to where the icon is.
func (s *site) sendIcon(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "public, max-age=86400")
	http.Redirect(w, r, assets.Path("favicon.svg"), http.StatusFound)
	return nil
}
