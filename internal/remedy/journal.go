package remedy

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"sshwhy/internal/operator"
)

// The directory of one fix, below the state directory:
//
//	ID/journal      what happened, one checked line per event, appended and synced
//	ID/001/         the record of step 1: before.json, before.pack, after.json
//	ID/kept/        what undo found in place of what the fix had left, and replaced
//
// An "intent" line is on the disk before its step changes anything, and the
// step's before-record is on the disk before the line.
//
// The states of a fix, and the events that lead from one to another:
//
//	            begin
//	              │
//	              ▼      intent, done, guard (any number)
//	            open ◄──────────────────────────┐
//	              │ └──────────────────────────-┘
//	   applied    │  a step failed, or a crash and then undo
//	      ┌───────┴──────────────┐
//	      ▼                      ▼
//	 guarded, if a guard    undo-begin ──► rolled-back (by the fix itself)
//	 was armed, or applied       ▲    └──► undone (by sshwhy undo, or the guard)
//	      │ kept                 │
//	      ▼                      │
//	   applied ──────────────────┘
//	                 undo-begin
//
// rolled-back is final, and so is undone, but for an undo that was guarded and
// that nobody confirmed: it is a record of its own, whose undo leads back
// (redone) to applied. An undo that was cut short leaves its
// undo-begin behind, and the next one goes on from there. guarded becomes
// undone by the guard's own undo when its time has come; where its timer was
// lost (a reboot without one that outlives it) it is told as "unconfirmed".

// Events of the journal.
const (
	evBegin      = "begin"
	evIntent     = "intent"
	evDone       = "done"
	evFailed     = "failed"
	evApplied    = "applied" // all steps done and verified; nothing more will be changed
	evGuard      = "guard"   // a timer will undo the fix unless it is kept
	evKept       = "kept"
	evUndoBegin  = "undo-begin"
	evUndone     = "undone"
	evRedone     = "redone" // an undo was itself taken back: the fix stands again
	evRolledBack = "rolled-back"
)

// event is one line of the journal.
type event struct {
	Event string    `json:"event"`
	Time  time.Time `json:"time"`
	Seq   int       `json:"seq,omitempty"`  // of the fix among all, counted up (begin); clocks jump, this does not
	Step  int       `json:"step,omitempty"` // counted from 1
	Cause string    `json:"cause,omitempty"`
	Do    string    `json:"do,omitempty"`
	Act   *act      `json:"act,omitempty"` // intent: what undo must know
	Error string    `json:"error,omitempty"`
	By    string    `json:"by,omitempty"`    // guard: how the timer runs; RFC 3339 deadline in Until
	Until string    `json:"until,omitempty"` // guard
	// Way is the operator's way in (guard).
	Way operator.Way `json:"way,omitempty"`
	// Boot names the machine's boot and Up is the time since it (guard: the
	// deadline; applied: the moment). Neither jumps with the clock.
	Boot  string        `json:"boot,omitempty"`
	Up    time.Duration `json:"up,omitempty"`
	Paths []string      `json:"paths,omitempty"` // undo-begin: what undo has decided to put back
	Dirs  []string      `json:"dirs,omitempty"`  // undo-begin: directories whose time it has decided to put back
}

// act is what undo must know of an action, kept apart from report.Action so
// that a later version reads an older journal.
type act struct {
	Kind string `json:"kind"`
	Unit string `json:"unit,omitempty"`
	Verb string `json:"verb,omitempty"`
	Init string `json:"init,omitempty"`
	// Inverses are the commands that take back what the step's commands did.
	Inverses [][]string `json:"inverses,omitempty"`
	// Expect are the sums that a file may have after the step was cut short.
	Expect []string `json:"expect,omitempty"`
	// Attr says that a mode or owner was changed, and no content.
	Attr bool `json:"attr,omitempty"`
	// InPlace says that the file was overwritten, not replaced.
	InPlace bool   `json:"in_place,omitempty"`
	Heads   []head `json:"heads,omitempty"` // in place: the content that was being written
	Temp    string `json:"temp,omitempty"`  // a temporary file that a crash may have left
	Manager string `json:"manager,omitempty"`
	Family  string `json:"family,omitempty"`
	Table   string `json:"table,omitempty"`
	Chain   string `json:"chain,omitempty"`
	Comment string `json:"comment,omitempty"` // marks our rule in a firewall
	Opens   string `json:"opens,omitempty"`   // whom the step let in, in words
	// Forward are the commands that did it, to do it again when an undo is taken back.
	Forward [][]string `json:"forward,omitempty"`
	Of      string     `json:"of,omitempty"` // undo: the fix that was taken back
	// Loose says that a program did the work, so that a half-done step can
	// have left anything in the recorded places.
	Loose bool `json:"loose,omitempty"`
}

const journalName = "journal"

// note appends an event to the journal and waits until it is on the disk. Each
// line carries a checksum, so that one cut short by a crash is known as such.
func (s *System) note(dir string, e event) error {
	e.Time = s.Now().UTC()
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, journalName)
	line := fmt.Sprintf("%08x %s\n", crc32.ChecksumIEEE(data), data)
	if torn(path) {
		line = "\n" + line
	}
	return s.appendSync(path, []byte(line))
}

// torn says whether a journal ends in the middle of a line.
func torn(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || fi.Size() == 0 {
		return false
	}
	last := make([]byte, 1)
	_, err = f.ReadAt(last, fi.Size()-1)
	return err == nil && last[0] != '\n'
}

// readJournal returns the events that were written whole. Lines that were not
// are left out: what they announce had not begun.
func readJournal(dir string) ([]event, error) {
	data, err := os.ReadFile(filepath.Join(dir, journalName))
	if err != nil {
		return nil, err
	}
	return parseJournal(string(data)), nil
}

func parseJournal(text string) []event {
	var out []event
	for line := range strings.SplitSeq(text, "\n") {
		crc, body, ok := strings.Cut(line, " ")
		if !ok {
			continue
		}
		want, err := strconv.ParseUint(crc, 16, 32)
		if err != nil || crc32.ChecksumIEEE([]byte(body)) != uint32(want) {
			continue
		}
		var e event
		if json.Unmarshal([]byte(body), &e) == nil {
			out = append(out, e)
		}
	}
	return out
}

// Record is one fix as its journal tells it.
type Record struct {
	ID    string
	Dir   string
	Seq   int
	Begun time.Time
	// State is "open" (never finished: a crash, or still running), "applied",
	// "guarded" (will be undone unless kept), "undone" or "rolled-back".
	State    string
	Until    string // guarded: when, RFC 3339
	Steps    []RecordStep
	guard    guard         // its timer; see guard.go
	boot     string        // the boot in which it was applied …
	finished time.Duration // … and when, since that boot
	// approved and dirs are what an undo that was cut short had decided.
	approved, dirs []string
}

// over says whether the fix is taken back, and its record only history.
func (r Record) over() bool { return r.State == "undone" || r.State == "rolled-back" }

// Standing is the State, or "unconfirmed" for a fix whose guard was lost: it was
// never confirmed, and nothing will undo it by itself any more.
func (r Record) Standing() string {
	if r.State != "guarded" || r.guard.boot == bootID() && uptime() < r.guard.due+guardPatience {
		return r.State
	}
	if r.guard.boot != bootID() && r.lasting() {
		return r.State
	}
	return "unconfirmed"
}

// Pending is the last fix that is not over and not confirmed: guarded, unconfirmed,
// or cut short. False where there is none, or where a fix or undo is at work now.
func Pending(s *System, stateDir string) (Record, bool) {
	all, err := List(stateDir)
	if err != nil || len(all) == 0 {
		return Record{}, false
	}
	lock, free, err := s.lock(filepath.Join(stateDir, "lock"))
	if err != nil {
		return Record{}, false
	}
	lock.Close()
	for _, r := range slices.Backward(all) {
		if free && r.State == "open" && len(r.Steps) > 0 || r.State == "guarded" {
			return r, true
		}
	}
	return Record{}, false
}

// RecordStep is one step of a recorded fix.
type RecordStep struct {
	N     int
	Cause string
	Do    string
	Done  bool
	act   act
}

// readRecord reads the record of one fix.
func readRecord(dir string) (Record, error) {
	events, err := readJournal(dir)
	if err != nil {
		return Record{}, err
	}
	r := Record{ID: filepath.Base(dir), Dir: dir, State: "open"}
	for _, e := range events {
		r.apply(e)
	}
	return r, nil
}

func (r *Record) apply(e event) {
	switch e.Event {
	case evBegin:
		r.Seq, r.Begun = e.Seq, e.Time
	case evIntent:
		st := RecordStep{N: e.Step, Cause: e.Cause, Do: e.Do}
		if e.Act != nil {
			st.act = *e.Act
		}
		r.Steps = append(r.Steps, st)
	case evDone:
		for i := range r.Steps {
			if r.Steps[i].N == e.Step {
				r.Steps[i].Done = true
			}
		}
	case evGuard:
		r.guard, r.Until = guard{by: e.By, way: e.Way, boot: e.Boot, due: e.Up}, e.Until
	case evApplied:
		r.State, r.boot, r.finished = "applied", e.Boot, e.Up
		if r.guard.by != "" {
			r.State = "guarded"
		}
	case evKept:
		r.guard, r.Until = guard{}, ""
		if r.State == "guarded" {
			r.State = "applied"
		}
	case evUndoBegin:
		r.approved, r.dirs = append(r.approved, e.Paths...), append(r.dirs, e.Dirs...)
	case evUndone:
		r.State = "undone"
	case evRedone:
		r.State, r.approved, r.dirs = "applied", nil, nil
	case evRolledBack:
		r.State = "rolled-back"
	}
}

// List returns the fixes recorded below a state directory, oldest first. A
// directory without a readable journal is left out: nothing was changed from it.
func List(stateDir string) ([]Record, error) {
	names, err := os.ReadDir(stateDir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []Record
	for _, n := range names {
		if !n.IsDir() {
			continue
		}
		r, err := readRecord(filepath.Join(stateDir, n.Name()))
		if err != nil || r.Seq == 0 {
			continue
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Record) int { return a.Seq - b.Seq })
	return out, nil
}

// StateOf is the state of one fix; "" where it is not recorded.
func StateOf(stateDir, id string) string {
	r, err := readRecord(filepath.Join(stateDir, filepath.Base(id)))
	if err != nil {
		return ""
	}
	return r.State
}
