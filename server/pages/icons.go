package pages

import (
	"encoding/xml"
	"fmt"
	"html/template"

	"github.com/tubelet/tubelet/assets"
)

// icons are the drawings of icons.svg by name, each as an element of its own. They
// stand in the page itself: a page uses a handful, which is less than one request.
type icons map[string]template.HTML

func readIcons() (icons, error) {
	file, err := assets.Read("icons.svg")
	if err != nil {
		return nil, fmt.Errorf("read icons: %w", err)
	}
	var sprite struct {
		Symbols []struct {
			ID   string `xml:"id,attr"`
			View string `xml:"viewBox,attr"`
			Body string `xml:",innerxml"`
		} `xml:"symbol"`
	}
	if err := xml.Unmarshal(file, &sprite); err != nil {
		return nil, fmt.Errorf("read icons: %w", err)
	}
	out := icons{}
	for _, s := range sprite.Symbols {
		out[s.ID] = template.HTML(`<svg class="ico ico-` + s.ID + `" viewBox="` + s.View +
			`" aria-hidden="true" focusable="false">` + s.Body + `</svg>`)
	}
	return out, nil
}

// draw returns the named icon. It is decoration: the words beside it, or the
// control's label, say what it means.
func (i icons) draw(name string) (template.HTML, error) {
	drawn, ok := i[name]
	if !ok {
		return "", fmt.Errorf("no icon is called %q", name)
	}
	return drawn, nil
}
