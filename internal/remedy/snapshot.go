package remedy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// maxEntries bounds a recorded tree; /etc of a large machine has some 5,000.
const maxEntries = 50_000

// entry is the recorded state of one path, with the place of a file's content
// in the pack.
type entry struct {
	State
	Off int64 `json:"off,omitempty"`
	// Parent marks a directory that is recorded only because making and
	// renaming files in it changes its time.
	Parent bool `json:"parent,omitempty"`
}

// snapshot is the recorded state of everything that a step may change.
type snapshot struct {
	Paths map[string]entry `json:"paths"`
	// Trees are directories recorded with all that is below them, so that what
	// a program puts there can be told from what was there.
	Trees []string `json:"trees,omitempty"`
	// Probes are states outside the file system, by name: a unit's, a ruleset's.
	Probes map[string]string `json:"probes,omitempty"`
}

// take records paths, their parent directories, and trees. The second result
// is the pack: the contents of all files, one after the other.
func (s *System) take(paths, trees []string) (snapshot, []byte, error) {
	snap := snapshot{Paths: map[string]entry{}, Trees: trees}
	var pack bytes.Buffer
	add := func(path string) error {
		if _, ok := snap.Paths[path]; ok {
			return nil
		}
		st, data, err := s.look(path)
		if err != nil {
			return err
		}
		snap.Paths[path] = entry{State: st, Off: int64(pack.Len())}
		pack.Write(data)
		return nil
	}
	for _, p := range paths {
		if err := add(p); err != nil {
			return snap, nil, err
		}
	}
	for _, t := range trees {
		if err := s.walk(t, add); err != nil {
			return snap, nil, err
		}
	}
	for _, p := range slices.Concat(paths, trees) {
		dir := filepath.Dir(p)
		if _, ok := snap.Paths[dir]; ok {
			continue
		}
		st, _, err := s.look(dir)
		if err != nil {
			return snap, nil, err
		}
		snap.Paths[dir] = entry{State: st, Parent: true}
	}
	if len(snap.Paths) > maxEntries {
		return snap, nil, fmt.Errorf("more than %d files to record", maxEntries)
	}
	return snap, pack.Bytes(), nil
}

// walk visits a path and all below it, links not followed. Files too large to
// be configuration are left out: no fix changes them.
func (s *System) walk(path string, visit func(string) error) error {
	err := visit(path)
	if errors.Is(err, errTooLarge) {
		return nil
	}
	if err != nil {
		return err
	}
	fi, err := os.Lstat(path)
	if err != nil || !fi.IsDir() {
		return nil //nolint:nilerr // absent is a state that visit has recorded
	}
	names, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := s.walk(filepath.Join(path, n.Name()), visit); err != nil {
			return err
		}
	}
	return nil
}

// content is a recorded file's content.
func (e entry) content(pack []byte) ([]byte, error) {
	if e.Off < 0 || e.Size < 0 || e.Off+e.Size > int64(len(pack)) {
		return nil, errors.New("the record of its content is cut short")
	}
	data := pack[e.Off : e.Off+e.Size]
	if sum(data) != e.Sum {
		return nil, errors.New("the record of its content is damaged")
	}
	return data, nil
}

// Files of a step's record, below the fix's directory.
const (
	beforeJSON = "before.json"
	beforePack = "before.pack"
	afterJSON  = "after.json"
)

// save puts a snapshot on the disk, whole, before anything relies on it.
func (s *System) save(dir, name string, snap snapshot) error {
	data, err := json.Marshal(snap)
	if err != nil {
		return err
	}
	return s.writeNew(filepath.Join(dir, name), data)
}

// load reads a snapshot; one that is not there is no error, for a crash may
// have come before it.
func load(dir, name string) (snapshot, bool, error) {
	var snap snapshot
	data, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return snap, false, nil
	}
	if err != nil {
		return snap, false, err
	}
	if err := json.Unmarshal(data, &snap); err != nil {
		return snap, false, fmt.Errorf("%s: %w", filepath.Join(dir, name), err)
	}
	return snap, true, nil
}
