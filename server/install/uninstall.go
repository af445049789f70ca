package install

import (
	"fmt"
	"path/filepath"

	"github.com/tubelet/tubelet/server/setup"
)

// PlanRemoval returns the steps that take the server away. What was published stays, and the
// user it belongs to, unless purge is set. ffmpeg stays too: others may use it.
func PlanRemoval(cfg Config, purge bool) ([]Step, error) {
	cfg.fill()
	if !cfg.debian() {
		return nil, ErrOtherSystem
	}
	cfg, err := Settle(cfg)
	if err != nil {
		return nil, err
	}
	if purge && cfg.exists(cfg.Data) && !cfg.exists(filepath.Join(cfg.Data, "tubelet.db")) {
		return nil, fmt.Errorf("%s holds no channel: it is not for Tubelet to delete it", cfg.Data)
	}
	var steps []Step
	unit := cfg.exists(setup.UnitFile)
	if cfg.exists("/run/systemd/system") {
		steps = append(steps, Step{What: "stop it", Argv: []string{"systemctl", "disable", "--now", "tubelet"}, Done: !unit && !cfg.exists(packaged), Soft: true})
	}
	steps = append(steps, Step{What: "take the unit away", Argv: []string{"rm", "-f", setup.UnitFile}, Done: !unit})
	if cfg.exists("/run/systemd/system") {
		steps = append(steps, Step{What: "have systemd forget it", Argv: []string{"systemctl", "daemon-reload"}, Done: !unit})
	}
	steps = append(steps, Step{What: "take the program away", Argv: []string{"rm", "-f", installed}, Done: !cfg.exists(installed)})
	if purge {
		steps = append(steps,
			Step{What: "delete the channel, its keys and all videos", Argv: []string{"rm", "-rf", "--", cfg.Data}, Done: !cfg.exists(cfg.Data)},
		)
		if cfg.User == setup.ServiceUser { // another is a person's own
			steps = append(steps, Step{What: "take the user away", Argv: []string{"userdel", cfg.User}, Done: !cfg.names("/etc/passwd", cfg.User)})
		}
	}
	return steps, nil
}

// Packaged reports whether the Debian package is installed, which apt has to take away.
func Packaged(cfg Config) bool {
	cfg.fill()
	return cfg.exists(packaged)
}
