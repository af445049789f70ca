package fediverse

import (
	"net/http"
	"path"

	"github.com/tubelet/tubelet/store"
)

// avatarTypes are the types of pictures that we make ourselves of what others show.
var avatarTypes = map[string]string{".jpg": "image/jpeg", ".png": "image/png"}

// sendAvatar sends the picture of somebody elsewhere, as we made it again. Visitors never
// speak to that somebody's server.
func (f *Fediverse) sendAvatar(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("file")
	kind, ok := avatarTypes[path.Ext(name)]
	if !ok {
		return store.ErrNotFound
	}
	file, err := f.avatars.Open(name)
	if err != nil {
		return store.ErrNotFound
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return store.ErrNotFound
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	http.ServeContent(w, r, "", info.ModTime(), file)
	return nil
}
