package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/server/certs"
	"github.com/tubelet/tubelet/server/setup"
)

func newTLS(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use:   "tls",
		Short: "Show where the certificate comes from, and change it",
		Long: `Shows where the certificate of the channel's name comes from, how long it holds, and what
became of the last attempt to get one.`,
		Example: "  tubelet tls\n  tubelet tls --json",
		Args:    cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return line.Unknown(c, args[0])
			}
			return runTLS(c.Context(), a)
		},
	}
	line.Exits(c, exit.NotFound)
	c.AddCommand(newTLSAuto(a), newTLSFiles(a), newTLSOff(a), newTLSRetry(a))
	return c
}

func newTLSAuto(a *app.App) *cobra.Command {
	var email string
	c := &cobra.Command{
		Use: "auto", Short: "Get certificates from Let's Encrypt, and renew them",
		Long: `Makes serve listen on port 443 and get its certificate by ACME: from Let's Encrypt, or from
the authority whose directory stands in the setting tls.directory. Doing so agrees to its
terms. The channel's name must lead to this machine, with port 443; port 80 is a comfort.
The running server takes it over at its next start.`,
		Example: "  tubelet tls auto\n  tubelet tls auto --email me@mail.example", Args: line.Words(),
		RunE: func(c *cobra.Command, _ []string) error {
			set := map[string]string{"tls": "auto", "listen": ":443"}
			if email != "" {
				set["tls.email"] = email
			}
			return setTLS(c.Context(), a, set, "")
		},
	}
	c.Flags().StringVar(&email, "email", "", "`ADDRESS` that the authority may write to")
	line.Exits(c, exit.NotFound)
	return c
}

func newTLSFiles(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use: "files CERT KEY", Short: "Use a certificate from files",
		Long: `Makes serve listen on port 443 with a certificate that another program gets, such as lego or
acme.sh: a file with the certificate and its chain, and one with its key, both PEM. They are
read again when they change. What is not for the channel's name, or over, is refused.`,
		Example: "  tubelet tls files cert.pem key.pem", Args: line.Words("a CERT", "a KEY"),
		RunE: func(c *cobra.Command, args []string) error { return useFiles(c.Context(), a, args[0], args[1]) },
	}
	line.Exits(c, exit.NotFound)
	return c
}

func newTLSOff(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use: "off", Short: "Leave TLS to a proxy",
		Long:    "Makes serve speak plain HTTP on " + setup.BehindProxy + ", to a proxy on this\nmachine that holds the certificate.",
		Example: "  tubelet tls off", Args: line.Words(),
		RunE: func(c *cobra.Command, _ []string) error {
			return setTLS(c.Context(), a, map[string]string{"tls": "off", "listen": setup.BehindProxy}, "")
		},
	}
	line.Exits(c, exit.NotFound)
	return c
}

func newTLSRetry(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use: "retry", Short: "Try again now to get a certificate",
		Long: `Ends the wait after failed attempts, when what was wrong is mended. More than four attempts
an hour are not made even so, because the authority would not listen any more.`,
		Example: "  tubelet tls retry", Args: line.Words(),
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.Open(c.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			if err := certs.Retry(s.Data); err != nil {
				return err
			}
			return showTLS(c.Context(), a, s, "")
		},
	}
	line.Exits(c, exit.NotFound)
	return c
}

// useFiles refuses what would not work before it is used.
func useFiles(ctx context.Context, a *app.App, cert, key string) error {
	s, err := a.Look(ctx)
	if err != nil {
		return err
	}
	domain := s.Site.Channel.Domain
	s.Close()
	if cert, err = filepath.Abs(cert); err != nil {
		return fmt.Errorf("find %s: %w", cert, err)
	}
	if key, err = filepath.Abs(key); err != nil {
		return fmt.Errorf("find %s: %w", key, err)
	}
	if _, err := certs.Check(domain, cert, key); err != nil {
		return err
	}
	return setTLS(ctx, a, map[string]string{"tls": "files", "tls.cert": cert, "tls.key": key, "listen": ":443"},
		"The server's user must be able to read both files.\n")
}

func setTLS(ctx context.Context, a *app.App, set map[string]string, note string) error {
	s, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if s.Site.Channel.Local {
		return exit.Hint(exit.Usagef("this channel was made to try out, without a domain and TLS"), "Make one with: tubelet init --domain NAME")
	}
	before, err := s.Store.Setting(ctx, "listen")
	if err != nil {
		return err
	}
	// An address that somebody chose stays; the two that init chooses follow the mode.
	if before != ":443" && before != setup.BehindProxy {
		delete(set, "listen")
	}
	for key, value := range set {
		if err := s.Store.SetSetting(ctx, key, value); err != nil {
			return err
		}
	}
	return showTLS(ctx, a, s, note+"For the next start of serve: sudo systemctl restart tubelet\n")
}

func runTLS(ctx context.Context, a *app.App) error {
	s, err := a.Look(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	return showTLS(ctx, a, s, "")
}

func showTLS(ctx context.Context, a *app.App, s *app.Session, note string) error {
	state, err := certs.Status(s.Data)
	if err != nil {
		return err
	}
	mode, err := s.Store.Setting(ctx, "tls")
	if err != nil {
		return err
	}
	listen, err := s.Store.Setting(ctx, "listen")
	if err != nil {
		return err
	}
	out := wire.NewTLS(s.Site.Channel.Domain, mode, listen, state, time.Now())
	return a.Answer(out, func() error { return a.Printf("%s%s", describeTLS(out), note) })
}

// describeTLS tells people what out tells programs.
func describeTLS(out wire.TLS) string {
	text := map[string]string{
		"auto":  "Certificates are got by ACME and renewed",
		"files": "The certificate comes from files",
		"off":   "TLS is left to a proxy",
	}[out.Mode] + ", listening on " + out.Listen + ".\n"
	if out.Mode == "off" {
		return text
	}
	if out.NotAfter == nil {
		text += "There is no certificate for " + out.Host + " yet.\n"
	} else {
		text += fmt.Sprintf("The certificate for %s holds until %s (%d days), from %s.\n", out.Host, out.NotAfter.Format(time.DateOnly), out.Days, out.Issuer)
	}
	if out.Error != "" {
		text += "The last attempt failed: " + out.Error + "\n"
	}
	if out.Next != nil {
		text += fmt.Sprintf("The next is not made before %s.\n", out.Next.Local().Format("15:04 on 2 January"))
	}
	return text
}
