package replay

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sshwhy/internal/evidence"
)

// Open reads the bundle in a file.
func Open(path string) (*evidence.Bundle, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// Save writes the bundle to a file that only its owner can read, compressed
// where the name ends in .gz. The file is there completely or not at all. An
// existing one is replaced only with overwrite; otherwise the error is fs.ErrExist.
func Save(path string, b *evidence.Bundle, overwrite bool) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".sshwhy-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		tmp.Close() // a second time after success, which does nothing
		os.Remove(tmp.Name())
	}()
	if err := write(tmp, b, strings.HasSuffix(path, ".gz")); err != nil {
		return err
	}
	if err := errors.Join(tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if overwrite {
		return os.Rename(tmp.Name(), path)
	}
	// A link fails where the name is taken, also by one who came in between.
	err = os.Link(tmp.Name(), path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) { // file system without links
		return &fs.PathError{Op: "save", Path: path, Err: fs.ErrExist}
	}
	return os.Rename(tmp.Name(), path)
}

func write(w io.Writer, b *evidence.Bundle, compressed bool) error {
	if !compressed {
		return Write(w, b)
	}
	z := gzip.NewWriter(w) // no time and no name in its header: same bundle, same file
	return errors.Join(Write(z, b), z.Close())
}
