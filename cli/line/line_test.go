package line_test

import (
	"testing"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/line"
)

func TestBadFlag(t *testing.T) {
	for _, test := range []struct{ arg, want string }{
		{"--limit=-3", `--limit "-3": it is a number, 0 for all`},
		{"--limit=" + `" for "--port" flag: `, `--limit "\" for \"--port\" flag: ": it is a number, 0 for all`},
		{"--keep=some", `--keep "some": it is a number`},
		{"-ksome", `--keep "some": it is a number`},
		{"--port=70000", `--port "70000": it is a number from 0 to 65535`},
		{"--all=perhaps", `--all "perhaps": it is true or false`},
		{"--size=big", `--size "big": it is another kind of value`},
		{"--every=x", `--every "x": it is true or false`},
		{"--nothing", "unknown flag: --nothing"},
	} {
		t.Run(test.arg, func(t *testing.T) {
			root, c := &cobra.Command{Use: "tubelet"}, &cobra.Command{Use: "ls", RunE: func(*cobra.Command, []string) error { return nil }}
			root.AddCommand(c)
			root.SilenceErrors, root.SilenceUsage = true, true
			root.SetFlagErrorFunc(line.BadFlag)
			root.PersistentFlags().Bool("every", false, "")
			var l line.Limit
			line.LimitFlag(c, &l, 0, "at most")
			c.Flags().IntP("keep", "k", 0, "")
			c.Flags().Uint16("port", 0, "")
			c.Flags().Bool("all", false, "")
			c.Flags().Float64("size", 0, "")
			root.SetArgs([]string{"ls", test.arg})
			if err := root.Execute(); err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}
