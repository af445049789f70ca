package pages

import "strings"

// Licence is the licence of a video as people read it.
type Licence struct {
	Name string
	URL  string // of its text, empty when unknown
}

// licence reads what the creator said: an SPDX identifier of a Creative Commons
// licence gets its usual name and the address of its deed, anything else stands.
func licence(said string) Licence {
	id := strings.ToUpper(strings.TrimSpace(said))
	if id == "CC0-1.0" || id == "CC0" {
		return Licence{Name: "CC0 1.0", URL: "https://creativecommons.org/publicdomain/zero/1.0/"}
	}
	kind, version, ok := cutVersion(strings.TrimPrefix(id, "CC-"))
	if !ok || !strings.HasPrefix(id, "CC-") {
		return Licence{Name: strings.TrimSpace(said)}
	}
	switch kind {
	case "BY", "BY-SA", "BY-ND", "BY-NC", "BY-NC-SA", "BY-NC-ND":
		return Licence{
			Name: "CC " + kind + " " + version,
			URL:  "https://creativecommons.org/licenses/" + strings.ToLower(kind) + "/" + version + "/",
		}
	}
	return Licence{Name: strings.TrimSpace(said)}
}

// cutVersion splits "BY-SA-4.0" at its last hyphen. Without a version the newest is
// meant; versions that never were are no licence.
func cutVersion(id string) (kind, version string, ok bool) {
	i := strings.LastIndexByte(id, '-')
	if i < 0 || !strings.Contains(id[i:], ".") {
		return id, "4.0", true
	}
	switch version = id[i+1:]; version {
	case "1.0", "2.0", "2.5", "3.0", "4.0":
		return id[:i], version, true
	}
	return "", "", false
}
