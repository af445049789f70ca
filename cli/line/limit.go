package line

import (
	"errors"
	"math"
	"strconv"

	"github.com/spf13/cobra"
)

// Limit is how much of a list is wanted, 0 for all of it.
type Limit int

// LimitFlag gives a command the option --limit, as every list has it.
func LimitFlag(c *cobra.Command, l *Limit, standard Limit, usage string) {
	*l = standard
	c.Flags().Var(l, "limit", usage+" `N`, 0 for all")
}

// Most returns the limit as a number to cut at.
func (l Limit) Most() int {
	if l == 0 {
		return math.MaxInt32
	}
	return int(l)
}

// Set reads the limit.
func (l *Limit) Set(text string) error {
	n, err := strconv.ParseInt(text, 10, 32)
	if err == nil && n < 0 {
		err = errors.New("less than nothing")
	}
	if err == nil {
		*l = Limit(n)
	}
	return err
}

// String returns the limit in the form in which Set reads it.
func (l *Limit) String() string { return strconv.Itoa(int(*l)) }

// Type names the kind of value for BadFlag.
func (l *Limit) Type() string { return "limit" }
