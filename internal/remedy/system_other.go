//go:build !linux

package remedy

import (
	"errors"
	"os"
	"time"
)

// errUnsupported is what every change answers where the exactness of undo has
// not been built: better no repair than one that cannot be taken back whole.
var errUnsupported = errors.New("automatic repair works on Linux only; the steps can be done by hand")

func supported() error { return errUnsupported }

const openFlags = 0

func (tx *Tx) steady(self string) (string, error) { return self, errUnsupported }

const selfName = "sshwhy"

func othersDecide(string) bool { return false }
func uptime() time.Duration    { return 0 }
func bootID() string           { return "" }

// linkError is never returned here.
type linkError struct{ error }

func resolve(string) (string, error)    { return "", errUnsupported }
func resolveDir(string) (string, error) { return "", errUnsupported }

func (s *System) look(string) (State, []byte, error)             { return State{}, nil, errUnsupported }
func (s *System) entries(string) ([]string, error)               { return nil, errUnsupported }
func (s *System) allowed(string, State, attrs) error             { return errUnsupported }
func (s *System) change(string, attrs, State) error              { return errUnsupported }
func (s *System) writeNew(string, []byte) error                  { return errUnsupported }
func (s *System) writeOver(string, []byte, State) error          { return errUnsupported }
func (s *System) appendSync(string, []byte) error                { return errUnsupported }
func (s *System) put(string, string, []byte, State, State) error { return errUnsupported }
func (s *System) rename(string, string) error                    { return errUnsupported }
func (s *System) remove(string) error                            { return errUnsupported }
func (s *System) removeThis(string, State) error                 { return errUnsupported }
func (s *System) mkdir(string, uint32) error                     { return errUnsupported }
func (s *System) symlink(string, string) error                   { return errUnsupported }
func (s *System) syncDir(string) error                           { return errUnsupported }
func (s *System) setAttr(string, State, State) error             { return errUnsupported }
func (s *System) setTimesOf(string, State, State) error          { return errUnsupported }
func (s *System) writable(string) error                          { return errUnsupported }
func (s *System) changeable(string) error                        { return errUnsupported }
func (s *System) lock(string) (*os.File, bool, error)            { return nil, false, errUnsupported }
