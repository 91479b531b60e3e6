package server

import (
	"fmt"
	"regexp"
	"slices"

	"sshwhy/internal/evidence"
	"sshwhy/internal/facts"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// checkHostKeys looks for the server's own keys: without one that sshd will
// load it does not start; with some of them bad it serves with the others.
func checkHostKeys(v *view, p *part) {
	none, fatal := v.Test.First(facts.ProblemNoHostKeys)
	if v.blind() || !v.Test.Origin.Known() {
		return // without root sshd says "no hostkeys" of any machine
	}
	if _, config := v.Test.ConfigBroken(); config {
		// sshd stops at its configuration and never comes to the keys: their
		// metadata alone has to tell.
		if fatal = v.usableKeys() == 0 && !v.HostKeys.Dir.Unseen(); !fatal {
			return
		}
	}
	impact := report.Note
	if fatal {
		impact = v.keepsOut()
	}
	if v.looseKeys(p, impact, none) {
		return
	}
	if fatal && v.presentKeys() == 0 {
		v.noKeys(p, impact, none)
		return
	}
	v.damagedKeys(p, impact, none)
}

// usableKeys is how many of the keys look as if sshd would load them.
func (v *view) usableKeys() int {
	n := 0
	for _, k := range v.HostKeys.Keys {
		if k.Origin.Known() && k.Meta.Size > 0 && !k.TooOpen() {
			n++
		}
	}
	return n
}

// presentKeys is how many of the keys sshd looks for are there.
func (v *view) presentKeys() int {
	n := 0
	for _, k := range v.HostKeys.Keys {
		if k.Origin.Known() {
			n++
		}
	}
	return n
}

func (v *view) noKeys(p *part, impact report.Impact, none facts.Problem) {
	f := p.found("host-keys-missing", impact, "This machine has no host key, so sshd does not start.")
	quote(f, none.Quote)
	if v.HostKeys.Dir.Known() || v.HostKeys.Dir.Status == evidence.Absent {
		quote(f, facts.Quote{Source: "ls /etc/ssh/ssh_host_*_key", Text: "No such file or directory"})
	}
	quoteNamed(f, v.HostKeys.Keys)
	keys := do("ssh-keygen -A", "rm /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub")
	keys.Act = &report.Action{Kind: report.ActHostKeys}
	if len(v.HostKeys.Keys) > 0 && v.HostKeys.Keys[0].Named != nil && v.HostKeys.Dir.Known() {
		// Keys of the usual names are there; the configuration names others.
		f.Summary = fmt.Sprintf("The configuration names the host key %s, which does not exist, so sshd does not start.", v.HostKeys.Keys[0].Path)
		advise(f, "Correct the HostKey lines, or put the keys they name back.", v.revive()...)
		return
	}
	mend(f, "Make new host keys and start the service. Clients that knew the old ones will be warned of a change.",
		append([]report.Step{keys}, v.revive()...)...)
}

// looseKeys: sshd ignores a private key that others can read.
func (v *view) looseKeys(p *part, impact report.Impact, none facts.Problem) bool {
	var loose []facts.HostKey
	for _, k := range v.HostKeys.Keys {
		if k.TooOpen() && (v.complained(facts.ProblemKeyMode, k.Path) || none.Kind == "" && impact == report.Blocking) {
			loose = append(loose, k)
		}
	}
	if len(loose) == 0 {
		return false
	}
	f := p.found("host-key-permissions", impact, "sshd ignores the host key %s, because others than root may read it (mode %04o).", loose[0].Path, loose[0].Meta.Mode)
	if len(loose) > 1 {
		f.Summary = fmt.Sprintf("sshd ignores %d host keys, because others than root may read them (%s has mode %04o).", len(loose), loose[0].Path, loose[0].Meta.Mode)
	}
	quote(f, none.Quote)
	var steps []report.Step
	for _, k := range loose {
		for _, pr := range v.Test.Problems {
			if pr.Kind == facts.ProblemKeyMode && pr.Keyword == k.Path {
				quote(f, pr.Quote)
			}
		}
		quote(f, k.Quote())
		steps = append(steps, chmod(k.Path, 0o600, k.Meta.Mode))
	}
	if !generatedAlone(loose) {
		quoteNamed(f, loose)
		advise(f, "See whether the HostKey lines name what they should. If they do, and the files are this machine's keys: give them to root alone (mode 0600).")
		return true
	}
	if impact == report.Note {
		mend(f, "Give the keys back to root alone and restart the service.", append(steps, v.restart())...)
	} else {
		mend(f, "Give the keys back to root alone and start the service.", append(steps, v.revive()...)...)
	}
	// What others could write may be a key of theirs, with which they can stand
	// in for this machine; what they could only read is still this machine's.
	for i, k := range loose {
		if k.Meta.Mode&0o022 != 0 {
			f.Remedy.Kind = report.Open
			f.Remedy.Steps[i].Act.Opens = "whoever may have put another key there, in this machine's place"
		}
	}
	return true
}

// generated are the files that ssh-keygen -A makes (ssh-keygen.c, do_gen_all_hostkeys).
var generated = regexp.MustCompile(`^/etc/ssh/ssh_host_(rsa|ecdsa|ed25519|dsa)_key$`)

// generatedAlone says whether all these keys are files that ssh-keygen -A makes. Whatever else a
// HostKey line names, by a slip of the keyboard or by somebody's design, may be anything: / is
// a host key that others can read, and /etc/shadow one that sshd cannot load.
func generatedAlone(keys []facts.HostKey) bool {
	return !slices.ContainsFunc(keys, func(k facts.HostKey) bool {
		return !generated.MatchString(k.Path) || k.Meta.Type != "file" || k.Meta.Link != ""
	})
}

// quoteNamed shows the lines that name keys.
func quoteNamed(f *report.Finding, keys []facts.HostKey) {
	for _, k := range keys {
		if k.Named != nil {
			quote(f, *k.Named)
		}
	}
}

func (v *view) complained(kind facts.ProblemKind, path string) bool {
	for _, pr := range v.Test.Problems {
		if pr.Kind == kind && pr.Keyword == path {
			return true
		}
	}
	return false
}

// damagedKeys: files that are there, private, and no keys.
func (v *view) damagedKeys(p *part, impact report.Impact, none facts.Problem) {
	var damaged []facts.HostKey
	for _, k := range v.HostKeys.Keys {
		if k.Origin.Known() && v.complained(facts.ProblemHostKey, k.Path) {
			damaged = append(damaged, k)
		}
	}
	for _, k := range v.HostKeys.Keys {
		// Newer releases name none: where sshd has no key at all, each that it
		// could have read is damaged.
		if none.Kind != "" && !slices.ContainsFunc(v.Test.Problems, func(pr facts.Problem) bool { return pr.Kind == facts.ProblemHostKey }) &&
			k.Origin.Known() && !k.TooOpen() {
			damaged = append(damaged, k)
		}
	}
	if len(damaged) == 0 {
		return
	}
	f := p.found("host-key-invalid", impact, "sshd cannot load the host key %s.", damaged[0].Path)
	if len(damaged) > 1 {
		f.Summary = fmt.Sprintf("sshd cannot load %d of its host keys, %s among them.", len(damaged), damaged[0].Path)
	}
	quote(f, none.Quote)
	if !generatedAlone(damaged) {
		for _, k := range damaged {
			quote(f, k.Quote())
		}
		quoteNamed(f, damaged)
		advise(f, "See whether the HostKey lines name what they should: a private key of this machine's. If the key itself is damaged, put a copy of it back, or let the line name another.")
		return
	}
	var steps []report.Step
	for _, k := range damaged {
		for _, pr := range v.Test.Problems {
			if pr.Kind == facts.ProblemHostKey && pr.Keyword == k.Path {
				quote(f, pr.Quote)
			}
		}
		quote(f, k.Quote())
		aside := k.Path + ".damaged"
		move := do("mv "+shquote.Word(k.Path)+" "+shquote.Word(aside), "mv "+shquote.Word(aside)+" "+shquote.Word(k.Path))
		move.Act = &report.Action{Kind: report.ActCommand, Argv: []string{"mv", "-T", "--", k.Path, aside}, Inverse: []string{"mv", "-T", "--", aside, k.Path}}
		steps = append(steps, move)
	}
	keys := do("ssh-keygen -A", "rm "+shquote.Word(damaged[0].Path)+" "+shquote.Word(damaged[0].Path+".pub"))
	keys.Act = &report.Action{Kind: report.ActHostKeys}
	mend(f, "Put what is damaged aside, make new keys, and start the service. Clients that knew the old ones will be warned of a change.",
		append(append(steps, keys), v.revive()...)...)
}
