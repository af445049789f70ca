package pages

import (
	"html/template"

	"github.com/tubelet/tubelet/server/prose"
)

// texts are the functions with which templates show what people wrote.
func texts(w *prose.Writer) template.FuncMap {
	return template.FuncMap{
		"bio":     func(s Site) string { return w.Plain(s.Channel.Description, 280) },
		"summary": func(c Card) string { return w.Plain(c.Video.Description, 220) },
		"channel": func(s Site) template.HTML { return w.HTML(s.Channel.Description, 0) },
		"comment": func(n Node) template.HTML { return w.Comment(n.Comment.HTML, n.Length) },
		"description": func(p *Watch) template.HTML {
			if !p.Plays() { // there is nowhere to go
				return w.HTML(p.Video.Description, 0)
			}
			return w.HTML(p.Video.Description, p.Video.Media.Duration)
		},
	}
}
