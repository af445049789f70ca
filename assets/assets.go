// Package assets holds what pages load beside their HTML: style sheets, icons, the
// player and the libraries it needs. Each file is served under an address that
// carries a hash of its bytes, so browsers may keep it for ever, and each is sent
// compressed. The player's modules are joined into one file, so that they cost one
// request, and so are those that share a video among viewers, which a page loads when
// it needs them. Nothing here is built beforehand and nothing changes while running.
package assets

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed *.css *.svg interact.js player/*.js swarm/*.js vendor
var files embed.FS

// root is the path under which every asset is served.
const root = "/assets/"

// tree is every asset by name and by address, put together at the first use.
var tree = sync.OnceValues(load)

// asset is one file as it is served.
type asset struct {
	address string
	kind    string // content type
	etag    string
	body    []byte
	packed  func() []byte // gzip of body, made at the first request; nil when not worth it
}

type set struct {
	byName    map[string]*asset
	byAddress map[string]*asset
}

// Check reports what is wrong with the embedded files, for the start of the server.
func Check() error {
	_, err := tree()
	return err
}

// Path returns the address of the named asset, such as "site.css", "icons.svg",
// "player.js", "swarm.js" or "vendor/hls.light.min.js". An unknown name gets an address that
// answers 404.
func Path(name string) string {
	s, err := tree()
	if err != nil || s.byName[name] == nil {
		return root + name
	}
	return s.byName[name].address
}

// Read returns the bytes of the named asset.
func Read(name string) ([]byte, error) {
	s, err := tree()
	if err != nil {
		return nil, err
	}
	a := s.byName[name]
	if a == nil {
		return nil, fmt.Errorf("read asset %s: %w", name, fs.ErrNotExist)
	}
	return a.body, nil
}

// Handler serves every asset under the address that Path returns.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := tree()
		if err != nil {
			http.Error(w, "assets are broken", http.StatusInternalServerError)
			return
		}
		a := s.byAddress[r.URL.Path]
		if a == nil {
			http.NotFound(w, r)
			return
		}
		a.serve(w, r)
	})
}

func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	// A player in a sandboxed frame has no origin, and loads its module as a stranger.
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	body, etag := a.body, a.etag
	if a.packed != nil {
		h.Add("Vary", "Accept-Encoding")
		if AcceptsGzip(r.Header.Get("Accept-Encoding")) {
			h.Set("Content-Encoding", "gzip")
			body, etag = a.packed(), a.etag+"-gz"
			// net/http leaves it out for what is encoded. With If-Match it may have to
			// answer 412, where the length would be wrong.
			if r.Header.Get("If-Match") == "" {
				h.Set("Content-Length", strconv.Itoa(len(body)))
			}
		}
	}
	h.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// AcceptsGzip reads an Accept-Encoding header (RFC 9110, 12.5.3). A weight of 0 refuses.
func AcceptsGzip(header string) bool {
	for one := range strings.SplitSeq(header, ",") {
		name, weight, _ := strings.Cut(one, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		q, found := strings.CutPrefix(strings.ReplaceAll(strings.ToLower(weight), " ", ""), "q=")
		return !found || strings.Trim(q, "0.") != ""
	}
	return false
}

func load() (*set, error) {
	s := &set{byName: map[string]*asset{}, byAddress: map[string]*asset{}}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || slices.Contains(modules, path.Dir(name)) {
			return err
		}
		body, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		s.add(name, disarm(name, body))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load assets: %w", err)
	}
	if err := s.addModules(); err != nil {
		return nil, fmt.Errorf("load assets: %w", err)
	}
	if err := s.addSheets(); err != nil {
		return nil, fmt.Errorf("load assets: %w", err)
	}
	return s, nil
}

// modules are the folders whose files are joined, each under the folder's name.
var modules = []string{"player", "swarm"}

func (s *set) addModules() error {
	for _, folder := range modules {
		dir, err := fs.Sub(files, folder)
		if err != nil {
			return err
		}
		joined, err := bundle(dir, folder+".js")
		if err != nil {
			return err
		}
		s.add(folder+".js", joined)
	}
	return nil
}

// What browsers do without in a style sheet: comments, and space around what parts its rules. No
// text in our sheets has such signs.
var (
	sheetComments = regexp.MustCompile(`(?s)/\*.*?\*/\s*`)
	sheetSpace    = regexp.MustCompile(`\s*([{};])\s*`)
)

// addSheets joins the two style sheets that a watch page needs, so that they cost
// one request.
func (s *set) addSheets() error {
	var both []byte
	for _, name := range []string{"site.css", "player.css"} {
		sheet, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		both = append(both, sheetSpace.ReplaceAll(sheetComments.ReplaceAll(sheet, nil), []byte("$1"))...)
	}
	s.add("watch.css", both)
	return nil
}

// add puts one file into the set, hashed. Files without a known type, such as
// licences, are not served.
func (s *set) add(name string, body []byte) {
	kind := kinds[path.Ext(name)]
	if kind == "" {
		return
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:6])
	ext := path.Ext(name)
	a := &asset{
		address: root + strings.TrimSuffix(name, ext) + "." + hash + ext,
		kind:    kind,
		etag:    hash,
		body:    body,
		packed:  sync.OnceValue(func() []byte { return pack(body) }),
	}
	// The largest file comes packed, smaller than we could at run time.
	if packed, err := files.ReadFile(name + ".gz"); err == nil {
		a.packed = func() []byte { return packed }
	}
	s.byName[name] = a
	s.byAddress[a.address] = a
}

var kinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// pack compresses body. Writing to memory at a level that exists cannot fail.
func pack(body []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	w.Write(body)
	w.Close()
	return b.Bytes()
}
