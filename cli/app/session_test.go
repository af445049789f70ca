package app

import (
	"os"
	"path/filepath"
	"testing"
)

func TestDataDir(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	fallback := "/home/me/.local/share/tubelet"
	xdg := "/xdg/tubelet"
	if os.Geteuid() == 0 {
		fallback, xdg = "/var/lib/tubelet", "/var/lib/tubelet"
	}
	t.Setenv("HOME", "/home/me")
	tests := []struct {
		name, flag string
		env        map[string]string
		want       string
	}{
		{"flag", "x", map[string]string{"TUBELET_DATA": "/y"}, filepath.Join(here, "x")},
		{"environment", "", map[string]string{"TUBELET_DATA": "/y", "XDG_DATA_HOME": "/xdg"}, "/y"},
		{"XDG", "", map[string]string{"XDG_DATA_HOME": "/xdg"}, xdg},
		{"relative XDG is none", "", map[string]string{"XDG_DATA_HOME": "xdg"}, fallback},
		{"nothing", "", nil, fallback},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := &App{Data: tt.flag, Getenv: func(key string) string { return tt.env[key] }}
			if got, err := a.DataDir(); err != nil || got != tt.want {
				t.Errorf("%s, %v; want %s", got, err, tt.want)
			}
		})
	}
}
