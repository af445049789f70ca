package pages

import "github.com/tubelet/tubelet/store"

// Card is a video in a list.
type Card struct {
	Site  Site
	Video store.Video
	Later bool // its picture may wait until it comes near the window
}

// URL is the address of the video's page.
func (c Card) URL() string { return "/w/" + c.Video.ID }

// Poster is the address of the still picture, empty for none.
func (c Card) Poster() string {
	if c.Video.Media.Poster == "" {
		return ""
	}
	return c.Video.MediaPath(c.Video.Media.Poster)
}

// Tall says whether the picture is higher than wide, so that it is shown whole
// instead of cut.
func (c Card) Tall() bool { return c.Video.Media.PosterHeight > c.Video.Media.PosterWidth }

// Lang is the language of the title.
func (c Card) Lang() string { return language(c.Site.Channel, c.Video) }

// Summary is the beginning of the description.
func (c Card) Summary() string { return summary(c.Video.Description, 220) }
