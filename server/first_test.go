package server

import (
	"io"
	"net/http"
	"testing"
)

// TestFirstBytes asks for the start of a file as an address of its own.
func TestFirstBytes(t *testing.T) {
	c := newChannel(t)
	whole := fileBody("480p.mp4")
	address := c.url + "/media/" + public + "/1/480p.mp4"
	tests := []struct {
		name, query string
		want        string
	}{
		{"some", "?first=4", string(whole[:4])},
		{"more than there is", "?first=99999999999", string(whole)},
		{"none", "?first=0", string(whole)},
		{"negative", "?first=-5", string(whole)},
		{"no number", "?first=x", string(whole)},
	}
	tags := map[string]string{}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answer, err := http.Get(address + test.query)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			got, err := io.ReadAll(answer.Body)
			if err != nil || string(got) != test.want || answer.StatusCode != http.StatusOK {
				t.Errorf("got %d with %d bytes (%v), want %d bytes", answer.StatusCode, len(got), err, len(test.want))
			}
			tag := answer.Header.Get("ETag")
			if other, known := tags[tag]; known && other != test.want {
				t.Errorf("ETag %s stands for two bodies", tag)
			}
			tags[tag] = test.want
		})
	}
}
