package walk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"sshwhy/internal/client"
)

// notRegular is the error of readSome for what is no regular file.
type notRegular struct{ kind client.FileKind }

func (e *notRegular) Error() string { return e.kind.NotAFile() }

var errTooLarge = errors.New("too large")

// readSome reads a regular file of at most limit bytes. It never waits for a
// writer and takes nothing out of a pipe; what is no regular file is a *notRegular.
func readSome(path string, limit int64) ([]byte, error) {
	if kind := kindByName(path); kind != "" {
		return nil, &notRegular{kind}
	}
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if kind := kindOf(st.Mode()); kind != "" {
		return nil, &notRegular{kind}
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err = f.Stat(); err != nil { // another one may stand there by now
		return nil, err
	}
	if kind := kindOf(st.Mode()); kind != "" {
		return nil, &notRegular{kind}
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, errTooLarge
	}
	return data, err
}

// kindByName tells what must not even be opened.
func kindByName(path string) client.FileKind {
	path = filepath.ToSlash(filepath.Clean(path))
	switch {
	case path == os.DevNull, runtime.GOOS == "windows" && strings.EqualFold(path, os.DevNull):
		return client.KindNull
	case strings.HasPrefix(path, "/dev/fd/"), strings.HasPrefix(path, "/proc/self/fd/"), path == "/dev/stdin", path == "/dev/stdout", path == "/dev/stderr":
		return client.KindDescriptor
	}
	return ""
}

func kindOf(m fs.FileMode) client.FileKind {
	switch {
	case m.IsRegular():
		return ""
	case m.IsDir():
		return client.KindDir
	case m&fs.ModeNamedPipe != 0:
		return client.KindPipe
	case m&fs.ModeSocket != 0:
		return client.KindSocket
	default:
		return client.KindDevice
	}
}
