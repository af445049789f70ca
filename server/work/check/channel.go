package check

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/tubelet/tubelet/store"
)

// Limits of what is said about the channel.
const (
	maxName  = 120
	maxLinks = 20
	maxURL   = 500
)

// Channel returns what is said about the channel in clean form.
func Channel(c store.Channel) (store.Channel, error) {
	var err error
	if c.Name, err = Given("name", c.Name, maxName); err != nil {
		return c, err
	}
	if c.Name == "" {
		return c, &Error{"name", errors.New("a channel needs one")}
	}
	if c.Description, err = GivenText("description", c.Description, MaxDescription); err != nil {
		return c, err
	}
	if c.Language, err = Language("language", c.Language); err != nil {
		return c, err
	}
	if len(c.Links) > maxLinks {
		return c, &Error{"link", fmt.Errorf("%d links are more than %d: leave some out", len(c.Links), maxLinks)}
	}
	for i, l := range c.Links {
		u, err := url.Parse(l.URL)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || len(l.URL) > maxURL {
			return c, &Error{"link", fmt.Errorf("%q is no address: write Label=https://social.example/@me", l.URL)}
		}
		label, err := Given("link", l.Label, maxTag)
		if err != nil {
			return c, err
		}
		c.Links[i] = store.Link{Label: label, URL: u.String()}
	}
	return c, nil
}
