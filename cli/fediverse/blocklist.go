package fediverse

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/store/social"
)

const (
	maxList = 8 << 20 // bytes; the largest lists that are passed round have some 10,000 lines
	maxNote = 500

	badShown = 5
)

// readBlocks reads a list in a form in which Mastodon exports: domain blocks of a server have a
// header with #domain and #severity; lists of a person hold an address or a domain a line,
// muted accounts with a header.
func readBlocks(in io.Reader, now time.Time) ([]social.Block, error) {
	reader := csv.NewReader(io.LimitReader(in, maxList))
	reader.FieldsPerRecord, reader.TrimLeadingSpace = -1, true
	columns := map[string]int{}
	var list []social.Block
	var bad []string
	for number := 1; ; number++ {
		fields, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return list, unreadable(bad)
		}
		if err != nil {
			return nil, &exit.UsageError{Err: fmt.Errorf("read the list: %w", err)}
		}
		if number == 1 && header(fields, columns) {
			continue
		}
		block, ok := blockOf(fields, columns)
		if !ok {
			continue
		}
		word := block.Target
		if block.Target, err = targetOf(word); err != nil || wide(block.Target) {
			bad = append(bad, fmt.Sprintf("line %d: %q", number, word))
			continue
		}
		block.At = now
		list = append(list, block)
	}
}

// unreadable is the error for lines that name nobody, of which the first few are told.
func unreadable(bad []string) error {
	switch n := len(bad); {
	case n == 0:
		return nil
	case n > badShown:
		bad = append(bad[:badShown:badShown], fmt.Sprintf("and %d more", n-badShown))
	}
	return exit.Hint(exit.Usagef("nothing was imported: neither a server nor a person is named in %s", strings.Join(bad, ", ")),
		"Take these lines out, or correct them: each has a host such as social.example, or @ada@social.example.")
}

// header reads the names of the columns, and reports whether the line is one of names.
func header(fields []string, columns map[string]int) bool {
	for i, name := range fields {
		columns[strings.ToLower(strings.TrimPrefix(strings.TrimPrefix(name, "\ufeff"), "#"))] = i
	}
	_, domain := columns["domain"]
	_, account := columns["account address"]
	if domain || account {
		return true
	}
	clear(columns)
	return false
}

func blockOf(fields []string, columns map[string]int) (social.Block, bool) {
	at := func(name string) string {
		if i, ok := columns[name]; ok && i < len(fields) {
			return strings.TrimSpace(fields[i])
		}
		return ""
	}
	target, mutes := strings.TrimSpace(fields[0]), false
	if name := at("domain"); name != "" {
		target = name
	}
	if name := at("account address"); name != "" {
		target, mutes = name, true // people export no header with their blocks
	}
	severity := at("severity")
	note := at("public_comment")
	return social.Block{Target: target, Mute: mutes || severity == "silence", Note: strings.ToValidUTF8(note[:min(len(note), maxNote)], "")}, target != "" && severity != "noop"
}

// writeBlocks writes the servers among the blocks as Mastodon imports them.
func writeBlocks(out io.Writer, list []social.Block) error {
	writer := csv.NewWriter(out)
	rows := [][]string{{"#domain", "#severity", "#reject_media", "#reject_reports", "#public_comment", "#obfuscate"}}
	for _, b := range list {
		if strings.HasPrefix(b.Target, "@") {
			continue
		}
		severity, drop := "suspend", "true"
		if b.Mute {
			severity, drop = "silence", "false"
		}
		rows = append(rows, []string{b.Target, severity, drop, drop, b.Note, "false"})
	}
	if err := writer.WriteAll(rows); err != nil {
		return fmt.Errorf("write the list: %w", err)
	}
	return nil
}
