//go:build !linux

package remedy

import (
	"errors"
	"os"
	"os/exec"
)

// errUnsupported is what every change answers where the exactness of undo has
// not been built: better no repair than one that cannot be taken back whole.
var errUnsupported = errors.New("automatic repair works on Linux only; the steps can be done by hand")

func supported() error { return errUnsupported }

func ownGroup(*exec.Cmd) {}
func detach(*exec.Cmd)   {}

func (s *System) look(string) (State, []byte, error)  { return State{}, nil, errUnsupported }
func (s *System) writeNew(string, []byte) error       { return errUnsupported }
func (s *System) writeOver(string, []byte) error      { return errUnsupported }
func (s *System) appendSync(string, []byte) error     { return errUnsupported }
func (s *System) rename(string, string) error         { return errUnsupported }
func (s *System) remove(string) error                 { return errUnsupported }
func (s *System) mkdir(string, uint32) error          { return errUnsupported }
func (s *System) symlink(string, string) error        { return errUnsupported }
func (s *System) syncDir(string) error                { return errUnsupported }
func (s *System) setAttr(string, State) error         { return errUnsupported }
func (s *System) setTimesOf(string, State) error      { return errUnsupported }
func (s *System) writable(string) error               { return errUnsupported }
func (s *System) changeable(string) error             { return errUnsupported }
func (s *System) lock(string) (*os.File, bool, error) { return nil, false, errUnsupported }
