package remedy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"sshwhy/internal/operator"
	"sshwhy/internal/proc"
)

// What holds the guard's timer, the first that the machine has:
//
//	systemd    a timer and a service in /etc/systemd/system, wanted by
//	           timers.target: started now, and by every boot (systemd.timer(5):
//	           OnActiveSec= counts from when the timer is started)
//	systemd,   where that directory cannot be written: units that end with the
//	           boot (systemd-run(1))
//	no systemd a process of a session of its own; and for the next boot a script
//	           in OpenRC's /etc/local.d or a line for cron (@reboot, crontab(5))
//
// The files are written as the first step of the fix, so that its record tells
// of them and every undo takes them away.

// holder is how one fix's timer is held.
type holder struct {
	id, self string
	seconds  string
	systemd  bool
	files    []holdFile
}

// holdFile is a file of a timer; Link instead of text makes a symbolic link.
type holdFile struct {
	path, text, link string
	mode             uint32
}

// Directories that hold what starts at boot.
const (
	unitDir   = "/etc/systemd/system"
	wantsDir  = unitDir + "/timers.target.wants"
	localDir  = "/etc/local.d"
	cronDir   = "/etc/cron.d"
	startLink = "/etc/runlevels/default/local" // OpenRC runs local.d by this service
)

// guardUnit is the name of the timer of a fix.
func guardUnit(id string) string { return "sshwhy-guard-" + strings.ToLower(id) }

// holderFor finds what can hold a timer here.
func (s *System) holderFor(id, self string, within time.Duration) holder {
	h := holder{id: id, self: self, seconds: strconv.Itoa(int(within.Round(time.Second) / time.Second))}
	h.systemd = os.Geteuid() == 0 && s.has("systemctl") && isDir("/run/systemd/system")
	name := guardUnit(id)
	switch {
	case os.Geteuid() != 0:
	case h.systemd && s.writable(unitDir) == nil && !strings.ContainsFunc(self, isControl):
		h.files = []holdFile{
			{path: filepath.Join(unitDir, name+".service"), text: h.service(), mode: 0o644},
			{path: filepath.Join(unitDir, name+".timer"), text: h.timer(), mode: 0o644},
			{path: filepath.Join(wantsDir, name+".timer"), link: "../" + name + ".timer"},
		}
	case h.systemd || strings.ContainsFunc(self, func(r rune) bool { return isControl(r) || strings.ContainsRune("'%\\", r) }):
	case isDir(localDir) && exists(startLink) && s.writable(localDir) == nil:
		h.files = []holdFile{{path: filepath.Join(localDir, name+".start"), text: "#!/bin/sh\n" + h.command() + " &\n", mode: 0o755}}
	case isDir(cronDir) && (s.has("cron") || s.has("crond")) && s.writable(cronDir) == nil:
		h.files = []holdFile{{path: filepath.Join(cronDir, name), text: "@reboot root " + h.command() + "\n", mode: 0o644}}
	}
	return h
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// command is the undo after a boot, for a shell.
func (h holder) command() string { return "'" + h.self + "' undo " + h.id + " --guard" }

func (h holder) service() string {
	// In a unit's command a percent sign and a backslash are its own (systemd.service(5), COMMAND LINES).
	path := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`).Replace(h.self)
	return "# Written by sshwhy; gone once the fix is confirmed (sshwhy keep) or taken back (sshwhy undo).\n" +
		"[Unit]\nDescription=Undo of an SSH fix that nobody confirmed\n\n" +
		"[Service]\nType=oneshot\nExecStart=\"" + path + "\" undo " + h.id + " --guard\n"
}

func (h holder) timer() string {
	return "[Unit]\nDescription=Waits for an SSH fix to be confirmed\n\n" +
		"[Timer]\nOnActiveSec=" + h.seconds + "\nAccuracySec=1s\n"
}

// words say what is set up, for the record and the preview.
func (h holder) words() string {
	if len(h.files) == 0 {
		return "start a timer that undoes the fix unless it is confirmed"
	}
	return "write " + h.files[0].path + ", which undoes the fix unless it is confirmed"
}

// guardWords say how a plan is taken back by itself.
func (s *System) guardWords(who operator.Session, within time.Duration) string {
	h := s.holderFor("ID", "", within)
	over := "it is not known over which way you are logged in"
	switch who.Way {
	case operator.Remote:
		over = "you are logged in over the network (" + who.Name() + ")"
	case operator.Console:
		over = "you sit at the console, so that it is confirmed by itself once a connection has shown that it works"
	}
	how := "a timer, which does not outlive a reboot,"
	switch {
	case h.systemd && len(h.files) > 0:
		how = "a systemd timer in " + unitDir + ", which outlives a reboot,"
	case len(h.files) > 0:
		how = "a timer, and after a reboot " + filepath.Dir(h.files[0].path) + ","
	}
	return fmt.Sprintf("%s undoes all of it after %s, unless it is confirmed from a new login (sudo sshwhy keep); %s", how, within, over)
}

// start starts the timer, and says what holds it.
func (h holder) start(ctx context.Context, s *System) (string, error) {
	switch {
	case h.systemd && len(h.files) > 0:
		_, err := s.run(ctx, "systemctl", "start", "--", guardUnit(h.id)+".timer")
		return "timer", err
	case h.systemd:
		_, err := s.run(ctx, "systemd-run", "--quiet", "--unit="+guardUnit(h.id), "--on-active="+h.seconds,
			"--timer-property=AccuracySec=1s", "--description=undo of an SSH fix that nobody confirmed",
			"--", h.self, "undo", h.id, "--guard")
		return "systemd", err
	}
	return startSleeper(h.self, h.id, h.seconds)
}

// startSleeper starts a process of its own session that waits and undoes.
func startSleeper(self, id, seconds string) (string, error) {
	p, err := proc.Start(proc.Command{
		Args: []string{self, "undo", id, "--guard", "--after", seconds + "s"}, Path: self,
		Env:     os.Environ(), // it is this program again, which hands on none of it
		Lasting: true,
	}, proc.Streams{})
	if err != nil {
		return "", err
	}
	p.Release()
	return "process " + strconv.Itoa(p.PID()), nil
}

// lasting says whether a guard comes again after a reboot.
func (r Record) lasting() bool {
	return slices.ContainsFunc(r.Steps, func(st RecordStep) bool { return st.act.Kind == kindHold })
}

// kindHold is the act that writes a timer's files.
const kindHold = "guard"

// holdDoer writes them.
type holdDoer struct{ h holder }

func (d *holdDoer) touches() ([]string, []string) {
	var paths []string
	for _, f := range d.h.files {
		if dir := filepath.Dir(f.path); !slices.Contains(paths, dir) && !isDir(dir) {
			paths = append(paths, dir)
		}
		paths = append(paths, f.path)
	}
	return paths, nil
}

func (d *holdDoer) probe(context.Context, *System) map[string]string { return nil }
func (d *holdDoer) check(context.Context, *System) error             { return nil }

func (d *holdDoer) record() act {
	a := act{Kind: kindHold, Loose: true}
	if d.h.systemd {
		a.Unit = guardUnit(d.h.id) + ".timer"
	}
	return a
}

func (d *holdDoer) do(_ context.Context, s *System) error {
	for _, f := range d.h.files {
		if dir := filepath.Dir(f.path); !isDir(dir) {
			if err := s.mkdir(dir, 0o755); err != nil {
				return err
			}
		}
		var err error
		if f.link != "" {
			err = s.symlink(f.link, f.path)
		} else {
			err = s.put(f.path, tempFor(f.path), []byte(f.text), State{Kind: kindFile, Mode: f.mode}, State{Kind: kindAbsent})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// release takes a timer and its files away, of a fix that stays. The times of
// the directories are left as they are found: a later undo knows by them
// whether somebody else has put something there.
func release(ctx context.Context, s *System, r Record) error {
	if r.guard.by == "systemd" {
		s.run(ctx, "systemctl", "stop", "--", guardUnit(r.ID)+".timer") //nolint:errcheck // it finds the confirmation and ends
	}
	os.Remove(filepath.Join(r.Dir, selfName)) //nolint:errcheck // there is none, or the next fix drops the record
	for _, st := range r.Steps {
		if st.act.Kind != kindHold {
			continue
		}
		stopTimer(ctx, s, st.act.Unit)
		at := filepath.Join(r.Dir, fmt.Sprintf("%03d", st.N))
		before, ok, err := load(at, beforeJSON)
		if err != nil || !ok {
			return err
		}
		var gone []string
		for path, e := range before.Paths {
			if e.Kind == kindAbsent {
				gone = append(gone, path)
			}
		}
		slices.Sort(gone)
		slices.Reverse(gone)
		return errors.Join(s.removeAll(gone), s.forgetTimer(ctx, st.act.Unit))
	}
	return nil
}

// releaseByName is release where the record is gone: the names tell the files.
func releaseByName(ctx context.Context, s *System, id string) error {
	name := guardUnit(id)
	if isDir("/run/systemd/system") {
		stopTimer(ctx, s, name+".timer")
	}
	return s.removeAll([]string{filepath.Join(wantsDir, name+".timer"), filepath.Join(unitDir, name+".timer"),
		filepath.Join(unitDir, name+".service"), filepath.Join(localDir, name+".start"), filepath.Join(cronDir, name)})
}

// stopTimer stops a timer, while its file is still there to say what it is.
func stopTimer(ctx context.Context, s *System, unit string) {
	if unit != "" {
		s.run(ctx, "systemctl", "stop", "--", unit) //nolint:errcheck // one that fires finds the record and ends
	}
}

// forgetTimer has systemd forget a timer whose file is gone. It does by itself,
// unless it has read the link to it meanwhile: then it has read all unit files
// anew since the timer was set up, and once more changes nothing else.
func (s *System) forgetTimer(ctx context.Context, unit string) error {
	if unit == "" {
		return nil
	}
	r := s.ask(ctx, "systemctl", "list-units", "--all", "--plain", "--no-legend", "--", unit)
	if r.Code != 0 || strings.TrimSpace(r.Output) == "" {
		return nil
	}
	_, err := s.run(ctx, "systemctl", "daemon-reload")
	return err
}

// removeAll removes files and empty directories; the times of what they stood in stay.
func (s *System) removeAll(paths []string) error {
	var errs []error
	for _, path := range paths {
		if !exists(path) {
			continue
		}
		dir, _, err := s.look(filepath.Dir(path))
		if err == nil {
			err = s.remove(path)
		}
		if err == nil {
			err = s.setTimesOf(filepath.Dir(path), dir, dir)
		}
		if err != nil && !errors.Is(err, fs.ErrExist) && !strings.Contains(err.Error(), "not empty") {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
