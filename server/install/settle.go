package install

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tubelet/tubelet/server/setup"
	"github.com/tubelet/tubelet/store"
)

// DefaultData is where a service keeps its data, whoever installs it.
const DefaultData = "/var/lib/tubelet"

// Settle fills in the data directory and the user that were not asked for: those of the unit
// that is there, else the usual ones. Where the unit says something else than what was asked,
// or nothing that can be read, it is store.ErrExists: a second install must not move a server.
func Settle(cfg Config) (Config, error) {
	cfg.fill()
	file, text, err := cfg.unit()
	if err != nil {
		return cfg, err
	}
	data, user := DefaultData, setup.ServiceUser
	if file != "" {
		data, user = setup.ReadUnit(text)
	}
	switch {
	case cfg.Data == "" && data == "":
		return cfg, store.Errorf(store.ErrExists, "%s is there already and does not say plainly where its data is: say it with --data", file)
	case user == "" && cfg.User == "":
		return cfg, store.Errorf(store.ErrExists, "%s is there already and names no user: write User= into it, or move it away", file)
	case file != "" && cfg.Data != "" && data != "" && filepath.Clean(cfg.Data) != data:
		return cfg, store.Errorf(store.ErrExists, "%s is there already and has its data in %s, not in %s: leave --data out, or move the unit away", file, data, cfg.Data)
	case file != "" && cfg.User != "" && user != "" && cfg.User != user:
		return cfg, store.Errorf(store.ErrExists, "%s is there already and runs as %s, not as %s: move it away first", file, user, cfg.User)
	}
	if cfg.Data == "" {
		cfg.Data = data
	}
	if cfg.User == "" {
		cfg.User = user
	}
	return cfg, nil
}

// unit returns the unit that systemd would heed: the owner's before the package's, or none.
func (cfg Config) unit() (file, text string, err error) {
	for _, file := range []string{setup.UnitFile, packaged} {
		text, err := os.ReadFile(cfg.at(file))
		if err == nil {
			return file, string(text), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", "", err
		}
	}
	return "", "", nil
}
