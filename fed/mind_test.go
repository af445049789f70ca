package fed_test

import (
	"testing"

	"github.com/tubelet/tubelet/store/social"
)

// PeerTube and Misskey call a Follow or Like the same, and its Undo too, each time that somebody
// changes their mind; what merely comes twice still counts once.
func TestChangedMind(t *testing.T) {
	a, b := newTubelet(t, "ada"), newTubelet(t, "bob")
	a.run(t)
	person, video := a.site(t).Person(), a.publish(t, "A film")
	follow, like := b.does("Follow", person), b.does("Like", a.site(t).Video(video.ID))
	unfollow, unlike := b.does("Undo", follow), b.does("Undo", like)
	follows := func() int { _, n, _ := a.store.Social().Followers(t.Context(), social.Person, 0, 5); return n }
	for range 3 {
		for range 2 {
			b.post(t, a, follow)
			b.post(t, a, like)
		}
		waitFor(t, "one follower, one like", func() bool { return follows() == 1 && a.counts(t, video.ID).Likes == 1 })
		for range 2 {
			b.post(t, a, unfollow)
			b.post(t, a, unlike)
		}
		waitFor(t, "none", func() bool { return follows() == 0 && a.counts(t, video.ID).Likes == 0 })
	}
}
