package fed_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/store/social"
)

// The creator moves: the new actor has to name the old first.
func TestMoveTo(t *testing.T) {
	a, b, c := newTubelet(t, "ada"), newTubelet(t, "bob"), newTubelet(t, "cyd")
	a.run(t)
	hostA := strings.TrimPrefix(a.url, "http://")
	handle := func(x *tubelet, name string) string { return "@" + name + "@" + strings.TrimPrefix(x.url, "http://") }
	c.post(t, a, c.does("Follow", a.person()))
	waitFor(t, "the Accept", func() bool { return c.inboxHas(t, hostA, "Accept", "") })
	if err := a.MoveTo(t.Context(), handle(b, "bob")); err == nil {
		t.Fatal("moves where nobody knows of it")
	}
	if err := b.AddAlias(t.Context(), handle(a, "ada")); err != nil {
		t.Fatal(err)
	}
	if err := a.MoveTo(t.Context(), handle(b, "bob")); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the Move", func() bool { return c.inboxHas(t, hostA, "Move", b.person()) })
	if site := a.site(t); site.Moved != b.person() {
		t.Errorf("moved to %q", site.Moved)
	}
	if err := a.MoveTo(t.Context(), "@nobody@"+hostA); err == nil {
		t.Error("moves to itself")
	}
}

// The check of a handle says which step fails.
func TestCheck(t *testing.T) {
	a, b := newTubelet(t, "ada"), newTubelet(t, "bob")
	hostB := strings.TrimPrefix(b.url, "http://")
	steps, err := a.Check(t.Context(), "bob@"+hostB)
	if err != nil || len(steps) != 5 {
		t.Fatalf("%+v, %v", steps, err)
	}
	for _, step := range steps {
		if step.Err != nil {
			t.Errorf("%s: %v", step.What, step.Err)
		}
	}
	if steps, err = a.Check(t.Context(), "nobody@"+hostB); err != nil || len(steps) != 2 || steps[1].Err == nil {
		t.Errorf("%+v, %v", steps, err)
	}
	if _, err := a.store.Social().Block(t.Context(), social.Block{Target: hostB, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if steps, err = a.Check(t.Context(), "bob@"+hostB); err != nil || len(steps) != 4 || steps[3].Err == nil {
		t.Errorf("%+v, %v", steps, err)
	}
}

// While it is switched off, nothing is said; what was to be said is said afterwards.
func TestOff(t *testing.T) {
	a, b := newTubelet(t, "ada"), newTubelet(t, "bob")
	people, now := a.store.Social(), time.Now()
	id, err := people.SaveActor(t.Context(), social.Actor{URI: b.person(), Host: strings.TrimPrefix(b.url, "http://"), KeyID: b.key.ID, Inbox: b.url + "/inbox", SharedInbox: b.url + "/inbox", FetchedAt: now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := people.Follow(t.Context(), social.Person, id, "f", true, now); err != nil {
		t.Fatal(err)
	}
	if err := a.store.SetSetting(t.Context(), "federation", "off"); err != nil {
		t.Fatal(err)
	}
	a.run(t)
	video := a.publish(t, "A film")
	if list, err := people.News(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	if err := a.store.SetSetting(t.Context(), "federation", "on"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the Create", func() bool { return b.inboxHas(t, strings.TrimPrefix(a.url, "http://"), "Create", video.ID) })
}
