package pages

import "html/template"

// HTML renders a description, which is Markdown, for a place without the player.
func HTML(source string) template.HTML { return descriptionHTML(source, 0) }

// Plain returns the text of a description on one line of at most limit characters.
func Plain(source string, limit int) string { return summary(source, limit) }
