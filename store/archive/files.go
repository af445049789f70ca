package archive

import (
	"context"
	"fmt"
	"strconv"

	"github.com/tubelet/tubelet/store/lite"
)

// What a file of a video is.
const (
	Rendition  = "rendition"
	Playlist   = "playlist"
	Torrent    = "torrent"
	Hashes     = "hashes" // of the rendition's segments
	Poster     = "poster" // or the smaller one for lists
	Storyboard = "storyboard"
	Tiles      = "tiles" // where the storyboard's pictures lie
	Source     = "source"
	Caption    = "caption"
)

// File is a file of a video as the rows name it.
type File struct {
	Path     string // with slashes, from the data directory
	What     string
	Video    string
	Rev      int    // 0 of what belongs to the video and not to a revision
	Height   int    // these three of a rendition and what lies beside it
	Language string // and of a caption
	Infohash string
	SHA256   string // of a source, "" when unknown
	Bytes    int64  // of a rendition and of a source, else 0
	Serves   bool   // of the revision that is served, or in the making; not of one that was replaced
}

const filesQuery = `select f.video, f.rev, f.file, f.what, f.height, f.language, f.infohash, f.sha, f.bytes,
	f.rev = 0 or f.rev >= v.rev from (
		select video, rev, file, 'rendition' what, height, language, infohash, '' sha, bytes from renditions
		union all select video, rev, playlist, 'playlist', height, language, infohash, '', 0 from renditions
		union all select video, rev, replace(file, '.mp4', '.torrent'), 'torrent', height, language, infohash, '', 0 from renditions where infohash <> ''
		union all select video, rev, replace(file, '.mp4', '.hashes.json'), 'hashes', height, language, infohash, '', 0 from renditions where infohash <> ''
		union all select video, rev, poster, 'poster', 0, '', '', '', 0 from media
		union all select video, rev, thumb, 'poster', 0, '', '', '', 0 from media
		union all select video, rev, storyboard, 'storyboard', 0, '', '', '', 0 from media
		union all select video, rev, storyboard_vtt, 'tiles', 0, '', '', '', 0 from media
		union all select video, rev, source_file, 'source', 0, '', '', source_sha256, source_bytes from media
		union all select video, 0, file, 'caption', 0, language, '', '', 0 from captions) f
	cross join videos v on v.id = f.video where f.file <> '' order by f.video, f.rev, f.file`

// Files returns every file of every video.
func (a *Archive) Files(ctx context.Context) ([]File, error) {
	var files []File
	err := a.db.Read(ctx, func(q lite.Querier) (err error) {
		files, err = lite.All(ctx, q, scanFile, filesQuery)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list files: %w", err)
	}
	return files, nil
}

func scanFile(row lite.Scanner, f *File) error {
	var name string
	err := row.Scan(&f.Video, &f.Rev, &name, &f.What, &f.Height, &f.Language, &f.Infohash, &f.SHA256, &f.Bytes, &f.Serves)
	folder := "captions"
	if f.Rev > 0 {
		folder = strconv.Itoa(f.Rev)
	}
	f.Path = "videos/" + f.Video + "/" + folder + "/" + name
	return err
}
