// Package script fills a bundle where nothing can be run from here at all, only
// typed: it writes a short POSIX shell script to paste into a console, whose
// output is copied back as text.
//
// The output is made for a console of 80 columns: numbered lines of letters and
// digits, in blocks with a checksum, one block for each item. Prompts, the echo of
// the script, carriage returns and wrapped lines do no harm; a line that got lost
// makes its item Failed and nothing else.
//
// It must not run anything itself.
package script

import (
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"sshwhy/internal/evidence"
	"sshwhy/internal/evidence/shell"
)

//go:embed collect.sh
var collect string

const (
	// width is how much data stands on a line. With the number in front it is
	// below the 80 columns of a console.
	width = 60
	// DefaultMost is how much of a file or an output is kept, in bytes: a serial
	// console carries about ten thousand a second.
	DefaultMost = 128 << 10
)

// Options of Write.
type Options struct {
	Tool string // version of sshwhy, for the bundle's header
	Most int    // cap for each item; 0: DefaultMost

	// Files are patterns whose matches are collected as files, for what a later
	// round of the manifest would ask for: /etc/ssh/sshd_config.d/*.conf.
	Files []string
	// Processes are the names of programs; of each process that runs one, the
	// files of /proc/PID which ProcessFiles names are collected.
	Processes    []string
	ProcessFiles []string

	nonce string // for tests
}

// Write writes the script that looks at the items.
func Write(w io.Writer, items []evidence.Item, opt Options) error {
	if opt.Most <= 0 {
		opt.Most = DefaultMost
	}
	if opt.nonce == "" {
		b := make([]byte, 6)
		_, _ = rand.Read(b) // never fails: crypto/rand
		opt.nonce = hex.EncodeToString(b)
	}
	var text strings.Builder
	// The quotes keep the shell that is typed into from changing anything, and
	// the text from running before it is there completely.
	text.WriteString("sh <<'SSHWHY'\n" + shell.Prelude(opt.nonce))
	text.WriteString(strings.NewReplacer(
		"@WIDTH@", strconv.Itoa(width), "@CAP@", strconv.Itoa(evidence.DefaultCap+1), "@TOOL@", "'"+version(opt.Tool)+"'",
	).Replace(collect))
	for _, it := range items {
		if it.Kind == evidence.KindFile || it.Kind == evidence.KindCommand {
			it.Cap = min(it.Limit(), opt.Most)
		}
		text.WriteString(line(it))
	}
	for _, pattern := range opt.Files {
		line, err := shell.ForEach("o", pattern, "[ -f \"$o\" ] && x f 0 \"$o\" "+strconv.Itoa(opt.Most+1))
		if err != nil {
			return err
		}
		text.WriteString(line)
	}
	text.WriteString(processes(opt))
	text.WriteString("m=$n n=0; y printf %s \"$I\"; echo \"=sshwhy= end $m\"\nSSHWHY\n")
	_, err := io.WriteString(w, text.String())
	return err
}

// line calls x for one item. The name of the item in the bundle is worked out
// over there, except where that would not give it back exactly.
func line(it evidence.Item) string {
	call, failed := shell.Call("0", it)
	if failed != nil {
		if strings.Contains(it.Key(), "\x00") {
			return "" // no shell can name it
		}
		_, reason := shell.Word(failed.Reason)
		call = "k 0 " + reason + "\n"
	}
	before, last := "", call
	if i := strings.LastIndex(strings.TrimSuffix(call, "\n"), "\n"); i >= 0 {
		before, last = call[:i+1], call[i+1:]
	}
	if failed != nil || it.Kind == evidence.KindGlob || strings.Contains(it.Key(), `\`) {
		name, word := shell.Word(it.Key())
		before = name + "j=" + word + "\n" + before
	}
	return before + "x " + last
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_.:@-]{1,20}$`)

func processes(opt Options) string {
	var names, files []string
	for _, n := range opt.Processes {
		if plain.MatchString(n) {
			names = append(names, n)
		}
	}
	for _, f := range opt.ProcessFiles {
		if plain.MatchString(f) {
			files = append(files, f)
		}
	}
	if len(names) == 0 || len(files) == 0 {
		return ""
	}
	return "for o in /proc/[0-9]*; do r=; { read -r r <$o/comm; } 2>/dev/null; case $r in " + strings.Join(names, "|") +
		")\nfor u in " + strings.Join(files, " ") + "; do x f 0 $o/$u " + strconv.Itoa(opt.Most+1) + "; done;; esac; done\n"
}

func version(tool string) string {
	if plain.MatchString(tool) {
		return tool
	}
	return "unknown"
}

// Foresee gives what the manifest asks for in all its rounds on a machine like
// the supposed one. So one paste can answer what would else take several: later
// rounds ask the same things on most machines. Items about one process are left
// out, its number being different everywhere.
func Foresee(m evidence.Manifest, supposed ...*evidence.Bundle) []evidence.Item {
	var items []evidence.Item
	have := map[string]bool{}
	for _, machine := range append([]*evidence.Bundle{evidence.NewBundle()}, supposed...) {
		seen := evidence.NewBundle()
		_ = m.Rounds(seen, func(round []evidence.Item) error { // it has no error of its own
			for _, it := range round {
				seen.Put(it, machine.Get(it))
				if key := it.Key(); !have[key] && !ofProcess.MatchString(key) {
					have[key] = true
					items = append(items, it)
				}
			}
			return nil
		})
	}
	return items
}

// ofProcess matches items about a process other than the first.
var ofProcess = regexp.MustCompile(`^[a-z]+:/proc/(?:[02-9]|1[0-9])[0-9]*/`)

// What Parse says of a text that holds no whole output.
var (
	ErrForeign = errors.New("this is not the output of sshwhy's script: no line begins with =sshwhy=")
	ErrCut     = errors.New("the output is cut short: the line \"=sshwhy= end\" is missing, so it was not copied to its end")
	ErrTooBig  = errors.New("the text is larger than 64 MB")
)

// taken is the time the far side gave, or none.
func taken(seconds string) time.Time {
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || n < 0 || n > 1<<35 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}
