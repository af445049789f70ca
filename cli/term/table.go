package term

import (
	"fmt"
	"strings"
)

// Column is one column of a table.
type Column struct {
	Title string
	Right bool // aligned to the right: numbers
	Cut   bool // gives up width when the terminal is too narrow
}

// Table is rows of plain cells under columns.
type Table struct {
	Columns  []Column
	Rows     [][]string
	NoHeader bool
	None     string // what is said on standard error where there are no rows, instead of titles
}

const gap = 2 // spaces between columns

// Write prints the table, aligned by what a cell covers on the screen, and cut to the
// terminal. Off a terminal nothing is cut.
func (t *Terminal) Write(table Table) error {
	if len(table.Rows) == 0 && table.None != "" {
		_, err := fmt.Fprintln(t.Err, table.None)
		return err
	}
	rows := make([][]string, 0, len(table.Rows)+1)
	if !table.NoHeader {
		head := make([]string, len(table.Columns))
		for i, c := range table.Columns {
			head[i] = c.Title
		}
		rows = append(rows, head)
	}
	for _, row := range table.Rows {
		clean := make([]string, len(row))
		for i, cell := range row {
			clean[i] = Clean(cell)
		}
		rows = append(rows, clean)
	}
	widths := t.widths(table.Columns, rows)
	for i, row := range rows {
		line := layout(table.Columns, widths, row)
		if i == 0 && !table.NoHeader {
			line = t.Paint(Dim, line)
		}
		if _, err := fmt.Fprintln(t.Out, line); err != nil {
			return err
		}
	}
	return nil
}

// widths returns each column's width, the columns that may be cut sharing what is too much.
func (t *Terminal) widths(columns []Column, rows [][]string) []int {
	widths := make([]int, len(columns))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], covers(cell))
		}
	}
	over := gap * (len(columns) - 1)
	for _, w := range widths {
		over += w
	}
	if over -= t.Width; t.Width == 0 || over <= 0 {
		return widths
	}
	for i, c := range columns {
		if !c.Cut {
			continue
		}
		// Below eight columns a title says nothing: rather let the line wrap.
		give := min(over, max(0, widths[i]-8))
		widths[i] -= give
		over -= give
	}
	return widths
}

func layout(columns []Column, widths []int, row []string) string {
	var b strings.Builder
	for i, cell := range row {
		cell = cut(cell, widths[i])
		pad := strings.Repeat(" ", widths[i]-covers(cell))
		if columns[i].Right {
			cell = pad + cell
		} else {
			cell += pad
		}
		if i > 0 {
			b.WriteString(strings.Repeat(" ", gap))
		}
		b.WriteString(cell)
	}
	return strings.TrimRight(b.String(), " ")
}

// cut shortens text to width columns without splitting what is drawn as one character.
func cut(text string, width int) string {
	if covers(text) <= width {
		return text
	}
	var b strings.Builder
	used := 0
	for part, columns := range drawn(text) {
		if used += columns; used > width-1 {
			break
		}
		b.WriteString(part)
	}
	return b.String() + "…"
}
