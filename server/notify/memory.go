package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"time"
)

// memory is what one way was told.
type memory struct {
	Since     time.Time          `json:"since"`     // when it was first used
	Comment   int64              `json:"comment"`   // the last comment
	Followers time.Time          `json:"followers"` // who asked before
	Jobs      time.Time          `json:"jobs"`      // what failed before
	Digest    time.Time          `json:"digest"`    // when the last one went
	Told      map[Kind]time.Time `json:"told"`      // what lasts: since when it is known
	Error     string             `json:"error,omitempty"`
	FailedAt  time.Time          `json:"failed_at,omitzero"`
}

func (m memory) copy() memory {
	m.Told = maps.Clone(m.Told)
	if m.Told == nil {
		m.Told = map[Kind]time.Time{}
	}
	return m
}

func (m memory) same(other memory) bool { return reflect.DeepEqual(m, other) }

const bookFile = "notify.json"

// load reads what was told, by way. One that cannot be read is begun anew: it is better to
// miss something than to stay silent for ever.
func load(data string) (map[string]memory, error) {
	book := map[string]memory{}
	text, err := os.ReadFile(filepath.Join(data, bookFile))
	if errors.Is(err, fs.ErrNotExist) {
		return book, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what was told: %w", err)
	}
	if json.Unmarshal(text, &book) != nil {
		return map[string]memory{}, nil
	}
	return book, nil
}

func save(data string, book map[string]memory) error {
	text, err := json.MarshalIndent(book, "", "  ")
	if err != nil {
		return fmt.Errorf("write what was told: %w", err)
	}
	f, err := os.CreateTemp(data, "."+bookFile+"-")
	if err != nil {
		return fmt.Errorf("write what was told: %w", err)
	}
	defer os.Remove(f.Name()) // gone when all went well
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(data, bookFile))
	}
	if err != nil {
		return fmt.Errorf("write what was told: %w", err)
	}
	return nil
}

// Way is how one way of telling fares.
type Way struct {
	Name     string
	Since    time.Time // zero before it was first used
	Digest   time.Time
	Error    string
	FailedAt time.Time
}

// State returns how a way that is set up fares.
func State(data, name string) (Way, error) {
	book, err := load(data)
	m := book[name]
	return Way{name, m.Since, m.Digest, m.Error, m.FailedAt}, err
}
