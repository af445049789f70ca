package pages

import (
	"strconv"

	"github.com/tubelet/tubelet/store"
)

// NewPlayer returns the player of v on channel c. The key is the preview key of a
// draft or scheduled video; it becomes part of every address, so that relative
// addresses in playlists keep it.
func NewPlayer(c store.Channel, v store.Video, key string) Player {
	id := address(v.ID, key)
	p := Player{
		Video:    v,
		By:       c.Name,
		Lang:     language(c, v),
		Base:     "/media/" + id + "/" + strconv.Itoa(v.Media.Rev) + "/",
		Captions: "/media/" + id + "/captions/",
		Watch:    c.Base() + "/w/" + id,
	}
	if key == "" {
		p.Ping = "/views/" + v.ID
	}
	return p
}

// HLS returns the address of the master playlist, empty while nothing plays.
func (p Player) HLS() string {
	if len(p.Video.Media.Renditions) == 0 {
		return ""
	}
	return p.Base + "master.m3u8"
}

// Progressive returns the address of the file that plays without script: the
// highest rendition up to 720p, so that it starts on a modest line, else the lowest.
func (p Player) Progressive() string {
	r, ok := p.plain()
	if !ok {
		return ""
	}
	return p.Base + r.File
}

func (p Player) plain() (store.Rendition, bool) {
	var best store.Rendition
	found := false
	for _, r := range p.Video.Media.Renditions {
		if r.Language != "" {
			continue
		}
		best, found = r, true
		if r.Height <= 720 {
			break
		}
	}
	return best, found
}

// Starts says whether the video starts by itself. One that viewers are warned of waits
// until they have seen that.
func (p Player) Starts() bool { return p.Autoplay && p.Video.Warning == "" }

// Poster returns the address of the still picture, empty while there is none.
func (p Player) Poster() string { return p.file(p.Video.Media.Poster) }

// Storyboard returns the address of the scrubber's preview track, or "".
func (p Player) Storyboard() string { return p.file(p.Video.Media.Storyboard.VTT) }

// Chapters returns the address of the chapters' track, or "".
func (p Player) Chapters() string {
	if len(p.Video.Chapters) == 0 {
		return ""
	}
	return p.Base + "chapters.vtt"
}

func (p Player) file(name string) string {
	if name == "" {
		return ""
	}
	return p.Base + name
}

// address is the part of a path that names a video: its id, with the preview key
// where it has one.
func address(id, key string) string {
	if key == "" {
		return id
	}
	return id + "~" + key
}

func language(c store.Channel, v store.Video) string {
	for _, l := range []string{v.Language, c.Language} {
		if l != "" {
			return l
		}
	}
	return "en"
}
