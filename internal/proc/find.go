package proc

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
)

// SearchDirs returns the directories where a program is looked up, in order. It
// is fixed: what PATH holds for the one who runs sshwhy must neither hide
// /usr/sbin/sshd nor put another program first.
func SearchDirs() []string {
	return []string{
		"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
		"/run/current-system/sw/bin", // NixOS keeps its programs nowhere else
	}
}

// Environ returns the whole environment of a program. Nothing is inherited:
// messages are in English, nothing is paged or coloured.
func Environ() []string {
	return []string{
		"PATH=" + strings.Join(SearchDirs(), ":"),
		"LC_ALL=C", "LANG=C", "HOME=/", "TERM=dumb",
		"SYSTEMD_PAGER=cat", "SYSTEMD_COLORS=0", "NO_COLOR=1",
	}
}

// Find returns the file of a program. A bare name is looked up in SearchDirs;
// one with a slash must be absolute. The error is fs.ErrNotExist where there is
// no such file, and fs.ErrPermission where there is, and we may not run it.
func Find(name string) (path string, err error) { return find(name) }

// UserFind returns the file of a program as the user's own shell would find it,
// by PATH, for what is run as the user would: ssh, and what ssh runs.
func UserFind(name string) (path string, err error) { return exec.LookPath(name) }

// AsUser makes a command one that the user could have typed: in his environment,
// to which more is added, and in the directory he is in.
func AsUser(c Command, more ...string) Command {
	c.Env, c.Dir = append(os.Environ(), more...), "."
	return c
}

// noProgram says that no directory holds the program.
type noProgram struct{}

func (noProgram) Error() string        { return "there is no such program" }
func (noProgram) Is(target error) bool { return target == fs.ErrNotExist }

// noInterpreter says that the file is there and what it names to run it is not:
// execve(2) has one error for both.
type noInterpreter struct{}

func (noInterpreter) Error() string { return "the interpreter or loader it names is missing" }

func endingOf(err error) Ending {
	switch {
	case errors.As(err, new(noInterpreter)):
		return NoInterpreter
	case errors.Is(err, fs.ErrNotExist):
		return NotFound
	case errors.Is(err, fs.ErrPermission):
		return NotAllowed
	}
	return NotStarted
}
