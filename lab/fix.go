//go:build linux

package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"sshwhy/internal/report"
)

// RunFix breaks a fresh world as the case says, asks sshwhy at the given sides, has
// one `--fix --yes` mend it, logs in with the real ssh, undoes, and compares the
// machine with what it was before: files, units and rulesets.
func RunFix(ctx context.Context, c Case, suite, tools string, sides []string) Outcome {
	return inWorld(ctx, c, suite, tools, func(ctx context.Context, w *World, o *Outcome) {
		w.observe(ctx, c, sides, o)
		if len(o.Bad) > 0 {
			return
		}
		w.mustStayOut(ctx, c, "before the fix", o)
		w.settle(ctx)
		doors := w.doors(ctx, c)
		before := w.portrait(ctx)
		w.fix(ctx, c, o)
		w.mustStayOut(ctx, c, "after the fix", o)
		for _, d := range doorsClosed(doors, w.doors(ctx, c)) {
			o.fail("a fix closed a door: %s", d)
		}
		w.undo(ctx, before, o)
	})
}

// fix has sshwhy mend the machine.
func (w *World) fix(ctx context.Context, c Case, o *Outcome) {
	argv := []string{"sshwhy", "server", "--fix", "--yes", "--json"}
	if c.Fix == "open" {
		argv = append(argv, "--open")
	}
	argv = append(append(argv, c.ServerArgs...), c.FixArgs...)
	res := w.Server(ctx, "exec "+strings.Join(quoted(argv), " ")+" </dev/null")
	o.note("the fix took %.2f s", res.Took.Seconds())
	w.checkFix(ctx, c, res, o)
	if len(o.Bad) > 0 {
		o.show(strings.Join(argv, " "), string(head(res.Stdout, 6000))+string(tail(res.Stderr, 4000)))
	}
}

// checkFix wants the fix applied and the login back.
func (w *World) checkFix(ctx context.Context, c Case, res Result, o *Outcome) {
	var r struct {
		Verdict string
		Fix     struct {
			Outcome string
			Steps   []struct{ Do, State, Error string }
		}
	}
	if err := json.Unmarshal(res.Stdout, &r); err != nil {
		o.fail("no report: %v", err)
		return
	}
	for _, st := range r.Fix.Steps {
		o.note("%s: %s %s", st.State, strings.ReplaceAll(st.Do, "\n", "; "), st.Error)
	}
	if r.Fix.Outcome != "applied" {
		o.fail("the fix is %q, want applied", r.Fix.Outcome)
	}
	res = w.Login(ctx, c.HandSSH)
	switch {
	case res.Exit != 0:
		o.fail("fixed, and the login fails: exit status %d\n%v", res.Exit, res)
	case r.Verdict == string(report.VerdictBroken):
		o.fail("the login works, and the report of the fix says that the machine is broken")
	}
}

// mustStayOut wants those shut out whom the case names.
func (w *World) mustStayOut(ctx context.Context, c Case, when string, o *Outcome) {
	for _, args := range c.StillOut {
		if res := w.Login(ctx, args); res.Exit == 0 {
			o.fail("%s ssh %s gets in", when, strings.Join(args, " "))
		}
	}
}

// doors are the logins that work: each user with carol's key, over both
// families, at the port that the case asks about (that the server leaves another
// port may be just what its owner wrote into the configuration). bob is
// nobody's visitor, and a fix must not let him in.
func (w *World) doors(ctx context.Context, c Case) map[string]bool {
	out := map[string]bool{}
	port := "22"
	if i := slices.Index(c.HandSSH, "-p"); i >= 0 && i+1 < len(c.HandSSH) {
		port = c.HandSSH[i+1]
	}
	script := "port=" + port + `; for u in alice root bob; do for f in 4 6; do
		ssh -$f -p $port -o BatchMode=yes -o ConnectTimeout=1 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR $u@server true </dev/null 2>/dev/null && echo "$u over IPv$f" & done; done; wait; true`
	for line := range strings.Lines(string(w.Client(ctx, script).Stdout)) {
		out[strings.TrimSpace(line)] = true
	}
	return out
}

// doorsClosed are those that were open and are not, and bob's if one is open now.
func doorsClosed(before, after map[string]bool) []string {
	var out []string
	for d := range before {
		if !after[d] {
			out = append(out, d+" worked before")
		}
	}
	for d := range after {
		if strings.HasPrefix(d, "bob") && !before[d] {
			out = append(out, d+" works, and nobody let him in")
		}
	}
	slices.Sort(out)
	return out
}

// undo takes the fix back and compares.
func (w *World) undo(ctx context.Context, before map[string]string, o *Outcome) {
	res := w.Server(ctx, "sshwhy undo --list; exec sshwhy undo --yes --confirm-within 0 </dev/null")
	if res.Exit != 0 {
		o.fail("undo: exit status %d\n%v", res.Exit, res)
	}
	for _, d := range w.notAsBefore(ctx, before, res) {
		o.fail("not as before: %s", d)
	}
	if len(o.Bad) > 0 {
		o.show("sshwhy undo", res.String())
	}
}

// notAsBefore is what an undo has left otherwise than it was, but for what it
// says of units that could not run before: those that run now run on.
func (w *World) notAsBefore(ctx context.Context, before map[string]string, undone Result) []string {
	w.settle(ctx)
	after := w.portrait(ctx)
	for _, u := range portraitUnits {
		key := "unit " + u
		was, _ := strings.CutSuffix(before[key], " inactive")
		is, active := strings.CutSuffix(after[key], " active")
		looped := strings.HasSuffix(before[key], " activating") // nobody can put a unit into that state
		name := u
		if was == "alias" {
			name = "ssh.service" // whose other name sshd.service is
		}
		if looped || active && was == is && said(undone, name+" runs on") {
			after[key] = before[key]
		}
	}
	return differences(before, after)
}

// said says whether a text is in an output, wherever its lines were broken.
func said(res Result, want string) bool {
	return strings.Contains(strings.Join(strings.Fields(string(res.Stdout)+" "+string(res.Stderr)), " "), want)
}

// settle waits until no unit is on its way; under runit, which waits for nothing, until
// something listens, at most five seconds.
func (w *World) settle(ctx context.Context) {
	if w.suite == "runit" {
		w.Server(ctx, `for i in $(seq 50); do ss -Hltn | grep -q . && exit 0; sleep 0.1; done`)
		return
	}
	w.Server(ctx, `for i in $(seq 50); do [ -z "$(systemctl list-jobs --no-legend)" ] &&
		! systemctl list-units --all --no-legend 'ssh*' | grep -qE 'activating|deactivating|reloading' && exit 0; sleep 0.1; done`)
}

// portraitUnits are those that can carry SSH or a firewall.
var portraitUnits = [...]string{"ssh.service", "ssh.socket", "sshd.service", "ufw.service", "nftables.service", "fail2ban.service", "firewalld.service"}

// portraitTrees are what undoing must bring back to the byte.
var portraitTrees = [...]string{"etc", "root", "home"}

// portrait is the machine as undoing must leave it: every file of the trees
// with content, mode, owner, time and extended attributes; the state of
// portraitUnits ("failed" being systemd's memory of
// what happened, not a state one can put a unit into: inactive is the same); the rulesets without their counters.
func (w *World) portrait(ctx context.Context) map[string]string {
	out := map[string]string{}
	for _, tree := range portraitTrees {
		top := filepath.Join(w.Root(), tree)
		filepath.WalkDir(top, func(path string, _ fs.DirEntry, err error) error { //nolint:errcheck // what cannot be read is told below
			rel, _ := filepath.Rel(w.Root(), path)
			if err != nil {
				out[rel] = err.Error()
				return nil
			}
			if filepath.Base(rel) == "supervise" {
				return filepath.SkipDir // where runit keeps what runs just now
			}
			out[rel] = portraitOf(path)
			return nil
		})
	}
	units := w.Server(ctx, "for u in "+strings.Join(portraitUnits[:], " ")+`; do
		echo "$u $(systemctl is-enabled $u 2>&1) $(systemctl is-active $u | sed s/failed/inactive/)"; done`)
	for line := range strings.Lines(string(units.Stdout)) {
		name, state, _ := strings.Cut(strings.TrimSpace(line), " ")
		out["unit "+name] = state
	}
	out["rules"] = sortChains(string(w.Server(ctx, `nft -s list ruleset 2>/dev/null; true`).Stdout))
	// dpkg has no way back from "configured" to "unpacked": the two count as the same here, and docs/fix.md says so.
	out["packages"] = string(w.Server(ctx, `dpkg-query -W -f '${Package} ${db:Status-Abbrev}\n' | sed 's/ i[UF]/ ii/'`).Stdout)
	return out
}

// portraitOf is everything about one path, as text.
func portraitOf(path string) string {
	fi, err := os.Lstat(path)
	if err != nil {
		return err.Error()
	}
	st := fi.Sys().(*syscall.Stat_t)
	var b bytes.Buffer
	fmt.Fprintf(&b, "%v %d:%d mtime=%d.%09d", fi.Mode(), st.Uid, st.Gid, st.Mtim.Sec, st.Mtim.Nsec)
	switch {
	case fi.Mode().IsRegular():
		data, err := os.ReadFile(path)
		fmt.Fprintf(&b, " %v %s", err, digest(data))
	case fi.Mode()&fs.ModeSymlink != 0:
		to, err := os.Readlink(path)
		fmt.Fprintf(&b, " -> %s %v", to, err)
	}
	names := make([]byte, 4096)
	if n, err := unix.Llistxattr(path, names); err == nil {
		list := strings.Split(strings.TrimRight(string(names[:n]), "\x00"), "\x00")
		slices.Sort(list)
		for _, name := range list {
			value := make([]byte, 4096)
			if m, err := unix.Lgetxattr(path, name, value); err == nil {
				fmt.Fprintf(&b, " %s=%x", name, value[:m])
			}
		}
	}
	return b.String()
}

// differences names what is not the same in two portraits, sorted, a few at most.
func differences(a, b map[string]string) []string {
	const most = 12
	var out []string
	for k, v := range a {
		if b[k] != v {
			was, is := onlyIn(v, b[k]), onlyIn(b[k], v)
			out = append(out, fmt.Sprintf("%s\n  was %s\n  is  %s", k, was, is))
		}
	}
	for k, v := range b {
		if _, ok := a[k]; !ok {
			out = append(out, fmt.Sprintf("%s was not there\n  is  %s", k, v))
		}
	}
	slices.Sort(out)
	if len(out) > most {
		out = append(out[:most], fmt.Sprintf("and %d more", len(out)-most))
	}
	return out
}

func digest(data []byte) string {
	return fmt.Sprintf("%x", sha256.Sum256(data))
}

// sortChains puts the tables of a listing and the chains of each in order: which of
// them was made first means nothing, and their rules stay in theirs.
func sortChains(listing string) string {
	var out []string
	for table := range strings.SplitSeq(listing, "\n}\n") {
		chains := strings.Split(table, "\n\n")
		if len(chains) > 1 { // the first one stands behind the table's own line
			head, first, _ := strings.Cut(chains[0], "\n")
			chains = append([]string{first}, chains[1:]...)
			slices.Sort(chains)
			chains = append([]string{head}, chains...)
		}
		out = append(out, strings.Join(chains, "\n"))
	}
	slices.Sort(out)
	return strings.Join(out, "\n}\n")
}

// onlyIn are the lines of a that are not, or less often, in b; for a text of
// the same lines in another order it says so.
func onlyIn(a, b string) string {
	if !strings.Contains(a, "\n") {
		return a
	}
	count := map[string]int{}
	for l := range strings.Lines(b) {
		count[l]++
	}
	var out strings.Builder
	for l := range strings.Lines(a) {
		if count[l]--; count[l] < 0 {
			out.WriteString(l)
		}
	}
	if out.Len() == 0 {
		return "(no line that the other has not)"
	}
	return strings.TrimSpace(out.String())
}
