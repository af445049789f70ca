package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/tubelet/tubelet/fed/sign"
	"github.com/tubelet/tubelet/fed/vocab"
)

const (
	maxDocument  = 1 << 20
	longBacklog  = 1000
	fewHosts     = 5 // that are named
	webfingerKey = "/.well-known/webfinger?resource="
)

// getJSON asks the channel's own name and reads what it answers.
func (w *world) getJSON(r *http.Request, into any) error {
	answer, err := w.client().Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("it answered %d", answer.StatusCode)
	}
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); !strings.HasSuffix(kind, "json") {
		return fmt.Errorf("it answered %q, not JSON", kind)
	}
	return json.NewDecoder(io.LimitReader(answer.Body, maxDocument)).Decode(into)
}

// status sends a request to the channel's own name and returns how it was answered.
func (w *world) status(ctx context.Context, method, path string, headers http.Header, body int) (int, error) {
	r, err := http.NewRequestWithContext(ctx, method, w.Channel.Base()+path, bytes.NewReader(make([]byte, body)))
	if err != nil {
		return 0, err
	}
	if body == 0 {
		r.Body, r.ContentLength = nil, 0
	}
	r.Header = headers
	answer, err := w.client().Do(r)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}

// websocket is how a browser on our page begins one (RFC 6455).
func websocket(origin string) http.Header {
	return http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}, "Origin": {origin},
	}
}

// document fetches one of the channel's documents as other servers do.
func (w *world) document(ctx context.Context, address, accept string) (vocab.Object, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", accept)
	var text json.RawMessage
	if err := w.getJSON(r, &text); err != nil {
		return nil, err
	}
	return vocab.Parse(text)
}

const activity = "application/activity+json"

// actor is D50: from the handle to the actor, as another server goes.
func actor(ctx context.Context, w *world) Finding {
	if w.Settings["federation"] == "off" {
		return skip("the federation is off")
	}
	site := vocab.Site{Channel: w.Channel}
	account := w.Channel.Handle + "@" + w.Channel.Domain
	jrd, err := w.document(ctx, w.Channel.Base()+webfingerKey+url.QueryEscape("acct:"+account), "application/jrd+json")
	if err != nil {
		return fail("@%s is not found (WebFinger): %v.", "See D13 and D40. A proxy has to pass /.well-known/webfinger on.", account, err)
	}
	if got := jrd.Text("subject"); got != "acct:"+account {
		return fail("WebFinger is answered for %q instead of @%s.", "Another program answers for this name: pass /.well-known/webfinger on to Tubelet.", got, account)
	}
	object, err := w.document(ctx, site.Person(), activity)
	if err != nil {
		return fail("The actor %s is not there: %v.", "See D13 and D40. A proxy has to pass the Accept header on, and must not cache one answer for all.", site.Person(), err)
	}
	if object.ID() != site.Person() {
		return fail("The actor calls itself %q, not %s.", "The server runs with another domain: see D24.", object.ID(), site.Person())
	}
	return fine("@%s leads to its actor", account)
}

// signature is D51: whether what we sign is believed by who reads our actor.
func signature(ctx context.Context, w *world) Finding {
	if w.Settings["federation"] == "off" {
		return skip("the federation is off")
	}
	site := vocab.Site{Channel: w.Channel}
	private, err := sign.Load(filepath.Join(w.Data, "keys", "actor.pem"))
	if err != nil {
		return skip("there is no key, see D11")
	}
	object, err := w.document(ctx, site.Person(), activity)
	if err != nil {
		return skip("the actor could not be read, see D50")
	}
	shown, _ := object.Inner("publicKey")
	public, err := sign.ParseKey(shown.Text("publicKeyPem"))
	if err != nil {
		return fail("The actor shows no usable key: %v.", "See D11.", err)
	}
	body := []byte(`{"type":"Ping"}`)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, site.SharedInbox(), bytes.NewReader(body))
	if err == nil {
		err = sign.NewKey(vocab.KeyID(site.Person()), private).Sign(r, body)
	}
	if err != nil {
		return fail("Nothing can be signed: %v.", "See D11.", err)
	}
	r.Host, r.RequestURI = w.Channel.Domain, r.URL.RequestURI() // as it arrives
	read, err := sign.Read(r, body, w.Now())
	if err == nil {
		err = read.Verify(public)
	}
	if err != nil {
		return fail("Others do not believe what this channel signs: %v.", "The key in use is not the one that is shown: restart the server; see D08 and D11.", err)
	}
	return fine("what this channel signs is believed")
}

// deliveries is D52.
func deliveries(ctx context.Context, w *world) Finding {
	all, failed, err := w.Store.Social().Queue(ctx)
	switch {
	case err != nil:
		return warn("%v.", "See D09.", err)
	case all > longBacklog && failed*2 > all:
		return warn("%d deliveries wait, %d of them failed before.", "Look at D08, D40 and D51 first: when every server refuses, the reason is here. tubelet federation shows what they say.", all, failed)
	case all > 0 && !w.server().runs && w.server().known:
		return warn("%d deliveries wait for the server to run.", "See D13.", all)
	}
	return fine("%d on their way, %d of them failed before", all, failed)
}

// hosts is D53: servers that do not answer are seldom our fault, unless it is all of them.
func hosts(ctx context.Context, w *world) Finding {
	list, err := w.Store.Social().Hosts(ctx)
	if err != nil {
		return warn("%v.", "See D09.", err)
	}
	var parked []string
	for _, h := range list {
		if h.Parked {
			parked = append(parked, h.Name)
		}
	}
	if len(parked) > 0 {
		return warn("%d servers have not answered for a week and are told nothing more: %s.", "tubelet federation says why; tubelet federation retry tries them again.",
			len(parked), strings.Join(parked[:min(len(parked), fewHosts)], ", "))
	}
	return fine("%d do not answer just now", len(list))
}

// private is D54: the one setting that lets the server speak into the household's network.
func private(_ context.Context, w *world) Finding {
	if networks := w.Settings["federation.private"]; networks != "" {
		return warn("The server speaks to machines in %s, and without HTTPS: any stranger can have it ask there.",
			"Unless this is a test or a closed network: tubelet config set federation.private ''", networks)
	}
	return fine("none may be spoken to")
}
