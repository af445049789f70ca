package cli

import (
	"fmt"
	"strings"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/server/setup"
)

// nextSteps says what to do after init, in the words to type.
func nextSteps(a *app.App, made wire.Init) error {
	tubelet := "tubelet"
	if a.Data != "" {
		tubelet += " --data " + setup.Quote(made.Data)
	}
	if made.Local {
		return a.Printf("Made the channel in %s.\n\nNext:\n  %s serve\n  %s publish talk.mp4\nand look at %s\n",
			made.Data, tubelet, tubelet, made.URL)
	}
	video := "talk.mp4"
	if len(made.Commands) > 0 {
		// What root would write its user could not read; nor may that one read what is root's.
		tubelet = "sudo -u " + setup.ServiceUser + " tubelet --data " + setup.Quote(made.Data)
		video = "- < talk.mp4"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Made %s (@%s@%s) in %s.\n", made.Name, made.Handle, made.Domain, made.Data)
	fmt.Fprintf(&b, "Keep a copy of %s/keys: without it the channel is another one.\n", made.Data)
	fmt.Fprintf(&b, "\n1. DNS, at the place where you registered the domain:\n\n  %s\n\n   %s\n", strings.Join(made.DNS, "\n  "), leads(made))
	service(&b, a, made)
	fmt.Fprintf(&b, "\n   or by hand: %s serve\n", tubelet)
	https(&b, made)
	fmt.Fprintf(&b, "\n4. Whether all is well:\n\n  %s doctor\n", tubelet)
	fmt.Fprintf(&b, "\n5. A video:\n\n  %s publish %s\n", tubelet, video)
	return a.Printf("%s", b.String())
}

// https says where the certificate comes from.
func https(b *strings.Builder, made wire.Init) {
	if made.TLS != "off" {
		fmt.Fprintf(b, "\n3. The certificate comes by itself, once the name leads here and TCP port 443 does, in the router\n")
		fmt.Fprintf(b, "   too (80 as well, so that http works). A proxy on this machine instead: tubelet tls off\n")
		return
	}
	fmt.Fprintf(b, "\n3. A proxy that holds the certificate, since another program has port 443. For Caddy the whole of it is:\n\n")
	fmt.Fprintf(b, "  %s {\n      reverse_proxy %s\n  }\n", made.Domain, setup.BehindProxy)
}

// leads says where the name leads to now.
func leads(made wire.Init) string {
	to := strings.Join(made.Leads.To, ", ")
	return map[string]string{
		setup.Here:      made.Domain + " leads here already: " + to,
		setup.Elsewhere: made.Domain + " leads to " + to + " now, which is not this machine.",
		setup.Somewhere: made.Domain + " leads to " + to + ": right if your router has that address.",
		setup.Nowhere:   made.Domain + " leads nowhere yet.",
		setup.Unknown:   made.Domain + " could not be looked up from here just now.",
	}[made.Leads.State]
}

// service says how systemd runs the server.
func service(b *strings.Builder, a *app.App, made wire.Init) {
	commands := made.Commands
	if made.UnitFile == "" {
		fmt.Fprintf(b, "\n2. A unit for systemd, as %s (tubelet init --systemd writes it):\n\n%s", setup.UnitFile, indent(made.Unit))
	} else {
		fmt.Fprintf(b, "\n2. The unit for systemd is written: %s\n", made.UnitFile)
		if made.UnitFile != setup.UnitFile {
			commands = append(commands, "sudo install -m 644 "+setup.Quote(made.UnitFile)+" "+setup.UnitFile)
		}
	}
	if made.Warning != "" {
		fmt.Fprintf(b, "\n   %s\n", strings.ReplaceAll(a.Term.Paint(term.Yellow, made.Warning), "\n", "\n   "))
	}
	commands = append(commands, "sudo systemctl daemon-reload", "sudo systemctl enable --now tubelet")
	fmt.Fprintf(b, "\n   It runs as the user that the unit names. Next:\n\n  %s\n", strings.Join(commands, "\n  "))
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ") + "\n"
}
