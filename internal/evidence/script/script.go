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
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sshwhy/internal/evidence"
	"sshwhy/internal/evidence/shell"
	"sshwhy/internal/proc"
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

// Plan is what a script looks at.
type Plan struct {
	Items []evidence.Item
	// Files are patterns whose matches are read as files.
	Files []string
	// Processes are names of programs. For each process that runs one of them,
	// PerProcess is looked at: files (KindFile) and metadata (KindStat) whose path
	// is that below /proc/PID.
	Processes  []string
	PerProcess []evidence.Item
}

// Options of Write.
type Options struct {
	Tool string // version of sshwhy, for the bundle's header
	Most int    // cap for each item; 0: DefaultMost

	nonce string // for tests
}

// Write writes the script for the plan.
func Write(w io.Writer, plan Plan, opt Options) error {
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
	users := slices.ContainsFunc(plan.Items, func(it evidence.Item) bool { return it.As != nil })
	text.WriteString("sh <<'SSHWHY'\n" + shell.Prelude(opt.nonce, proc.SearchDirs(), users))
	text.WriteString(strings.NewReplacer(
		"@WIDTH@", strconv.Itoa(width), "@CAP@", strconv.Itoa(evidence.DefaultCap+1), "@TOOL@", "'"+version(opt.Tool)+"'",
	).Replace(collect))
	for _, it := range plan.Items {
		if it.Kind == evidence.KindFile || it.Kind == evidence.KindCommand {
			it.Cap = min(it.Limit(), opt.Most)
		}
		text.WriteString(line(it))
	}
	for _, pattern := range plan.Files {
		line, err := shell.ForEach("o", pattern, "[ -f \"$o\" ] && x f 0 \"$o\" "+strconv.Itoa(opt.Most+1))
		if err != nil {
			return err
		}
		text.WriteString(line)
	}
	text.WriteString(processes(plan, opt.Most))
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
	switch {
	case failed == nil && it.As != nil:
		before, last = shell.As(it.As.Name, call, shell.Room(it), shell.Slowest([]evidence.Item{it}))
		last += " " + strconv.Itoa(it.Limit()+1) + "\n" // for x: how much of the item is kept
	default:
		if i := strings.LastIndex(strings.TrimSuffix(call, "\n"), "\n"); i >= 0 {
			before, last = call[:i+1], call[i+1:]
		}
	}
	if failed != nil || it.As != nil || it.Kind == evidence.KindGlob || it.Kind == evidence.KindHello || strings.Contains(it.Key(), `\`) {
		name, word := shell.Word(it.Key())
		before = name + "j=" + word + "\n" + before
	}
	return before + "x " + last
}

var plain = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_.:@-]{1,20}$`) })

// processes is the loop over the processes of the plan.
func processes(plan Plan, most int) string {
	names := slices.DeleteFunc(slices.Clone(plan.Processes), func(n string) bool { return !plain().MatchString(n) })
	var looks strings.Builder
	for _, it := range plan.PerProcess {
		switch {
		case !plain().MatchString(it.Path):
		case it.Kind == evidence.KindFile:
			looks.WriteString("x f 0 $o/" + it.Path + " " + strconv.Itoa(min(it.Limit(), most)+1) + "\n")
		case it.Kind == evidence.KindStat:
			looks.WriteString("x s 0 $o/" + it.Path + "\n")
		}
	}
	if len(names) == 0 || looks.Len() == 0 {
		return ""
	}
	return "for o in /proc/[0-9]*; do r=; { read -r r <$o/comm; } 2>/dev/null; case $r in " + strings.Join(names, "|") + ")\n" +
		looks.String() + ";; esac; done\n"
}

func version(tool string) string {
	if plain().MatchString(tool) {
		return tool
	}
	return "unknown"
}

// Foresee plans for what the manifest asks for in all its rounds on machines like
// the supposed ones. So one paste can answer what else would take several: later
// rounds ask the same things on most machines. A file that a pattern of an earlier
// round matched becomes that pattern, and what was asked about one process is
// planned for every process of the plan, which the caller names.
func Foresee(m evidence.Manifest, supposed ...*evidence.Bundle) Plan {
	f := foresight{have: map[string]bool{}}
	for _, machine := range append([]*evidence.Bundle{evidence.NewBundle()}, supposed...) {
		seen := evidence.NewBundle()
		f.patterns = nil
		_ = m.Rounds(seen, func(round []evidence.Item) error { // it has no error of its own
			for _, it := range round {
				seen.Put(it, machine.Get(it))
				f.take(it)
			}
			return nil
		})
	}
	return f.plan
}

type foresight struct {
	plan     Plan
	have     map[string]bool
	patterns []string // of this machine, so far
}

// ofProcess matches the path of what belongs to one process. The first one is
// the same everywhere.
var ofProcess = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^/proc/(?:[2-9]|1[0-9])[0-9]*/(.*)$`) })

func (f *foresight) take(it evidence.Item) {
	if it.Kind == evidence.KindGlob {
		f.patterns = append(f.patterns, it.Path)
	}
	if it.Kind == evidence.KindFile {
		for _, pattern := range f.patterns {
			if ok, _ := path.Match(pattern, it.Path); ok {
				if !slices.Contains(f.plan.Files, pattern) {
					f.plan.Files = append(f.plan.Files, pattern)
				}
				return
			}
		}
	}
	key := it.Key()
	if m := ofProcess().FindStringSubmatch(it.Path); m != nil {
		it.Path = m[1]
		key = "process " + it.Key()
		if !f.have[key] {
			f.plan.PerProcess = append(f.plan.PerProcess, it)
		}
	} else if !f.have[key] {
		f.plan.Items = append(f.plan.Items, it)
	}
	f.have[key] = true
}

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
