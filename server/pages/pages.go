package pages

import (
	"bytes"
	"fmt"
	"html/template"

	"github.com/tubelet/tubelet/assets"
	"github.com/tubelet/tubelet/server/prose"
	"github.com/tubelet/tubelet/templates"
)

// Config is what New needs.
type Config struct {
	// Asset gives the public address of a file of package assets. Without it, it is
	// assets.Path; golden files need addresses that stay.
	Asset func(name string) string

	// Prose writes descriptions and comments. Without it, New makes one.
	Prose *prose.Writer
}

// Pages renders pages. Its methods may be called at the same time.
type Pages struct {
	pages map[string]*template.Template
	prose *prose.Writer
}

// New parses every template, so that a mistake in one stops the start.
func New(cfg Config) (*Pages, error) {
	if cfg.Asset == nil {
		cfg.Asset = assets.Path
	}
	if cfg.Prose == nil {
		cfg.Prose = prose.New()
	}
	icons, err := readIcons()
	if err != nil {
		return nil, err
	}
	base, err := template.New("").Funcs(funcs(cfg.Asset, icons)).Funcs(texts(cfg.Prose)).ParseFS(templates.Files, templates.Shared...)
	if err != nil {
		return nil, fmt.Errorf("parse shared templates: %w", err)
	}
	p := &Pages{pages: map[string]*template.Template{}, prose: cfg.Prose}
	for _, name := range templates.Pages {
		t, err := base.Clone()
		if err == nil {
			t, err = t.ParseFS(templates.Files, name+".html")
		}
		if err != nil {
			return nil, fmt.Errorf("parse template %s: %w", name, err)
		}
		p.pages[name] = t
	}
	return p, nil
}

// view is what the layout sees: the page and what stands around it.
type view struct {
	Head Head
	Site Site
	Page Page
}

// Render returns page as HTML, all of it, so that an error leaves the answer untouched.
func (p *Pages) Render(page Page) ([]byte, error) {
	name := page.page()
	t, ok := p.pages[name]
	if !ok {
		return nil, fmt.Errorf("render page %s: no such template", name)
	}
	root := "layout"
	if name == "embed" {
		root = "embed"
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, root, view{Head: page.head(p.prose), Site: page.site(), Page: page}); err != nil {
		return nil, fmt.Errorf("render page %s: %w", name, err)
	}
	return b.Bytes(), nil
}
