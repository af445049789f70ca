package fed

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tubelet/tubelet/fed/vocab"
)

// reachable asks our own server for our own actor, the way others would. It uses a client of
// its own: the one for others refuses our host.
func (f *Fed) reachable(ctx context.Context, site vocab.Site) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, site.Person(), nil)
	if err != nil {
		return fmt.Errorf("ask for our own actor: %w", err)
	}
	r.Header.Set("Accept", "application/activity+json")
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("ask for our own actor: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("ask for our own actor: %w", err)
	}
	object, err := vocab.Parse(body)
	if answer.StatusCode != http.StatusOK || err != nil || object.ID() != site.Person() {
		return fmt.Errorf("ask for our own actor: %s answered %d, not our actor", site.Person(), answer.StatusCode)
	}
	return nil
}
