//go:build ignore

// Sbom writes what is in a tubelet binary as a CycloneDX document: the modules that the Go
// linker recorded in it with their checksums, and the vendored browser code.
//
// usage: go run .ci/release/sbom.go BINARY VENDOR.JSON >tubelet.cdx.json
package main

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

type document struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	Purl       string     `json:"purl,omitempty"`
	Licenses   []licence  `json:"licenses,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type licence struct {
	License struct {
		ID string `json:"id"`
	} `json:"license"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: sbom BINARY VENDOR.JSON")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func write(binary, vendored string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	doc := document{Format: "CycloneDX", Spec: "1.6", Version: 1}
	doc.Metadata.Component = module("application", info.Main.Path, info.Main.Version, "")
	doc.Components = append(doc.Components, component{Type: "platform", Ref: "go", Name: "go", Version: strings.TrimPrefix(info.GoVersion, "go")})
	for _, dep := range info.Deps {
		used := dep
		if dep.Replace != nil {
			used = dep.Replace
		}
		doc.Components = append(doc.Components, module("library", used.Path, used.Version, used.Sum))
	}
	browser, err := readVendored(vendored)
	if err != nil {
		return err
	}
	doc.Components = append(doc.Components, browser...)
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	return out.Encode(doc)
}

func module(kind, path, version, sum string) component {
	purl := "pkg:golang/" + path + "@" + version
	c := component{Type: kind, Ref: purl, Name: path, Version: version, Purl: purl}
	if sum != "" {
		c.Properties = []property{{"go:sum", sum}}
	}
	return c
}

func readVendored(path string) ([]component, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var list []struct {
		Name, Version, Licence, Home string
		Files                        map[string]string
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var found []component
	for _, v := range list {
		c := component{Type: "library", Ref: v.Home + "@" + v.Version, Name: v.Name, Version: v.Version, Licenses: make([]licence, 1)}
		c.Licenses[0].License.ID = v.Licence
		for file, sum := range v.Files {
			if strings.HasSuffix(file, ".js") {
				c.Hashes = append(c.Hashes, hash{"SHA-256", sum})
			}
		}
		found = append(found, c)
	}
	return found, nil
}
