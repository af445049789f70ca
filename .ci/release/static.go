//go:build ignore

// Static fails unless each binary runs with no file but itself, which means no interpreter and
// no library, and has at most so many MiB. It prints their sizes.
//
// usage: go run .ci/release/static.go -most MIB BINARY...
package main

import (
	"debug/elf"
	"errors"
	"flag"
	"fmt"
	"os"
)

func main() {
	most := flag.Float64("most", 40, "MiB that a binary may have")
	flag.Parse()
	failed := flag.NArg() == 0
	for _, path := range flag.Args() {
		size, err := look(path, *most)
		fmt.Printf("%-28s %5.1f MiB\n", path, size)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

func look(path string, most float64) (size float64, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	size = float64(info.Size()) / (1 << 20)
	binary, err := elf.Open(path)
	if err != nil {
		return size, err
	}
	defer binary.Close()
	for _, part := range binary.Progs {
		if part.Type == elf.PT_INTERP || part.Type == elf.PT_DYNAMIC {
			return size, fmt.Errorf("is not static: it has a %v", part.Type)
		}
	}
	if size > most {
		return size, errors.New("is too large")
	}
	return size, nil
}
