package cli

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/server/setup"
)

var (
	installed = flag.String("installed", "", "folder to write the files of a package into: man pages, completions, unit")
	dated     = flag.Int64("dated", 0, "time of what is written there, in seconds since 1970")
)

// TestInstalled makes the files that come with the program where it is installed by a
// package. They are made by a test, so that what writes man pages is not in the program.
func TestInstalled(t *testing.T) {
	root := newRoot(&app.App{Term: &term.Terminal{}})
	files := map[string][]byte{"tubelet.service": []byte(setup.Unit("/usr/bin/tubelet", "/var/lib/tubelet", setup.ServiceUser))}
	for shell, name := range map[string]string{"bash": "tubelet.bash", "zsh": "_tubelet", "fish": "tubelet.fish"} {
		var b bytes.Buffer
		if err := generate(root, shell, &b); err != nil {
			t.Fatal(err)
		}
		files[name] = b.Bytes()
	}
	manual(files, root, time.Unix(*dated, 0).UTC())
	for name, text := range files {
		if len(text) == 0 {
			t.Errorf("%s is empty", name)
		}
	}
	for _, name := range []string{"man/tubelet.1", "man/tubelet-publish.1", "man/tubelet-federation-status.1"} {
		for _, section := range []string{".TH ", ".SH NAME\n", ".SH SYNOPSIS\n", ".SH EXAMPLES\n", ".SH EXIT STATUS\n"} {
			if !bytes.Contains(files[name], []byte(section)) {
				t.Errorf("%s has no %q", name, section)
			}
		}
	}
	if *installed == "" {
		return
	}
	for name, text := range files {
		path := filepath.Join(*installed, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// manual writes the page of c and of all below it.
func manual(files map[string][]byte, c *cobra.Command, at time.Time) {
	name := strings.ReplaceAll(c.CommandPath(), " ", "-")
	var b bytes.Buffer
	fmt.Fprintf(&b, ".TH %s 1 %s tubelet \"Tubelet\"\n", strings.ToUpper(roff(name)), at.Format(time.DateOnly))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(name), roff(strings.ToLower(c.Short[:1])+c.Short[1:]))
	use := c.UseLine()
	if c.HasAvailableSubCommands() {
		use = c.CommandPath() + " COMMAND"
	}
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.nf\n%s\n.fi\n.SH DESCRIPTION\n.nf\n%s\n.fi\n", roff(use), roff(c.Long))
	manualOptions(&b, "OPTIONS", options(c))
	manualOptions(&b, "OPTIONS OF EVERY COMMAND", c.Root().PersistentFlags().FlagUsages())
	fmt.Fprintf(&b, ".SH EXAMPLES\n.nf\n%s\n.fi\n.SH EXIT STATUS\n.nf\n%s\n.fi\n", roff(unindent("\n" + c.Example)[1:]), roff(unindent(c.Annotations["exits"])[1:]))
	var also []string
	if c.HasParent() {
		also = append(also, strings.ReplaceAll(c.Parent().CommandPath(), " ", "-"))
	}
	for _, child := range c.Commands() {
		if child.IsAvailableCommand() {
			manual(files, child, at)
			also = append(also, strings.ReplaceAll(child.CommandPath(), " ", "-"))
		}
	}
	if len(also) > 0 {
		b.WriteString(".SH SEE ALSO\n")
		for i, page := range also {
			fmt.Fprintf(&b, ".BR %s (1)%s\n", roff(page), map[bool]string{true: ","}[i < len(also)-1])
		}
	}
	files["man/"+name+".1"] = b.Bytes()
}

func manualOptions(b *bytes.Buffer, title, list string) {
	if list != "" {
		fmt.Fprintf(b, ".SH %s\n.nf\n%s.fi\n", title, roff(list))
	}
}

// roff escapes what a typesetter would take for its own.
func roff(text string) string {
	text = strings.ReplaceAll(text, `\`, `\e`)
	text = strings.NewReplacer("-", `\-`, "~", `\(ti`, "^", `\(ha`, "`", `\(ga`).Replace(text)
	return control.ReplaceAllString(text, `\&$1`)
}

var control = regexp.MustCompile(`(?m)^([.'])`)

func TestRoff(t *testing.T) {
	if got, want := roff(".a -b\n'c\\d\ne.f"), "\\&.a \\-b\n\\&'c\\ed\ne.f"; got != want {
		t.Errorf("roff = %q, want %q", got, want)
	}
}
