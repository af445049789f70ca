//go:build bench

package soak

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tubelet/tubelet/fed/sign"
)

const people = 10 // as many keys as one address may bring in a while

// host is a server of the fediverse with some people on it.
type host struct {
	*rig
	keys []sign.Key
	me   string // the actor of the channel
}

// follow runs it: its people follow, like, comment, take their likes and comments back, and
// hear of each video.
func (r *rig) follow(ctx context.Context) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		r.Error(err)
		return
	}
	h := &host{rig: r, me: "http://" + ours + "/users/me"}
	for i := range people {
		h.keys = append(h.keys, sign.NewKey(fmt.Sprintf("http://%s/users/u%d#main-key", theirs, i), private))
	}
	server := &http.Server{Addr: theirs, Handler: http.HandlerFunc(h.serve), ReadHeaderTimeout: 10 * time.Second}
	defer server.Close()
	go func() {
		if err := server.ListenAndServe(); err != http.ErrServerClosed {
			r.Error(err)
		}
	}()
	for i := range people {
		h.post(ctx, i, object{"type": "Follow", "object": h.me}, "followed")
	}
	for n := 0; pause(ctx, 2*time.Second); n++ {
		v, ok := r.any()
		if !ok {
			continue
		}
		who, about := n%people, "http://"+ours+"/videos/"+v.ID
		like := h.post(ctx, who, object{"type": "Like", "object": about}, "likes taken in")
		note := fmt.Sprintf("http://%s/notes/%d", theirs, n)
		actor := fmt.Sprintf("http://%s/users/u%d", theirs, who)
		h.post(ctx, who, object{"type": "Create", "to": []string{"https://www.w3.org/ns/activitystreams#Public"}, "object": object{
			"id": note, "type": "Note", "attributedTo": actor, "inReplyTo": about, "content": "<p>Hello</p>", "published": time.Now().UTC().Format(time.RFC3339),
			"to": []string{"https://www.w3.org/ns/activitystreams#Public"}, "cc": []string{h.me},
		}}, "comments taken in")
		if !pause(ctx, 2*time.Second) {
			return
		}
		h.post(ctx, who, object{"type": "Undo", "object": object{"id": like, "type": "Like", "actor": actor, "object": about}}, "taken back")
		h.post(ctx, who, object{"type": "Delete", "object": note}, "comments removed")
	}
}

type object = map[string]any

// serve shows the people and takes what is sent to them.
func (h *host) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20))
		h.count("deliveries")
		w.WriteHeader(http.StatusAccepted)
		return
	}
	var i int
	if n, _ := fmt.Sscanf(r.URL.Path, "/users/u%d", &i); n != 1 || i < 0 || i >= people {
		http.NotFound(w, r)
		return
	}
	id := fmt.Sprintf("http://%s/users/u%d", theirs, i)
	text, err := h.keys[i].PublicPEM()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/activity+json")
	_ = json.NewEncoder(w).Encode(object{
		"@context": "https://www.w3.org/ns/activitystreams", "id": id, "type": "Person", "preferredUsername": fmt.Sprint("u", i), "inbox": id + "/inbox",
		"publicKey": object{"id": id + "#main-key", "owner": id, "publicKeyPem": text},
	})
}

// post sends an activity of person i and returns its id.
func (h *host) post(ctx context.Context, i int, o object, taken string) string {
	id := fmt.Sprintf("http://%s/activities/%d", theirs, time.Now().UnixNano())
	o["@context"], o["id"], o["actor"] = "https://www.w3.org/ns/activitystreams", id, fmt.Sprintf("http://%s/users/u%d", theirs, i)
	body, err := json.Marshal(o)
	if err != nil {
		h.Error(err)
		return ""
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+ours+"/inbox", bytes.NewReader(body))
	if err != nil {
		h.Error(err)
		return ""
	}
	r.Header.Set("Content-Type", "application/activity+json")
	if err := h.keys[i].Sign(r, body); err != nil {
		h.Error(err)
		return ""
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		if ctx.Err() == nil {
			h.Logf("inbox: %v", err)
			h.count("errors")
		}
		return id
	}
	res.Body.Close()
	if res.StatusCode == http.StatusAccepted || res.StatusCode == http.StatusOK {
		h.count(taken)
	} else {
		h.count(fmt.Sprint("inbox answered ", res.StatusCode))
	}
	return id
}
