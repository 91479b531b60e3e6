package facts

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/evidence"
)

// PAMEntry is one place of a stack: a module with what is to be done by its answer,
// a substack, or a line that libpam can make nothing of and that fails.
type PAMEntry struct {
	PAMRule
	Do    map[string]string // what a module's answer leads to: ok, done, bad, die, ignore, reset, or a number of entries to jump over
	Stack []PAMEntry        // of a substack
	Fails string            // why it fails, whatever is asked; "" where a module is asked
}

// Action is what an answer of the module leads to (pam.conf(5)); an answer that the
// line does not name counts as default, and without that as bad.
func (e PAMEntry) Action(answer string) string {
	for _, a := range []string{answer, "default"} {
		if do, ok := e.Do[a]; ok {
			return do
		}
	}
	return "bad"
}

// The words for controls, as pam.conf(5) explains them.
var pamControls = map[string]map[string]string{
	"required":   {"success": "ok", "new_authtok_reqd": "ok", "ignore": "ignore", "default": "bad"},
	"requisite":  {"success": "ok", "new_authtok_reqd": "ok", "ignore": "ignore", "default": "die"},
	"sufficient": {"success": "done", "new_authtok_reqd": "done", "default": "ignore"},
	"optional":   {"success": "ok", "new_authtok_reqd": "ok", "default": "ignore"},
}

// PAMPhases are the stacks that a login goes through; auth only where PAM asks for
// a password.
var PAMPhases = []string{"auth", "account", "session"}

// vendorPAM is where some distributions keep the services that nobody has changed.
const vendorPAM = "/usr/lib/pam.d/"

// pamReader puts the stacks together, as _pam_parse_config_file does.
type pamReader struct {
	b     *evidence.Bundle
	files []string // that were looked for
	abort Quote    // what keeps libpam from starting at all
	lost  []Quote  // files that are there and could not be read
	depth int
	reads int
}

// maxPAMReads bounds how often files are read through includes of includes.
const maxPAMReads = 256

// find is the file of a service, and whether it is there; seen is false where that
// is not known.
func (p *pamReader) find(name string) (res evidence.Result, file string, seen bool) {
	for _, dir := range []string{pamDir, vendorPAM} {
		f := path.Join(dir, name)
		if path.IsAbs(name) {
			f = path.Clean(name)
		}
		if !slices.Contains(p.files, f) && len(p.files) < 4*maxPAMFiles {
			p.files = append(p.files, f)
		}
		r := p.b.Get(evidence.File(f))
		if r.Status != evidence.Absent {
			if p.b.Has(evidence.File(f)) && !r.OK() {
				p.lost = append(p.lost, Quote{Source: f, Text: r.Reason})
			}
			return r, f, r.OK()
		}
	}
	return evidence.Result{Status: evidence.Absent}, path.Join(pamDir, name), true
}

// stack reads the entries of one phase.
func (p *pamReader) stack(name, phase string) (out []PAMEntry, there bool) {
	res, file, seen := p.find(name)
	if !seen || res.Status == evidence.Absent || p.depth > maxPAMFiles || p.reads > maxPAMReads {
		return nil, !seen
	}
	p.depth, p.reads = p.depth+1, p.reads+1
	defer func() { p.depth-- }()
	for _, l := range joinedLines(res.Data) {
		l.Source = file
		text, _, _ := strings.Cut(l.Text, "#")
		f := strings.Fields(text)
		if len(f) == 0 {
			continue
		}
		l.Text = clip(strings.TrimSpace(l.Text))
		if f[0] == "@include" {
			sub, ok := []PAMEntry(nil), false
			if len(f) > 1 {
				sub, ok = p.stack(f[1], phase)
			}
			if len(f) > 1 && !ok && !p.exists(f[1]) && p.abort.Text == "" {
				p.abort = l
			}
			out = append(out, sub...)
			continue
		}
		out = append(out, p.entry(f, l, phase)...)
	}
	return out, true
}

func (p *pamReader) exists(name string) bool {
	res, _, seen := p.find(name)
	return !seen || res.OK()
}

// entry reads one line; nothing where it is of another phase.
func (p *pamReader) entry(f []string, q Quote, phase string) []PAMEntry {
	kind := strings.ToLower(strings.TrimPrefix(f[0], "-"))
	fails := func(why string) []PAMEntry {
		return []PAMEntry{{PAMRule: PAMRule{Phase: phase, Quote: q}, Do: map[string]string{"default": "bad"}, Fails: why}}
	}
	switch {
	case kind != "auth" && kind != "account" && kind != "session" && kind != "password":
		if phase == "auth" { // libpam takes it for the most sensitive one
			return fails("the line names no type of module")
		}
		return nil
	case kind != phase:
		return nil
	case len(f) < 3:
		return fails("the line names no module")
	}
	e := PAMEntry{PAMRule: PAMRule{Phase: kind, Control: strings.ToLower(f[1]), Quote: q}}
	rest := f[2:]
	switch {
	case strings.HasPrefix(f[1], "["):
		end := slices.IndexFunc(f[1:], func(w string) bool { return strings.HasSuffix(w, "]") })
		if end < 0 || 1+end+1 >= len(f) {
			return fails("its control has no end, or no module follows")
		}
		e.Do, rest = map[string]string{}, f[1+end+1:]
		for _, w := range strings.Fields(strings.Trim(strings.Join(f[1:1+end+1], " "), "[]")) {
			if answer, do, ok := strings.Cut(strings.ToLower(w), "="); ok {
				e.Do[answer] = do
			}
		}
		e.Control = "["
	case e.Control == "include" || e.Control == "substack":
		sub, ok := p.stack(rest[0], phase)
		if !ok && !p.exists(rest[0]) {
			return fails("it includes " + rest[0] + ", which does not exist")
		}
		if e.Control == "include" {
			return sub
		}
		e.Stack, e.Do = sub, pamControls["required"]
		return []PAMEntry{e}
	default:
		if e.Do = pamControls[e.Control]; e.Do == nil {
			return fails("its control " + strconv.Quote(f[1]) + " is none")
		}
	}
	e.Module, e.Args = rest[0], rest[1:]
	return []PAMEntry{e}
}

// joinedLines are lines, those that end in a backslash joined with the next.
func joinedLines(data []byte) []Quote {
	var out []Quote
	joined := false
	for i, line := range lines(data) {
		text, more := strings.CutSuffix(line, `\`)
		if joined {
			out[len(out)-1].Text += " " + text
		} else {
			out = append(out, Quote{Line: i + 1, Text: text})
		}
		joined = more
	}
	return out
}

// pamService is the name of sshd's service: since OpenSSH 9.8 a setting, before that
// the name of the program.
func pamService(b *evidence.Bundle, ask Ask) string {
	name := parseEffective(b, ask).Value("pamservicename")
	if name == "" || strings.ContainsAny(name, "/ ") {
		return "sshd"
	}
	return name
}

// stacks reads all phases; one without any line is that of the service "other".
func (p *pamReader) stacks(service string) map[string][]PAMEntry {
	out := map[string][]PAMEntry{}
	for _, phase := range PAMPhases {
		if out[phase], _ = p.stack(service, phase); len(out[phase]) == 0 {
			out[phase], _ = p.stack("other", phase)
		}
	}
	return out
}

// Where libpam looks for modules, by distribution.
var moduleGlobs = []evidence.Item{
	evidence.Glob("/usr/lib/*/security/pam_*.so"), evidence.Glob("/usr/lib/security/pam_*.so"),
	evidence.Glob("/usr/lib64/security/pam_*.so"), evidence.Glob("/lib/*/security/pam_*.so"), evidence.Glob("/lib/security/pam_*.so"),
}

// Other files that modules go by.
var (
	itemShells    = evidence.File("/etc/shells").AtMost(64 << 10)
	itemLimits    = evidence.File("/etc/security/limits.conf").AtMost(64 << 10)
	globLimits    = evidence.Glob("/etc/security/limits.d/*.conf")
	itemNamespace = evidence.File("/etc/security/namespace.conf").AtMost(64 << 10)
	itemSepermit  = evidence.File("/etc/security/sepermit.conf").AtMost(64 << 10)
)

// localUser asks whether the account stands in /etc/passwd itself.
func localUser(user string) (evidence.Item, bool) {
	return evidence.Command("awk", "-F:", "-v", "user="+user, "$1==user {print $1}", "/etc/passwd"), !strings.Contains(user, `\`)
}

func wantPAMStack(b *evidence.Bundle, ask Ask) []evidence.Item {
	if !plainUser(ask.User) || !pamUsed(b, ask) {
		return nil
	}
	p := &pamReader{b: b}
	stacks := p.stacks(pamService(b, ask))
	items := slices.Clone(moduleGlobs)
	for _, f := range p.files {
		items = append(items, evidence.File(f))
	}
	for _, phase := range PAMPhases {
		for _, e := range flat(stacks[phase]) {
			switch path.Base(e.Module) {
			case "pam_shells.so":
				items = append(items, itemShells)
			case "pam_limits.so":
				items = append(items, itemLimits, globLimits)
				for _, f := range limitFiles(b, e) {
					items = append(items, evidence.File(f).AtMost(64<<10))
				}
			case "pam_namespace.so":
				items = append(items, itemNamespace)
			case "pam_sepermit.so":
				items = append(items, itemSepermit)
			case "pam_localuser.so", "pam_sss.so", "pam_ldap.so", "pam_winbind.so", "pam_krb5.so":
				if it, ok := localUser(ask.User); ok {
					items = append(items, it)
				}
			case "pam_exec.so":
				if prog := execProgram(e.Args); path.IsAbs(prog) {
					items = append(items, evidence.Stat(path.Clean(prog)))
				}
			}
			if path.IsAbs(e.Module) {
				items = append(items, evidence.Stat(path.Clean(e.Module)))
			}
		}
	}
	return items
}

// flat are the entries of a stack and of its substacks.
func flat(stack []PAMEntry) []PAMEntry {
	var out []PAMEntry
	for _, e := range stack {
		if e.Module != "" {
			out = append(out, e)
		}
		out = append(out, flat(e.Stack)...)
	}
	return out
}

// limitFiles are the files that pam_limits reads after, or instead of, limits.conf.
func limitFiles(b *evidence.Bundle, e PAMEntry) []string {
	if f := e.Arg("conf"); path.IsAbs(f) && !secretList(f) {
		return []string{path.Clean(f)}
	}
	var out []string
	for _, m := range b.Get(globLimits).Matches {
		if len(out) < maxOtherPaths {
			out = append(out, m.Path)
		}
	}
	return out
}

// execProgram is the program among the arguments of pam_exec(8).
func execProgram(args []string) string {
	for _, a := range args {
		if strings.HasPrefix(a, "/") {
			return a
		}
	}
	return ""
}

// readStacks adds to PAM what the stacks say, and what their modules go by.
func (p *PAM) readStacks(b *evidence.Bundle, ask Ask) {
	r := &pamReader{b: b}
	p.Stacks = r.stacks(pamService(b, ask))
	p.Abort, p.Lost = r.abort, r.lost
	p.modules = map[string]bool{}
	for _, g := range moduleGlobs {
		for _, m := range b.Get(g).Matches {
			p.modules[path.Base(m.Path)] = true
		}
	}
	p.Local = Origin{Status: evidence.Skipped, Reason: "nothing here asks for it"}
	if it, ok := localUser(ask.User); ok && b.Has(it) {
		res := b.Get(it)
		if p.Local = ran(it, res, exitZero); p.Local.Known() && firstLine(res.Data) == "" {
			p.Local.Status = evidence.Absent
		}
	}
	p.Shells = b.Get(itemShells)
	p.Namespaces, p.Contexts = fieldLines(b, itemNamespace.Path), fieldLines(b, itemSepermit.Path)
	p.programs = map[string]evidence.Result{}
	for _, phase := range PAMPhases {
		for _, e := range flat(p.Stacks[phase]) {
			if prog := execProgram(e.Args); e.Module == "pam_exec.so" && path.IsAbs(prog) {
				p.programs[prog] = b.Get(evidence.Stat(path.Clean(prog)))
			}
			if path.IsAbs(e.Module) {
				p.programs[e.Module] = b.Get(evidence.Stat(path.Clean(e.Module)))
			}
			if path.Base(e.Module) == "pam_limits.so" && p.Limits == nil {
				files := limitFiles(b, e)
				if e.Arg("conf") == "" {
					files = append([]string{itemLimits.Path}, files...)
				}
				for _, f := range files {
					p.Limits = append(p.Limits, fieldLines(b, f)...)
				}
			}
		}
	}
}

// fieldLines are the lines of a file that are no comments, split at blanks.
func fieldLines(b *evidence.Bundle, file string) []PAMLine {
	var out []PAMLine
	for i, line := range lines(b.Get(evidence.File(file)).Data) {
		text, _, _ := strings.Cut(line, "#")
		if f := strings.Fields(text); len(f) > 0 {
			out = append(out, PAMLine{Fields: f, Quote: Quote{Source: file, Line: i + 1, Text: clip(strings.TrimSpace(line))}})
		}
	}
	return out
}

// Has reports whether the file of a module is there; known is false where that could
// not be looked at.
func (p PAM) Has(module string) (there, known bool) {
	if path.IsAbs(module) {
		r := p.programs[module]
		return r.OK(), r.OK() || r.Status == evidence.Absent
	}
	return p.modules[module], len(p.modules) > 0
}

// Program is what is seen of the program that pam_exec runs for an entry.
func (p PAM) Program(e PAMEntry) (file string, r evidence.Result) {
	file = execProgram(e.Args)
	return file, p.programs[file]
}
