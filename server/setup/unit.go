package setup

import (
	"fmt"
	"path/filepath"
	"strings"
)

// UnitFile is where a unit of the machine's owner belongs.
const UnitFile = "/etc/systemd/system/tubelet.service"

// Unit returns a systemd unit that runs the server as user. It may write its data and what is
// mounted for backups, and little else may happen to the machine through it: ffmpeg, which
// reads other people's files, is its child and has no more.
func Unit(binary, data, user string) string {
	home := "yes"
	if inHome(binary) || inHome(data) {
		home = "read-only"
	}
	return fmt.Sprintf(unit, systemdQuote(user), systemdQuote(binary), systemdQuote(data), place(data), home)
}

// inHome reports whether a path lies where ProtectHome hides it.
func inHome(path string) bool {
	return strings.HasPrefix(path, "/home/") || strings.HasPrefix(path, "/root/") || strings.HasPrefix(path, "/run/user/")
}

// place is the line that lets the server write its data: systemd's own word for it below
// /var/lib, which also makes the folder.
func place(data string) string {
	name, err := filepath.Rel("/var/lib", data)
	if err == nil && name != "." && !strings.HasPrefix(name, "..") && name == systemdQuote(name) {
		return "StateDirectory=" + name + "\nStateDirectoryMode=0700"
	}
	return "ReadWritePaths=" + systemdQuote(data)
}

// No PrivateDevices: a hardware encoder is a device. @resources is for ffmpeg's limits, the
// landlock calls for its cage, which systemd of Debian 12 does not count among the usual.
// /mnt and /media are where people keep backups, /run/tubelet is for sockets that the group may
// use (metrics.listen).
const unit = `[Unit]
Description=Tubelet video channel
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
NotifyAccess=main
WatchdogSec=60
User=%s
ExecStart=%s serve --data %s
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=5
TimeoutStartSec=120
TimeoutStopSec=20
KillMode=mixed
%s
ReadWritePaths=-/mnt -/media
RuntimeDirectory=tubelet
RuntimeDirectoryMode=0750
UMask=0077
LimitNOFILE=65536
CPUWeight=50
IOWeight=50
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
DevicePolicy=closed
DeviceAllow=char-drm rw
DeviceAllow=char-video4linux rw
LockPersonality=yes
MemoryDenyWriteExecute=yes
PrivateMounts=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=%s
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service landlock_create_ruleset landlock_add_rule landlock_restrict_self
SystemCallFilter=~@privileged

[Install]
WantedBy=multi-user.target
`

// systemdQuote writes a word as systemd.syntax(7) reads it: % starts a specifier, and
// spaces and quotes need quotes.
func systemdQuote(word string) string {
	word = strings.ReplaceAll(word, "%", "%%")
	if !strings.ContainsAny(word, " \t\"'\\$") {
		return word
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `$$`).Replace(word) + `"`
}
