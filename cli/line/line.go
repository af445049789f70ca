// Package line reads and explains the command line in the words of this program: how many
// arguments a command takes, which options go together, what a mistake most likely meant.
// It knows cobra and the exit codes, and nothing of channels.
package line

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/text/language/display"

	"github.com/tubelet/tubelet/cli/exit"
)

// Group makes c a command that is nothing without one of its own.
func Group(c *cobra.Command) {
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		return Unknown(c, args[0])
	}
}

// Words accepts as many arguments as there are names for them.
func Words(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return fmt.Errorf("%s needs %s", name(c), strings.Join(names[len(args):], " and "))
		case len(args) > len(names):
			return fmt.Errorf("%s does not know what to do with %q", name(c), args[len(names)])
		}
		return nil
	}
}

// name returns what c is called behind the program's own name, which stands before every
// message.
func name(c *cobra.Command) string {
	return strings.TrimPrefix(strings.TrimPrefix(c.CommandPath(), c.Root().Name()), " ")
}

// Exclusive says that of flags one can be given. Cobra checks that too, too late and in
// words for programmers, but hides the others when one is completed.
func Exclusive(c *cobra.Command, flags ...string) {
	c.MarkFlagsMutuallyExclusive(flags...)
	before := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		given := slices.DeleteFunc(slices.Clone(flags), func(flag string) bool { return !c.Flags().Changed(flag) })
		if len(given) > 1 {
			return exit.Usagef("--%s do not go together: choose one", strings.Join(given, " and --"))
		}
		if before != nil {
			return before(c, args)
		}
		return nil
	}
}

// named finds the option in an error such as: invalid argument "x" for "-n, --limit" flag: why.
// Quotes in the argument have a backslash before them there.
var named = regexp.MustCompile(`" for "(?:-., )?--([^"]+)" flag: `)

// BadFlag says what is wrong with the value of an option.
func BadFlag(c *cobra.Command, err error) error {
	bad, ok := errors.AsType[interface {
		error
		GetValue() string
	}](err)
	if !ok {
		return err
	}
	found := named.FindStringSubmatch(err.Error())
	if found == nil || c.Flag(found[1]) == nil {
		return err
	}
	want := map[string]string{
		"int": "a number", "limit": "a number, 0 for all", "uint16": "a number from 0 to 65535", "bool": "true or false",
	}[c.Flag(found[1]).Value.Type()]
	return exit.Usagef("--%s %q: it is %s", found[1], bad.GetValue(), cmp.Or(want, "another kind of value"))
}

// Unknown returns the error for a word that names no command of c.
func Unknown(c *cobra.Command, word string) error {
	err := exit.Usagef("there is no command %q", strings.TrimSpace(name(c)+" "+word))
	c.SuggestionsMinimumDistance = 2
	if near := c.SuggestionsFor(word); len(near) > 0 {
		return exit.Hint(err, "Did you mean %s?", strings.Join(near, " or "))
	}
	return exit.Hint(err, "See: %s --help", c.CommandPath())
}

// Completes offers words for the value of a flag.
func Completes(c *cobra.Command, flag string, words func() []string) {
	// It fails for a flag that c has not, and then nobody could ask for its values.
	_ = c.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return words(), cobra.ShellCompDirectiveNoFileComp
	})
}

// Languages returns the codes of languages with what their speakers call them.
func Languages() []string {
	var words []string
	for _, tag := range display.Supported.Tags() {
		if code := tag.String(); len(code) == 2 {
			words = append(words, code+"\t"+display.Self.Name(tag))
		}
	}
	return words
}
