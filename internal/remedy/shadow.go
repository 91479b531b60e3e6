package remedy

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sshwhy/internal/sshconf"
)

// changes are files of a configuration as they are to be: the new content by
// resolved path, nil for a file that is to go. Other files are as they are.
type changes map[string]*string

// position is a line of a file of the configuration, counted from 1.
type position struct {
	file string
	line int
}

// shadow is a copy of a configuration with what it includes, made for sshd to
// read: with changes, without some lines, and for the visitors for whom some of
// the Match blocks hold and the others do not. It is made in memory first, so
// that two that are the same are asked about once.
//
// Which blocks hold is decided here and not by sshd, by leaving out the lines
// of those that do not: so the answer is for everyone whom the criteria could
// name, and needs no account, group or name to exist.
type shadow struct {
	changed changes
	dropped map[position]bool
	blocks  func(key string) bool // nil: the Match lines stay as they are

	files    []shadowFile
	criteria []string // the keys of all Match blocks that were met, each once
}

// shadowFile is one copy; the same original may have several.
type shadowFile struct{ original, name, text string }

// Limits of what is copied; sshd's own for the depth (servconf.c, SERVCONF_MAX_DEPTH).
const (
	maxIncludeDepth = 16
	maxShadowFiles  = 512
)

// nested joins the keys of a Match block and of one in a file that it includes,
// which holds only where both do.
const nested = " / "

// of copies the configuration whose main file is named. It may include what lies
// where nothing answers, and so is waited for; after an error nothing of it is used.
func (sh *shadow) of(main string) error {
	_, err := answered(main, func() (string, error) { return sh.copy(main, "", 0) }, func(string) {})
	return err
}

func (sh *shadow) copy(file, parent string, depth int) (name string, err error) {
	if depth > maxIncludeDepth || len(sh.files) >= maxShadowFiles {
		return "", fmt.Errorf("%s: too many files or levels of Include", file)
	}
	file = realPath(file)
	text, err := sh.read(file)
	if err != nil {
		return "", err
	}
	n := len(sh.files)
	// The name goes into an Include line, where blanks and quotes have a meaning
	// and what looks like a pattern names other files: nothing of the original's.
	sh.files = append(sh.files, shadowFile{original: file, name: fmt.Sprintf("%03d.conf", n)})
	var out strings.Builder
	key, holds := parent, true
	number := 0
	for raw := range strings.SplitAfterSeq(text, "\n") {
		number++
		line, ok := sshconf.ParseLine(strings.TrimRight(raw, "\r\n"))
		switch {
		case raw == "":
			continue
		case sh.dropped[position{file, number}]:
			raw = "#\n"
		case ok && line.Is("Match"):
			key, holds = sh.match(line, parent)
			if sh.blocks != nil {
				raw = "Match all\n"
			}
		case ok && holds && line.Is("Include"):
			if raw, err = sh.include(line, key, depth); err != nil {
				return "", err
			}
		}
		if !holds {
			raw = "#\n"
		}
		out.WriteString(raw)
	}
	sh.files[n].text = out.String()
	return sh.files[n].name, nil
}

// match is the key of a block, and whether it holds.
func (sh *shadow) match(line sshconf.Line, parent string) (key string, holds bool) {
	if len(line.Args) == 1 && strings.EqualFold(line.Args[0], "all") {
		return parent, true
	}
	key = line.Criteria()
	if parent != "" {
		key = parent + nested + key
	}
	if !slices.Contains(sh.criteria, key) {
		sh.criteria = append(sh.criteria, key)
	}
	return key, sh.blocks == nil || sh.blocks(key)
}

// read is the content of a file as it is to be.
func (sh *shadow) read(file string) (string, error) {
	if text, ok := sh.changed[file]; ok && text != nil {
		return *text, nil
	} else if ok {
		return "", &fs.PathError{Op: "open", Path: file, Err: fs.ErrNotExist}
	}
	return readRegular(file)
}

// maxConfig is how much of one file of a configuration is read.
const maxConfig = 1 << 20

// readRegular reads a file that an Include may name in a place that is not
// root's: a pipe is not waited for, and a device is not read.
func readRegular(file string) (string, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", file)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err == nil && len(data) > maxConfig {
		err = fmt.Errorf("%s is larger than 1 MiB", file)
	}
	return string(data), err
}

// realPath is a path without symbolic links; one that is not there is itself.
func realPath(file string) string {
	if real, err := filepath.EvalSymlinks(file); err == nil {
		return real
	}
	return file
}

// include is an Include line that names the copies of what it names in the
// original; relative names are below /etc/ssh (sshd_config(5)).
func (sh *shadow) include(line sshconf.Line, key string, depth int) (string, error) {
	var names []string
	for _, glob := range line.Args {
		if !filepath.IsAbs(glob) {
			glob = filepath.Join("/etc/ssh", glob)
		}
		found, err := sh.glob(glob)
		if err != nil {
			return "", err
		}
		for _, f := range found {
			name, err := sh.copy(f, key, depth+1)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return "", err
			}
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "#\n", nil
	}
	return "Include " + shadowDir + strings.Join(names, " "+shadowDir) + "\n", nil
}

// glob are the files that a pattern names, those that are to come and without
// those that are to go; glob(3) leaves names with a leading dot out.
func (sh *shadow) glob(pattern string) ([]string, error) {
	found, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("an Include of %s: %w", pattern, err)
	}
	for f, text := range sh.changed { // found is sorted below
		if ok, _ := filepath.Match(pattern, f); ok && text != nil && !slices.Contains(found, f) {
			found = append(found, f)
		}
	}
	found = slices.DeleteFunc(found, func(f string) bool {
		hidden := strings.HasPrefix(path.Base(f), ".") && !strings.HasPrefix(path.Base(pattern), ".")
		return hidden || isDir(f)
	})
	slices.Sort(found)
	return found, nil
}

// shadowDir stands for the directory of the copies in their Include lines,
// until they are written.
const shadowDir = "@shadow@/"

// sum is the same for two shadows that sshd must answer the same about.
func (sh *shadow) sum() [sha256.Size]byte {
	h := sha256.New()
	for _, f := range sh.files {
		fmt.Fprintf(h, "%s %d\n%s", f.name, len(f.text), f.text)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// write puts the copies into a directory and returns the main file's.
func (sh *shadow) write(dir string) (string, error) {
	for _, f := range sh.files {
		text := strings.ReplaceAll(f.text, shadowDir, dir+"/")
		if err := os.WriteFile(filepath.Join(dir, f.name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, sh.files[0].name), nil
}

// originals puts the names of the originals into what sshd said of the copies.
func (sh *shadow) originals(dir, said string) string {
	for _, f := range sh.files {
		said = strings.ReplaceAll(said, filepath.Join(dir, f.name), f.original)
	}
	return said
}
