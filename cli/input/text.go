package input

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/tubelet/tubelet/store"
)

const maxText = 1 << 20 // bytes: more than any description may have, by far

// Text returns what was said, or what stands in the file.
func Text(said, file string) (string, error) {
	if file == "" {
		return said, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("read the description: %w", err)
	}
	defer f.Close()
	content, err := Words(f)
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	return string(content), nil
}

// Words reads a text to its end. What is no text, or far too long for one, is store.ErrInvalid.
func Words(in io.Reader) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(in, maxText+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the text: %w", err)
	case bytes.IndexByte(content, 0) >= 0 || len(content) <= maxText && !utf8.Valid(content):
		return nil, store.Errorf(store.ErrInvalid, "it is no text in UTF-8")
	case len(content) > maxText:
		return nil, store.Errorf(store.ErrInvalid, "it is larger than 1 MB, which no text here may be")
	}
	return content, nil
}
