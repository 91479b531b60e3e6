package remedy

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sshwhy/internal/proc"
	"sshwhy/internal/sshconf"
)

// sshdJudge asks the machine's sshd what it makes of a configuration that is
// not in its place yet. It changes nothing but its own directory.
type sshdJudge struct {
	main, sshd, dir string
	argv            []string // how sshd is asked
	answers         map[[sha256.Size]byte]answer
}

type answer struct {
	effective sshconf.Effective
	said      string // standard error
	ok        bool   // the configuration is accepted
}

// checkDir is where copies for a check are put: not where TMPDIR says, which
// may be somebody else's directory.
const checkDir = "/tmp"

// sshdConfigs are where sshd's main configuration is looked for; openSUSE and
// others keep the vendor's under /usr/etc.
var sshdConfigs = [...]string{"/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config"}

// newSSHDJudge is for the configuration that a file, which may be changed, is or
// is a part of. Close it when done.
func newSSHDJudge(file string, changed changes) (*sshdJudge, error) {
	j := &sshdJudge{main: mainOf(file, changed), answers: map[[sha256.Size]byte]answer{}}
	var err error
	if j.sshd, err = proc.Find("sshd"); err != nil {
		return nil, errors.New("sshd is not installed, so its configuration cannot be checked")
	}
	if j.dir, err = os.MkdirTemp(checkDir, "sshwhy-check-"); err != nil {
		return nil, err
	}
	return j, nil
}

func (j *sshdJudge) close() { os.RemoveAll(j.dir) }

// mainOf is the main file of the configuration that a file is or is a part of:
// the usual one where that includes it, and else the file itself, which may be
// what the option -f of some server names.
func mainOf(file string, changed changes) string {
	if main := usualMain(); isPart(file, main, changed) || strings.Contains(file, ".d/") {
		return main
	}
	return file
}

// whole is the text of all files of the configuration with changes.
func (j *sshdJudge) whole(changed changes) (string, error) {
	sh := shadow{changed: changed}
	if err := sh.of(j.main); err != nil {
		return "", err
	}
	var text strings.Builder
	for _, f := range sh.files {
		text.WriteString(f.text + "\n")
	}
	return text.String(), nil
}

func usualMain() string {
	for _, main := range sshdConfigs {
		if _, err := os.Stat(main); err == nil {
			return main
		}
	}
	return sshdConfigs[0]
}

// isPart says whether a configuration reads a file.
func isPart(file, main string, changed changes) bool {
	sh := shadow{changed: changed}
	if err := sh.of(main); err != nil {
		return file == main
	}
	return slices.ContainsFunc(sh.files, func(f shadowFile) bool { return f.original == realPath(file) })
}

// version is a configuration that sshd accepts: the files as they are to be,
// without the lines that it refuses.
type version struct {
	changed changes
	dropped map[position]bool
	keys    []string // of its Match blocks
}

// maxRefused is how many refused lines are looked for; sshd may name one a run.
const maxRefused = 64

// accepted makes a version of the configuration that sshd accepts, by leaving
// out what it refuses; where it does not say which line that is, the lines that
// are touched.
func (j *sshdJudge) accepted(ctx context.Context, changed changes, touched map[position]bool) (version, error) {
	v := version{changed: changed, dropped: map[position]bool{}}
	for range maxRefused {
		sh := shadow{changed: changed, dropped: v.dropped}
		if err := sh.of(j.main); err != nil {
			return v, err
		}
		a, err := j.ask(ctx, &sh)
		if err != nil {
			return v, err
		}
		if a.ok {
			v.keys = sh.criteria
			return v, nil
		}
		more := refused(sh.originals(j.dir, a.said))
		if len(more) == 0 || subset(more, v.dropped) {
			if more = touched; subset(more, v.dropped) {
				return v, fmt.Errorf("sshd refuses the configuration: %s", strings.Join(strings.Fields(a.said), " "))
			}
		}
		for p := range more {
			v.dropped[p] = true
		}
	}
	return v, errors.New("too many lines of the configuration are refused")
}

func subset(a, b map[position]bool) bool {
	for p := range a {
		if !b[p] {
			return false
		}
	}
	return true
}

// refused are the places that complaints name.
func refused(said string) map[position]bool {
	out := map[position]bool{}
	for line := range strings.Lines(said) {
		if strings.Contains(line, "Deprecated option") || strings.Contains(line, "Unsupported option") {
			continue // a warning
		}
		if p, ok := positionIn(line); ok {
			out[p] = true
		}
	}
	return out
}

// positionIn is the place that a complaint names: sshd writes "FILE: line N: …"
// and "FILE line N: …".
func positionIn(complaint string) (position, bool) {
	at, rest, ok := strings.Cut(complaint, "line ")
	var n int
	if _, err := fmt.Sscanf(rest, "%d", &n); err != nil || !ok {
		return position{}, false
	}
	return position{strings.TrimRight(at, ": "), n}, true
}

// dump is what sshd makes of a version for the visitors for whom these Match
// blocks hold, and no others.
func (j *sshdJudge) dump(ctx context.Context, v version, set map[string]bool) (sshconf.Effective, error) {
	sh := shadow{changed: v.changed, dropped: v.dropped, blocks: func(key string) bool { return set[key] }}
	if err := sh.of(j.main); err != nil {
		return sshconf.Effective{}, err
	}
	a, err := j.ask(ctx, &sh)
	if err == nil && len(a.effective.Values) == 0 {
		err = fmt.Errorf("sshd refuses a part of the configuration: %s", strings.Join(strings.Fields(sh.originals(j.dir, a.said)), " "))
	}
	return a.effective, err
}

// ask has sshd read a shadow and print what it makes of it.
func (j *sshdJudge) ask(ctx context.Context, sh *shadow) (answer, error) {
	sum := sh.sum()
	if a, ok := j.answers[sum]; ok {
		return a, nil
	}
	trial, err := sh.write(j.dir)
	if err != nil {
		return answer{}, err
	}
	a, err := j.run(ctx, trial)
	if err == nil {
		j.answers[sum] = a
	}
	return a, err
}

// run asks with -G, which since 9.3 wants neither host keys nor the directory
// for its children; an older sshd is asked with -T, given both.
func (j *sshdJudge) run(ctx context.Context, trial string) (answer, error) {
	if j.argv == nil {
		j.argv = []string{j.sshd, "-G"}
	}
	r := proc.Run(ctx, proc.Command{Args: append(slices.Clone(j.argv), "-f", trial), Limit: commandTime})
	said := string(r.Err)
	switch {
	case !r.Started() || r.Ending != proc.Exited:
		return answer{}, fmt.Errorf("%s could not be asked: %v", j.sshd, cmpErr(r))
	case r.OK() && len(r.Out) > 0:
		return answer{effective: sshconf.ParseDump(r.Out), said: said, ok: true}, nil
	case strings.Contains(said, "not in connection test specification"):
		return answer{said: said, ok: true}, nil // it is accepted; only the Match lines of a shadow have no visitor
	case j.argv[1] == "-G" && strings.Contains(said, "usage: sshd"):
		var err error
		if j.argv, err = j.older(ctx); err != nil {
			return answer{}, err
		}
		return j.run(ctx, trial)
	case slices.Contains(j.argv, "-T") && strings.Contains(said, "Missing privilege separation directory: /run/sshd"):
		if j.argv[0] == j.sshd {
			j.argv = append(withRunDir(), j.argv...)
			return j.run(ctx, trial)
		}
	}
	return answer{said: said}, nil
}

func cmpErr(r proc.Result) any {
	if r.Why != nil {
		return r.Why
	}
	return r.Ending
}

// older is how an sshd without -G is asked: with a host key of its own, since
// it wants one before it answers.
func (j *sshdJudge) older(ctx context.Context) ([]string, error) {
	key := filepath.Join(j.dir, "key")
	r := proc.Run(ctx, proc.Command{Args: []string{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key}, Limit: commandTime})
	if !r.OK() {
		return nil, fmt.Errorf("ssh-keygen: %s", strings.Join(strings.Fields(string(r.Err)), " "))
	}
	return []string{j.sshd, "-T", "-h", key}, nil
}

// withRunDir runs a program with a /run of its own that has the directory which
// the service makes when it starts. It wants root.
func withRunDir() []string {
	const prepare = `mount -t tmpfs none /run && mkdir -m 755 /run/sshd && exec "$@"`
	return []string{"unshare", "--mount", "--propagation", "private", "sh", "-c", prepare, "sh"}
}
