package store

import "strconv"

// Base returns the channel's origin, such as "https://video.example", without a final slash.
func (c Channel) Base() string {
	if c.Local {
		return "http://" + c.Domain
	}
	return "https://" + c.Domain
}

// WatchURL returns the address of v's page.
func (c Channel) WatchURL(v Video) string { return c.Base() + "/w/" + v.ID }

// EmbedURL returns the address of v's bare player, for other sites' frames.
func (c Channel) EmbedURL(v Video) string { return c.Base() + "/embed/" + v.ID }

// MediaURL returns the address of a file of the revision that v serves now.
func (c Channel) MediaURL(v Video, file string) string { return c.Base() + v.MediaPath(file) }

// MediaPath returns the path on our host of a file of the revision that v serves now.
func (v Video) MediaPath(file string) string {
	return "/media/" + v.ID + "/" + strconv.Itoa(v.Media.Rev) + "/" + file
}

// CaptionPath returns the path on our host of one of v's captions.
func (v Video) CaptionPath(c Caption) string { return "/media/" + v.ID + "/captions/" + c.File }
