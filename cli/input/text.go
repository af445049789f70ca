package input

import (
	"fmt"
	"os"
)

// Text returns what was said, or what stands in the file.
func Text(said, file string) (string, error) {
	if file == "" {
		return said, nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the description: %w", err)
	}
	return string(content), nil
}
