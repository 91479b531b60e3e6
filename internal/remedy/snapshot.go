package remedy

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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
	// Attr marks a file whose content is not recorded, since the step leaves it
	// as it is: only its mode, owner and attributes are put back.
	Attr bool `json:"attr,omitempty"`
	// Kept marks what the step has left as it was. Its content is not recorded
	// any more, and there is nothing to put back.
	Kept bool `json:"kept,omitempty"`
}

// snapshot is the recorded state of everything that a step may change.
type snapshot struct {
	Paths map[string]entry `json:"paths"`
	// Trees are directories recorded with all that is below them, so that what
	// a program puts there can be told from what was there.
	Trees []string `json:"trees,omitempty"`
	// Probes are states outside the file system, by name: a unit's, a ruleset's.
	Probes map[string]string `json:"probes,omitempty"`
	// Pack is the file that holds the contents, beside the snapshot's; "" is
	// before.pack.
	Pack string `json:"pack,omitempty"`
}

// take records paths, their parent directories, and trees. The second result
// is the pack: the contents of all files, one after the other; without them
// where only attributes are to change.
func (s *System) take(paths, trees []string, attr bool) (snapshot, []byte, error) {
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
		e := entry{State: st, Attr: st.Kind == kindFile && (attr || st.unread)}
		if e.Off = int64(pack.Len()); !e.Attr {
			pack.Write(data)
		}
		snap.Paths[path] = e
		if len(snap.Paths) > maxEntries {
			return fmt.Errorf("more than %d files to record", maxEntries)
		}
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
	names, err := s.entries(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a state that visit has recorded
	}
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := s.walk(filepath.Join(path, n), visit); err != nil {
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
	beforeJSON  = "before.json"
	beforePack  = "before.pack"
	changedPack = "changed.pack" // of before.pack, what the step has changed
	afterJSON   = "after.json"
)

// pack is the name of the file that holds the contents.
func (s snapshot) pack() string { return cmp.Or(s.Pack, beforePack) }

// forget takes out of a finished step's record the contents that the step has
// left as they were: keys and passwords among them, which undoing does not
// need. Killed at any point, the record is whole: the new pack is on the disk
// before the snapshot that refers to it, and the old one goes last.
func (s *System) forget(dir string, before, after snapshot, pack []byte) error {
	small := before
	small.Paths, small.Pack = map[string]entry{}, changedPack
	var kept bytes.Buffer
	for path, e := range before.Paths {
		was, ok := after.Paths[path]
		switch {
		case e.Parent || e.Attr || e.Kind == kindAbsent:
		case ok && e.exact(was.State):
			e.Kept, e.Off = true, 0
		case e.Kind == kindFile:
			data, err := e.content(pack)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			e.Off = int64(kept.Len())
			kept.Write(data)
		}
		small.Paths[path] = e
	}
	if kept.Len() == len(pack) {
		return nil
	}
	if err := s.writeNew(filepath.Join(dir, changedPack), kept.Bytes()); err != nil {
		return err
	}
	temp := beforeJSON + ".new"
	if err := s.save(dir, temp, small); err != nil {
		return err
	}
	if err := s.rename(filepath.Join(dir, temp), filepath.Join(dir, beforeJSON)); err != nil {
		return err
	}
	return s.remove(filepath.Join(dir, beforePack))
}

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
