package remedy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// How long the records of fixes are kept: the newest keepFixes of them, and of
// those none that began longer ago than keepTime, but always the last fix
// (clocks jump). What waits for its guard, or was cut short, is never dropped.
const (
	keepFixes = 20
	keepTime  = 180 * 24 * time.Hour
)

// prune drops the records that are too many or too old, and of fixes that are
// taken back the contents of files. The caller holds the lock.
func (s *System) prune(all []Record) error {
	var errs []error
	for i, r := range all {
		over := r.State == "undone" || r.State == "rolled-back"
		switch {
		case r.State != "applied" && !over, i == len(all)-1 && !over:
		case i < len(all)-keepFixes, i < len(all)-1 && s.Now().Sub(r.Begun) > keepTime:
			errs = append(errs, os.RemoveAll(r.Dir))
		case over:
			errs = append(errs, s.drop(r))
		}
	}
	return errors.Join(errs...)
}

// drop removes what was recorded to undo a fix that is undone. The journal
// stays, which tells of it, and so does what the undo has put aside.
func (s *System) drop(r Record) error {
	errs := []error{os.RemoveAll(filepath.Join(r.Dir, selfName))}
	for _, st := range r.Steps {
		errs = append(errs, os.RemoveAll(filepath.Join(r.Dir, fmt.Sprintf("%03d", st.N))))
	}
	return errors.Join(errs...)
}

// ownDir says why the directory of the records, which hold contents of files
// and decide what an undo does, is not the operator's and nobody else's. Where
// others may only look into it, they may not any more.
func (s *System) ownDir(dir string) error {
	real, err := resolve(dir)
	if err != nil {
		return err
	}
	st, _, err := s.look(real)
	if err != nil {
		return err
	}
	if me := uint32(os.Geteuid()); st.Kind != kindDir || st.UID != me {
		return fmt.Errorf("%s is not a directory of uid %d", dir, me)
	}
	if mode := st.Mode &^ 0o077; mode != st.Mode {
		if err := s.change(real, attrs{mode: &mode}, st); err != nil {
			return err
		}
	}
	lock, _, err := s.look(filepath.Join(real, lockName))
	if err == nil && !lock.way.Alone {
		err = fmt.Errorf("%s is where others could put another directory", dir)
	}
	return err
}
