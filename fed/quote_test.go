package fed_test

import (
	"strings"
	"testing"

	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store/social"
)

// Quotes of a video and of an answer are allowed, or refused, as the creator wants; what is not ours
// is neither, and who is blocked loses what was allowed.
func TestQuotes(t *testing.T) {
	a, b := newTubelet(t, "ada"), newTubelet(t, "bob")
	a.run(t)
	ctx, hostA, hostB := t.Context(), strings.TrimPrefix(a.url, "http://"), strings.TrimPrefix(b.url, "http://")
	video := a.publish(t, "A film")
	id := a.site(t).Video(video.ID)
	reply, err := a.Reply(ctx, video.ID, 0, "Mine")
	if err != nil {
		t.Fatal(err)
	}
	ask := func(object, note string) string {
		request := b.does("QuoteRequest", object, "instrument", vocab.Object{"id": note, "type": "Note"})
		b.post(t, a, request)
		return request.ID()
	}
	answered := func(kind, request string) (found vocab.Object) {
		t.Helper()
		waitFor(t, kind+" of "+request, func() bool {
			for _, o := range b.queued(t, hostA) {
				if inner, _ := o.Inner("object"); o.Type() == kind && inner.ID() == request {
					found = o
				}
			}
			return found != nil
		})
		return found
	}
	quoted := map[string]string{} // authorization to what it is about
	for note, object := range map[string]string{b.url + "/notes/1": id, b.url + "/notes/2": reply.URI} {
		quoted[answered("Accept", ask(object, note)).Ref("result")] = object
	}
	for result, object := range quoted {
		said, err := b.client.Object(ctx, result, b.key)
		if err != nil || said.Type() != "QuoteAuthorization" || said.Ref("interactionTarget") != object || said.Ref("attributedTo") != a.person() {
			t.Errorf("%v, %v", said, err)
		}
	}
	comment := b.note("3", id, "<p>Bob's own</p>")
	b.post(t, a, b.does("Create", comment))
	a.waitComment(t, comment.ID())
	none := []string{ask(comment.ID(), b.url+"/notes/4"), ask(a.url+"/videos/0000000000", b.url+"/notes/5"), ask(id, "https://third.example/notes/1")}

	if err := a.store.SetSetting(ctx, "federation.quotes", "off"); err != nil {
		t.Fatal(err)
	}
	object, err := b.client.Object(ctx, id, b.key)
	if policy := string(encode(t, object)); err != nil || !strings.Contains(policy, `"canQuote":{"automaticApproval":["`+a.person()+`"]}`) {
		t.Errorf("%s, %v", policy, err)
	}
	if refused := answered("Reject", ask(id, b.url+"/notes/6")); refused["result"] != nil {
		t.Errorf("%v", refused)
	}
	a.settled(t, b)
	for _, o := range b.queued(t, hostA) {
		for _, request := range none {
			if inner, _ := o.Inner("object"); inner.ID() == request {
				t.Errorf("%s of %s", o.Type(), request)
			}
		}
	}
	if err := a.Block(ctx, social.Block{Target: hostB}); err != nil {
		t.Fatal(err)
	}
	for result := range quoted {
		if said, err := b.client.Object(ctx, result, b.key); err == nil {
			t.Errorf("after the block: %v", said)
		}
	}
}
